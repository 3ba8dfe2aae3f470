/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "installer/hostfiles.h"

#include "base/buf.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void hostfiles_free(struct hostfiles *f)
{
	for (size_t i = 0; i < f->len; i++) {
		if (f->items[i].content && !(f->items[i].mode & 077))
			explicit_bzero(f->items[i].content, strlen(f->items[i].content));
		free(f->items[i].path);
		free(f->items[i].content);
	}
	free(f->items);
	*f = (struct hostfiles){ 0 };
}

void hostfiles_add(struct hostfiles *f, enum hostfile_kind kind, const char *path, unsigned int mode, char *content)
{
	f->items = mem_room(f->items, f->len, &f->cap, sizeof(*f->items));
	f->items[f->len++] = (struct hostfile){ .kind = kind, .path = mem_strdup(path), .mode = mode, .content = content };
}

static void text(struct hostfiles *f, const char *path, unsigned int mode, char *content)
{
	hostfiles_add(f, HOSTFILE_TEXT, path, mode, content);
}

static void link_to(struct hostfiles *f, const char *path, const char *target)
{
	hostfiles_add(f, HOSTFILE_LINK, path, 0, mem_strdup(target));
}

static void gone(struct hostfiles *f, const char *path)
{
	hostfiles_add(f, HOSTFILE_GONE, path, 0, NULL);
}

/* Is `name` one of the words of `line`? */
static bool has_word(const char *line, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = line + strspn(line, " \t"); *at;) {
		size_t word = strcspn(at, " \t");

		if (word == len && memcmp(at, name, len) == 0)
			return true;
		at += word;
		at += strspn(at, " \t");
	}
	return false;
}

static void add_names(const struct order *o, struct hostfiles *out)
{
	autoclean(buf_free) struct buf hosts = { 0 };
	bool named = false;

	for (size_t i = 0; i < o->hosts.len; i++)
		named = named || has_word(o->hosts.items[i], o->node);
	buf_adds(&hosts, "127.0.0.1\tlocalhost\n");
	/* Without an address of its own a host must still resolve its name (hostname(1), sudo). */
	if (!named)
		buf_addf(&hosts, "127.0.1.1\t%s.%s %s\n", o->node, o->domain, o->node);
	buf_adds(&hosts, "::1\tlocalhost ip6-localhost ip6-loopback\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n");
	for (size_t i = 0; i < o->hosts.len; i++)
		buf_addf(&hosts, "%s\n", o->hosts.items[i]);
	text(out, "etc/hostname", 0644, str_format("%s\n", o->node));
	text(out, "etc/hosts", 0644, buf_steal(&hosts));
	/* Empty, not "uninitialized": an id is made at boot all the same, but systemd does not take it for a first boot and
	 * does not switch on every service that the image's maker switched off. */
	text(out, "etc/machine-id", 0444, mem_strdup(""));
	gone(out, "var/lib/dbus/machine-id");
	gone(out, "var/lib/systemd/random-seed");
}

static bool has_option(const char *options, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = options; *at;) {
		size_t word = strcspn(at, ",");

		if (word >= len && memcmp(at, name, len) == 0 && (word == len || at[len] == '='))
			return true;
		at += word + (at[word] == ',');
	}
	return false;
}

static char *fs_options(const struct raid_fs *fs)
{
	autoclean(buf_free) struct buf out = { 0 };
	bool vfat = str_eq(fs->type, "vfat"), swap = str_eq(fs->type, "swap");

	if (fs->options)
		buf_adds(&out, fs->options);
	if (!out.len)
		buf_adds(&out, swap ? "sw" : str_eq(fs->type, "ext4") ? "errors=remount-ro" : "defaults");
	/* The EFI system partition is not needed to run, and holds no file that a user should change. */
	if (vfat && !has_option(out.data, "umask"))
		buf_adds(&out, ",umask=0077");
	if ((vfat || swap) && !has_option(out.data, "nofail"))
		buf_adds(&out, ",nofail");
	return buf_steal(&out);
}

static unsigned int fsck_pass(const struct raid_fs *fs)
{
	if (!fs->mount || str_eq(fs->type, "xfs") || str_eq(fs->type, "swap"))
		return 0;
	return str_eq(fs->mount, "/") ? 1 : 2;
}

static void fstab_line(const struct raid_fs *fs, struct buf *out)
{
	autofree char *options = fs_options(fs);

	buf_addf(out, "UUID=%s %s %s %s 0 %u\n", fs->uuid, fs->mount ? fs->mount : "none", fs->type, options, fsck_pass(fs));
}

const char *hostfiles_uuid(const struct raid_result *result, const char *mount)
{
	for (size_t i = 0; i < result->n_fs; i++)
		if (str_eq(result->fs[i].mount, mount))
			return result->fs[i].uuid;
	return NULL;
}

void hostfiles_mdadm_conf(const struct raid_result *result, struct buf *out)
{
	buf_adds(out, "# Written by orthrus: arrays by UUID, because names and numbers depend on the order of detection.\n"
		      "# A replaced disk that can't be written shall fail, not go on with a list of bad blocks.\n"
		      "CREATE bbl=no\nHOMEHOST <ignore>\nMAILADDR root\n");
	for (size_t i = 0; i < result->n_md; i++)
		buf_addf(out, "ARRAY /dev/md/%s UUID=%s\n", result->md[i].name, result->md[i].uuid);
}

static void add_storage(const struct raid_result *r, struct hostfiles *out)
{
	autoclean(buf_free) struct buf fstab = { 0 }, mdadm = { 0 };

	buf_adds(&fstab, "# Written by orthrus: file systems by UUID, because disks change their names.\n");
	for (size_t i = 0; i < r->n_fs; i++)
		if (str_eq(r->fs[i].mount, "/"))
			fstab_line(&r->fs[i], &fstab);
	for (size_t i = 0; i < r->n_fs; i++)
		if (!str_eq(r->fs[i].mount, "/"))
			fstab_line(&r->fs[i], &fstab);
	text(out, "etc/fstab", 0644, buf_steal(&fstab));
	hostfiles_mdadm_conf(r, &mdadm);
	text(out, "etc/mdadm/mdadm.conf", 0644, buf_steal(&mdadm));
}

/* The disks may be somebody's: nothing of them is mounted, started or brought in step behind anybody's back. */
static void add_no_storage(struct hostfiles *out)
{
	text(out, "etc/fstab", 0644, mem_strdup("# Written by orthrus: this node runs from memory.\n"));
	text(out, "etc/mdadm/mdadm.conf", 0644,
	     mem_strdup(
		     "# Written by orthrus: this node runs from memory, its disks are left alone.\nAUTO -all\nMAILADDR root\n"));
}

static void add_time(const struct hostfiles_input *in, struct hostfiles *out)
{
	const struct order *o = in->order;
	autoclean(buf_free) struct buf conf = { 0 };
	autofree char *zone = str_format("/usr/share/zoneinfo/%s", o->timezone);

	link_to(out, "etc/localtime", zone);
	text(out, "etc/timezone", 0644, str_format("%s\n", o->timezone));
	if (!o->ntp.len)
		return;
	if (in->facts.chrony) {
		for (size_t i = 0; i < o->ntp.len; i++)
			buf_addf(&conf, "server %s iburst\n", o->ntp.items[i]);
		text(out, "etc/chrony/sources.d/orthrus.sources", 0644, buf_steal(&conf));
		return;
	}
	buf_adds(&conf, "[Time]\nNTP=");
	for (size_t i = 0; i < o->ntp.len; i++)
		buf_addf(&conf, "%s%s", i ? " " : "", o->ntp.items[i]);
	buf_addc(&conf, '\n');
	text(out, "etc/systemd/timesyncd.conf.d/orthrus.conf", 0644, buf_steal(&conf));
}

static void add_access(const struct order *o, struct hostfiles *out)
{
	static const char *const kinds[] = { "rsa", "ecdsa", "ed25519" };

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		autofree char *secret = str_format("etc/ssh/ssh_host_%s_key", kinds[i]);
		autofree char *public = str_format("etc/ssh/ssh_host_%s_key.pub", kinds[i]);

		gone(out, secret);
		gone(out, public);
	}
	text(out, "etc/systemd/system/orthrus-ssh-keys.service", 0644,
	     mem_strdup("# Written by orthrus: host keys are made by the node itself and never leave it.\n"
			"[Unit]\nDescription=Make this node's own ssh host keys\nBefore=ssh.service ssh.socket\n"
			"ConditionFileIsExecutable=/usr/bin/ssh-keygen\nConditionPathExists=!/etc/ssh/ssh_host_ed25519_key\n\n"
			"[Service]\nType=oneshot\nExecStart=/usr/bin/ssh-keygen -A\n\n[Install]\nWantedBy=multi-user.target\n"));
	link_to(out, "etc/systemd/system/multi-user.target.wants/orthrus-ssh-keys.service",
		"/etc/systemd/system/orthrus-ssh-keys.service");
	if (!o->admin_keys || !o->admin_keys[0])
		return;
	hostfiles_add(out, HOSTFILE_DIR, "root/.ssh", 0700, NULL);
	text(out, "root/.ssh/authorized_keys", 0600,
	     str_format("%s%s", o->admin_keys, str_ends(o->admin_keys, "\n") ? "" : "\n"));
}

int hostfiles_render(const struct hostfiles_input *in, struct hostfiles *out, struct err *err)
{
	if (!in->diskless && !hostfiles_uuid(in->result, "/"))
		return err_set(err, ERR_INVALID, "the layout has no file system for /");
	add_names(in->order, out);
	if (in->diskless)
		add_no_storage(out);
	else
		add_storage(in->result, out);
	hostfiles_add_network(in, out);
	add_time(in, out);
	add_access(in->order, out);
	hostfiles_add_boot(in, out);
	hostfiles_add_report(in, out);
	hostfiles_add_identity(in, out);
	hostfiles_add_sync(out);
	hostfiles_add_site(in, out);
	return 0;
}
