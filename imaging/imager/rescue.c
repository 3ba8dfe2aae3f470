/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/imager/rescue.h"

#include "base/mem.h"
#include "base/ssh_key.h"
#include "base/str.h"
#include "imaging/imager/head.h"
#include "imaging/imager/identity.h"
#include "installer/node_ssh.h"
#include "sys/fs.h"
#include "sys/keys_ssh.h"
#include "sys/spawn.h"

#include <string.h>

#define KEY_PATH "etc/ssh/ssh_host_ed25519_key"
#define LINE_MAX_BYTES 4096

bool rescue_is_here(const char *root)
{
	autofree char *sshd = fs_join(root, "usr/sbin/sshd");

	return fs_exists(sshd);
}

static int put(const char *root, const char *name, const char *text, struct err *err)
{
	autofree char *path = fs_join(root, name);

	return fs_write_atomic(path, text, strlen(text), 0644, err);
}

/* The one of a first try, whose answer was lost, is shown again. */
static int host_key(const char *root, char line[SSH_KEY_LEN], struct err *err)
{
	autofree char *dir = fs_join(root, "etc/ssh"), *key = fs_join(root, KEY_PATH), *pub = fs_join(root, KEY_PATH ".pub");
	autoclean(buf_free) struct buf text = { 0 };
	char *comment;

	if (fs_mkdirs(dir, 0755, err) < 0 ||
	    (!fs_exists(pub) && SPAWN(err, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "rescue", "-f", key) < 0) ||
	    fs_read(pub, LINE_MAX_BYTES, &text, err) < 0)
		return -1;
	comment = text.len ? strstr(text.data, " rescue") : NULL;
	if (comment)
		*comment = '\0';
	return ssh_key_read(buf_str(&text), strlen(buf_str(&text)), line, err) < 0 ? err_wrap(err, "%s", pub) : 0;
}

static int certify(const char *root, struct head *head, const char *node, struct buf *answer, struct err *err)
{
	autofree char *path = fs_join(root, KEY_PATH);
	autoclean(buf_free) struct buf proof = { 0 };
	char key[SSH_KEY_LEN];
	const struct ssh_claim claim = { .node = node, .fingerprint = head_identity(head)->fingerprint, .key = key };

	if (host_key(root, key, err) < 0 || ssh_proof_make(path, &claim, &proof, err) < 0)
		return -1;
	return head_host_key(head, key, buf_str(&proof), answer, err);
}

static void add_disk(const struct disk *d, struct buf *out)
{
	autofree char *id = disk_id(d);
	char size[STR_BYTES_MAX];

	str_from_bytes(d->size_bytes, size);
	buf_addf(out, "  /dev/%s  %s  %s%s%s", d->name, id, size, d->model[0] ? "  " : "", d->model);
	for (size_t i = 0; i < d->found.len; i++)
		buf_addf(out, "%s%s", i ? ", " : ": ", d->found.items[i]);
	if (d->bad)
		buf_addf(out, "  BAD: %s", d->bad);
	buf_addc(out, '\n');
}

void rescue_motd(const char *node, const struct disks *disks, struct buf *out)
{
	buf_addf(out,
		 "\nThis is the rescue system of %s (Orthrus " ORTHRUS_VERSION
		 "). It runs from memory and forgets everything.\n\n",
		 node);
	for (size_t i = 0; i < disks->len; i++)
		add_disk(&disks->items[i], out);
	if (!disks->len)
		buf_adds(out, "  No disk was found.\n");
	buf_adds(out,
		 "\nNo array is assembled, nothing is mounted, and every disk refuses writes.\n"
		 "  look       mdadm --assemble --scan --readonly; mount -o ro,noload /dev/md/NAME /mnt   (XFS: ro,norecovery)\n"
		 "  test       smartctl -a /dev/DISK; e2fsck -n /dev/md/NAME\n"
		 "  inventory  orthrus-imager --inventory\n"
		 "  repair     blockdev --setrw /dev/DISK lets one disk be written; what is done then can't be undone\n"
		 "  leave      reboot (or poweroff); the head says what is booted then\n\n");
}

int rescue_prepare(const char *root, struct head *head, const char *node, const struct disks *disks, struct err *err)
{
	autoclean(buf_free) struct buf answer = { 0 }, motd = { 0 };
	autoclean(node_ssh_free) struct node_ssh ssh = { 0 };
	autofree char *name = str_format("%s\n", node);
	autoclose int fd = fs_open_dir(root, err);
	bool changed;

	rescue_motd(node, disks, &motd);
	if (fd < 0 || put(root, "etc/hostname", name, err) < 0 || put(root, "etc/motd", buf_str(&motd), err) < 0 ||
	    certify(root, head, node, &answer, err) < 0 || node_ssh_read(buf_str(&answer), answer.len, &ssh, err) < 0 ||
	    node_ssh_apply(fd, &ssh, &changed, err) < 0)
		return err_wrap(err, "rescue system");
	return 0;
}
