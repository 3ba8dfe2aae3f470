/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/casts.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/nodeset.h"

#include <stdlib.h>
#include <string.h>

void cast_views_free(struct cast_views *l)
{
	for (size_t i = 0; i < l->len; i++) {
		struct cast_shown *v = &l->items[i];

		for (size_t k = 0; k < v->n_rows; k++) {
			free(v->rows[k].node);
			free(v->rows[k].state);
			free(v->rows[k].way);
		}
		free(v->rows);
		free(v->image);
		free(v->state);
		free(v->error);
		free(v->ended_by);
		free(v->raw);
		str_list_free(&v->expected);
		str_list_free(&v->findings);
		str_list_free(&v->finding_keys);
	}
	free(l->items);
	str_list_free(&l->stopped);
	*l = (struct cast_views){ 0 };
}

static int read_row(const struct json_arr *a, size_t i, struct cast_shown_node *r, struct err *err)
{
	struct json_obj o;

	return json_arr_obj(a, i, &o, err) < 0 || json_str(&o, "node", JSON_MUST, &r->node, err) < 0 ||
			       json_str(&o, "state", JSON_MUST, &r->state, err) < 0 ||
			       json_str(&o, "way", JSON_MUST, &r->way, err) < 0 ||
			       json_u64(&o, "percent", JSON_MUST, 0, 100, &r->percent, err) < 0 ||
			       json_u64(&o, "loss_ppm", JSON_MUST, 0, UINT64_MAX, &r->loss_ppm, err) < 0 ||
			       json_bool(&o, "straggler", JSON_MUST, &r->straggler, err) < 0
		       ? -1
		       : 0;
}

static int read_counts(struct json_obj *o, struct cast_shown *v, struct err *err)
{
	const struct {
		const char *key;
		uint64_t *to;
	} counts[] = { { "cast", &v->cast },
		       { "seconds", &v->seconds },
		       { "bytes", &v->bytes },
		       { "wire_bytes", &v->wire_bytes },
		       { "sending_ms", &v->sending_ms },
		       { "rate", &v->rate },
		       { "pass", &v->pass },
		       { "loss_ppm", &v->loss_ppm },
		       { "rejected", &v->rejected },
		       { "complete", &v->complete },
		       { "percent", &v->percent } };

	for (size_t i = 0; i < ARRAY_LEN(counts); i++)
		if (json_u64(o, counts[i].key, JSON_MUST, 0, UINT64_MAX, counts[i].to, err) < 0)
			return -1;
	return 0;
}

static int read_findings(struct json_obj *o, struct cast_shown *v, struct err *err)
{
	struct json_arr a;

	if (json_arr(o, "findings", JSON_MAY, &a, err) <= 0)
		return err->kind == ERR_NONE ? 0 : -1;
	for (size_t i = 0; i < a.len; i++) {
		autofree char *raw = NULL, *text = NULL, *kind = NULL, *about = NULL, *key = NULL;
		struct json_obj f;

		if (json_arr_obj(&a, i, &f, err) < 0 || json_str(&f, "text", JSON_MUST, &raw, err) < 0 ||
		    json_str(&f, "kind", JSON_MUST, &kind, err) < 0 || json_str(&f, "about", JSON_MAY, &about, err) < 0)
			return -1;
		/* Names of switches are in it, as these say them. */
		text = str_printable(raw, strlen(raw));
		key = str_format("%llu %s %s", (unsigned long long)v->cast, kind, about ? about : "");
		str_list_add(&v->findings, text);
		str_list_add(&v->finding_keys, key);
	}
	return 0;
}

static int by_node(const void *a, const void *b)
{
	return nodeset_cmp(((const struct cast_shown_node *)a)->node, ((const struct cast_shown_node *)b)->node);
}

static int read_view(const struct json_arr *a, size_t i, struct cast_shown *v, struct err *err)
{
	struct json_arr rows;
	struct json_obj o;

	if (json_arr_raw(a, i, &v->raw, err) < 0 || json_arr_obj(a, i, &o, err) < 0 ||
	    json_str(&o, "image", JSON_MUST, &v->image, err) < 0 || json_str(&o, "state", JSON_MUST, &v->state, err) < 0 ||
	    json_str(&o, "error", JSON_MAY, &v->error, err) < 0 || json_str(&o, "ended_by", JSON_MAY, &v->ended_by, err) < 0 ||
	    json_bool(&o, "runs", JSON_MUST, &v->runs, err) < 0 || read_counts(&o, v, err) < 0 ||
	    json_strs(&o, "expected", JSON_MUST, &v->expected, err) < 0 || json_arr(&o, "nodes", JSON_MUST, &rows, err) < 0 ||
	    read_findings(&o, v, err) < 0)
		return -1;
	v->rows = mem_array(rows.len, sizeof(v->rows[0]));
	for (; v->n_rows < rows.len; v->n_rows++)
		if (read_row(&rows, v->n_rows, &v->rows[v->n_rows], err) < 0) {
			v->n_rows++;
			return -1;
		}
	/* Whoever came first. */
	qsort(v->rows, v->n_rows, sizeof(v->rows[0]), by_node);
	return 0;
}

static int read_stopped(struct json_obj *root, struct str_list *out, struct err *err)
{
	struct json_arr a;

	if (json_arr(root, "stopped", JSON_MUST, &a, err) < 0)
		return -1;
	for (size_t i = 0; i < a.len; i++) {
		autofree char *image = NULL, *by = NULL, *at = NULL;
		struct json_obj o;

		if (json_arr_obj(&a, i, &o, err) < 0 || json_str(&o, "image", JSON_MUST, &image, err) < 0 ||
		    json_str(&o, "by", JSON_MAY, &by, err) < 0 || json_str(&o, "at", JSON_MAY, &at, err) < 0)
			return -1;
		str_list_addf(
			out,
			"%s: not cast until no node is ordered to install it any more, or `orthrus cast resume`: stopped by "
			"%s at %s",
			image, by ? by : "?", at ? at : "?");
	}
	return 0;
}

int cast_views_read(const char *json, size_t len, struct cast_views *out, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_arr casts;
	struct json_obj o;

	if (json_parse(json, len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    json_arr(&o, "casts", JSON_MUST, &casts, err) < 0 || read_stopped(&o, &out->stopped, err) < 0)
		return err_wrap(err, "the daemon's answer");
	out->items = mem_array(casts.len, sizeof(out->items[0]));
	for (size_t i = 0; i < casts.len; i++) {
		out->len++;
		if (read_view(&casts, i, &out->items[i], err) < 0)
			return err_wrap(err, "the daemon's answer");
	}
	return 0;
}

bool cast_shown_left(const struct cast_shown *v, uint64_t *seconds)
{
	if (!v->runs || !v->rate || !v->bytes || v->percent >= 100)
		return false;
	*seconds = (uint64_t)((double)v->bytes * (double)(100 - v->percent) / 100.0 / (double)v->rate + 0.5);
	return true;
}
