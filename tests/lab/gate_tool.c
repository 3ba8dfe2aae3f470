/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gate_tool: the gate (headfailover/guard/gate.h) held up to what shall not pass it; tests/netns/gate.sh makes the networks. In
 * the namespace "head", eth0 is a head's interface, out0 here is who asks. trials KIND N LEASE_MS EVERY_MS   a guard that renews
 * is stopped, killed, or its wall clock is moved: N times takeover N                        guards of either kind are killed with
 * an open gate, and others take over frames KIND                       each sort of frame, both ways, shut and open cost
 * nanoseconds a packet takes in the BPF program hold KIND INTERFACE ADDRESS...    a gate; commands on standard input: until MS |
 * shut | look; at its end it is closed remove                            for good */
#include "headfailover/guard/gate.h"

#include "base/mem.h"
#include "base/str.h"
#include "tests/lab/gate_sorts.h"
#include "tests/lab/gate_trials.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/capability.h>
#include <sys/syscall.h>

static uint64_t number(const char *s)
{
	struct err err = { 0 };
	uint64_t n;

	if (str_to_u64(s, 0, 1000000, &n, &err) < 0)
		die("%s", err.text);
	return n;
}

struct sorter {
	struct gate *gate;
	int outside, inside;
	uint8_t from[6];
	uint64_t counted, arrived; /* as they should be */
	uint64_t came;		   /* to out0, from us */
	unsigned int wrong;
	bool nft;	       /* it does not look through other headers behind a tag in the frame: they are as of the service */
	struct frame sentinel; /* of the service, either way */
};

static uint64_t count_of(struct sorter *s)
{
	struct gate_view v;
	struct err err = { 0 };

	if (gate_look(s->gate, &v, &err) < 0 || v.n_missing)
		die("look: %s, %zu missing", err.text, v.n_missing);
	return v.passed + v.dropped;
}

static void count_arrived(struct sorter *s)
{
	uint8_t bytes[512];
	struct sockaddr_ll from;
	socklen_t len = sizeof(from);

	while (recvfrom(s->outside, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &len) > 0)
		s->came += from.sll_pkttype != PACKET_OUTGOING && memcmp(bytes + 6, s->from, 6) == 0;
}

/* Frames keep their order: when the sentinel behind it was counted, so was this one, or never will. */
static void try_sort(struct sorter *s, const struct sort *x, bool leaving, bool open)
{
	int fd = leaving ? s->inside : s->outside;
	/* Of what comes in, the kernel takes the first tag out of the frame. */
	bool unsure = s->nft && x->headers && x->tags > !leaving;
	bool service = unsure || (leaving ? x->leaving : x->coming);
	int64_t end;

	if (send(fd, x->f.bytes, x->f.len, 0) < 0 && errno != ENOBUFS)
		die("%s", x->name);
	if (send(fd, s->sentinel.bytes, s->sentinel.len, 0) < 0 && errno != ENOBUFS)
		die("the sentinel");
	s->counted += service + 1;
	if (leaving)
		s->arrived += (open || !service) + (open ? 1 : 0);
	end = boot_ns() + 200 * MS;
	for (;;) {
		uint64_t counted = count_of(s);

		count_arrived(s);
		if (counted == s->counted && s->came == s->arrived)
			return;
		if (boot_ns() > end) {
			fprintf(stderr, "gate_tool: %s, %s, %s: counted %jd too many, arrived %jd too many\n", x->name,
				leaving ? "leaving" : "coming in", open ? "open" : "shut", (intmax_t)(counted - s->counted),
				(intmax_t)(s->came - s->arrived));
			s->wrong++;
			s->counted = counted;
			s->arrived = s->came;
			return;
		}
	}
}

static int cmd_frames(const char *kind_name)
{
	struct sorter s = { .from = { 0x02, 0x6f, 0x72, 0x74, 0, 1 } };
	struct sorts all = { .from = { 0x02, 0x6f, 0x72, 0x74, 0, 1 } };
	static const uint8_t data[16] = { 0x30, 0x39 }, everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	struct err err = { 0 };
	uint64_t tried = 0;
	uint8_t mac[6];

	s.outside = frame_socket("out0", mac);
	in_head();
	s.inside = frame_socket("eth0", mac);
	s.gate = gate_of(kind_of(kind_name));
	s.nft = strcmp(kind_name, "nft") == 0;
	sorts_make(&all);
	frame_begin(&s.sentinel, everybody, s.from, "", ETHERTYPE_IP);
	frame_ip4(&s.sentinel, SERVICE, SERVICE, 17, 0, data, sizeof(data), 0);
	s.counted = count_of(&s);
	for (int open = 0; open < 2; open++) {
		if (gate_deadline(s.gate, open ? boot_ns() + 3600 * S : 0, &err) < 0)
			die("%s", err.text);
		for (size_t i = 0; i < all.n; i++) {
			for (int leaving = 0; leaving < 2; leaving++) {
				try_sort(&s, &all.all[i], leaving, open);
				tried++;
			}
		}
	}
	gate_close(s.gate);
	free(all.all);
	printf("RESULT gate_frames kind=%s sorts=%zu tried=%ju wrong=%u\n", kind_name, all.n, (uintmax_t)tried, s.wrong);
	return s.wrong ? 1 : 0;
}

extern const char gate_object[], gate_object_end[];

static int cmd_cost(void)
{
	static const uint8_t mac[6] = { 2 }, data[16] = { 0x30, 0x39 };
	struct bpf_object *o = bpf_object__open_mem(gate_object, (size_t)(gate_object_end - gate_object), NULL);
	static const char *const names[] = { "ip4", "ip6", "service4", "lldp" };
	int fd;

	if (!o || bpf_object__load(o) < 0)
		die("the BPF program");
	fd = bpf_program__fd(bpf_object__find_program_by_name(o, "gate_out"));
	printf("RESULT gate_cost");
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct frame f;
		uint8_t dst[16], key[16] = { [10] = 0xff, [11] = 0xff, [12] = 10, [13] = 9, [15] = SERVICE }, yes = 1;
		LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = f.bytes, .repeat = 1000000);

		bpf_map_update_elem(bpf_object__find_map_fd_by_name(o, "service"), key, &yes, BPF_ANY);
		frame_addr6(dst, STRANGER);
		frame_begin(&f, mac, mac, "", i == 1 ? ETHERTYPE_IPV6 : i == 3 ? 0x88cc : ETHERTYPE_IP);
		if (i == 1)
			frame_ip6(&f, HEAD, dst, "", 17, data, sizeof(data), 0);
		else
			frame_ip4(&f, i == 2 ? SERVICE : HEAD, STRANGER, 17, 0, data, sizeof(data), 0);
		run.data_size_in = (uint32_t)f.len;
		if (bpf_prog_test_run_opts(fd, &run) < 0)
			die("bpf_prog_test_run_opts");
		printf(" %s_ns=%u", names[i], run.duration);
	}
	printf("\n");
	bpf_object__close(o);
	return 0;
}

static void answer(struct gate *g, const char *word, uint64_t ms)
{
	struct err err = { 0 };
	struct gate_view v;

	if (strcmp(word, "look") == 0) {
		if (gate_look(g, &v, &err) < 0)
			printf("error: %s\n", err.text);
		else
			printf("kind=%s open=%d passed=%ju dropped=%ju missing=%zu %s\n", gate_kind_name(v.kind),
			       v.deadline_ns > boot_ns(), (uintmax_t)v.passed, (uintmax_t)v.dropped, v.n_missing, v.missing);
	} else if (strcmp(word, "shut") == 0 || strcmp(word, "until") == 0) {
		if (gate_deadline(g, *word == 'u' ? boot_ns() + (int64_t)ms * MS : 0, &err) < 0)
			printf("error: %s\n", err.text);
		else
			printf("ok\n");
	} else if (strcmp(word, "drop") == 0) {
		struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
		struct __user_cap_data_struct none[2] = { 0 };

		printf("%s\n", syscall(SYS_capset, &h, none) < 0 ? "error" : "ok");
	} else {
		die("no such command: %s", word);
	}
}

static void read_addr(const char *s, struct addr6 *out)
{
	struct err err = { 0 };
	uint32_t four;

	*out = (struct addr6){ .bytes = { [10] = 0xff, [11] = 0xff } };
	if (strchr(s, ':') ? addr6_read(s, out, &err) < 0 : addr4_read(s, &four, &err) < 0)
		die("%s", err.text);
	four = htonl(four);
	if (!strchr(s, ':'))
		memcpy(out->bytes + 12, &four, 4);
}

static int cmd_hold(const char *kind, const char *interface, char **addrs)
{
	struct gate_config c = { .interfaces = { interface }, .n_interfaces = 1, .kind = kind_of(kind) };
	struct err err = { 0 };
	struct gate *g;
	char line[64], word[32];

	for (; *addrs; addrs++)
		read_addr(*addrs, &c.addrs[c.n_addrs++]);
	if (gate_open(&c, &g, &err) < 0) {
		fprintf(stderr, "gate_tool: %s\n", err.text);
		return err_exit_code(err.kind);
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("ready\n");
	while (fgets(line, sizeof(line), stdin)) {
		unsigned long ms = 0;

		if (sscanf(line, "%31s %lu", word, &ms) >= 1)
			answer(g, word, ms);
	}
	gate_close(g);
	return 0;
}

int main(int argc, char **argv)
{
	struct err err = { 0 };

	if ((argc == 6 || argc == 7) && strcmp(argv[1], "trials") == 0)
		return cmd_trials(&(struct setting){ .kind = kind_of(argv[2]),
						     .lease_ns = (int64_t)number(argv[4]) * MS,
						     .every_ns = (int64_t)number(argv[5]) * MS,
						     .lie_ns = argc == 7 ? (int64_t)number(argv[6]) * MS : 0 },
				  number(argv[3]));
	if (argc == 3 && strcmp(argv[1], "takeover") == 0)
		return cmd_takeover(number(argv[2]));
	if (argc == 3 && strcmp(argv[1], "frames") == 0)
		return cmd_frames(argv[2]);
	if (argc == 2 && strcmp(argv[1], "cost") == 0)
		return cmd_cost();
	if (argc >= 5 && strcmp(argv[1], "hold") == 0)
		return cmd_hold(argv[2], argv[3], argv + 4);
	if (argc != 2 || strcmp(argv[1], "remove") != 0)
		die("see its source for how it is used");
	if (gate_remove(&err) < 0)
		die("%s", err.text);
	return 0;
}
