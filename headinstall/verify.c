/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headinstall/apply.h"

#include "base/mem.h"
#include "headinstall/plan.h"

int head_verify(const struct head_probe *p, const struct site *site, const struct head_wish *wish, bool applied, struct err *err)
{
	autoclean(head_facts_free) struct head_facts facts = { 0 };
	autoclean(plan_free) struct plan plan = { 0 };
	struct head_wish now = {
		.site_text = wish->site_text, .accept_dhcp = wish->accept_dhcp, .images = wish->images, .recorded = true
	};

	if (head_probe(p, &facts, err) < 0)
		return -1;
	facts.applied = applied;
	if (head_plan(&facts, site, &now, &plan, err) < 0)
		return err_wrap(err, "after the installation");
	for (size_t i = 0; i < plan.len; i++) {
		if (plan.steps[i].effect == PLAN_READS)
			continue;
		err_set(err, ERR_FAILED, "the installation was performed, but this is still to be done: %s", plan.steps[i].text);
		return err_hint(err, "something changes it back: find out what, then run this again");
	}
	return 0;
}
