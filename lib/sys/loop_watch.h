/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside the loop: the handles it gave out and still has to close. */
#ifndef ORTHRUS_SYS_LOOP_WATCH_H
#define ORTHRUS_SYS_LOOP_WATCH_H

struct loop;
struct watch;

/* All below: on the loop's thread only, or before it runs. */

/* Where a loop keeps the list of its watches. */
struct watch **loop_watches(struct loop *loop);
/* Empties the list: each watch is being closed, and freed once the loop has run again. */
void loop_watches_end(struct watch **list);

#endif
