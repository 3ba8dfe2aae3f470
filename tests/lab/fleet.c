/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A room full of machines that are switched on at once, played by one process: each has its own MAC address and keys, gets an
 * address by DHCP (RFC 2131, its own frames on a packet socket), enrols over TLS, waits for approval, gets the node's address,
 * and says hello with its certificate. Meanwhile the API is asked on the unix socket, and how long each answer took is noted. Run
 * by tests/netns/fleet.sh, in a network namespace. */
#include "fleet_dhcp.h"
#include "fleet_tls.h"

#include "base/json.h"
#include "base/mem.h"
#include "sys/clock.h"
#include "sys/keys_csr.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#define ENROL_TRIES 40
#define ASK_AGAIN 60
#define MACHINE_NICE 10
#define PROBES_MAX 200000
#define PROBE_EVERY_NS (20 * NS_PER_MS)
#define STACK ((size_t)256 << 10)

struct machine_sim {
	struct fleet *fleet;
	unsigned int number;
	uint8_t mac[6];
	struct node_keys keys;
	struct buf csr, crt;
	char *node;
	uint32_t pool_addr, node_addr; /* host order */
	const char *failed;	       /* at which step, or NULL */
	char why[256];
	bool done;
};

struct fleet {
	unsigned int n;
	int64_t over_ns, begin_ns;
	uint32_t server;
	unsigned int port;
	struct fleet_tls *tls;
	struct fleet_dhcp *dhcp;
	struct machine_sim *machines;
	_Atomic unsigned int n_done, n_failed;
	_Atomic bool stop;
	const char *socket;
	int64_t *probes; /* of each answer, in ns */
	int64_t *late;	 /* of each pause between two, how much too long it was */
	size_t n_probes, n_bad;
};

static int fail_at(struct machine_sim *m, const char *step, const char *why)
{
	m->failed = step;
	snprintf(m->why, sizeof(m->why), "%.250s", why);
	return -1;
}

static void put_inventory(const struct machine_sim *m, struct json_out *w, const char *key)
{
	char mac[18], serial[32];

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", m->mac[0], m->mac[1], m->mac[2], m->mac[3], m->mac[4],
		 m->mac[5]);
	snprintf(serial, sizeof(serial), "FLEET%05u", m->number);
	json_put_obj(w, key);
	json_put_str(w, "mac", mac);
	json_put_str(w, "boot_id", "00000000-0000-4000-8000-000000000000");
	json_put_str(w, "firmware", "uefi");
	json_put_u64(w, "memory_bytes", UINT64_C(68719476736));
	json_put_u64(w, "cpus", 64);
	json_put_obj(w, "dmi");
	json_put_str(w, "vendor", "Simulated");
	json_put_str(w, "product", "Node");
	json_put_str(w, "serial", serial);
	json_end_obj(w);
	json_put_arr(w, "nics");
	json_put_obj(w, NULL);
	json_put_str(w, "name", "eth0");
	json_put_str(w, "mac", mac);
	json_put_bool(w, "link", true);
	json_end_obj(w);
	json_end_arr(w);
	json_put_arr(w, "disks");
	for (int i = 0; i < 2; i++) {
		char name[8], disk[40];

		snprintf(name, sizeof(name), "nvme%dn1", i);
		snprintf(disk, sizeof(disk), "%s-%d", serial, i);
		json_put_obj(w, NULL);
		json_put_str(w, "name", name);
		json_put_str(w, "model", "Simulated NVMe");
		json_put_str(w, "serial", disk);
		json_put_str(w, "wwn", "");
		json_put_str(w, "transport", "nvme");
		json_put_u64(w, "size_bytes", UINT64_C(960197124096));
		json_put_u64(w, "logical_sector_bytes", 512);
		json_put_u64(w, "physical_sector_bytes", 4096);
		json_put_bool(w, "rotational", false);
		json_put_bool(w, "removable", false);
		json_put_bool(w, "read_only", false);
		json_put_str(w, "in_use", NULL);
		json_put_arr(w, "found");
		json_end_arr(w);
		json_put_str(w, "bad", NULL);
		json_end_obj(w);
	}
	json_end_arr(w);
	json_end_obj(w);
}

static void enrol_body(const struct machine_sim *m, struct buf *out)
{
	char seal[2 * SEAL_KEY_LEN + 1];
	struct json_out w;

	str_hex(m->keys.seal_public, SEAL_KEY_LEN, seal);
	json_out_init(&w, out, false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "csr", buf_str(&m->csr));
	json_put_str(&w, "seal_key", seal);
	put_inventory(m, &w, "machine");
	json_end_obj(&w);
}

/* 1: approved; 0: not yet. */
static int read_standing(struct machine_sim *m, const struct buf *body)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autofree char *state = NULL, *crt = NULL;
	struct err err = { 0 };
	struct json_obj o;

	if (json_parse(buf_str(body), body->len, &doc, &err) < 0 || json_root_obj(&doc, &o, &err) < 0 ||
	    json_str(&o, "state", JSON_MUST, &state, &err) < 0)
		return fail_at(m, "enrol", err.text);
	if (!str_eq(state, "approved"))
		return 0;
	if (json_str(&o, "node", JSON_MUST, &m->node, &err) < 0 || json_str(&o, "certificate", JSON_MUST, &crt, &err) < 0)
		return fail_at(m, "enrol", err.text);
	buf_adds(&m->crt, crt);
	return 1;
}

static int enrol(struct machine_sim *m)
{
	autoclean(buf_free) struct buf body = { 0 };

	enrol_body(m, &body);
	for (int tries = 0; tries < ENROL_TRIES; tries++) {
		autoclean(buf_free) struct buf answer = { 0 };
		struct tls_call call = { .from = m->pool_addr,
					 .to = m->fleet->server,
					 .port = m->fleet->port,
					 .method = "POST",
					 .path = tries ? "/v1/enrol?wait=30" : "/v1/enrol",
					 .body = buf_str(&body) };
		int status = fleet_tls_call(m->fleet->tls, &call, &answer, m->why, sizeof(m->why)), standing;

		if (atomic_load(&m->fleet->stop))
			return fail_at(m, "enrol", "not approved in time");
		if (status < 0 || status >= 500) {
			clock_sleep_ns(NS_PER_S);
			continue;
		}
		if (status != 200)
			return fail_at(m, "enrol", buf_str(&answer));
		standing = read_standing(m, &answer);
		if (standing)
			return standing < 0 ? -1 : 0;
	}
	return fail_at(m, "enrol", m->why[0] ? m->why : "not approved");
}

static int say_hello(struct machine_sim *m)
{
	autoclean(buf_free) struct buf body = { 0 }, answer = { 0 };
	struct tls_call call = { .from = m->pool_addr,
				 .to = m->fleet->server,
				 .port = m->fleet->port,
				 .crt = buf_str(&m->crt),
				 .key = buf_str(&m->keys.tls_pem),
				 .method = "POST",
				 .path = "/v1/imager/hello" };
	struct json_out w;
	int status;

	json_out_init(&w, &body, false);
	put_inventory(m, &w, NULL);
	call.body = buf_str(&body);
	for (int tries = 0; tries < 5; tries++) {
		status = fleet_tls_call(m->fleet->tls, &call, &answer, m->why, sizeof(m->why));
		if (status == 200)
			return 0;
		if (status > 0 && status < 500)
			break;
		clock_sleep_ns(NS_PER_S);
	}
	return fail_at(m, "hello", status < 0 ? m->why : buf_str(&answer));
}

static int live(struct machine_sim *m)
{
	struct fleet *f = m->fleet;
	int64_t start = f->begin_ns + f->over_ns / f->n * m->number, now = clock_now_ns();

	if (start > now)
		clock_sleep_ns(start - now);
	if (fleet_dhcp_get(f->dhcp, m->number, m->mac, &m->pool_addr) < 0)
		return fail_at(m, "dhcp", "no address for a machine that nobody knows");
	if (enrol(m) < 0)
		return -1;
	if (say_hello(m) < 0)
		return -1;
	/* It keeps the address that it booted with until it asks again. */
	for (int tries = 0; tries < ASK_AGAIN; tries++) {
		if (fleet_dhcp_get(f->dhcp, m->number, m->mac, &m->node_addr) < 0)
			return fail_at(m, "dhcp", "no address for the node");
		if (m->node_addr != m->pool_addr)
			return 0;
		clock_sleep_ns(NS_PER_S / 2);
	}
	return fail_at(m, "dhcp", "the node does not get its own address");
}

static void *run_machine(void *arg)
{
	struct machine_sim *m = arg;

	/* A real machine has processors of its own, and takes none from the head. */
	if (setpriority(PRIO_PROCESS, (id_t)gettid(), MACHINE_NICE) < 0)
		perror("fleet: setpriority");
	m->done = live(m) == 0;
	atomic_fetch_add(m->done ? &m->fleet->n_done : &m->fleet->n_failed, 1);
	return NULL;
}

/* One GET on the unix socket; its status, or -1. */
static int ask(const char *path, const char *target)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	autofree char *request = str_format("GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", target);
	char answer[65536];
	int status = -1;
	ssize_t got;

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&at, sizeof(at)) < 0 ||
	    send(fd, request, strlen(request), MSG_NOSIGNAL) < 0)
		return -1;
	for (bool first = true; (got = recv(fd, answer, sizeof(answer) - 1, 0)) > 0; first = false) {
		answer[got] = '\0';
		if (first && sscanf(answer, "HTTP/1.1 %d", &status) != 1)
			return -1;
	}
	return got < 0 ? -1 : status;
}

static void *run_prober(void *arg)
{
	static const char *const targets[] = { "/v1/status", "/v1/nodes/n0001", "/v1/events?latest=20", "/v1/nodes",
					       "/v1/pending" };
	struct fleet *f = arg;

	for (size_t i = 0; !atomic_load(&f->stop) && f->n_probes < PROBES_MAX; i++) {
		int64_t begun = clock_now_ns();
		int status = ask(f->socket, targets[i % ARRAY_LEN(targets)]);

		f->probes[f->n_probes] = clock_now_ns() - begun;
		if (status != 200 && status != 404)
			f->n_bad++;
		/* How late a sleep ends says how busy the machine is, whatever the head does. */
		begun = clock_now_ns();
		clock_sleep_ns(PROBE_EVERY_NS);
		f->late[f->n_probes++] = clock_now_ns() - begun - PROBE_EVERY_NS;
	}
	return NULL;
}

static int by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static void report(struct fleet *f, double seconds)
{
	char pool[16], node[16];

	for (unsigned int i = 0; i < f->n; i++) {
		struct machine_sim *m = &f->machines[i];

		fleet_addr_print(m->pool_addr, pool);
		fleet_addr_print(m->node_addr, node);
		if (m->done)
			printf("machine %u %s %s %s\n", i, m->node, pool, node);
		else
			printf("failed %u at %s: %s\n", i, m->failed ? m->failed : "?", m->why);
	}
	qsort(f->probes, f->n_probes, sizeof(*f->probes), by_time);
	qsort(f->late, f->n_probes, sizeof(*f->late), by_time);
	printf("busy late_p99_ms %.1f\n", f->n_probes ? (double)f->late[(f->n_probes - 1) * 99 / 100] / 1e6 : 0);
	printf("probes %zu bad %zu p50_ms %.1f p99_ms %.1f max_ms %.1f\n", f->n_probes, f->n_bad,
	       f->n_probes ? (double)f->probes[f->n_probes / 2] / 1e6 : 0,
	       f->n_probes ? (double)f->probes[(f->n_probes - 1) * 99 / 100] / 1e6 : 0,
	       f->n_probes ? (double)f->probes[f->n_probes - 1] / 1e6 : 0);
	printf("done %u failed %u seconds %.1f\n", atomic_load(&f->n_done), atomic_load(&f->n_failed), seconds);
}

static void make_machines(struct fleet *f)
{
	struct err err = { 0 };

	f->machines = mem_array(f->n, sizeof(*f->machines));
	for (unsigned int i = 0; i < f->n; i++) {
		struct machine_sim *m = &f->machines[i];
		const uint8_t mac[6] = { 0x52, 0x54, 0x01, 0, (uint8_t)(i >> 8), (uint8_t)i };

		m->fleet = f;
		m->number = i;
		memcpy(m->mac, mac, sizeof(mac));
		if (node_keys_make(&m->keys, &err) < 0 || x509_request_make(&m->keys.tls_pem, "machine", &m->csr, &err) < 0) {
			fprintf(stderr, "fleet: %s\n", err.text);
			exit(1);
		}
	}
}

static void run_all(struct fleet *f, int64_t limit_ns)
{
	pthread_t prober, *threads = mem_array(f->n, sizeof(*threads));
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	f->begin_ns = clock_now_ns() + NS_PER_S;
	if (pthread_create(&prober, NULL, run_prober, f) != 0)
		exit(1);
	for (unsigned int i = 0; i < f->n; i++)
		if (pthread_create(&threads[i], &attr, run_machine, &f->machines[i]) != 0) {
			perror("fleet: thread");
			exit(1);
		}
	while (atomic_load(&f->n_done) + atomic_load(&f->n_failed) < f->n && clock_now_ns() - f->begin_ns < limit_ns)
		clock_sleep_ns(50 * NS_PER_MS);
	atomic_store(&f->stop, true);
	pthread_join(prober, NULL);
	report(f, (double)(clock_now_ns() - f->begin_ns) / 1e9);
	fflush(stdout);
	free(threads);
}

/* fleet MACHINES SECONDS INTERFACE SERVER-ADDRESS PORT CA-FILE UNIX-SOCKET LIMIT-SECONDS */
int main(int argc, char **argv)
{
	struct fleet f = { 0 };

	if (argc != 9) {
		fprintf(stderr, "usage: fleet MACHINES SECONDS INTERFACE SERVER PORT CA-FILE UNIX-SOCKET LIMIT-SECONDS\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	f.n = (unsigned int)strtoul(argv[1], NULL, 10);
	f.over_ns = (int64_t)strtoul(argv[2], NULL, 10) * NS_PER_S;
	f.server = fleet_addr_read(argv[4]);
	f.port = (unsigned int)strtoul(argv[5], NULL, 10);
	f.socket = argv[7];
	f.probes = mem_array(PROBES_MAX, sizeof(*f.probes));
	f.late = mem_array(PROBES_MAX, sizeof(*f.late));
	f.tls = fleet_tls_open(argv[6]);
	f.dhcp = fleet_dhcp_open(argv[3], f.n);
	if (!f.tls || !f.dhcp || !f.n || !f.server || !f.port)
		return 1;
	make_machines(&f);
	printf("ready\n");
	fflush(stdout);
	run_all(&f, (int64_t)strtoul(argv[8], NULL, 10) * NS_PER_S);
	_exit(atomic_load(&f.n_done) == f.n ? 0 : 1);
}
