/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/confine.h"

#include "base/mem.h"
#include "sys/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define READS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
/* What version 1 knows; what came later is asked for where the kernel has it. */
#define ALL_OF_1 ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

static int allow(int ruleset, const char *dir, struct err *err)
{
	autoclose int fd = open(dir, O_PATH | O_CLOEXEC);
	const struct landlock_path_beneath_attr rule = { .allowed_access = READS, .parent_fd = fd };

	if (fd < 0)
		return err_errno(err, errno, "open %s", dir);
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return err_errno(err, errno, "confine to %s", dir);
	return 0;
}

/* EOPNOTSUPP: it is built in and switched off. EPERM: a filter of system calls that does not know it. */
static bool has_landlock(long *version)
{
	*version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	return *version > 0;
}

static int confine_files(const char *const *dirs, size_t n, bool *files, struct err *err)
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = ALL_OF_1 };
	autoclose int ruleset = -1;
	long version;

	*files = has_landlock(&version);
	if (!*files)
		return 0;
	if (version >= 2)
		attr.handled_access_fs |= LANDLOCK_ACCESS_FS_REFER;
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (ruleset < 0)
		return err_errno(err, errno, "make a Landlock ruleset");
	for (size_t i = 0; i < n; i++)
		if (allow(ruleset, dirs[i], err) < 0)
			return -1;
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		return err_errno(err, errno, "confine this process by Landlock");
	return 0;
}

int confine_to_reading(const char *const *dirs, size_t n, bool *files, struct err *err)
{
	const struct rlimit none = { 0 };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(err, errno, "give up new privileges");
	/* A filter of system calls (systemd's) may not let limits be set; then it keeps more than this one does. */
	if (setrlimit(RLIMIT_FSIZE, &none) < 0 && errno != EPERM)
		return err_errno(err, errno, "give up writing files");
	return privilege_hide_memory(err) < 0 ? -1 : confine_files(dirs, n, files, err);
}
