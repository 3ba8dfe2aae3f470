/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lines of the child: see cast_lines.h. */
#include "base/json.h"
#include "base/mem.h"
#include "cast/wire.h"
#include "daemon/cast_lines.h"

#include <string.h>

#define NUMBER_MAX 65535
#define STATE_MAX 6
#define STAGE_MAX 5
#define COUNT_MAX ((uint64_t)1 << 53)

static const char *const words[] = { "opened", "joined", "refused", "progress", "receivers", "ended", NULL };

/* The counts of a progress line, each by its name. */
static const struct {
	const char *key;
	size_t at;
	uint64_t max;
} counts[] = {
	{ "stage", offsetof(struct cast_progress, stage), STAGE_MAX },
	{ "pass", offsetof(struct cast_progress, pass), 255 },
	{ "data_packets", offsetof(struct cast_progress, data_packets), COUNT_MAX },
	{ "parity_packets", offsetof(struct cast_progress, parity_packets), COUNT_MAX },
	{ "repair_packets", offsetof(struct cast_progress, repair_packets), COUNT_MAX },
	{ "wire_bytes", offsetof(struct cast_progress, wire_bytes), COUNT_MAX },
	{ "rejected", offsetof(struct cast_progress, rejected), COUNT_MAX },
	{ "rate", offsetof(struct cast_progress, rate), COUNT_MAX },
	{ "blocks_to_send", offsetof(struct cast_progress, blocks_to_send), UINT32_MAX },
	{ "blocks_sent", offsetof(struct cast_progress, blocks_sent), UINT32_MAX },
	{ "grtt_us", offsetof(struct cast_progress, grtt_us), UINT32_MAX },
	{ "loss_ppm", offsetof(struct cast_progress, loss_ppm), UINT32_MAX },
	{ "ms", offsetof(struct cast_progress, ms), COUNT_MAX },
	{ "ways", offsetof(struct cast_progress, ways), WIRE_HEARD_WAYS },
};

static int read_opened(struct json_obj *o, struct cast_said_line *l, struct err *err)
{
	autofree char *hex = NULL, *sign = NULL;
	struct err why = { 0 };

	if (json_u64(o, "port", JSON_MUST, 1, 65535, &l->port, err) < 0 ||
	    json_u64(o, "chunks", JSON_MUST, 1, UINT32_MAX, &l->chunks, err) < 0 ||
	    json_u64(o, "blocks", JSON_MUST, 1, UINT32_MAX, &l->blocks, err) < 0 ||
	    json_u64(o, "bytes", JSON_MUST, 1, COUNT_MAX, &l->bytes, err) < 0 ||
	    json_str(o, "layout", JSON_MUST, &hex, err) < 0 || json_str(o, "sign_public", JSON_MUST, &sign, err) < 0)
		return -1;
	if (strlen(hex) != DIGEST_HEX_LEN - 1 || str_unhex(hex, l->layout.bytes, DIGEST_LEN, &why) < 0)
		return json_bad(o, "layout", err, "is not 64 hex digits");
	if (strlen(sign) != 2 * CAST_KEY || str_unhex(sign, l->sign_public, CAST_KEY, &why) < 0)
		return json_bad(o, "sign_public", err, "is not 64 hex digits");
	return 0;
}

static int read_progress(struct json_obj *o, struct cast_progress *p, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(counts); i++)
		if (json_u64(o, counts[i].key, JSON_MUST, 0, counts[i].max, (uint64_t *)(void *)((char *)p + counts[i].at), err) <
		    0)
			return -1;
	return p->stage ? 0 : json_bad(o, "stage", err, "is 0");
}

static int read_view(const struct json_arr *a, size_t i, struct cast_view *v, struct err *err)
{
	struct json_obj o;
	uint64_t probes = 0;

	if (json_arr_obj(a, i, &o, err) < 0 || json_u64(&o, "number", JSON_MUST, 1, NUMBER_MAX, &v->number, err) < 0 ||
	    json_u64(&o, "state", JSON_MUST, 0, STATE_MAX, &v->state, err) < 0 ||
	    json_u64(&o, "lacking", JSON_MUST, 0, UINT32_MAX, &v->lacking, err) < 0 ||
	    json_u64(&o, "loss_ppm", JSON_MUST, 0, UINT32_MAX, &v->loss_ppm, err) < 0 ||
	    json_u64(&o, "heard_ms", JSON_MUST, 0, COUNT_MAX, &v->heard_ms, err) < 0 ||
	    json_bool(&o, "straggler", JSON_MUST, &v->straggler, err) < 0 ||
	    json_u64(&o, "sent", JSON_MUST, 0, COUNT_MAX, &v->sent, err) < 0 ||
	    json_u64(&o, "came", JSON_MUST, 0, COUNT_MAX, &v->came, err) < 0 ||
	    json_u64(&o, "reports", JSON_MUST, 0, UINT32_MAX, &v->reports, err) < 0 ||
	    json_u64(&o, "pressed", JSON_MUST, 0, UINT32_MAX, &v->pressed, err) < 0 ||
	    json_u64(&o, "hellos", JSON_MUST, 0, 255, &v->hellos, err) < 0 ||
	    json_u64(&o, "buffer_kib", JSON_MUST, 0, UINT32_MAX, &v->buffer_kib, err) < 0 ||
	    json_u64(&o, "probes", JSON_MUST, 0, WIRE_HEARD_ALL, &probes, err) < 0)
		return -1;
	v->probes = (uint16_t)probes;
	return json_obj_end(&o, err);
}

static int read_views(struct json_obj *o, struct cast_said_line *l, struct err *err)
{
	struct json_arr a;

	if (json_arr_max(o, "receivers", JSON_MUST, CAST_VIEWS_MAX, &a, err) < 0)
		return -1;
	l->views = mem_array(a.len, sizeof(l->views[0]));
	for (; l->n_views < a.len; l->n_views++)
		if (read_view(&a, l->n_views, &l->views[l->n_views], err) < 0)
			return -1;
	return 0;
}

static int read_text(struct json_obj *o, enum json_need need, char **out, struct err *err)
{
	if (json_str(o, "text", need, out, err) < 0)
		return -1;
	return *out && strlen(*out) > CAST_WORDS_MAX ? json_bad(o, "text", err, "has %zu bytes", strlen(*out)) : 0;
}

static int read_said(struct json_obj *o, void *out, struct err *err)
{
	struct cast_said_line *l = out;
	int word = 0, rc = 0;

	if (json_enum(o, "said", JSON_MUST, words, &word, err) < 0)
		return -1;
	l->what = (enum cast_said)(word + 1);
	switch (l->what) {
	case CAST_SAID_OPENED:
		rc = read_opened(o, l, err);
		break;
	case CAST_SAID_REFUSED:
		rc = read_text(o, JSON_MUST, &l->text, err);
		rc = rc < 0 ? rc : json_u64(o, "number", JSON_MUST, 1, NUMBER_MAX, &l->number, err);
		rc = rc < 0 ? rc : json_bool(o, "too_large", JSON_MAY, &l->too_large, err);
		break;
	case CAST_SAID_JOINED:
		rc = json_u64(o, "number", JSON_MUST, 1, NUMBER_MAX, &l->number, err);
		break;
	case CAST_SAID_PROGRESS:
		rc = read_progress(o, &l->progress, err);
		break;
	case CAST_SAID_RECEIVERS:
		rc = read_views(o, l, err);
		break;
	case CAST_SAID_ENDED:
		rc = read_text(o, JSON_MAY, &l->text, err);
		rc = rc < 0 ? rc : json_bool(o, "too_large", JSON_MAY, &l->too_large, err);
		break;
	}
	return rc < 0 ? -1 : json_obj_end(o, err);
}

int cast_said_read(const char *line, size_t len, struct cast_said_line *out, struct err *err)
{
	*out = (struct cast_said_line){ 0 };
	if (len > CAST_LINE_MAX)
		return err_set(err, ERR_INVALID, "the line has %zu bytes", len);
	if (json_read(line, len, read_said, out, err) == 0)
		return 0;
	cast_said_free(out);
	return -1;
}

static void put_opened(struct json_out *w, const struct cast_said_line *l)
{
	char hex[DIGEST_HEX_LEN], sign[2 * CAST_KEY + 1];

	digest_hex(&l->layout, hex);
	str_hex(l->sign_public, CAST_KEY, sign);
	json_put_u64(w, "port", l->port);
	json_put_u64(w, "chunks", l->chunks);
	json_put_u64(w, "blocks", l->blocks);
	json_put_u64(w, "bytes", l->bytes);
	json_put_str(w, "layout", hex);
	json_put_str(w, "sign_public", sign);
}

static void put_views(struct json_out *w, const struct cast_said_line *l)
{
	json_put_arr(w, "receivers");
	for (size_t i = 0; i < l->n_views; i++) {
		const struct cast_view *v = &l->views[i];

		json_put_obj(w, NULL);
		json_put_u64(w, "number", v->number);
		json_put_u64(w, "state", v->state);
		json_put_u64(w, "lacking", v->lacking);
		json_put_u64(w, "loss_ppm", v->loss_ppm);
		json_put_u64(w, "heard_ms", v->heard_ms);
		json_put_bool(w, "straggler", v->straggler);
		json_put_u64(w, "sent", v->sent);
		json_put_u64(w, "came", v->came);
		json_put_u64(w, "reports", v->reports);
		json_put_u64(w, "pressed", v->pressed);
		json_put_u64(w, "hellos", v->hellos);
		json_put_u64(w, "buffer_kib", v->buffer_kib);
		json_put_u64(w, "probes", v->probes);
		json_end_obj(w);
	}
	json_end_arr(w);
}

void cast_said_write(const struct cast_said_line *l, struct buf *out)
{
	struct json_out w;

	json_out_init(&w, out, false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "said", words[l->what - 1]);
	switch (l->what) {
	case CAST_SAID_OPENED:
		put_opened(&w, l);
		break;
	case CAST_SAID_REFUSED:
	case CAST_SAID_ENDED:
		json_put_str(&w, "text", l->text);
		if (l->too_large)
			json_put_bool(&w, "too_large", true);
		if (l->what == CAST_SAID_ENDED)
			break;
		json_put_u64(&w, "number", l->number);
		break;
	case CAST_SAID_JOINED:
		json_put_u64(&w, "number", l->number);
		break;
	case CAST_SAID_PROGRESS:
		for (size_t i = 0; i < ARRAY_LEN(counts); i++)
			json_put_u64(&w, counts[i].key,
				     *(const uint64_t *)(const void *)((const char *)&l->progress + counts[i].at));
		break;
	case CAST_SAID_RECEIVERS:
		put_views(&w, l);
		break;
	}
	json_end_obj(&w);
	buf_addc(out, '\n');
}

void cast_said_free(struct cast_said_line *l)
{
	free(l->text);
	free(l->views);
	*l = (struct cast_said_line){ 0 };
}
