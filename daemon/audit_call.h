/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a request is about, in the words of the audit log. Pure. */
#ifndef ORTHRUS_DAEMON_AUDIT_CALL_H
#define ORTHRUS_DAEMON_AUDIT_CALL_H

#include "base/buf.h"
#include "base/digest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUDIT_KEY_LEN 32

/* Reports of machines and polls: no acts of their own. A handler that comes to one (a certificate is issued) says so by
 * audit_act(). Whatever is not named here is an act. */
bool audit_is_report(const char *method, const char *pattern);

/* {"plan":true,..}: nothing is changed. Every handler reads its body strictly: who does not know the word refuses it. */
bool audit_is_plan(const char *body, size_t len);
/* POST /v1/power with an "act" that only asks BMCs. */
bool audit_is_look(const char *pattern, const char *body, size_t len);
/* An act in words that say more than its request line: "power off", "cast stop compute"; NULL: there are none. Caller frees. */
char *audit_what(const char *pattern, const char *body, size_t len);
/* The nodes that the body names ("nodes": names or objects with "name"; "items" with "node"; "node"), folded; NULL: none. Caller
 * frees. */
char *audit_nodes(const char *body, size_t len);
/* Which request it was, for whoever has it and the key; without the key nobody can guess a secret that was in it. */
void audit_digest(const uint8_t key[AUDIT_KEY_LEN], const char *what, const char *body, size_t len, char hex[DIGEST_HEX_LEN]);

#endif
