/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a guard stands, as JSON: for the API and for --json. */
#ifndef ORTHRUS_GUARD_CONTROL_JSON_H
#define ORTHRUS_GUARD_CONTROL_JSON_H

struct control_status;
struct json_out;

/* The members of an object that is open. Times are whole microseconds. */
void control_put_json(const struct control_status *s, struct json_out *w);

#endif
