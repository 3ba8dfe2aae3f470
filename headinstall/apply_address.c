/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headinstall/apply_priv.h"

#include "base/mem.h"
#include "headinstall/paths.h"
#include "headinstall/programs.h"
#include "sys/fs.h"
#include "sys/log.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* "up" or "down", and the addresses that it has not yet: these are taken away again. */
static int note_link(struct head_apply *a, const struct head_step *s, struct err *err)
{
	const struct head_interface *n = head_interface(a->facts, s->words.items[0]);
	autoclean(buf_free) struct buf was = { 0 }, line = { 0 };

	if (!n)
		return err_set(err, ERR_NOT_FOUND, "interface %s is not there any more", s->words.items[0]);
	buf_adds(&was, n->up ? "up" : "down");
	for (size_t i = 1; i < s->words.len; i++)
		if (!str_list_has(&n->ipv4, s->words.items[i]) && !str_list_has(&n->ipv6, s->words.items[i]))
			buf_addf(&was, " %s", s->words.items[i]);
	head_line_link(&line, n->name, buf_str(&was));
	return head_record_note(a->record, &line, err);
}

static int give(const struct head_apply *a, const char *interface, struct err *err)
{
	if (a->facts->networker == HEAD_NET_NETWORKD)
		return PROGRAM("", NULL, err, "networkctl", "reload") < 0 ||
				       PROGRAM("", NULL, err, "networkctl", "reconfigure", interface) < 0
			       ? -1
			       : 0;
	if (a->facts->networker == HEAD_NET_IFUPDOWN)
		return PROGRAM("", NULL, err, "ifup", "--force", interface);
	return 0;
}

/* networkd answers before it is done; and an address that a program took for given need not be there. `ip address replace` gives
 * what is missing at once, and changes nothing where it is there. */
static int make_sure(const struct head_step *s, struct err *err)
{
	const char *interface = s->words.items[0];

	if (PROGRAM("", NULL, err, "ip", "link", "set", interface, "up") < 0)
		return -1;
	for (size_t i = 1; i < s->words.len; i++) {
		const char *address = s->words.items[i];

		if ((strchr(address, ':') ? PROGRAM("", NULL, err, "ip", "address", "replace", address, "dev", interface, "nodad")
					  : PROGRAM("", NULL, err, "ip", "address", "replace", address, "dev", interface)) < 0)
			return -1;
	}
	return 0;
}

int apply_address(struct head_apply *a, const struct head_step *s, struct err *err)
{
	if (!a->facts->running)
		return 0;
	return note_link(a, s, err) < 0 || give(a, s->words.items[0], err) < 0 ? -1 : make_sure(s, err);
}

static void take_addresses(const struct head_step *s, bool by_file, bool down)
{
	const char *interface = s->words.items[0];
	struct err none = { 0 };

	if (by_file && PROGRAM("", NULL, &none, "ifdown", "--force", interface) < 0)
		log_debug("head", "%s", none.text);
	for (size_t i = 1; i < s->words.len; i++)
		if (PROGRAM("", NULL, &none, "ip", "address", "del", s->words.items[i], "dev", interface) < 0)
			log_debug("head", "%s", none.text);
	if (by_file && PROGRAM("", NULL, &none, "ip", "link", "set", interface, down ? "down" : "up") < 0)
		log_debug("head", "%s", none.text);
}

/* The step that gives the new ones follows. */
int apply_address_off(struct head_apply *a, const struct head_step *s, struct err *err)
{
	autofree char *ifupdown = str_format(HEAD_INTERFACES_OURS, s->words.items[0]);
	autoclean(buf_free) struct buf line = { 0 };
	struct err none = { 0 };

	take_addresses(s, str_list_has(&s->paths, ifupdown), s->start);
	for (size_t i = 0; i < s->paths.len; i++) {
		autofree char *full = apply_place(a, s->paths.items[i]);

		if (head_record_own(a->record, s->paths.items[i], err) < 0)
			return -1;
		if (unlink(full) < 0 && errno != ENOENT)
			return err_errno(err, errno, "remove %s", full);
	}
	if (!s->paths.len)
		return 0;
	if (a->facts->networker == HEAD_NET_NETWORKD && PROGRAM("", NULL, &none, "networkctl", "reload") < 0)
		log_debug("head", "%s", none.text);
	/* Nothing of it is ours any more. */
	head_line_link(&line, s->words.items[0], "");
	return head_record_note(a->record, &line, err);
}

/* Whatever of it is gone already is no mistake. */
void undo_address(struct head_apply *a, const struct head_step *s)
{
	const char *interface = s->words.items[0], *was = s->words.items[1];
	autofree char *path = str_format(HEAD_INTERFACES_OURS, interface), *full = apply_place(a, path);
	autofree char *rest = mem_strdup(was);
	struct err none = { 0 };
	char *save = NULL;

	if (*a->record->root)
		return;
	if (fs_exists(full) && PROGRAM("", NULL, &none, "ifdown", "--force", interface) < 0)
		log_debug("head", "%s", none.text);
	for (char *word = strtok_r(rest, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		if (strchr(word, '/') && PROGRAM("", NULL, &none, "ip", "address", "del", word, "dev", interface) < 0)
			log_debug("head", "%s", none.text);
	}
	if (PROGRAM("", NULL, &none, "ip", "link", "set", interface, str_starts(was, "down") ? "down" : "up") < 0)
		log_debug("head", "%s", none.text);
}
