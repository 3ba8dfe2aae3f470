/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "site/words.h"
#include "tui/pages_priv.h"

#include <string.h>

static void choose_keys(const struct answers *a, const struct facts *f, struct field *field)
{
	(void)a;
	for (size_t i = 0; i < f->ssh_keys.len; i++) {
		const char *line = f->ssh_keys.items[i];
		autofree char *key = answers_key_of(line);
		const char *comment = strchr(line, ' ') ? strchr(strchr(line, ' ') + 1, ' ') : NULL;
		autofree char *type = mem_strndup(line, strcspn(line, " "));
		size_t len = strlen(key);
		autofree char *label =
			str_format("%s %s..%s", comment ? comment + 1 : "without a comment,", type, len > 8 ? key + len - 8 : "");
		struct err ignored;

		if (word_ssh_key(line, &ignored) == 0)
			field_choice(field, key, label);
	}
}

static int check_key(const struct answers *a, const struct facts *f, const char *value, struct err *err)
{
	(void)a;
	(void)f;
	if (strstr(value, "PRIVATE KEY"))
		return err_set(err, ERR_INVALID,
			       "this is a private key, which nobody else may have; write the line of the file that ends in .pub");
	return *value ? word_ssh_key(value, err) : 0;
}

static const struct page_field fields[] = {
	{ ANSWER_ADMIN_KEYS, FIELD_SET, "May log in to nodes as root",
	  "Public ssh keys that may log in as root on every node, beside this head, which always can (`orthrus node exec`). "
	  "Listed are those "
	  "that may log in as root here.\n"
	  "Mark any, or none. Example: your own key",
	  choose_keys, NULL },
	{ ANSWER_ADMIN_KEY, FIELD_TEXT, "Another public key",
	  "One more key that may.\n"
	  "The line of a .pub file, or nothing. Example: ssh-ed25519 AAAAC3Nza... you@desk",
	  NULL, check_key },
	{ ANSWER_TRUST_MAC, FIELD_SWITCH, "MAC address is proof enough",
	  "A machine becomes a node when you have compared the six words that it shows with those here, or by a token. yes: its "
	  "MAC address "
	  "alone will do, which anybody on that network can have. Only for networks that nothing but the cluster's machines is "
	  "on.\n"
	  "yes or no. Example: no",
	  NULL, NULL },
};
static const struct page_def def = {
	"keys", "Keys", "Who may log in to nodes, and what makes a machine a node.", fields, ARRAY_LEN(fields), ANSWER_TRUST_MAC
};

static struct page *build(const struct answers *a, const struct facts *f)
{
	struct page *page = pages_build(&def, a, f);
	autoclean(buf_free) struct buf lines = { 0 };

	buf_adds(&lines, "Made on this head, in /var/lib/orthrus/pki, when the plan is carried out:\n"
			 "  the cluster's CA, the key that signs images, the key that\n"
			 "  secrets are sealed with, and the CAs for ssh of hosts and users\n"
			 "! keep a copy of that directory where only you can read it: without\n"
			 "  it, a new head is a new cluster to every node\n");
	pages_note(
		page, "made", "Keys that are made", &lines,
		"What nodes trust. The directory is for root and the daemon alone. A copy of the state is no copy of the keys.");
	return page;
}

static int take(struct answers *a, const struct facts *f, const char *key, const char *value, struct err *err)
{
	return pages_take(&def, a, f, key, value, err);
}

static int check(const struct answers *a, const struct facts *f, const char **key, struct err *err)
{
	return pages_site(&def, a, f, key, err);
}

const struct page_kind page_keys = { "keys", "Keys", build, take, check };
