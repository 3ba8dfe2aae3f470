/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who has a ticket, and how it went. */
#include "base/mem.h"
#include "base/str.h"
#include "cast/desk_priv.h"
#include "sys/clock.h"

#include <string.h>
#include <time.h>

#define NUMBERS_MAX 65534
/* Tickets: 1,000 a second, 2,000 at once. */
#define TICKET_EVERY_NS (NS_PER_S / 1000)
#define TICKETS_AHEAD_NS (2 * NS_PER_S)

static struct desk_row *find(struct desk *d, uint16_t number)
{
	return number && number <= d->n_rows ? &d->rows[number - 1] : NULL;
}

static void set_state(struct desk *d, struct desk_row *r, enum desk_state state)
{
	uint32_t *const counts[] = { &d->view.waited_for, &d->view.done, &d->view.failed, NULL };

	if (counts[r->pub.state])
		--*counts[r->pub.state];
	d->view.fetching -= r->pub.state == DESK_WAITED_FOR && r->pub.fetching;
	d->view.syncing -= r->pub.state == DESK_WAITED_FOR && r->pub.syncing;
	r->pub.state = state;
	if (counts[state])
		++*counts[state];
	d->view.fetching += state == DESK_WAITED_FOR && r->pub.fetching;
	d->view.syncing += state == DESK_WAITED_FOR && r->pub.syncing;
	pthread_cond_broadcast(&d->more);
}

static uint16_t replace_old(struct desk *d, const uint8_t guest[TICKET_GUEST], const char *address)
{
	for (size_t i = d->n_rows; i > 0; i--) {
		struct desk_row *r = &d->rows[i - 1];

		if (memcmp(r->guest, guest, TICKET_GUEST) != 0 || !str_eq(r->pub.address, address) ||
		    r->pub.state == DESK_REPLACED)
			continue;
		set_state(d, r, DESK_REPLACED);
		return r->pub.number;
	}
	return 0;
}

static size_t count_of(const struct desk *d, const char *address)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n_rows; i++)
		n += str_eq(d->rows[i].pub.address, address);
	return n;
}

static int may_add(struct desk *d, const char *address, struct err *err)
{
	int64_t now = clock_now_ns();

	/* Else one that shows the token could use up all numbers, and nobody could come any more. */
	if (count_of(d, address) >= DESK_TICKETS_OF_ONE)
		return err_set(err, ERR_REFUSED, "%s took %d tickets already: no machine needs more", address,
			       DESK_TICKETS_OF_ONE);
	if (d->view.waited_for >= DESK_RECEIVERS_MAX || d->n_rows >= NUMBERS_MAX)
		return err_set(err, ERR_REFUSED, "there are as many receivers as one cast can have");
	if (d->tickets_ns < now)
		d->tickets_ns = now;
	if (d->tickets_ns - now > TICKETS_AHEAD_NS)
		return err_set(err, ERR_FAILED, "too many ask for tickets at once");
	d->tickets_ns += TICKET_EVERY_NS;
	return 0;
}

int desk_book_add(struct desk *d, const struct ticket_ask *ask, const char *address, struct ticket *ticket, uint16_t *old,
		  struct err *err)
{
	struct desk_row *r;
	int rc;

	pthread_mutex_lock(&d->lock);
	rc = may_add(d, address, err);
	if (rc == 0) {
		*old = replace_old(d, ask->guest, address);
		d->rows = mem_room(d->rows, d->n_rows, &d->cap_rows, sizeof(d->rows[0]));
		r = &d->rows[d->n_rows++];
		*r = (struct desk_row){ .heard_ns = clock_now_ns() };
		r->pub.number = (uint16_t)d->n_rows;
		r->pub.ticket_ns = r->heard_ns;
		r->pub.host = str_printable(ask->host, strlen(ask->host));
		r->pub.address = mem_strdup(address);
		r->pub.tls_only = ask->tls_only;
		r->pub.cable = ask->cable;
		memcpy(r->guest, ask->guest, TICKET_GUEST);
		random_bytes(r->receipt, TICKET_RECEIPT);
		memcpy(ticket->receipt, r->receipt, TICKET_RECEIPT);
		ticket->session.number = r->pub.number;
		d->view.waited_for++;
	}
	pthread_mutex_unlock(&d->lock);
	return rc;
}

void desk_book_drop(struct desk *d, uint16_t number)
{
	pthread_mutex_lock(&d->lock);
	set_state(d, find(d, number), DESK_REPLACED);
	pthread_mutex_unlock(&d->lock);
}

void desk_book_heard(struct desk *d, uint16_t number)
{
	struct desk_row *r;

	pthread_mutex_lock(&d->lock);
	r = find(d, number);
	if (r)
		r->heard_ns = clock_now_ns();
	pthread_mutex_unlock(&d->lock);
}

/* In constant time. */
static bool same_receipt(const uint8_t *a, const uint8_t *b)
{
	struct digest x, y;

	digest_of(a, TICKET_RECEIPT, &x);
	digest_of(b, TICKET_RECEIPT, &y);
	return digest_cmp(&x, &y) == 0;
}

static void take_report(struct desk *d, struct desk_row *row, struct ticket_report *r)
{
	static const enum desk_state states[] = { [TICKET_FETCHING] = DESK_WAITED_FOR,
						  [TICKET_DONE] = DESK_DONE,
						  [TICKET_FAILED] = DESK_FAILED,
						  [TICKET_SYNCING] = DESK_WAITED_FOR,
						  [TICKET_HELD_UP] = DESK_WAITED_FOR };

	if (r->state == TICKET_FETCHING && !row->pub.fetching) {
		row->pub.fetching = true;
		d->view.fetching++;
	}
	if (r->state == TICKET_SYNCING && !row->pub.syncing) {
		row->pub.syncing = true;
		d->view.syncing++;
	}
	ticket_report_clear(&row->pub.report);
	row->pub.report = *r;
	r->why = NULL;
	set_state(d, row, states[row->pub.report.state]);
}

int desk_book_report(struct desk *d, struct ticket_report *r, bool *news, struct err *err)
{
	struct desk_row *row;
	int rc = 0;

	*news = false;
	pthread_mutex_lock(&d->lock);
	row = find(d, r->number);
	if (!row || !same_receipt(row->receipt, r->receipt)) {
		rc = err_set(err, ERR_REFUSED, "no receiver has this number and receipt");
	} else {
		row->heard_ns = clock_now_ns();
		*news = row->pub.state == DESK_WAITED_FOR;
		if (*news)
			take_report(d, row, r);
	}
	pthread_mutex_unlock(&d->lock);
	return rc;
}

/* Those that have said nothing for so long will say nothing any more. Returns when to look again. */
static int64_t give_up_silent(struct desk *d, int64_t now, int64_t idle_ns)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < d->n_rows; i++) {
		struct desk_row *r = &d->rows[i];

		if (r->pub.state != DESK_WAITED_FOR)
			continue;
		if (now - r->heard_ns < idle_ns) {
			next = r->heard_ns + idle_ns < next ? r->heard_ns + idle_ns : next;
			continue;
		}
		r->pub.report.why = str_format("not heard of for %lld s%s", (long long)((now - r->heard_ns) / NS_PER_S),
					       r->pub.syncing ? ", while its disk was to take the file" : "");
		set_state(d, r, DESK_FAILED);
	}
	return next;
}

/* Whoever was heard by multicast has not been heard here: the time counts from the call on. */
void desk_wait(struct desk *d, int64_t idle_ns, int64_t stop_ns)
{
	int64_t now = clock_now_ns();

	pthread_mutex_lock(&d->lock);
	for (size_t i = 0; i < d->n_rows; i++)
		d->rows[i].heard_ns = now;
	while (d->view.waited_for) {
		int64_t until;
		struct timespec ts;

		now = clock_now_ns();
		until = give_up_silent(d, now, idle_ns);
		if (d->stopped_ns && d->stopped_ns + stop_ns < until)
			until = d->stopped_ns + stop_ns;
		if (!d->view.waited_for || until <= now)
			break;
		ts = (struct timespec){ .tv_sec = (time_t)(until / NS_PER_S), .tv_nsec = (long)(until % NS_PER_S) };
		pthread_cond_timedwait(&d->more, &d->lock, &ts);
	}
	pthread_mutex_unlock(&d->lock);
}

void desk_look(struct desk *d, struct desk_view *out)
{
	pthread_mutex_lock(&d->lock);
	*out = d->view;
	pthread_mutex_unlock(&d->lock);
}

bool desk_guest(struct desk *d, size_t i, struct desk_guest *out)
{
	bool there;

	pthread_mutex_lock(&d->lock);
	there = i < d->n_rows;
	if (there) {
		*out = d->rows[i].pub;
		out->host = mem_strdup(out->host);
		out->address = mem_strdup(out->address);
		out->report.why = out->report.why ? mem_strdup(out->report.why) : NULL;
	}
	pthread_mutex_unlock(&d->lock);
	return there;
}

void desk_guest_clear(struct desk_guest *g)
{
	ticket_report_clear(&g->report);
	free(g->host);
	free(g->address);
	*g = (struct desk_guest){ 0 };
}
