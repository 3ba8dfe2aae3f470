/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/imager/diskless.h"

#include "base/digest.h"
#include "base/mem.h"
#include "base/str.h"
#include "imaging/imager/identity.h"
#include "imaging/imager/report.h"
#include "imaging/imager/run.h"
#include "installer/installer.h"
#include "sys/fs.h"
#include "sys/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#define RANGE_BYTES ((uint64_t)8 << 20)
#define SMALL_MAX ((size_t)64 << 10)
#define KIB UINT64_C(1024)
#define SQUASHFS_FILE DISKLESS_DIR "/image.squashfs"
#define PROGRESS_PERCENT 10

int diskless_room(const char *meminfo, uint64_t bytes, struct err *err)
{
	static const char key[] = "MemAvailable:";
	const char *line = strstr(meminfo, key);
	char has[STR_BYTES_MAX], image[STR_BYTES_MAX], room[STR_BYTES_MAX];
	autofree char *digits = NULL;
	uint64_t kib;

	if (!line)
		return err_set(err, ERR_FAILED, "the kernel does not say how much memory is free");
	line += strlen(key);
	line += strspn(line, " \t");
	digits = mem_strndup(line, strspn(line, "0123456789"));
	if (str_to_u64(digits, 0, UINT64_MAX / KIB, &kib, err) < 0)
		return err_wrap(err, "free memory");
	if (bytes <= UINT64_MAX - DISKLESS_ROOM_BYTES && kib * KIB >= bytes + DISKLESS_ROOM_BYTES)
		return 0;
	str_from_bytes(kib * KIB, has);
	str_from_bytes(bytes, image);
	str_from_bytes(DISKLESS_ROOM_BYTES, room);
	err_set(err, ERR_REFUSED, "%s of memory are free; the image takes %s of it, and %s beside it are needed", has, image,
		room);
	return err_hint(err, "take a smaller image, or install it to disks");
}

static int write_all(int fd, const char *data, size_t len, struct err *err)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = write(fd, data + at, len - at);

		if (n < 0 && errno != EINTR)
			return err_errno(err, errno, "keep the image in memory");
		at += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

int diskless_fetch(struct head *head, const char *path, uint64_t bytes, const char *digest, int fd, struct err *err)
{
	autoclean(buf_free) struct buf data = { 0 };
	struct digest_ctx *ctx = digest_new();
	char hex[DIGEST_HEX_LEN];
	struct digest sum;
	uint64_t shown = 0;

	for (uint64_t at = 0; at < bytes; at += data.len) {
		uint64_t len = bytes - at < RANGE_BYTES ? bytes - at : RANGE_BYTES;

		buf_clear(&data);
		if (head_get(head, path, at, len, (size_t)len, &data, err) < 0 || write_all(fd, data.data, data.len, err) < 0) {
			digest_end(ctx, NULL);
			return -1;
		}
		digest_add(ctx, data.data, data.len);
		if ((at + len) * 100 / bytes >= shown + PROGRESS_PERCENT) {
			shown = (at + len) * 100 / bytes;
			report_line("image into memory: %llu %%", (unsigned long long)shown);
		}
	}
	digest_end(ctx, &sum);
	digest_hex(&sum, hex);
	if (str_eq(hex, digest))
		return 0;
	err_set(err, ERR_DAMAGED, "%s is not what the head said: it has the digest %.16s, not %.16s", path, hex, digest);
	return err_hint(err, "look at the head's log; its file below /srv/orthrus/diskless can be removed, it is made again");
}

static int mount_tmpfs(const char *at, uint64_t bytes, struct err *err)
{
	autofree char *options =
		bytes ? str_format("mode=0755,size=%llu", (unsigned long long)bytes) : mem_strdup("mode=0755,size=50%");

	if (fs_mkdirs(at, 0755, err) < 0)
		return -1;
	return mount("tmpfs", at, "tmpfs", 0, options) < 0 ? err_errno(err, errno, "mount a tmpfs at %s", at) : 0;
}

static int get_image(struct head *head, const struct head_answer *a, struct err *err)
{
	autofree char *path = str_format("/v1/diskless/%s/%s", a->order.image_name, a->order.image_id);
	autoclean(buf_free) struct buf meminfo = { 0 };
	autoclose int fd = -1;

	if (fs_read("/proc/meminfo", SMALL_MAX, &meminfo, err) < 0 ||
	    diskless_room(buf_str(&meminfo), a->squashfs_bytes, err) < 0 ||
	    mount_tmpfs(DISKLESS_DIR, a->squashfs_bytes + SMALL_MAX, err) < 0)
		return -1;
	fd = open(SQUASHFS_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
	if (fd < 0)
		return err_errno(err, errno, "create %s", SQUASHFS_FILE);
	return diskless_fetch(head, path, a->squashfs_bytes, a->squashfs_digest, fd, err);
}

/* What is written goes to a tmpfs over the squashfs, up to half of the memory. */
static int mount_root(const char *target, struct err *err)
{
	static const char lower[] = DISKLESS_DIR "/lower", rw[] = DISKLESS_DIR "/rw";
	static const char upper[] = DISKLESS_DIR "/rw/upper", work[] = DISKLESS_DIR "/rw/work";

	if (SPAWN(err, "modprobe", "-a", "loop", "squashfs", "overlay") < 0 || fs_mkdirs(lower, 0755, err) < 0 ||
	    SPAWN(err, "mount", "-t", "squashfs", "-o", "loop,ro", SQUASHFS_FILE, lower) < 0 || mount_tmpfs(rw, 0, err) < 0 ||
	    fs_mkdirs(upper, 0755, err) < 0 || fs_mkdirs(work, 0755, err) < 0 || fs_mkdirs(target, 0755, err) < 0)
		return -1;
	if (mount("overlay", target, "overlay", 0,
		  "lowerdir=" DISKLESS_DIR "/lower,upperdir=" DISKLESS_DIR "/rw/upper,workdir=" DISKLESS_DIR "/rw/work") < 0)
		return err_errno(err, errno, "mount the root at %s", target);
	return 0;
}

static int make_it_this_node(const struct install_opts *opts, struct head *head, const struct order *order, struct err *err)
{
	const struct identity *id = head_identity(head);
	struct install_run run = { .opts = opts, .head = head, .order = order };
	autoclean(buf_free) struct buf ca = { 0 }, crt = { 0 };
	autoclose int fd = fs_open_dir(opts->target, err);
	char seal[NODE_SEAL_TEXT_LEN];
	struct install_identity own = { .key = buf_str(&id->keys.tls_pem),
					.seal = seal,
					.csr = id->csr,
					.seal_key = id->seal_key,
					.fingerprint = id->fingerprint };
	const struct raid_result none = { 0 };
	struct install_target t = {
		.order = order, .result = &none, .path = opts->target, .fd = fd, .identity = &own, .diskless = true
	};
	int rc;

	if (fd < 0 || fs_read(id->crt_path, SMALL_MAX, &crt, err) < 0 || install_trust(&run, "ca.crt", &ca, err) < 0)
		return -1;
	own.crt = buf_str(&crt);
	t.ca_crt = buf_str(&ca);
	node_keys_seal_text(&id->keys, seal);
	rc = install_hostfiles(&t, err) < 0 ? -1 : install_secrets(&run, fd, err);
	explicit_bzero(seal, sizeof(seal));
	return rc;
}

static int check_cluster(const struct install_opts *opts, const struct order *order, struct err *err)
{
	const struct install_run run = { .opts = opts };
	autoclean(buf_free) struct buf cluster = { 0 };

	if (install_trust(&run, "cluster-id", &cluster, err) < 0)
		return -1;
	if (cluster.len && cluster.data[cluster.len - 1] == '\n')
		cluster.data[--cluster.len] = '\0';
	if (str_eq(buf_str(&cluster), order->cluster_id))
		return 0;
	return err_set(err, ERR_REFUSED, "the order is of cluster %s, this boot payload of cluster %s", order->cluster_id,
		       buf_str(&cluster));
}

int diskless_prepare(const struct install_opts *opts, struct head *head, const struct head_answer *answer, struct err *err)
{
	const struct order *o = &answer->order;

	report_line("running %s.%s with image %s/%s from memory", o->node, o->domain, o->image_name, o->image_id);
	if (check_cluster(opts, o, err) == 0 && get_image(head, answer, err) == 0 && mount_root(opts->target, err) == 0 &&
	    make_it_this_node(opts, head, o, err) == 0)
		return 0;
	opts->work->release(opts->target);
	opts->work->release(DISKLESS_DIR);
	return err_wrap(err, "run %s from memory", o->node);
}
