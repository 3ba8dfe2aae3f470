/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The drivers. IPMI and Redfish are the power domain's; fence agents are asked as ClusterLabs' FenceAgentAPI.md says: options on
 * standard input, one a line, so that no password is an argument. */
#include "headfailover/guard/fence.h"

#include "base/mem.h"
#include "base/str.h"
#include "power/bmc.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/secretbox.h"
#include "sys/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TIMEOUT_NS (60 * NS_PER_S)
#define REQUEST_NS (10 * NS_PER_S) /* of one request to a BMC, at most */
#define LOOK_MS 250		   /* between two looks */
#define AGENT_OFF 2		   /* what "status" of an agent exits with when the power is off */

int64_t fence_patience_ns(bool first)
{
	return (first ? 2 : 7) * NS_PER_S;
}

/* One fence at work. */
struct work {
	const struct fence *f;
	const char *head;
	int64_t until_ns;
};

static int64_t left_ns(const struct work *w, int64_t most)
{
	int64_t left = w->until_ns - clock_now_ns();

	if (left < NS_PER_MS)
		left = NS_PER_MS; /* 0 would be "as long as it likes" */
	return left < most ? left : most;
}

static struct bmc bmc_of(const struct work *w)
{
	const struct site_fence *how = w->f->how;

	return (struct bmc){ .node = w->head,
			     .address = how->address,
			     .protocol = how->driver == SITE_FENCE_REDFISH ? BMC_REDFISH : BMC_IPMI,
			     .user = how->user,
			     .password = w->f->password,
			     .pin = how->pin,
			     .timeout_ns = left_ns(w, REQUEST_NS) };
}

static int power_off(const struct work *w, struct err *err)
{
	struct bmc b = bmc_of(w);

	return bmc_act(&b, BMC_OFF, err);
}

static int power_look(const struct work *w, bool *off, struct err *err)
{
	struct bmc b = bmc_of(w);
	enum bmc_power power = BMC_POWER_UNKNOWN;

	if (bmc_power(&b, &power, err) < 0)
		return -1;
	*off = power == BMC_POWER_OFF;
	return 0;
}

static void agent_input(const struct work *w, const char *action, struct buf *out)
{
	const struct site_fence *how = w->f->how;

	buf_addf(out, "action=%s\n", action);
	for (size_t i = 0; i < how->options.len; i++)
		buf_addf(out, "%s\n", how->options.items[i]);
	if (w->f->password)
		buf_addf(out, "password=%s\n", w->f->password);
}

/* What it said last, for people; nothing when it repeats the password. */
static char *last_words(const struct work *w, const struct buf *said)
{
	const char *text = buf_str(said);
	size_t len = said->len;
	const char *line;

	while (len && text[len - 1] == '\n')
		len--;
	line = len ? memrchr(text, '\n', len) : NULL;
	line = line ? line + 1 : text;
	len -= (size_t)(line - text);
	if (w->f->password && memmem(line, len, w->f->password, strlen(w->f->password)))
		return mem_strdup("");
	return str_printable(line, len < 160 ? len : 160);
}

static int agent(const struct work *w, const char *action, int *status, struct err *err)
{
	const char *const argv[] = { w->f->how->agent, NULL };
	autoclean(secret_buf_free) struct buf input = { 0 };
	autoclean(spawn_result_free) struct spawn_result r = { 0 };
	struct spawn s = { .argv = argv, .timeout_ns = left_ns(w, INT64_MAX) };

	agent_input(w, action, &input);
	s.input = buf_str(&input);
	s.input_len = input.len;
	if (spawn_run(&s, &r, err) < 0)
		return -1;
	*status = r.status;
	if (r.status != 0 && !(r.status == AGENT_OFF && str_eq(action, "status"))) {
		autofree char *words = last_words(w, &r.err);

		return err_set(err, ERR_FAILED, "%s %s: exit %d%s%s", argv[0], action, r.status, *words ? ": " : "", words);
	}
	return 0;
}

static int agent_off(const struct work *w, struct err *err)
{
	int status;

	return agent(w, "off", &status, err);
}

static int agent_look(const struct work *w, bool *off, struct err *err)
{
	int status = 0;

	if (agent(w, "status", &status, err) < 0)
		return -1;
	*off = status == AGENT_OFF;
	return 0;
}

static const struct driver {
	int (*off)(const struct work *w, struct err *err);	       /* orders it; NULL: a person does */
	int (*look)(const struct work *w, bool *off, struct err *err); /* *off: false unless it is read to be so */
} drivers[] = {
	[SITE_FENCE_IPMI] = { power_off, power_look },
	[SITE_FENCE_REDFISH] = { power_off, power_look },
	[SITE_FENCE_AGENT] = { agent_off, agent_look },
	[SITE_FENCE_MANUAL] = { NULL, NULL },
};

/* True: to go on. False: the time is over, or nobody wants to know any more. */
static bool pause_before_look(const struct work *w, int stop_fd)
{
	struct pollfd p = { .fd = stop_fd }; /* what can be read there is none of our business */

	if (clock_now_ns() >= w->until_ns)
		return false;
	return poll(&p, 1, LOOK_MS) == 0 || (errno == EINTR && !p.revents);
}

/* `alone`: what is read to be off is off, even if the order was refused, as some BMCs do when it was off before. Where the power
 * comes by two ways, one that is off only for a moment proves nothing. */
static enum fence_verdict run_one(const struct work *w, bool alone, int stop_fd, struct err *err)
{
	const struct driver *d = &drivers[w->f->how->driver];
	struct err refused = { 0 }, unread = { 0 }, again;
	bool ordered, off, seen = false;

	if (!d->off)
		return FENCE_WAITS;
	ordered = d->off(w, &refused) == 0;
	do {
		off = false;
		seen = d->look(w, &off, seen ? &again : &unread) == 0 || seen;
		if (off && (ordered || alone))
			return FENCE_CONFIRMED;
		ordered = ordered || d->off(w, &again) == 0;
	} while (pause_before_look(w, stop_fd));
	/* What was wrong first; what the end of the time cut off says less. */
	if (!ordered)
		*err = refused;
	else if (!seen)
		*err = unread;
	else
		err_set(err, ERR_FAILED, "its power is still on");
	return FENCE_FAILED;
}

enum fence_verdict fence_run(const struct fence_set *set, int stop_fd, struct err *err)
{
	int64_t timeout_ns = set->timeout_ns ? set->timeout_ns : TIMEOUT_NS;
	enum fence_verdict verdict = FENCE_CONFIRMED;

	if (!set->len) {
		err_set(err, ERR_FAILED, "there is nothing that could switch %s off", set->head);
		err_hint(err, "pair.fences in site.json names it: site.json(5)");
		return FENCE_FAILED;
	}
	for (size_t i = 0; i < set->len; i++) {
		struct work w = { &set->items[i], set->head, clock_now_ns() + timeout_ns };
		enum fence_verdict one = run_one(&w, set->len == 1, stop_fd, err);

		if (one == FENCE_WAITS)
			verdict = FENCE_WAITS;
		if (one != FENCE_FAILED)
			continue;
		err_wrap(err, "switch %s off by %s", set->head, site_fencing_name(set->items[i].how->driver));
		err_hint(err, "pair.fences in site.json says how it is reached; see yourself that it is off");
		return FENCE_FAILED;
	}
	if (verdict == FENCE_WAITS)
		err_set(err, ERR_REFUSED, "an administrator has to see that %s is off, and to say so", set->head);
	return verdict;
}

static int read_password(const char *path, char **out, struct err *err)
{
	autoclean(secret_buf_free) struct buf text = { 0 };
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	size_t len;

	if (fd < 0 || fstat(fd, &st) < 0) {
		const int why = errno;

		err_errno(err, why, "password of a fence: %s", path);
		return why == EACCES ? err_hint(err, "the guard runs as a user of its own: chown orthrus-guard: %s", path) : -1;
	}
	if (!S_ISREG(st.st_mode) || (st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & 077)) {
		err_set(err, ERR_REFUSED, "%s: is no file of root's or the guard's user's that nobody else can read", path);
		return err_hint(err, "chown orthrus-guard: %s && chmod 600 %s, and give the BMC another password", path, path);
	}
	if (fs_read_fd(fd, path, 512, &text, err) < 0)
		return -1;
	len = strcspn(buf_str(&text), "\r\n");
	if (!len || len > BMC_SECRET_MAX || len + 1 < text.len || strlen(buf_str(&text)) != text.len)
		return err_set(err, ERR_INVALID, "%s: must have one line, the password, of 1 to %d bytes", path, BMC_SECRET_MAX);
	*out = mem_strndup(text.data, len);
	return 0;
}

int fence_set_load(const struct site *site, const char *name, struct fence_set *out, struct err *err)
{
	const struct site_pair *pair = &site->pair;

	*out = (struct fence_set){ .head = name, .items = mem_array(pair->n_fences ? pair->n_fences : 1, sizeof(*out->items)) };
	for (size_t i = 0; i < pair->n_fences; i++) {
		const struct site_fence *how = &pair->fences[i];
		struct fence *f;

		if (!str_eq(how->head, name))
			continue;
		f = &out->items[out->len++];
		f->how = how;
		if (how->password_file && read_password(how->password_file, &f->password, err) < 0) {
			fence_set_free(out);
			return -1;
		}
	}
	return 0;
}

void fence_set_free(struct fence_set *set)
{
	for (size_t i = 0; i < set->len; i++)
		secret_str_free(set->items[i].password);
	free(set->items);
	*set = (struct fence_set){ 0 };
}
