/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/image_new.h"

#include "base/mem.h"
#include "cmd/images.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/http_client.h"

#include <stdio.h>

void image_new_line(void *ctx, const char *text)
{
	struct image_new_telling *t = ctx;

	if (t->c->json || t->c->quiet)
		return;
	progress_end(&t->progress, clock_now_ns());
	fprintf(stderr, "  %s\n", text);
}

void image_new_progress(void *ctx, const char *stage, uint64_t done_bytes, uint64_t total_bytes)
{
	struct image_new_telling *t = ctx;

	progress_update(&t->progress, stage, done_bytes, total_bytes, clock_now_ns());
}

static void say_stages(const struct cmd *c, const struct pipeline_stats *s)
{
	autofree char *speed = images_speed(s->raw_bytes, s->total_ns);
	char shared[STR_BYTES_MAX], stored[STR_BYTES_MAX];

	str_from_bytes(s->shared_bytes, shared);
	str_from_bytes(s->stored_bytes, stored);
	cmd_say(c, "  %s, %s of them shared, %s stored", speed, shared, stored);
}

static void put_stages(struct json_out *w, const struct pipeline_stats *s)
{
	const struct {
		const char *name;
		int64_t ns;
	} stages[] = { { "hash", s->hash_ns }, { "compare", s->compare_ns }, { "compress", s->compress_ns },
		       { "pack", s->pack_ns }, { "sync", s->sync_ns },	     { "seconds", s->total_ns } };

	json_put_obj(w, "stages");
	for (size_t i = 0; i < ARRAY_LEN(stages); i++)
		json_put_f64(w, stages[i].name, (double)stages[i].ns / (double)NS_PER_S);
	json_put_u64(w, "workers", s->workers);
	json_put_u64(w, "raw_bytes", s->raw_bytes);
	json_put_u64(w, "shared_bytes", s->shared_bytes);
	json_put_u64(w, "stored_bytes", s->stored_bytes);
	json_put_u64(w, "bytes_per_second", images_per_second(s->raw_bytes, s->total_ns));
	json_end_obj(w);
}

/* The site, when there is one. */
int image_new_site(const struct cmd *c, struct site *site, bool *has, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };

	*has = fs_exists(c->site_path);
	if (!*has)
		return 0;
	if (cmd_read_site(c->site_path, &text, err) < 0)
		return -1;
	return site_read(buf_str(&text), text.len, c->site_path, site, err);
}

/* The cluster's keys, made now if this is the first thing the cluster does. */
int image_new_keys(const struct cmd *c, const struct site *site, bool has_site, struct sign_key *key, char **cluster_id,
		   struct err *err)
{
	autofree char *dir = cmd_path(c, "/var/lib/orthrus/pki");
	autoclean(pki_paths_free) struct pki_paths paths = { 0 };

	if (!has_site && !fs_exists(dir)) {
		err_set(err, ERR_FAILED, "there are no keys to sign with in %s, and no site to make them for", dir);
		return err_hint(err, "run `orthrus site init` first");
	}
	/* Without names the server's certificate is left alone: it is the daemon's business. */
	if (pki_ensure(dir, has_site ? site->cluster : "orthrus", NULL, NULL, &paths, err) < 0)
		return -1;
	if (cluster_id_load(paths.cluster_id, cluster_id, err) < 0)
		return -1;
	return sign_key_load(paths.sign_key, key, err);
}

/* So that nodes which stay on their disks for want of this image need not: the daemon can't see what is put into the store. No
 * daemon is no problem: it looks when it starts. */
int image_new_tell(struct cmd *c, const char *ref, struct err *err)
{
	autofree char *sock = cmd_path(c, "/run/orthrus/api.sock");
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autoclean(buf_free) struct buf body = { 0 };
	autofree char *problem = NULL;
	struct json_out w;
	int rc;

	if (!fs_exists(sock))
		return 0;
	json_out_init(&w, &body, false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "image", ref);
	json_end_obj(&w);
	rc = cmd_call(c, "POST", "/v1/images/look", buf_str(&body), &reply, err);
	if (rc < 0 && reply.nobody) {
		*err = (struct err){ 0 };
		return 0;
	}
	if (rc == 0 && (rc = cmd_problem(&reply, &problem, err)) == 0) {
		if (!problem)
			return 0;
		err_set(err, ERR_FAILED, "the image is in the store, but network boot does not follow yet: %s", problem);
		return err_hint(err, CMD_FOLLOWS_HINT);
	}
	err->kind = ERR_FAILED;
	err_wrap(err, "the image is in the store, but orthrusd does not know it yet");
	return err->hint[0] ? -1 : err_hint(err, "`orthrus site apply` or systemctl restart orthrusd makes it look");
}

int image_new_end(struct cmd *c, const char *ref, const struct pipeline_stats *s, int64_t took_ns,
		  void (*put_more)(struct json_out *w, const void *ctx), const void *ctx, struct err *err)
{
	autoclean(buf_free) struct buf out = { 0 };
	struct err behind = { 0 };
	struct json_out w;
	int rc = image_new_tell(c, ref, &behind);

	if (rc < 0)
		*err = behind;
	if (!c->json) {
		cmd_say(c, "image %s is in the store (%lld s)", ref, (long long)(took_ns / NS_PER_S));
		say_stages(c, s);
		return rc;
	}
	json_out_init(&w, &out, true);
	json_put_obj(&w, NULL);
	json_put_str(&w, "image", ref);
	json_put_f64(&w, "seconds", (double)took_ns / (double)NS_PER_S);
	if (put_more)
		put_more(&w, ctx);
	put_stages(&w, s);
	json_put_str(&w, "problem", rc < 0 ? behind.text : NULL);
	json_end_obj(&w);
	cmd_print(buf_str(&out));
	if (rc < 0)
		err->text[0] = '\0'; /* said in the result */
	return rc;
}
