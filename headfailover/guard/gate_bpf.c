/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headfailover/guard/gate_priv.h"

#include "base/mem.h"
#include "headfailover/guard/gate_key.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/ethernet.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/* First of all filters, so that none of another's lets a packet pass before. The handle is how a later start, and `tc`, knows it.
 */
#define PRIORITY 1
#define HANDLE 0x6f7274 /* "ort" */

/* gate.bpf.c, as clang made it. */
extern const char gate_object[], gate_object_end[];
__asm__(".section .rodata.gate_object,\"a\",@progbits\n"
	".balign 8\n"
	".global gate_object, gate_object_end\n"
	"gate_object:\n"
	".incbin \"" GATE_BPF_OBJECT "\"\n"
	"gate_object_end:\n"
	".byte 0\n"
	".previous\n");

struct place {
	char name[IFNAMSIZ];
	int index;
};
struct bpf_gate {
	struct bpf_object *object;
	int fd[2];	/* programs: coming in, leaving; the object's */
	uint32_t id[2]; /* as the kernel numbers them */
	_Atomic uint64_t *deadline;
	struct gate_count *counts;
	struct place places[GATE_INTERFACES];
	size_t n_places;
	struct gate_count tried; /* what the counts were when it was opened: it was tried before */
};
static const enum bpf_tc_attach_point points[2] = { BPF_TC_INGRESS, BPF_TC_EGRESS };
static const char *const programs[2] = { "gate_in", "gate_out" };

static size_t page_up(size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (len + page - 1) / page * page;
}

static void bpf_free(struct bpf_gate *b)
{
	if (!b)
		return;
	if (b->deadline)
		munmap(b->deadline, page_up(sizeof(uint64_t)));
	if (b->counts)
		munmap(b->counts, page_up(GATE_COUNTS * sizeof(struct gate_count)));
	bpf_object__close(b->object);
	free(b);
}

static void bpf_free_(struct bpf_gate **b)
{
	bpf_free(*b);
}

/* The kernel's array, in our memory. */
static void *map_array(struct bpf_object *object, const char *name, size_t len, int prot, struct err *err)
{
	int fd = bpf_object__find_map_fd_by_name(object, name);
	void *p = fd < 0 ? MAP_FAILED : mmap(NULL, page_up(len), prot, MAP_SHARED, fd, 0);

	if (p != MAP_FAILED)
		return p;
	err_errno(err, errno, "the gate's BPF map '%s'", name);
	return NULL;
}

static int load(struct bpf_gate *b, struct err *err)
{
	struct bpf_object *o;

	libbpf_set_print(NULL); /* it would go to stderr; what matters is in `err` */
	o = bpf_object__open_mem(gate_object, (size_t)(gate_object_end - gate_object), NULL);
	if (!o)
		return err_errno(err, errno, "the gate's BPF program");
	b->object = o;
	if (bpf_object__load(o) < 0)
		return err_errno(err, errno, "the kernel does not take the gate's BPF program");
	for (int i = 0; i < 2; i++) {
		struct bpf_prog_info info = { 0 };
		uint32_t len = sizeof(info);

		b->fd[i] = bpf_program__fd(bpf_object__find_program_by_name(o, programs[i]));
		if (bpf_obj_get_info_by_fd(b->fd[i], &info, &len) < 0)
			return err_errno(err, errno, "the gate's BPF program");
		b->id[i] = info.id;
	}
	b->deadline = map_array(o, "deadline", sizeof(uint64_t), PROT_READ | PROT_WRITE, err);
	b->counts = b->deadline ? map_array(o, "counts", GATE_COUNTS * sizeof(struct gate_count), PROT_READ, err) : NULL;
	return b->counts ? 0 : -1;
}

static int fill(const struct bpf_gate *b, const struct gate_config *c, struct err *err)
{
	int fd = bpf_object__find_map_fd_by_name(b->object, "service");
	uint8_t yes = 1;

	for (size_t i = 0; i < c->n_addrs; i++)
		if (bpf_map_update_elem(fd, c->addrs[i].bytes, &yes, BPF_ANY) < 0)
			return err_errno(err, errno, "the gate's BPF map of addresses");
	return 0;
}

/* A frame to (and from) the address runs through both programs, before they are anywhere: what they say must be what they are
 * for. It also shows whether the kernel's clock is ours: in a time namespace the gate would shut at another time. */
static int try_frame(const struct bpf_gate *b, const unsigned char *frame, size_t len, uint32_t want, struct err *err)
{
	for (int i = 0; i < 2; i++) {
		LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = frame, .data_size_in = (uint32_t)len, .repeat = 1);

		if (bpf_prog_test_run_opts(b->fd[i], &o) < 0)
			return err_errno(err, errno, "the gate's BPF program can't be tried");
		if (o.retval != want)
			return err_set(
				err, ERR_REFUSED,
				"the gate's BPF program %s what it should not: is this a time namespace, where CLOCK_BOOTTIME is "
				"not the kernel's?",
				want == (uint32_t)-1 ? "drops" : "passes");
	}
	return 0;
}

static int try_out(const struct bpf_gate *b, const struct addr6 *a, struct err *err)
{
	const uint32_t pass = (uint32_t)-1, drop = 2; /* TC_ACT_UNSPEC, TC_ACT_SHOT */
	unsigned char frame[64] = { [12] = 0x86, [13] = 0xdd, [14] = 0x60, [20] = 59 /* no next header */, [21] = 1 };
	int rc;

	memcpy(frame + 22, a->bytes, 16);
	memcpy(frame + 38, a->bytes, 16);
	if (try_frame(b, frame, sizeof(frame), drop, err) < 0)
		return -1;
	atomic_store(b->deadline, (uint64_t)gate_now_ns() + UINT64_C(10000000000));
	rc = try_frame(b, frame, sizeof(frame), pass, err);
	atomic_store(b->deadline, (uint64_t)gate_now_ns());
	rc = rc == 0 ? try_frame(b, frame, sizeof(frame), drop, err) : rc;
	atomic_store(b->deadline, 0);
	return rc;
}

static int attach(struct bpf_gate *b, const char *name, struct err *err)
{
	struct place *p = &b->places[b->n_places];
	LIBBPF_OPTS(bpf_tc_hook, clsact, .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	int rc;

	snprintf(p->name, sizeof(p->name), "%s", name);
	p->index = clsact.ifindex = (int)if_nametoindex(name);
	if (!p->index)
		return err_errno(err, errno, "the gate: the interface %s", name);
	rc = bpf_tc_hook_create(&clsact);
	if (rc < 0 && rc != -EEXIST)
		return err_errno(err, -rc, "the gate: clsact at %s", name);
	if (gate_check_clsact(p->index, name, err) < 0)
		return -1;
	for (int i = 1; i >= 0; i--) { /* what leaves matters more */
		LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = p->index, .attach_point = points[i]);
		LIBBPF_OPTS(bpf_tc_opts, o, .handle = HANDLE, .priority = PRIORITY, .prog_fd = b->fd[i],
			    .flags = BPF_TC_F_REPLACE);

		rc = bpf_tc_attach(&hook, &o);
		if (rc < 0) {
			err_errno(err, -rc, "the gate: the filter at %s, %s", name, i ? "egress" : "ingress");
			return err_hint(err, "`tc filter show dev %s %s` must not show another kind of filter with pref %d", name,
					i ? "egress" : "ingress", PRIORITY);
		}
	}
	b->n_places++;
	return 0;
}

static struct gate_count count(const struct bpf_gate *b)
{
	struct gate_count all = { 0 };

	for (size_t i = 0; i < GATE_COUNTS; i++) {
		all.passed += b->counts[i].passed;
		all.dropped += b->counts[i].dropped;
	}
	return all;
}

static int bpf_open(const struct gate_config *c, void **state, struct err *err)
{
	autoclean(bpf_free_) struct bpf_gate *b = mem_zalloc(sizeof(*b));

	if (load(b, err) < 0 || fill(b, c, err) < 0 || try_out(b, &c->addrs[0], err) < 0)
		return -1;
	b->tried = count(b);
	for (size_t i = 0; i < c->n_interfaces; i++)
		if (attach(b, c->interfaces[i], err) < 0)
			return -1;
	*state = steal(b);
	return 0;
}

static int bpf_deadline(void *state, int64_t boot_ns, struct err *err)
{
	struct bpf_gate *b = state;

	(void)err;
	atomic_store(b->deadline, (uint64_t)boot_ns);
	return 0;
}

static int bpf_look(void *state, struct gate_view *out, struct err *err)
{
	const struct bpf_gate *b = state;

	struct gate_count all = count(b);

	out->passed = all.passed - b->tried.passed;
	out->dropped = all.dropped - b->tried.dropped;
	for (size_t i = 0; i < b->n_places; i++) {
		bool there = true;

		for (int k = 0; k < 2 && there; k++) {
			LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = b->places[i].index, .attach_point = points[k]);
			LIBBPF_OPTS(bpf_tc_opts, o, .handle = HANDLE, .priority = PRIORITY);
			int rc = bpf_tc_query(&hook, &o);

			if (rc < 0 && rc != -ENOENT && rc != -ENODEV && rc != -EINVAL)
				return err_errno(err, -rc, "the gate: what is at %s", b->places[i].name);
			there = rc == 0 && o.prog_id == b->id[k];
		}
		if (!there)
			gate_missing(out, b->places[i].name);
	}
	return 0;
}

static void bpf_close(void *state)
{
	bpf_free(state);
}

static int bpf_remove(struct err *err)
{
	struct if_nameindex *all = if_nameindex();
	int rc = 0;

	libbpf_set_print(NULL);
	if (!all)
		return err_errno(err, errno, "the interfaces");
	for (const struct if_nameindex *i = all; i->if_index && rc == 0; i++) {
		for (int k = 0; k < 2 && rc == 0; k++) {
			LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)i->if_index, .attach_point = points[k]);
			LIBBPF_OPTS(bpf_tc_opts, asked, .handle = HANDLE, .priority = PRIORITY);
			LIBBPF_OPTS(bpf_tc_opts, o, .handle = HANDLE, .priority = PRIORITY);
			int failed = bpf_tc_query(&hook, &asked) == 0 ? bpf_tc_detach(&hook, &o) : 0;

			if (failed < 0 && failed != -ENOENT && failed != -ENODEV)
				rc = err_errno(err, -failed, "the gate: the filter at %s can't be taken away", i->if_name);
		}
	}
	if_freenameindex(all);
	return rc;
}

const struct gate_ops *gate_bpf(void)
{
	static const struct gate_ops ops = {
		.kind = GATE_BPF,
		.open = bpf_open,
		.deadline = bpf_deadline,
		.look = bpf_look,
		.close = bpf_close,
		.remove = bpf_remove,
	};

	return &ops;
}
