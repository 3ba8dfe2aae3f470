/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The array for images is made, mounted, let go and, after an express word, erased. */
#include "base/mem.h"
#include "headinstall/apply_priv.h"
#include "headinstall/paths.h"
#include "headinstall/programs.h"
#include "headinstall/store.h"
#include "sys/log.h"

#include <string.h>
#include <unistd.h>

/* Nothing is mounted there: the array is mounted by systemd, from its unit. */
#define NOWHERE "/run/orthrus-store"

/* On disk before the first step that destroys something: whoever goes on after a kill knows what is half made, and by whose word.
 */
static int note_array(struct head_apply *a, struct err *err)
{
	autoclean(head_array_free) struct head_array array = { 0 };
	autoclean(buf_free) struct buf line = { 0 };

	if (a->record->j.array.there)
		return 0;
	head_store_array(a->store, &array);
	head_line_array(&line, &array);
	return head_record_note(a->record, &line, err);
}

/* mdadm asks for a module only by the number of a device, which a kernel may know no name for. One built in is no module. */
static void load_modules(const struct head_store *s)
{
	const char *level = s->level == 1 ? "raid1" : s->level == 10 ? "raid10" : "raid456";
	struct err none = { 0 };

	if (PROGRAM("", NULL, &none, "modprobe", "-q", "-a", "md_mod", level, s->fs) < 0)
		log_debug("head", "%s", none.text);
}

int apply_raid(struct head_apply *a, const struct head_step *s, struct err *err)
{
	autoclean(raid_ctx_free_at) struct raid_ctx *ctx = NULL;

	if (!a->store || !s->raid)
		return err_set(err, ERR_INVALID, "it is no step of an array");
	ctx = raid_ctx_new(NOWHERE, err);
	if (!ctx || note_array(a, err) < 0)
		return -1;
	load_modules(a->store);
	return raid_perform(ctx, s->raid, err);
}

int apply_store_stop(struct head_apply *a, struct err *err)
{
	autoclean(raid_ctx_free_at) struct raid_ctx *ctx = raid_ctx_new(NOWHERE, err);

	return ctx ? raid_unmount(ctx, &a->store->result, err) : -1;
}

/* Its files are written by now. */
int apply_store(struct head_apply *a, const struct head_step *s, struct err *err)
{
	autoclean(raid_ctx_free_at) struct raid_ctx *ctx = raid_ctx_new(NOWHERE, err);
	const char *unit = s->words.items[0];

	if (!ctx || raid_resync(ctx, &a->store->result, err) < 0)
		return -1;
	if (PROGRAM("", NULL, err, "systemctl", "daemon-reload") < 0 || PROGRAM("", NULL, err, "systemctl", "enable", unit) < 0)
		return -1;
	if (PROGRAM("", NULL, err, "systemctl", "start", unit) < 0)
		return err_hint(err, "`systemctl status %s` says why; put that right, then run the same again", unit);
	return 0;
}

static int erase(struct raid_ctx *ctx, const struct head_store *s, struct err *err)
{
	for (size_t i = 0; i < s->raid.len; i++) {
		const struct plan_step *step = &s->raid.steps[i];

		if (!str_starts(step->name, "unboot:") && !str_starts(step->name, "wipe:"))
			continue;
		if (raid_perform(ctx, step, err) < 0)
			return err_wrap(err, "%s", step->name);
	}
	return 0;
}

/* What it says of a member that could not take all that was written must not keep the rest from being given back: asked again,
 * the array is stopped, and nothing is said. */
static int let_go(struct head_apply *a, struct raid_ctx *ctx, struct str_list *kept, struct err *err)
{
	autofree char *what = NULL;
	struct err first = { 0 };

	if (raid_unmount(ctx, &a->store->result, &first) == 0)
		return 0;
	if (raid_unmount(ctx, &a->store->result, err) < 0)
		return err_hint(err,
				"a program still uses " HEAD_STORE " (`fuser -vm " HEAD_STORE "`): end it, then run this again");
	what = str_format("the array of images: %s", first.text);
	return undo_keep(a, what, kept, err);
}

int undo_store(struct head_apply *a, const struct head_step *s, struct str_list *kept, struct err *err)
{
	autoclean(raid_ctx_free_at) struct raid_ctx *ctx = raid_ctx_new(HEAD_STORE, err);
	autofree char *what = a->store ? head_store_text(a->store) : NULL;
	struct err none = { 0 };

	if (!ctx || !a->store)
		return -1;
	if (PROGRAM("", NULL, &none, "systemctl", "stop", HEAD_STORE_UNIT) < 0)
		log_debug("head", "%s", none.text);
	if (let_go(a, ctx, kept, err) < 0)
		return -1;
	(void)!rmdir(HEAD_STORE);
	if (s->enable)
		return erase(ctx, a->store, err);
	str_list_addf(
		kept,
		"the array of images (%s): it is stopped; `mdadm --assemble --scan` and `mount UUID=%s DIRECTORY` bring it back",
		what, a->store->result.fs[0].uuid);
	return 0;
}
