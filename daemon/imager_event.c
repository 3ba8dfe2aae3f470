/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/imager_event.h"

#include "base/mem.h"

#include <string.h>

#define STEP_MAX 128
#define TEXT_MAX 700 /* an event's text holds it whole */
#define MDSTAT_MAX 8192

/* Longer is an error; unprintable bytes become visible. Newlines stay where `lines`. */
static int take(struct json_obj *o, const char *key, enum json_need need, size_t max, bool lines, char **out, struct err *err)
{
	autofree char *raw = NULL;
	size_t len;

	if (json_str(o, key, need, &raw, err) < 0)
		return -1;
	if (!raw)
		return 0;
	len = strlen(raw);
	if (len > max)
		return json_bad(o, key, err, "is longer than %zu bytes", max);
	for (char *p = raw; lines && *p; p++)
		if ((unsigned char)*p < ' ' && *p != '\n')
			*p = ' ';
	free(*out);
	*out = lines ? mem_strdup(raw) : str_printable(raw, len);
	return 0;
}

/* What the imager says of a step or an error may be long, like the list of 64 disks: it is cut, not refused, for it must arrive.
 * The request's own limit is the only one. */
static int take_cut(struct json_obj *o, const char *key, char **out, struct err *err)
{
	size_t end = TEXT_MAX - 3;

	if (take(o, key, JSON_MAY, SIZE_MAX, false, out, err) < 0)
		return -1;
	if (!*out || strlen(*out) <= TEXT_MAX)
		return 0;
	while (end && ((unsigned char)(*out)[end] & 0xc0) == 0x80)
		end--; /* not inside a character */
	memcpy(*out + end, "...", 4);
	return 0;
}

static int take_id(struct json_obj *o, char **out, struct err *err)
{
	if (json_str(o, "install_id", JSON_MUST, out, err) < 0)
		return -1;
	if (strlen(*out) != 32 || strspn(*out, "0123456789abcdef") != 32)
		return json_bad(o, "install_id", err, "must be 32 lower-case hex digits");
	return 0;
}

static int read_event(struct json_obj *o, struct imager_event *ev, struct err *err)
{
	static const char *const types[] = { "begin", "done", "failed", "progress", NULL };
	int type = 0;

	if (take_id(o, &ev->install_id, err) < 0 || json_u64(o, "seq", JSON_MUST, 1, UINT64_MAX - 1, &ev->seq, err) < 0 ||
	    take(o, "step", JSON_MUST, STEP_MAX, false, &ev->step, err) < 0 ||
	    json_enum(o, "event", JSON_MUST, types, &type, err) < 0 || take_cut(o, "text", &ev->text, err) < 0 ||
	    json_u64(o, "percent", JSON_MAY, 0, 100, &ev->percent, err) < 0 || take_cut(o, "error", &ev->error, err) < 0 ||
	    take_cut(o, "hint", &ev->hint, err) < 0)
		return -1;
	ev->type = (enum imager_event_type)type;
	if (!ev->step[0])
		return json_bad(o, "step", err, "is empty");
	return json_obj_end(o, err);
}

int imager_event_read(const char *json, size_t len, struct imager_event *out, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(imager_event_free) struct imager_event ev = { 0 };
	struct json_obj o;

	if (json_parse(json, len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 || read_event(&o, &ev, err) < 0)
		return err_wrap(err, "an event of the imager");
	*out = ev;
	ev = (struct imager_event){ 0 };
	return 0;
}

void imager_event_free(struct imager_event *ev)
{
	free(ev->install_id);
	free(ev->step);
	free(ev->text);
	free(ev->error);
	free(ev->hint);
	*ev = (struct imager_event){ 0 };
}

static int take_fat_uuid(struct json_obj *o, const char *key, char **out, struct err *err)
{
	static const char hex[] = "0123456789abcdefABCDEF";

	if (json_str(o, key, JSON_MAY, out, err) < 0)
		return -1;
	if (!*out || (strlen(*out) == 9 && strspn(*out, hex) == 4 && (*out)[4] == '-' && strspn(*out + 5, hex) == 4))
		return 0;
	return json_bad(o, key, err, "is no FAT volume id: four hex digits, '-', four hex digits");
}

static int read_done(struct json_obj *o, struct imager_done *out, struct err *err)
{
	struct json_obj report;
	int has_report;

	/* Kept as it is, but it must be an object. */
	if (take_id(o, &out->install_id, err) < 0 || (has_report = json_obj(o, "report", JSON_MAY, &report, err)) < 0 ||
	    json_raw(o, "report", JSON_MAY, &out->report, err) < 0 ||
	    (has_report && take_fat_uuid(&report, "esp_uuid", &out->esp_uuid, err) < 0))
		return -1;
	return json_obj_end(o, err);
}

int imager_done_read(const char *json, size_t len, struct imager_done *out, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(imager_done_free) struct imager_done done = { 0 };
	struct json_obj o;

	if (json_parse(json, len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 || read_done(&o, &done, err) < 0)
		return err_wrap(err, "the end of an installation");
	*out = done;
	done = (struct imager_done){ 0 };
	return 0;
}

void imager_done_free(struct imager_done *d)
{
	free(d->install_id);
	free(d->report);
	free(d->esp_uuid);
	*d = (struct imager_done){ 0 };
}

static int read_booted(struct json_obj *o, struct imager_booted *b, struct err *err)
{
	if (take_id(o, &b->install_id, err) < 0 || take(o, "root", JSON_MAY, 256, false, &b->root, err) < 0 ||
	    take(o, "mdstat", JSON_MAY, MDSTAT_MAX, true, &b->mdstat, err) < 0 ||
	    take(o, "kernel", JSON_MAY, 256, false, &b->kernel, err) < 0 ||
	    take(o, "boot_id", JSON_MAY, 64, false, &b->boot_id, err) < 0 ||
	    take(o, "os", JSON_MAY, 64, false, &b->os, err) < 0 || take_fat_uuid(o, "esp", &b->esp, err) < 0)
		return -1;
	return json_obj_end(o, err);
}

int imager_booted_read(const char *json, size_t len, struct imager_booted *out, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(imager_booted_free) struct imager_booted b = { 0 };
	struct json_obj o;

	if (json_parse(json, len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 || read_booted(&o, &b, err) < 0)
		return err_wrap(err, "a node's report");
	*out = b;
	b = (struct imager_booted){ 0 };
	return 0;
}

void imager_booted_print(const struct imager_booted *b, struct json_out *w)
{
	json_put_obj(w, NULL);
	json_put_str(w, "install_id", b->install_id);
	json_put_str(w, "root", b->root);
	json_put_str(w, "mdstat", b->mdstat);
	json_put_str(w, "kernel", b->kernel);
	json_put_str(w, "boot_id", b->boot_id);
	json_put_str(w, "os", b->os);
	json_put_str(w, "esp", b->esp);
	json_end_obj(w);
}

void imager_booted_free(struct imager_booted *b)
{
	free(b->install_id);
	free(b->root);
	free(b->mdstat);
	free(b->kernel);
	free(b->boot_id);
	free(b->os);
	free(b->esp);
	*b = (struct imager_booted){ 0 };
}
