/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headfailover/guard/realtime.h"

#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/timex.h>

#define STACK_TOUCHED ((size_t)256 << 10)
#define STACK ((size_t)512 << 10)

/* What a stack grows by later would be a page fault at a bad time. */
static void touch_stack(void)
{
	volatile uint8_t room[STACK_TOUCHED];

	for (size_t i = 0; i < sizeof(room); i += 4096)
		room[i] = 0;
}

/* All of a thread's stack is locked: the usual 8 MiB are too much of that. And who may, may lock what is to come, too. */
static int make_room(struct err *err)
{
	const struct rlimit any = { .rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY };
	pthread_attr_t attr;
	int rc = pthread_attr_init(&attr);

	if (rc == 0)
		rc = pthread_attr_setstacksize(&attr, STACK);
	if (rc == 0)
		rc = pthread_setattr_default_np(&attr);
	pthread_attr_destroy(&attr);
	(void)!setrlimit(RLIMIT_MEMLOCK, &any);
	return rc ? err_errno(err, rc, "the stacks of threads") : 0;
}

bool realtime_needs_right(void)
{
	struct rlimit is;

	return getrlimit(RLIMIT_MEMLOCK, &is) < 0 || is.rlim_cur != RLIM_INFINITY;
}

int realtime_lock_memory(struct err *err)
{
	if (make_room(err) < 0)
		return -1;
	if (mlockall(MCL_CURRENT | MCL_FUTURE) < 0) {
		err_errno(err, errno, "mlockall");
		return err_hint(err,
				"it needs the capability CAP_IPC_LOCK or a larger RLIMIT_MEMLOCK (LimitMEMLOCK= of its unit)");
	}
	touch_stack();
	return 0;
}

int realtime_begin(int priority, int cpu, struct err *err)
{
	const struct sched_param param = { .sched_priority = priority };
	cpu_set_t set;

	if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param) < 0) {
		err_errno(err, errno, "SCHED_FIFO with priority %d", priority);
		return err_hint(err, "it needs the capability CAP_SYS_NICE or RLIMIT_RTPRIO (LimitRTPRIO= of its unit)");
	}
	if (cpu == REALTIME_ANY_CPU)
		return 0;
	CPU_ZERO(&set);
	if (cpu < 0 || cpu >= CPU_SETSIZE)
		return err_set(err, ERR_INVALID, "processor %d: there is none of that number", cpu);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) == 0)
		return 0;
	err_errno(err, errno, "processor %d", cpu);
	return err_hint(err, "pair.cpu in site.json names one that this machine has (`nproc --all`) and the guard may use");
}

bool realtime_may_be_paused(const char *root, char source[32])
{
	static const char *const stop[] = { "kvm-clock", "hyperv_clocksource_tsc_page", "hyperv_clocksource_msr", "xen" };
	autofree char *path = str_format("%s/sys/devices/system/clocksource/clocksource0/current_clocksource", root);
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, source, 31);

	source[n > 0 ? n : 0] = 0;
	source[strcspn(source, "\n")] = 0;
	for (size_t i = 0; i < ARRAY_LEN(stop); i++)
		if (str_eq(source, stop[i]))
			return true;
	return false;
}

int realtime_clock_ppm(int64_t *out, struct err *err)
{
	struct timex t = { 0 };

	if (adjtimex(&t) < 0)
		return err_errno(err, errno, "how fast the clock is made to run");
	/* A tick is 10 ms by itself; `freq` is ppm in 65536ths. */
	*out = (int64_t)t.freq / 65536 + (t.tick - 10000) * 100;
	return 0;
}
