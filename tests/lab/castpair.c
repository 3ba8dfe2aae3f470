/* SPDX-License-Identifier: GPL-2.0-or-later */
/* castpair send|receive FILE [options]: one side of a cast of a file, without tickets: both sides make the same keys of a secret
 * of the command line. For measuring, and for tests of what lies below the tickets. The receiver gets the length by --bytes.
 * Prints `RESULT castpair ...`; exit 0: all is there (of the sender: everybody has all). */
#include "base/mem.h"
#include "cast/rx.h"
#include "cast/tx.h"
#include "cast/wire.h"
#include "castpair.h"
#include "castpair_words.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* --- the sender */
struct file_source {
	const struct layout *layout;
	const char *name;
	int fd;
	bool rows;
	struct hashers hashers;
	struct digest *digests;
	uint8_t *known; /* of a chunk that is there: one thread reads it at a time */
	const uint8_t *sign_secret;
};

/* Hashed while it is in the caches. */
static const uint8_t *source_chunk(void *ctx, uint32_t chunk, uint8_t *scratch, struct err *err)
{
	struct file_source *s = ctx;
	const size_t len = layout_chunk_len(s->layout, chunk);

	if (pread(s->fd, scratch, len, (off_t)layout_chunk_at(s->layout, chunk)) != (ssize_t)len) {
		err_errno(err, errno, "read %s", s->name);
		return NULL;
	}
	if (s->rows && !s->known[chunk]) {
		hash_piece(&s->hashers, scratch, len, &s->digests[chunk]);
		s->known[chunk] = 1;
	}
	return scratch;
}

static int source_digest(void *ctx, uint32_t chunk, struct digest *out, struct err *err)
{
	const struct file_source *s = ctx;

	if (!s->known[chunk])
		return err_set(err, ERR_FAILED, "the digest of chunk %u is not known", chunk);
	*out = s->digests[chunk];
	return 0;
}

static int source_sign(void *ctx, const uint8_t *data, size_t len, uint8_t signature[64], struct err *err)
{
	const struct file_source *s = ctx;

	(void)err;
	crypto_sign_detached(signature, NULL, data, len, s->sign_secret);
	return 0;
}

struct watch {
	struct tx *tx;
	struct rx *rx;
	pthread_t thread;
	_Atomic bool stop;
};

static void *watch_main(void *arg)
{
	struct watch *w = arg;

	while (!w->stop) {
		if (w->tx) {
			struct tx_view v;

			tx_look(w->tx, &v);
			fprintf(stderr,
				"%.2f s: stage %d pass %u, %llu data, %llu parity, %llu repair, rate %.1f MB/s, loss %u ppm, "
				"%u joined %u complete %u lagging %u silent, %u of %u blocks, grtt %u us\n",
				v.seconds, v.sender.stage, v.sender.pass, (unsigned long long)v.sender.data_packets,
				(unsigned long long)v.sender.parity_packets, (unsigned long long)v.sender.repair_packets,
				(double)v.sender.rate / 1e6, v.sender.loss_ppm, v.sender.joined, v.sender.complete,
				v.sender.lagging, v.sender.silent, v.sender.blocks_sent, v.sender.blocks_to_send,
				v.sender.grtt_us);
		} else {
			struct rx_view v;

			rx_look(w->rx, &v);
			fprintf(stderr, "state %d, %u good, %u lacking, loss %u ppm, %llu packets, %llu known, %llu repaired\n",
				v.receiver.state, v.receiver.chunks_good, v.receiver.blocks_lacking, v.receiver.loss_ppm,
				(unsigned long long)v.packets, (unsigned long long)v.receiver.known,
				(unsigned long long)v.repaired_symbols);
		}
		clock_sleep_ns(100 * NS_PER_MS);
	}
	return NULL;
}

static void join_all(const struct options *o, struct tx *tx)
{
	struct err err = { 0 };

	for (unsigned int i = 1; i <= o->receivers; i++) {
		uint8_t key[SESSION_KEY];

		key_of(o, "own", i, key);
		if (tx_join(tx, (uint16_t)i, key, NULL, &err) < 0)
			die("join", &err);
	}
}

static int tell_send(const struct options *o, struct tx *tx, uint64_t bytes)
{
	struct tx_view v;

	tx_look(tx, &v);
	print_common("send", bytes, v.seconds);
	printf(" wire_ratio=%.4f data=%llu parity=%llu repair=%llu first_pass=%llu nacks=%llu rounds=%llu rejected=%llu "
	       "rate_mb_s=%.0f "
	       "loss_ppm=%u grtt_us=%u joined=%u complete=%u silent=%u lagging=%u ways=%x\n",
	       (double)v.wire_bytes / (double)bytes, (unsigned long long)v.sender.data_packets,
	       (unsigned long long)v.sender.parity_packets, (unsigned long long)v.sender.repair_packets,
	       (unsigned long long)v.sender.first_pass_packets, (unsigned long long)v.sender.nacks,
	       (unsigned long long)v.sender.rounds, (unsigned long long)v.rejected, (double)v.sender.rate / 1e6,
	       v.sender.loss_ppm, v.sender.grtt_us, v.sender.joined, v.sender.complete, v.sender.silent, v.sender.lagging,
	       v.ways);
	return v.sender.complete == o->receivers ? 0 : 1;
}

static int do_send(const struct options *o)
{
	uint8_t sign_secret[64];
	struct session session;
	struct stat st;
	struct err err = { 0 };
	struct file_source source = { .sign_secret = sign_secret, .name = o->file, .rows = !o->no_rows };
	autoclose int fd = open(o->file, O_RDONLY | O_CLOEXEC);
	struct watch w = { 0 };
	struct layout *layout;
	struct tx *tx = NULL;
	int rc;

	if (fd < 0 || fstat(fd, &st) < 0)
		die(o->file, NULL);
	session_of(o, &session, sign_secret);
	source.layout = layout = layout_for(o, (uint64_t)st.st_size);
	source.fd = fd;
	source.digests = mem_array(layout_chunks(layout), sizeof(struct digest));
	source.known = mem_array(layout_chunks(layout), 1);
	pthread_mutex_init(&source.hashers.lock, NULL);
	struct tx_opts to = { .layout = layout,
			      .session = &session,
			      .source = { .chunk = source_chunk,
					  .digest = o->no_rows ? NULL : source_digest,
					  .sign = source_sign,
					  .ctx = &source },
			      .expected = o->expected ? o->expected : o->receivers,
			      .gather_ns = o->gather_ms * NS_PER_MS,
			      .empty_ns = o->empty_ms * NS_PER_MS,
			      .rate_max = o->rate,
			      .hands = o->hands,
			      .one_by_one = o->one_by_one };
	snprintf(to.interface, sizeof(to.interface), "%s", o->interface);
	if (tx_open(&to, &tx, &err) < 0)
		die("open", &err);
	join_all(o, tx);
	if (o->receivers == 0)
		tx_start(tx);
	w.tx = tx;
	if (o->watch)
		pthread_create(&w.thread, NULL, watch_main, &w);
	if (tx_run(tx, &err) < 0)
		die("run", &err);
	w.stop = true;
	if (o->watch)
		pthread_join(w.thread, NULL);
	rc = tell_send(o, tx, (uint64_t)st.st_size);
	tx_close(tx);
	hashers_clear(&source.hashers);
	free(source.digests);
	free(source.known);
	layout_drop(layout);
	return rc;
}

/* --- the receiver */
struct file_sink {
	const struct options *o;
	const struct layout *layout;
	int fd;
	struct hashers hashers;
	_Atomic int64_t first_ns, last_ns;
};

static int sink_chunk(void *ctx, unsigned int hand, uint32_t chunk, const uint8_t *data, size_t len, const struct digest *digest,
		      struct err *err)
{
	struct file_sink *s = ctx;
	uint64_t at = layout_chunk_at(s->layout, chunk);
	struct digest d;

	(void)hand;
	if (!s->first_ns)
		s->first_ns = clock_now_ns();
	if (!s->o->no_check) {
		hash_piece(&s->hashers, data, len, &d);
		if (digest && digest_cmp(&d, digest) != 0)
			return err_set(err, ERR_DAMAGED, "chunk %u is damaged", chunk);
	}
	for (size_t done = 0; done < len;) {
		const ssize_t n = pwrite(s->fd, data + done, len - done, (off_t)(at + done));

		if (n < 0)
			return err_errno(err, errno, "write %s", s->o->file);
		done += (size_t)n;
	}
	s->last_ns = clock_now_ns();
	return 0;
}

static int tell_receive(const struct file_sink *s, struct rx *rx, bool whole)
{
	struct rx_view v;

	rx_look(rx, &v);
	print_common("receive", v.stored_bytes, (double)(s->last_ns - s->first_ns) / 1e9);
	printf(" whole=%d packets=%llu known=%llu rejected=%llu bad_chunks=%llu dropped_for_memory=%llu repaired=%llu "
	       "loss_ppm=%u "
	       "state=%d probes=%03x\n",
	       whole, (unsigned long long)v.packets, (unsigned long long)v.receiver.known, (unsigned long long)v.rejected,
	       (unsigned long long)v.bad_chunks, (unsigned long long)v.dropped_for_memory, (unsigned long long)v.repaired_symbols,
	       v.receiver.loss_ppm, v.receiver.state, v.probes);
	return whole ? 0 : 1;
}

static int do_receive(const struct options *o)
{
	uint8_t sign_secret[64];
	struct session session;
	struct err err = { 0 };
	struct file_sink sink = { .o = o, .fd = open(o->file, O_RDWR | O_CREAT | O_CLOEXEC, 0600) };
	struct watch w = { 0 };
	struct layout *layout;
	struct rx *rx = NULL;
	bool whole = false;
	int rc;

	if (sink.fd < 0 || ftruncate(sink.fd, (off_t)o->bytes) < 0)
		die(o->file, NULL);
	session_of(o, &session, sign_secret);
	sink.layout = layout = layout_for(o, o->bytes);
	pthread_mutex_init(&sink.hashers.lock, NULL);
	struct rx_opts ro = { .layout = layout,
			      .session = &session,
			      .rows = !o->no_rows,
			      .sink = { .chunk = sink_chunk, .ctx = &sink },
			      .hands = o->hands,
			      .memory_bytes = (size_t)o->memory_mib << 20,
			      .silence_ns = o->silence_ms * NS_PER_MS,
			      .one_by_one = o->one_by_one };
	snprintf(ro.interface, sizeof(ro.interface), "%s", o->interface);
	if (rx_open(&ro, &rx, &err) < 0)
		die("open", &err);
	w.rx = rx;
	if (o->watch)
		pthread_create(&w.thread, NULL, watch_main, &w);
	if (rx_run(rx, &whole, &err) < 0)
		die("run", &err);
	if (o->sync && fsync(sink.fd) < 0)
		die("fsync", NULL);
	if (whole)
		rx_done(rx);
	w.stop = true;
	if (o->watch)
		pthread_join(w.thread, NULL);
	rc = tell_receive(&sink, rx, whole);
	rx_close(rx);
	close(sink.fd);
	hashers_clear(&sink.hashers);
	layout_drop(layout);
	return rc;
}

int main(int argc, char **argv)
{
	struct options o = { .interface = "", .port = 7400, .symbol = LAYOUT_SYMBOL, .piece = PIECE, .gather_ms = 10000 };

	log_init("castpair", false);
	if (argc < 3 || sodium_init() < 0)
		usage("too few words");
	o.file = argv[2];
	read_options(&o, argc - 3, argv + 3);
	if (!o.secret || !o.group || !o.sender)
		usage("--secret, --group and --sender are needed");
	if (strcmp(argv[1], "send") == 0)
		return do_send(&o);
	if (strcmp(argv[1], "receive") == 0 && o.number && o.bytes)
		return do_receive(&o);
	usage(argv[1]);
}
