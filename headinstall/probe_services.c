/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packages, units, settings, and the files of services that a head has too. */
#include "headinstall/probe_priv.h"

#include "base/mem.h"
#include "headinstall/paths.h"
#include "headinstall/record.h"
#include "sys/fs.h"

#include <net/if.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a head runs by, beside the libraries that its own package brings. */
static const struct head_need needs[] = {
	{ "busybox-static", "the shell of the netboot system", false },
	{ "ca-certificates", "who is believed over https", false },
	{ "chrony", "the time, for this head and for its nodes", false },
	{ "debian-archive-keyring", "Debian's signatures, for images", false },
	{ "dnsmasq-base", "DHCP, TFTP and DNS for nodes", false },
	{ "dosfstools", "EFI system partitions of nodes", false },
	{ "e2fsprogs", "ext4 on nodes", false },
	{ "fdisk", "the rescue system", false },
	{ "grub-common", "boot loaders of nodes", false },
	{ "grub-efi-amd64-signed", "network boot by UEFI, with Secure Boot", false },
	{ "grub-pc-bin", "network boot by BIOS", false },
	{ "ipmitool", "nodes' BMCs", false },
	{ "kmod", "kernel modules of the netboot system", false },
	{ "mdadm", "software RAID of nodes", false },
	{ "mmdebstrap", "images from Debian's archive", false },
	{ "nftables", "the gate, where the kernel has no BPF", false },
	{ "openssh-client", "keys of nodes, and commands on them", false },
	{ "openssh-server", "the rescue system", false },
	{ "shim-signed", "network boot with Secure Boot", false },
	{ "smartmontools", "health of nodes' disks", false },
	{ "squashfs-tools-ng", "systems of diskless nodes", false },
	{ "tpm2-tools", "keys of nodes in their TPMs", false },
	{ "udev", "disks by name", false },
	{ "util-linux", "partitions and mounts", false },
	{ "xfsprogs", "XFS on nodes", false },
};
_Static_assert(ARRAY_LEN(needs) <= HEAD_NEEDS, "more packages than facts have room for");

static bool has_package(const struct head_journal *j, const char *name)
{
	autofree char *full = str_format("%s:amd64", name);

	return head_journal_package(j, name) || head_journal_package(j, full);
}

static void simulate(struct head_facts *f)
{
	autoclean(str_list_free) struct str_list args = { 0 };
	const struct apt_says says = { .brings = &f->brings, .raises = &f->raises, .takes = &f->takes };
	struct err why = { 0 };
	size_t missing = 0;

	str_list_add(&args, "--no-install-recommends");
	str_list_add(&args, "install");
	for (size_t i = 0; i < f->n_needs; i++)
		if (!f->needs[i].installed) {
			str_list_add(&args, f->needs[i].name);
			missing++;
		}
	if (missing && program_simulate(f->root, &args, &says, &why) < 0)
		head_problem(f, "the packages that are missing can't be installed: %s (%s)", why.text, why.hint);
}

void probe_packages(const struct head_probe *p, struct head_facts *f)
{
	autoclean(head_journal_free) struct head_journal installed = { 0 };
	autoclean(spawn_result_free) struct spawn_result audit = { 0 };
	autofree char *policy = head_read(f, HEAD_POLICY, 4096);
	struct err why = { 0 };

	memcpy(f->needs, needs, sizeof(needs));
	f->n_needs = ARRAY_LEN(needs);
	f->held_back = str_eq(policy, HEAD_POLICY_TEXT);
	if (program_packages(f->root, &installed, &why) < 0) {
		head_problem(f, "which packages are installed is not known: %s", why.text);
		return;
	}
	f->ntpsec = has_package(&installed, "ntpsec") || has_package(&installed, "openntpd");
	for (size_t i = 0; i < f->n_needs; i++)
		f->needs[i].installed =
			has_package(&installed, f->needs[i].name) || (f->ntpsec && str_eq(f->needs[i].name, "chrony"));
	f->half_done = PROGRAM(f->root, &audit, &why, "dpkg", "--audit") == 0 && audit.out.len > 0;
	f->half_ours = f->half_done && head_began_packages(f->root);
	if (f->half_done && !f->half_ours)
		head_problem(f, "dpkg was stopped in the middle of something: `dpkg --configure -a` goes on with it");
	else if (p->simulate && !f->half_done)
		simulate(f);
}

static void add_text(struct head_facts *f, const char *path)
{
	autofree char *full = str_format("%s%s", f->root, path);
	struct head_text *t;
	struct err none = { 0 };
	struct stat st;

	f->texts = mem_room(f->texts, f->n_texts, &f->cap_texts, sizeof(*f->texts));
	t = &f->texts[f->n_texts++];
	*t = (struct head_text){ .path = mem_strdup(path) };
	t->there = fs_read(full, (size_t)16 << 20, &t->text, &none) == 0;
	if (t->there && stat(full, &st) == 0)
		t->mode = st.st_mode & 07777;
}

/* Is there a line that says something? */
static bool says_something(const char *text)
{
	while (*text) {
		text += strspn(text, " \t\n");
		if (*text && *text != '#')
			return true;
		text += strcspn(text, "\n");
	}
	return false;
}

static void add_conf(struct head_facts *f, const char *service, const char *path)
{
	autofree char *text = head_read(f, path, 1 << 20);

	if (!says_something(text))
		return;
	f->confs = mem_room(f->confs, f->n_confs, &f->cap_confs, sizeof(*f->confs));
	f->confs[f->n_confs++] = (struct head_conf){ .service = service, .path = mem_strdup(path) };
}

/* None, of a directory that is not there or can't be read. */
static void list_names(const struct head_facts *f, const char *dir, struct str_list *out)
{
	autofree char *full = str_format("%s%s", f->root, dir);
	struct err none = { 0 };

	if (fs_list(full, out, &none) < 0)
		str_list_free(out);
}

static void add_conf_dir(struct head_facts *f, const char *service, const char *dir)
{
	autoclean(str_list_free) struct str_list names = { 0 };

	list_names(f, dir, &names);
	for (size_t i = 0; i < names.len; i++) {
		autofree char *path = str_format("%s/%s", dir, names.items[i]);

		if (!str_starts(names.items[i], "orthrus") && !str_eq(names.items[i], "README"))
			add_conf(f, service, path);
	}
}

static void probe_confs(struct head_facts *f)
{
	add_conf(f, "dnsmasq", "/etc/dnsmasq.conf");
	add_conf_dir(f, "dnsmasq", "/etc/dnsmasq.d");
	add_conf(f, "dhcpd", "/etc/dhcp/dhcpd.conf");
	add_conf(f, "kea", "/etc/kea/kea-dhcp4.conf");
	add_conf(f, "tftpd", "/etc/default/tftpd-hpa");
	add_conf(f, "nfs", "/etc/exports");
	add_conf_dir(f, "nfs", "/etc/exports.d");
	add_conf(f, "chrony", HEAD_CHRONY);
	add_conf_dir(f, "chrony", "/etc/chrony/conf.d");
	add_conf(f, "ntpsec", "/etc/ntpsec/ntp.conf");
}

/* The first word that it prints; its exit code says the same again. */
static bool unit_is(const struct head_facts *f, const char *question, const char *unit, const char *answer)
{
	autoclean(spawn_result_free) struct spawn_result r = { 0 };
	struct err none = { 0 };

	return PROGRAM(f->root, &r, &none, "systemctl", question, unit) == 0 && str_starts(buf_str(&r.out), answer);
}

static void probe_units(struct head_facts *f)
{
	static const char *const names[] = { "chrony.service",	 "orthrus-guard.service", "orthrus-helper.socket",
					     "orthrusd.service", HEAD_STORE_UNIT,	  "ssh.service" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		autofree char *lib = str_format("%s/usr/lib/systemd/system/%s", f->root, names[i]);
		autofree char *old = str_format("%s/lib/systemd/system/%s", f->root, names[i]);
		autofree char *etc = str_format("%s/etc/systemd/system/%s", f->root, names[i]);
		struct head_unit *u = &f->units[f->n_units++];

		*u = (struct head_unit){ .name = names[i], .there = fs_exists(lib) || fs_exists(old) || fs_exists(etc) };
		u->enabled = u->there && unit_is(f, "is-enabled", names[i], "enabled");
		u->active = u->there && f->running && unit_is(f, "is-active", names[i], "active");
	}
}

static void probe_networker(struct head_facts *f)
{
	autofree char *ifup = str_format("%s/usr/sbin/ifup", f->root), *old = str_format("%s/sbin/ifup", f->root);
	autofree char *interfaces = str_format("%s" HEAD_INTERFACES, f->root);

	if (f->running && unit_is(f, "is-active", "NetworkManager.service", "active"))
		f->networker = HEAD_NET_MANAGER;
	else if (f->running && unit_is(f, "is-active", "systemd-networkd.service", "active"))
		f->networker = HEAD_NET_NETWORKD;
	else if ((fs_exists(ifup) || fs_exists(old)) && fs_exists(interfaces))
		f->networker = HEAD_NET_IFUPDOWN;
}

/* networkd takes the first file that fits, by the names of files wherever they are: sd-network(3)'s own place to look it up. */
static void probe_network_file(struct head_facts *f, const char *interface)
{
	autofree char *path = NULL, *text = NULL;
	unsigned int index = f->networker == HEAD_NET_NETWORKD && interface ? if_nametoindex(interface) : 0;

	if (!index)
		return;
	path = str_format("/run/systemd/netif/links/%u", index);
	text = head_read(f, path, 65536);
	f->network_file = head_value_of(text, "NETWORK_FILE");
	if (*f->network_file)
		return;
	free(f->network_file);
	f->network_file = NULL;
}

/* All of a directory: what others wrote there, and what we did for another interface. */
static void add_texts(struct head_facts *f, const char *dir)
{
	autoclean(str_list_free) struct str_list names = { 0 };

	list_names(f, dir, &names);
	for (size_t i = 0; i < names.len; i++) {
		autofree char *path = str_format("%s/%s", dir, names.items[i]);

		if (!head_text(f, path))
			add_text(f, path);
	}
}

/* A chain of input that drops what no rule allows. */
static bool firewall_drops(const struct head_facts *f)
{
	autoclean(spawn_result_free) struct spawn_result r = { 0 };
	struct err none = { 0 };
	const char *at;

	if (!f->running || PROGRAM("", &r, &none, "nft", "list", "ruleset") < 0)
		return false;
	for (at = strstr(buf_str(&r.out), "hook input"); at; at = strstr(at + 1, "hook input")) {
		const char *drop = strstr(at, "policy drop");

		if (drop && (size_t)(drop - at) < strcspn(at, "\n"))
			return true;
	}
	return false;
}

/* As packages/60-orthrus.conf has them for the next start. */
static const struct head_value values[HEAD_VALUES] = { { "net.core.rmem_max", "33554432", NULL },
						       { "net.core.wmem_max", "4194304", NULL } };

const char *head_value_want(const char *name)
{
	for (size_t i = 0; i < HEAD_VALUES; i++)
		if (str_eq(values[i].name, name))
			return values[i].want;
	return NULL;
}

static void probe_values(struct head_facts *f)
{
	static const char *const files[HEAD_VALUES] = { "/proc/sys/net/core/rmem_max", "/proc/sys/net/core/wmem_max" };

	for (size_t i = 0; i < HEAD_VALUES; i++) {
		autoclean(buf_free) struct buf text = { 0 };
		struct err none = { 0 };

		f->values[i] = values[i];
		if (!f->running || fs_read(files[i], 64, &text, &none) < 0)
			continue;
		f->values[i].now = mem_strndup(buf_str(&text), strcspn(buf_str(&text), "\n"));
	}
}

static void probe_users(struct head_facts *f)
{
	autofree char *text = head_read(f, "/etc/passwd", (size_t)16 << 20);
	autofree char *state = str_format("%s/var/lib/orthrus", f->root), *log = str_format("%s/var/log/orthrus", f->root);

	for (const char *at = text; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
		autofree char *name = mem_strndup(at, strcspn(at, ":\n"));

		if (str_starts(name, "orthrus"))
			str_list_add(&f->users, name);
	}
	f->state_dirs = fs_exists(state) && fs_exists(log);
}

static bool has_files(const char *dir, unsigned int depth)
{
	autoclean(str_list_free) struct str_list names = { 0 };
	struct err none = { 0 };

	if (fs_list(dir, &names, &none) < 0) /* none there; or it is no directory */
		return none.kind != ERR_NOT_FOUND;
	for (size_t i = 0; i < names.len; i++) {
		autofree char *sub = fs_join(dir, names.items[i]);

		if (depth == 0 || has_files(sub, depth - 1))
			return true;
	}
	return false;
}

/* Empty directories are nobody's data. */
static const char *store_used(const struct head_facts *f)
{
	autofree char *store = str_format("%s" HEAD_STORE, f->root), *above = str_format("%s/srv", f->root);
	struct stat st, up;

	if (lstat(above, &up) == 0 && S_ISLNK(up.st_mode))
		return "is behind the link /srv, where systemd mounts nothing";
	if (lstat(store, &st) < 0)
		return NULL;
	if (!S_ISDIR(st.st_mode))
		return "is there and no directory";
	if (stat(above, &up) == 0 && up.st_dev != st.st_dev)
		return "is a file system of its own already: an array would hide it";
	return has_files(store, 3) ? "holds files already: an array would hide it" : NULL;
}

void probe_services(const struct head_probe *p, struct head_facts *f)
{
	autofree char *key = str_format("%s" HEAD_GUARD_KEY, f->root);

	f->guard_key = fs_exists(key);
	add_text(f, HEAD_SITE);
	add_text(f, HEAD_CHRONY);
	add_text(f, HEAD_CHRONY_OURS);
	add_text(f, HEAD_INTERFACES);
	add_text(f, HEAD_STORE_MDADM);
	add_text(f, HEAD_STORE_MOUNT);
	f->store_used = store_used(f);
	if (p->interface) {
		autofree char *ifupdown = str_format(HEAD_INTERFACES_OURS, p->interface);
		autofree char *networkd = str_format(HEAD_NETWORKD_OURS, p->interface);

		add_text(f, ifupdown);
		add_text(f, networkd);
	}
	add_texts(f, HEAD_INTERFACES_DIR);
	add_texts(f, HEAD_NETWORKD_DIR);
	probe_users(f);
	probe_confs(f);
	probe_units(f);
	probe_networker(f);
	probe_network_file(f, p->interface);
	probe_values(f);
	f->drops = firewall_drops(f);
}
