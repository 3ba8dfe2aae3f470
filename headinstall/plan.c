/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headinstall/plan.h"

#include "base/mem.h"
#include "headinstall/paths.h"
#include "headinstall/plan_priv.h"
#include "site/site.h"

#include <string.h>

#define WORDS 12

static void step_free(void *arg)
{
	struct head_step *s = arg;

	for (size_t i = 0; i < s->n_writes; i++) {
		free(s->writes[i].path);
		free(s->writes[i].text);
		free(s->writes[i].diff);
	}
	free(s->writes);
	str_list_free(&s->words);
	str_list_free(&s->more);
	str_list_free(&s->paths);
	free(s);
}

struct head_step *head_add(struct plan *out, enum head_step_type type, enum plan_effect effect, const char *name, char *text)
{
	struct head_step *s = mem_zalloc(sizeof(*s));

	plan_add(out, (int)type, effect, name, text, s, step_free);
	return s;
}

void head_drop_last(struct plan *out)
{
	struct plan_step *last = &out->steps[--out->len];

	free(last->name);
	free(last->text);
	last->arg_free(last->arg);
}

void head_words(struct buf *out, const struct str_list *words, size_t max)
{
	size_t n = words->len > max ? max : words->len;

	for (size_t i = 0; i < n; i++)
		buf_addf(out, "%s%s", i == 0 ? "" : i + 1 == words->len ? " and " : ", ", words->items[i]);
	if (n < words->len)
		buf_addf(out, " and %zu more", words->len - n);
}

bool head_add_write(const struct head_facts *f, struct head_step *s, const char *path, char *text, uint32_t mode)
{
	const struct head_text *is = head_text(f, path);
	struct head_write *w;

	if (is && is->there && str_eq(buf_str(&is->text), text)) {
		free(text);
		return false;
	}
	s->writes = mem_grow(s->writes, s->n_writes + 1, sizeof(*s->writes));
	w = &s->writes[s->n_writes++];
	*w = (struct head_write){ .path = mem_strdup(path), .text = text, .mode = mode };
	if (is && is->there) {
		w->diff = head_diff(path, buf_str(&is->text), text);
		w->mode = is->mode; /* whoever chose it had a reason */
	}
	return true;
}

/* What must be put right before anything is begun. */
static int check_machine(const struct head_facts *f, struct err *err)
{
	const struct head_unit *daemon = head_unit(f, "orthrusd.service");

	if (f->problems.len) {
		err_set(err, ERR_REFUSED, "%s", f->problems.items[0]);
		return err_hint(err, "put that right, then run this again%s",
				f->problems.len > 1 ? "; `orthrus head install --probe` lists what else there is" : "");
	}
	if (!daemon || !daemon->there) {
		err_set(err, ERR_REFUSED, "orthrusd is not installed here: systemd knows no orthrusd.service");
		return err_hint(err, "install the Debian package orthrus, or run `make install` in its source");
	}
	return 0;
}

/* apt may take away what would be in the way. One such is known and harmless, and comes back with an uninstallation. */
static int check_takes(const struct head_facts *f, struct err *err)
{
	for (size_t i = 0; i < f->takes.len; i++) {
		if (str_eq(f->takes.items[i], "systemd-timesyncd"))
			continue;
		err_set(err, ERR_REFUSED, "to install what is missing, apt would remove %s", f->takes.items[i]);
		return err_hint(err, "see what `apt-get -s install chrony mdadm grub-pc-bin` says, and put that right first");
	}
	return 0;
}

static void plan_packages(const struct head_facts *f, struct plan *out)
{
	autoclean(str_list_free) struct str_list names = { 0 };
	autoclean(buf_free) struct buf text = { 0 };
	struct head_step *s;

	for (size_t i = 0; i < f->n_needs; i++)
		if (!f->needs[i].installed)
			str_list_add(&names, f->needs[i].name);
	if (f->half_done || (f->held_back && !names.len)) {
		s = head_add(out, HEAD_STEP_CONFIGURE, PLAN_WRITES, "dpkg",
			     mem_strdup("complete the installation of packages that was cut off (dpkg --configure -a)"));
		str_list_add(&s->words, "--configure");
	}
	if (!names.len)
		return;
	buf_addf(&text, "install %zu Debian package%s: ", names.len, names.len == 1 ? "" : "s");
	head_words(&text, &names, HEAD_NEEDS);
	if (f->brings.len > names.len)
		buf_addf(&text, "; %zu more come with them, which they need", f->brings.len - names.len);
	if (f->raises.len) {
		buf_adds(&text, "; apt brings these to a newer version, which an uninstallation does not take back: ");
		head_words(&text, &f->raises, SIZE_MAX);
	}
	if (f->takes.len) {
		buf_adds(&text, "; apt removes ");
		head_words(&text, &f->takes, WORDS);
	}
	buf_adds(&text, ". Their services are not started");
	if (str_list_has(&names, "openssh-server"))
		buf_adds(&text, ", and the sshd among them stays switched off");
	s = head_add(out, HEAD_STEP_PACKAGES, PLAN_WRITES, "packages", buf_steal(&text));
	for (size_t i = 0; i < names.len; i++)
		str_list_add(&s->words, names.items[i]);
}

/* The step that brings it switches it off; it was cut off before. */
static void plan_sshd(const struct head_facts *f, const struct head_wish *wish, struct plan *out)
{
	const struct head_unit *u = head_unit(f, "ssh.service");

	if (wish->brought_sshd && u && u->enabled && (str_list_has(&wish->open, "packages") || str_list_has(&wish->open, "sshd")))
		head_add(out, HEAD_STEP_SSHD, PLAN_WRITES, "sshd",
			 mem_strdup("switch off the sshd that came with openssh-server: whether somebody may log in here is not "
				    "Orthrus' to say"));
}

static void plan_users(const struct head_facts *f, struct plan *out)
{
	static const char *const users[] = { "orthrus", "orthrus-net", "orthrus-guard" };
	autoclean(str_list_free) struct str_list missing = { 0 };
	autoclean(buf_free) struct buf text = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(users); i++)
		if (!str_list_has(&f->users, users[i]))
			str_list_add(&missing, users[i]);
	if (!missing.len && f->state_dirs)
		return;
	if (missing.len) {
		buf_addf(&text, "make the system user%s ", missing.len == 1 ? "" : "s");
		head_words(&text, &missing, WORDS);
	} else {
		buf_adds(&text, "make the directories /var/lib/orthrus and /var/log/orthrus");
	}
	head_add(out, HEAD_STEP_USERS, PLAN_WRITES, "users", buf_steal(&text));
}

static void plan_site(const struct head_facts *f, const struct head_wish *wish, struct plan *out)
{
	const struct head_text *is = head_text(f, HEAD_SITE);
	struct head_step *s;

	if (is && is->there && str_eq(buf_str(&is->text), wish->site_text))
		return;
	s = head_add(out, HEAD_STEP_FILE, PLAN_WRITES, "site",
		     str_format("%s " HEAD_SITE ", what the cluster shall be", is && is->there ? "change" : "write"));
	head_add_write(f, s, HEAD_SITE, mem_strdup(wish->site_text), 0644);
}

static void plan_values(const struct head_facts *f, struct plan *out)
{
	autoclean(buf_free) struct buf text = { 0 };
	struct head_step *s;
	struct err none = { 0 };
	uint64_t now, want;

	for (size_t i = 0; i < HEAD_VALUES; i++) {
		const struct head_value *v = &f->values[i];
		autofree char *name = NULL;

		if (!v->now || str_to_u64(v->now, 0, UINT64_MAX, &now, &none) < 0 ||
		    str_to_u64(v->want, 0, UINT64_MAX, &want, &none) < 0 || now >= want)
			continue;
		name = str_format("value:%s", v->name);
		s = head_add(
			out, HEAD_STEP_VALUE, PLAN_WRITES, name,
			str_format("let %s be %s instead of %s, so that no report of a cast is lost (at the next start of this "
				   "machine sysctl.d does it)",
				   v->name, v->want, v->now));
		str_list_add(&s->words, v->name);
		str_list_add(&s->words, v->want);
	}
}

static void plan_unit(const struct head_facts *f, const struct head_wish *wish, const char *name, const char *what,
		      struct plan *out)
{
	const struct head_unit *u = head_unit(f, name);
	autofree char *id = str_format("unit:%s", name);
	bool enable = !u || !u->enabled, start = f->running && (!u || !u->active || str_list_has(&wish->open, id));
	struct head_step *s;

	if (!enable && !start)
		return;
	s = head_add(out, HEAD_STEP_UNIT, PLAN_WRITES, id,
		     str_format("start %s, %s, %s", name, what,
				enable && start ? "now and with every start of this machine"
				: start		? "now"
						: "with every start of this machine"));
	str_list_add(&s->words, name);
	s->enable = enable;
	s->start = start;
}

/* Of two heads one answers: their guards say which, once both have the same key. */
static void plan_guard(const struct head_facts *f, const struct site *site, const struct head_wish *wish, struct plan *out)
{
	const struct head_unit *u = head_unit(f, "orthrus-guard.service");

	if (site->n_heads < 2)
		return;
	if (f->guard_key && u && u->there)
		plan_unit(f, wish, "orthrus-guard.service", "which keeps the lease of the pair of heads", out);
	else
		head_add(out, HEAD_STEP_NOTE, PLAN_READS, "note:guard",
			 mem_strdup("leave the guard of the pair of heads stopped: there is no " HEAD_GUARD_KEY
				    " yet. `orthrus-guard --make-key " HEAD_GUARD_KEY
				    "` makes it on one head; copy it to the other, then run this again"));
}

static void plan_notes(const struct head_facts *f, struct plan *out)
{
	if (f->drops)
		head_add(out, HEAD_STEP_NOTE, PLAN_READS, "note:firewall",
			 mem_strdup("leave the firewall as it is. It drops what no rule allows: on the provision network nodes "
				    "need UDP 53, 67, "
				    "69, 123 and 547, TCP 53 and 8443, and IGMP; allow these in its own configuration"));
	for (size_t i = 0; i < f->n_confs; i++) {
		autofree char *id = str_format("note:%s", f->confs[i].path);

		if (str_eq(f->confs[i].service, "dnsmasq"))
			head_add(out, HEAD_STEP_NOTE, PLAN_READS, id,
				 str_format("leave %s as it is: Orthrus runs a dnsmasq of its own, with a configuration of its "
					    "own, on the "
					    "provision interface alone",
					    f->confs[i].path));
		if (str_eq(f->confs[i].service, "nfs"))
			head_add(out, HEAD_STEP_NOTE, PLAN_READS, id,
				 str_format("leave %s as it is: Orthrus exports nothing by NFS", f->confs[i].path));
	}
}

static void plan_apply(const struct head_facts *f, const struct site *site, const struct head_wish *wish, struct plan *out)
{
	const char *interface = site_head_interface(site, head_of_site(site, f->hostname), site_provision(site)->name);
	autoclean(buf_free) struct buf text = { 0 };
	struct head_step *s;

	if (!f->running || f->applied)
		return;
	buf_addf(&text, "apply the site of cluster %s, as `orthrus site apply` does: from then on this head answers DHCP on %s",
		 site->cluster, interface);
	for (size_t i = 0; i < f->dangers.len; i++)
		buf_addf(&text, "%s%s", i ? "; " : ". For the cluster that runs this means: ", f->dangers.items[i]);
	s = head_add(out, HEAD_STEP_APPLY, f->dangers.len ? PLAN_DESTROYS : PLAN_WRITES, "apply", buf_steal(&text));
	/* It was down, so that nobody could be asked: that is made up for when it is up. */
	if (!f->asked && !wish->accept_dhcp)
		str_list_add(&s->words, interface);
}

int head_plan(const struct head_facts *f, const struct site *site, const struct head_wish *wish, struct plan *out,
	      struct err *err)
{
	if (check_machine(f, err) < 0 || check_takes(f, err) < 0 || plan_wire(f, site, wish, out, err) < 0)
		return -1;
	if (!wish->recorded)
		head_add(out, HEAD_STEP_RECORD, PLAN_WRITES, "record",
			 mem_strdup("write down in " HEAD_RECORD_DIR
				    " how this machine is now, with a copy of every file in /etc and /boot, so "
				    "that `orthrus head uninstall` can give it back"));
	plan_packages(f, out);
	plan_sshd(f, wish, out);
	plan_users(f, out);
	plan_site(f, wish, out);
	if (plan_store(f, wish, out, err) < 0)
		return -1;
	plan_moved(f, site, wish, out);
	if (plan_address(f, site, wish, out, err) < 0 || plan_time(f, site, wish, out, err) < 0)
		return -1;
	plan_values(f, out);
	plan_unit(f, wish, "orthrus-helper.socket", "by which orthrusd has dnsmasq started", out);
	plan_unit(f, wish, "orthrusd.service", "the head's daemon", out);
	plan_guard(f, site, wish, out);
	plan_apply(f, site, wish, out);
	plan_images(f, site, wish, out);
	plan_notes(f, out);
	return 0;
}
