/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `orthrus audit`: who did what, and whether the log of that is what was written. */
#include "base/mem.h"
#include "cmd/audit_acts.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "sys/auditlog.h"
#include "sys/auditlog_tail.h"
#include "sys/fs.h"
#include "sys/http_client.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#define PAGE 1000

/* --- show --- */

struct answer {
	struct str_list lines;
	struct audit_anchor head;
};

static void answer_free(struct answer *a)
{
	str_list_free(&a->lines);
}

static int read_answer(struct json_obj *o, void *out, struct err *err)
{
	struct answer *a = out;
	autofree char *hash = NULL;
	struct json_obj head;

	if (json_strs(o, "lines", JSON_MUST, &a->lines, err) < 0 || json_obj(o, "head", JSON_MUST, &head, err) < 0 ||
	    json_u64(&head, "number", JSON_MUST, 0, UINT64_MAX, &a->head.number, err) < 0 ||
	    json_str(&head, "hash", JSON_MAY, &hash, err) < 0)
		return -1;
	if (a->head.number && (!hash || strlen(hash) != DIGEST_HEX_LEN - 1))
		return json_bad(&head, "hash", err, "is no hash");
	if (hash && a->head.number)
		memcpy(a->head.hash, hash, DIGEST_HEX_LEN);
	return 0;
}

static int ask(struct cmd *c, uint64_t since, uint64_t latest, uint64_t limit, struct answer *out, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autofree char *path = str_format("/v1/audit?since=%llu&latest=%llu&limit=%llu", (unsigned long long)since,
					 (unsigned long long)latest, (unsigned long long)limit);

	if (cmd_call(c, "GET", path, NULL, &reply, err) < 0)
		return -1;
	if (json_read(buf_str(&reply.body), reply.body.len, read_answer, out, err) < 0)
		return err_wrap(err, "the daemon's audit lines");
	return 0;
}

/* The next lines, from the daemon, or from the files where none runs: the log must be readable when nothing else works. */
static int next_lines(struct cmd *c, bool by_daemon, uint64_t since, uint64_t latest, struct str_list *out, struct err *err)
{
	autofree char *dir = cmd_path(c, "/var/log/orthrus");
	autoclean(answer_free) struct answer a = { 0 };

	if (!by_daemon)
		return auditlog_lines(dir, since, latest, PAGE, out, err);
	if (ask(c, since, latest, PAGE, &a, err) < 0)
		return -1;
	*out = a.lines;
	a.lines = (struct str_list){ 0 };
	return 0;
}

static bool daemon_answers(struct cmd *c)
{
	autoclean(answer_free) struct answer a = { 0 };
	struct err ignored = { 0 };

	return ask(c, 0, 0, 0, &a, &ignored) == 0;
}

static int collect(struct cmd *c, uint64_t since, uint64_t latest, struct audit_acts *acts, struct err *err)
{
	bool by_daemon = c->api || daemon_answers(c);

	for (;;) {
		autoclean(str_list_free) struct str_list lines = { 0 };
		uint64_t newest = 0;

		if (next_lines(c, by_daemon, since, latest, &lines, err) < 0)
			return -1;
		for (size_t i = 0; i < lines.len; i++) {
			uint64_t number = auditlog_number_of(lines.items[i], strlen(lines.items[i]));

			audit_acts_add(acts, lines.items[i]);
			newest = number > newest ? number : newest;
		}
		if (lines.len < PAGE || newest <= since)
			return 0;
		since = newest;
		latest = 0;
	}
}

static bool any_fits(const struct audit_acts *acts, const struct audit_filter *filter)
{
	for (size_t i = 0; i < acts->len; i++)
		if (audit_act_fits(&acts->items[i], filter))
			return true;
	return false;
}

static void print_acts(const struct cmd *c, const struct audit_acts *acts, const struct audit_filter *filter, uint64_t limit)
{
	static const char *const heads[] = { "NUMBER", "TIME", "WHO", "FROM", "WHAT", "NODES", "RESULT", NULL };
	autoclean(cmd_table_free) struct cmd_table table = { 0 };
	size_t first = acts->len;

	for (uint64_t n = 0; first > 0 && n < limit; first--)
		n += audit_act_fits(&acts->items[first - 1], filter);
	cmd_table_init(&table, heads);
	for (size_t i = first; i < acts->len; i++) {
		const struct audit_act *a = &acts->items[i];
		autoclean(buf_free) struct buf json = { 0 };
		autofree char *result = audit_act_result(a);
		struct json_out w;

		if (!audit_act_fits(a, filter))
			continue;
		if (c->json) {
			json_out_init(&w, &json, false);
			audit_act_json(a, &w);
			printf("%s\n", buf_str(&json));
			continue;
		}
		cmd_table_addf(&table, "%llu", (unsigned long long)a->line.number);
		cmd_table_add(&table, a->line.at);
		cmd_table_add(&table, a->line.who);
		cmd_table_add(&table, a->line.from);
		cmd_table_add(&table, a->line.what);
		cmd_table_add(&table, a->line.nodes);
		cmd_table_add(&table, result);
	}
	if (!c->json)
		cmd_table_print(&table);
}

int cmd_audit_show(struct cmd *c, struct err *err)
{
	autoclean(audit_acts_free) struct audit_acts acts = { 0 };
	struct audit_filter filter = { .who = cmd_option(c, "who"), .node = cmd_option(c, "node") };
	const char *from = cmd_option(c, "since");
	uint64_t since = 0, limit = 50, latest = 0;

	c->json_lines = true;
	if (cmd_args(c, 0, 0, err) < 0 || cmd_option_u64(c, "limit", 1, 1000000, &limit, err) < 0)
		return -1;
	if (from && audit_is_time(from))
		filter.since = from;
	else if (from && cmd_option_u64(c, "since", 0, UINT64_MAX, &since, err) < 0)
		return err_hint(err, "give the number of a line, or a time in UTC like 2026-11-21 or 2026-11-21T05:30");
	/* An act has two lines, and its begin may be a while before its end. */
	if (!filter.since && !filter.who && !filter.node && !from)
		latest = 2 * limit + 200;
	if (collect(c, since, latest, &acts, err) < 0)
		return -1;
	if (any_fits(&acts, &filter))
		print_acts(c, &acts, &filter, limit);
	else
		cmd_say(c,
			from || filter.who || filter.node ? "nothing in the audit log is like this" : "the audit log is empty");
	return 0;
}

/* --- verify --- */

/* While a line is being written its beginning is there already. Whoever may not take the lock may see that. */
static int keep_writers_out(const char *dir)
{
	autofree char *path = fs_join(dir, "audit.lock");
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	return fd >= 0 && fs_flock(fd, LOCK_SH) == 0 ? steal_fd(fd) : -1;
}

static int check_log(const struct cmd *c, struct audit_chain *chain, struct str_list *files, struct err *err)
{
	autofree char *dir = cmd_path(c, "/var/log/orthrus");
	autoclose int lock = keep_writers_out(dir);

	return auditlog_segments(dir, files, err) < 0 || auditlog_check(files, chain, err) < 0 ? -1 : 0;
}

/* Files that were named may be a part of the log, or an old copy: that they end earlier says nothing. */
static int check_files(const struct cmd *c, struct audit_chain *chain, struct str_list *files, struct err *err)
{
	struct audit_anchor anchor = chain->anchor;

	for (int i = 0; i < c->argc; i++)
		str_list_add(files, c->argv[i]);
	chain->anchor.number = 0;
	if (auditlog_check(files, chain, err) < 0)
		return -1;
	if (anchor.number < chain->first || anchor.number > chain->last)
		return 0;
	audit_chain_free(chain);
	*chain = (struct audit_chain){ .anchor = anchor };
	return auditlog_check(files, chain, err);
}

static void print_json(const struct audit_chain *chain, size_t n_files)
{
	autoclean(buf_free) struct buf out = { 0 };
	struct json_out w;

	json_out_init(&w, &out, true);
	json_put_obj(&w, NULL);
	json_put_bool(&w, "good", chain->faults == 0);
	json_put_u64(&w, "files", n_files);
	json_put_u64(&w, "lines", chain->lines);
	json_put_u64(&w, "first", chain->first);
	json_put_u64(&w, "last", chain->last);
	json_put_bool(&w, "compared", chain->anchored);
	json_put_u64(&w, "found", chain->faults);
	json_put_arr(&w, "findings");
	for (size_t i = 0; i < chain->n_findings; i++) {
		json_put_obj(&w, NULL);
		json_put_str(&w, "fault", audit_fault_name(chain->findings[i].fault));
		json_put_u64(&w, "number", chain->findings[i].number);
		json_put_str(&w, "text", chain->findings[i].text);
		json_end_obj(&w);
	}
	json_end_arr(&w);
	json_end_obj(&w);
	cmd_print(buf_str(&out));
}

static void print_words(const struct cmd *c, const struct audit_chain *chain, size_t n_files, const char *why_not)
{
	for (size_t i = 0; i < chain->n_findings; i++)
		printf("%s\n", chain->findings[i].text);
	if (chain->faults)
		return;
	if (!chain->lines) {
		cmd_say(c, "There is no audit log yet.");
		return;
	}
	cmd_say(c, "Lines %llu to %llu are as they were written (%zu file%s).", (unsigned long long)chain->first,
		(unsigned long long)chain->last, n_files, n_files == 1 ? "" : "s");
	if (chain->first > 1)
		cmd_say(c, "Older lines are not in %s: name them too, if they are kept elsewhere.", n_files == 1 ? "it" : "them");
	if (chain->anchored)
		cmd_say(c, "Line %llu is the one that the cluster's state knows.", (unsigned long long)chain->anchor.number);
	else
		cmd_say(c, "Not compared with the cluster's state: %s.", why_not);
}

static int verdict(const struct cmd *c, const struct audit_chain *chain, struct err *err)
{
	if (!chain->faults)
		return 0;
	if (c->json) { /* it is all in the document */
		err->kind = ERR_DAMAGED;
		return -1;
	}
	if (chain->faults == 1 && chain->findings[0].fault == AUDIT_FAULT_TORN) {
		err_set(err, ERR_DAMAGED, "the last line of the audit log was not written to its end");
		return err_hint(err, "start orthrusd, and look again: it takes that line away, and says so in the log");
	}
	err_set(err, ERR_DAMAGED, "the audit log is not what was written: %llu finding%s", (unsigned long long)chain->faults,
		chain->faults == 1 ? "" : "s");
	return err_hint(err, "keep a copy of it; somebody who was root on this head may have changed it, or its disk is failing");
}

int cmd_audit_verify(struct cmd *c, struct err *err)
{
	autoclean(audit_chain_free) struct audit_chain chain = { 0 };
	autoclean(str_list_free) struct str_list files = { 0 };
	autoclean(answer_free) struct answer head = { 0 };
	struct err why = { 0 };

	if (cmd_args(c, 0, 100000, err) < 0)
		return -1;
	/* First what the state knows: lines that come later are not missing. */
	if (ask(c, 0, 0, 0, &head, &why) == 0)
		chain.anchor = head.head;
	if ((c->argc ? check_files(c, &chain, &files, err) : check_log(c, &chain, &files, err)) < 0)
		return -1;
	if (c->json)
		print_json(&chain, files.len);
	else
		print_words(c, &chain, files.len,
			    why.text[0]	       ? why.text
			    : head.head.number ? "it knows none of these lines"
					       : "it was not told of any line yet");
	return verdict(c, &chain, err);
}
