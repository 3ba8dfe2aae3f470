/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/confine.h"

#include "base/mem.h"
#include "sys/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define READS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITES (READS | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE)
/* What version 1 knows; what came later is asked for where the kernel has it. */
#define ALL_OF_1 ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

/* What may be done at or below these. */
struct allowed {
	uint64_t rights;
	const char *const *paths;
	size_t n;
	bool may_lack; /* what is absent is passed over */
};

static int allow(int ruleset, const struct allowed *a, const char *path, struct err *err)
{
	autoclose int fd = open(path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = { .allowed_access = a->rights, .parent_fd = fd };
	struct stat st;

	if (fd < 0 && a->may_lack && (errno == ENOENT || errno == EACCES))
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, errno, "open %s", path);
	if (!S_ISDIR(st.st_mode))
		rule.allowed_access &= ~(uint64_t)LANDLOCK_ACCESS_FS_READ_DIR;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return err_errno(err, errno, "confine to %s", path);
	return 0;
}

/* EOPNOTSUPP: it is built in and switched off. EPERM: a filter of system calls that does not know it. */
static bool has_landlock(long *version)
{
	*version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	return *version > 0;
}

static int confine_files(const struct allowed *allowed, size_t n, bool *files, struct err *err)
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = ALL_OF_1 };
	autoclose int ruleset = -1;
	long version;

	*files = has_landlock(&version);
	if (!*files)
		return 0;
	if (version >= 2)
		attr.handled_access_fs |= LANDLOCK_ACCESS_FS_REFER; /* between directories; within one it is not needed */
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (ruleset < 0)
		return err_errno(err, errno, "make a Landlock ruleset");
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < allowed[i].n; k++)
			if (allow(ruleset, &allowed[i], allowed[i].paths[k], err) < 0)
				return -1;
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		return err_errno(err, errno, "confine this process by Landlock");
	return 0;
}

int confine_to_reading(const char *const *dirs, size_t n, bool *files, struct err *err)
{
	const struct allowed allowed = { .rights = READS, .paths = dirs, .n = n };
	const struct rlimit none = { 0 };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(err, errno, "give up new privileges");
	/* A filter of system calls (systemd's) may not let limits be set; then it keeps more than this one does. */
	if (setrlimit(RLIMIT_FSIZE, &none) < 0 && errno != EPERM)
		return err_errno(err, errno, "give up writing files");
	return privilege_hide_memory(err) < 0 ? -1 : confine_files(&allowed, 1, files, err);
}

int confine_to_writing(const char *dir, const char *const *reads, size_t n, bool *files, struct err *err)
{
	const struct allowed allowed[] = { { .rights = WRITES, .paths = &dir, .n = 1 },
					   { .rights = READS, .paths = reads, .n = n, .may_lack = true } };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(err, errno, "give up new privileges");
	return privilege_hide_memory(err) < 0 ? -1 : confine_files(allowed, ARRAY_LEN(allowed), files, err);
}
