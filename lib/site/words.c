/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "site/words.h"

#include "base/mem.h"
#include "base/str.h"
#include "site/addr.h"

#include <string.h>

#define DIGITS "0123456789"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* Only bytes of `allowed`, 1 to `max` of them; `what` names the thing, `like` shows one. */
static int word(const char *s, const char *what, const char *like, const char *allowed, size_t max, struct err *err)
{
	size_t len = strlen(s);
	autofree char *shown = str_printable(s, len < 80 ? len : 80);

	if (len == 0)
		return err_set(err, ERR_INVALID, "is empty; must be %s (like %s)", what, like);
	if (len > max)
		return err_set(err, ERR_INVALID, "'%s' has %zu characters; %s may have %zu", shown, len, what, max);
	if (strspn(s, allowed) != len)
		return err_set(err, ERR_INVALID, "'%s' is not %s (like %s)", shown, what, like);
	return 0;
}

int word_domain(const char *s, struct err *err)
{
	const char *at = s;

	if (word(s, "a domain", "cluster.example", LOWER DIGITS "-.", 200, err) < 0)
		return -1;
	for (;;) {
		size_t len = strcspn(at, ".");
		autofree char *label = mem_strndup(at, len);

		if (str_check_hostname(label, err) < 0)
			return err_set(
				err, ERR_INVALID,
				"'%s' is not a domain: '%s' between its dots has to be 1 to 63 of a-z, 0-9 and '-', without '-' "
				"at its ends",
				s, label);
		if (!at[len])
			return 0;
		at += len + 1;
	}
}

int word_machine(const char *s, struct err *err)
{
	bool number = s[strspn(s, DIGITS)] == '\0' || strncmp(s, "0x", 2) == 0;

	if (str_check_hostname(s, err) < 0)
		return -1;
	if (!number && !str_eq(s, "localhost") && !str_eq(s, "localdomain") && strncmp(s, "ip6-", 4) != 0)
		return 0;
	return err_set(err, ERR_INVALID, "programs take '%s' for %s, not for a machine of the cluster", s,
		       number ? "an address" : "the machine that they run on");
}

int word_interface(const char *s, struct err *err)
{
	if (word(s, "a network interface", "eno1", LOWER UPPER DIGITS "._-@", 15, err) < 0)
		return -1;
	if (str_eq(s, "lo") || s[0] == '.' || s[0] == '-')
		return err_set(err, ERR_INVALID, "'%s' is not a network interface that leads to other machines", s);
	return 0;
}

int word_device(const char *s, struct err *err)
{
	if (word_interface(s, err) < 0)
		return -1;
	/* What the kernel keeps for itself, and what looks like an interface's number. */
	if (strchr(s, '@') || strspn(s, DIGITS) == strlen(s) || str_eq(s, "all") || str_eq(s, "default"))
		return err_set(err, ERR_INVALID, "'%s' can't be a network interface's name (one is like bond0)", s);
	return 0;
}

int word_pattern(const char *s, struct err *err)
{
	return word(s, "a shell pattern", "enp65s0f*", LOWER UPPER DIGITS "._-:@*?[]", 64, err);
}

int word_timezone(const char *s, struct err *err)
{
	if (word(s, "a time zone", "Europe/Berlin", LOWER UPPER DIGITS "_+-/", 64, err) < 0)
		return -1;
	if (s[0] == '/' || str_ends(s, "/") || strstr(s, "//"))
		return err_set(err, ERR_INVALID, "'%s' is not a time zone (like Europe/Berlin)", s);
	return 0;
}

int word_address(const char *s, struct err *err)
{
	autofree char *shown = str_printable(s, strnlen(s, 80));
	struct addr6 a6;
	uint32_t a4;

	if (addr4_read(s, &a4, err) == 0 || (strchr(s, ':') && addr6_read(s, &a6, err) == 0))
		return 0;
	return err_set(err, ERR_INVALID, "'%s' is not an address (like 10.1.0.1 or fd00:1::1)", shown);
}

int word_server(const char *s, struct err *err)
{
	struct err ignored;

	if (word_address(s, &ignored) == 0)
		return 0;
	if (word(s, "a host name or an address", "ntp.cluster.example", LOWER DIGITS ".-", 200, err) < 0)
		return -1;
	/* What has only digits and dots was meant as an address. */
	if (strspn(s, DIGITS ".") == strlen(s) || word_domain(s, &ignored) < 0)
		return err_set(err, ERR_INVALID, "'%s' is not a host name or an address (like ntp.cluster.example)", s);
	return 0;
}

int word_package(const char *s, struct err *err)
{
	if (word(s, "a package", "openssh-server", LOWER DIGITS "+-.", 128, err) < 0)
		return -1;
	if (strlen(s) < 2 || !strchr(LOWER DIGITS, s[0]))
		return err_set(err, ERR_INVALID, "'%s' is not a package (like openssh-server)", s);
	return 0;
}

int word_mirror(const char *s, struct err *err)
{
	if (word(s, "an archive's URL", "https://deb.example/debian", LOWER UPPER DIGITS ":/._~%-[]+", 512, err) < 0)
		return -1;
	if ((str_starts(s, "http://") && s[7] && s[7] != '/') || (str_starts(s, "https://") && s[8] && s[8] != '/') ||
	    str_starts(s, "file:///"))
		return 0;
	return err_set(err, ERR_INVALID, "'%.200s' is not an archive's URL; allowed are http://, https:// and file:///", s);
}

int word_kernel_arg(const char *s, struct err *err)
{
	return word(s, "one word of the kernel command line", "mitigations=auto", LOWER UPPER DIGITS "._,:=/+@%-", 256, err);
}

int word_serial(const char *s, struct err *err)
{
	size_t name, speed;

	if (word(s, "a serial console", "ttyS0,115200", LOWER UPPER DIGITS ",", 32, err) < 0)
		return -1;
	name = strcspn(s, ",");
	speed = s[name] ? strspn(s + name + 1, DIGITS) : 0;
	if (!str_starts(s, "tty") || name < 5 || !strchr(DIGITS, s[name - 1]) ||
	    (s[name] && (speed < 3 || speed > 7 || (s[name + 1 + speed] && !str_eq(s + name + 1 + speed, "n8")))))
		return err_set(err, ERR_INVALID, "'%s' is not a serial console (like ttyS0,115200)", s);
	return 0;
}

int word_bmc_user(const char *s, struct err *err)
{
	if (word(s, "a BMC's user", "admin", LOWER UPPER DIGITS "._@+-", 64, err) < 0)
		return -1;
	return s[0] == '-' ? err_set(err, ERR_INVALID, "'%s' is not a BMC's user: it begins with '-'", s) : 0;
}

int word_file(const char *s, struct err *err)
{
	if (word(s, "a file's path", "/etc/orthrus/head2.password", LOWER UPPER DIGITS "/._-+@", 200, err) < 0)
		return -1;
	if (s[0] != '/' || strstr(s, "/../") || str_ends(s, "/..") || str_ends(s, "/"))
		return err_set(err, ERR_INVALID,
			       "'%s' is not a file's path: it begins with '/', has no \"..\" and no '/' at its end", s);
	return 0;
}

int word_bmc_address(const char *s, struct err *err)
{
	if (word(s, "a BMC's address", "10.3.0.7", LOWER UPPER DIGITS "-.:[]", 200, err) < 0)
		return -1;
	return s[0] == '-' ? err_set(err, ERR_INVALID, "'%s' is not a BMC's address: it begins with '-'", s) : 0;
}

int word_agent(const char *s, struct err *err)
{
	if (word(s, "a fence agent", "fence_apc_snmp", LOWER DIGITS "_", 64, err) < 0)
		return -1;
	return str_starts(s, "fence_") ? 0 : err_set(err, ERR_INVALID, "'%s' is not a fence agent: it begins with \"fence_\"", s);
}

int word_agent_option(const char *s, struct err *err)
{
	const char *equals = strchr(s, '=');
	size_t n = equals ? (size_t)(equals - s) : 0;
	autofree char *name = mem_strndup(s, n);

	for (const char *p = s; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return err_set(err, ERR_INVALID, "has a control character in it");
	if (n == 0 || strspn(name, LOWER DIGITS "_-") != n || strlen(s) > 256)
		return err_set(err, ERR_INVALID, "'%.80s' is not an option of a fence agent (like plug=3)", s);
	if (strstr(name, "pass") || str_eq(name, "action"))
		return err_set(err, ERR_INVALID, "%s has no place here: %s", name,
			       str_eq(name, "action") ? "what is done is for the guard to say" : "this file holds no secrets");
	return 0;
}

int word_ssh_key(const char *s, struct err *err)
{
	static const char *const types[] = { "ssh-ed25519 AAAA",
					     "ssh-rsa AAAA",
					     "ecdsa-sha2-nistp256 AAAA",
					     "ecdsa-sha2-nistp384 AAAA",
					     "ecdsa-sha2-nistp521 AAAA",
					     "sk-ssh-ed25519@openssh.com AAAA",
					     "sk-ecdsa-sha2-nistp256@openssh.com AAAA" };
	size_t len = strlen(s);
	bool known = false;

	/* Not shown: somebody may have put a private key here. */
	if (strstr(s, "PRIVATE KEY"))
		return err_set(err, ERR_INVALID, "is a private key; put the public one here (the .pub file)");
	if (len > 8192)
		return err_set(err, ERR_INVALID, "has %zu characters; a public key may have 8192", len);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return err_set(err, ERR_INVALID, "is not one line of printable text; write one key per array element");
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		known |= str_starts(s, types[i]);
	if (!known)
		return err_set(err, ERR_INVALID, "'%.40s' does not begin like a public key of ssh (like \"ssh-ed25519 AAAA...\")",
			       s);
	return 0;
}

int word_mount(const char *s, struct err *err)
{
	static const char *const taken[] = { "/proc", "/sys", "/dev", "/run" };

	if (word(s, "a mount point", "/var/scratch", LOWER UPPER DIGITS "/._-", 255, err) < 0)
		return -1;
	if (str_eq(s, "/"))
		return 0;
	if (s[0] != '/' || str_ends(s, "/") || strstr(s, "//") || strstr(s, "/./") || strstr(s, "/../") || str_ends(s, "/.") ||
	    str_ends(s, "/.."))
		return err_set(err, ERR_INVALID,
			       "'%s' is not a mount point: an absolute path without '.', '..', '//' or '/' at its end", s);
	for (size_t i = 0; i < ARRAY_LEN(taken); i++)
		if (str_starts(s, taken[i]) && (!s[strlen(taken[i])] || s[strlen(taken[i])] == '/'))
			return err_set(err, ERR_INVALID,
				       "'%s' can't be a mount point: the system mounts its own file system at %s", s, taken[i]);
	return 0;
}

int word_options(const char *s, struct err *err)
{
	return word(s, "a list of mount options", "noatime,discard", LOWER UPPER DIGITS "=,._:/-", 200, err);
}
