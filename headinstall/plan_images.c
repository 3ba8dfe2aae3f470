/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The site's images that the store has not: without one there is nothing that nodes could boot. */
#include "base/mem.h"
#include "headinstall/plan_priv.h"
#include "site/site.h"

void plan_images(const struct head_facts *f, const struct site *site, const struct head_wish *wish, struct plan *out)
{
	for (size_t i = 0; wish->images && f->running && i < site->n_images; i++) {
		const struct site_image *image = &site->images[i];
		autofree char *id = str_format("image:%s", image->name);
		struct head_step *s;

		if (str_list_has(&f->images, image->name))
			continue;
		s = head_add(out, HEAD_STEP_IMAGE, PLAN_WRITES, id,
			     str_format("make the image %s that nodes are installed with, of Debian's packages (%s), as `orthrus "
					"image build %s` does; this takes some minutes",
					image->name, image->suite ? image->suite : "of this release", image->name));
		str_list_add(&s->words, image->name);
	}
}
