/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What receivers and the desk of a cast say to each other. The first byte says which of the texts it is; what is read is written
 * and read again. */
#include "base/mem.h"
#include "cast/ticket.h"
#include "cast/wire.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define AGAIN(name)                                                                                                              \
	static void name(const char *text, size_t len)                                                                           \
	{                                                                                                                        \
		struct ticket_##name first = { 0 }, second = { 0 };                                                              \
		struct buf a = { 0 }, b = { 0 };                                                                                 \
		struct err err = { 0 };                                                                                          \
                                                                                                                                 \
		if (ticket_##name##_read(text, len, &first, &err) == 0) {                                                        \
			ticket_##name##_write(&first, &a);                                                                       \
			if (ticket_##name##_read(a.data, a.len, &second, &err) < 0)                                              \
				abort();                                                                                         \
			ticket_##name##_write(&second, &b);                                                                      \
			if (a.len != b.len || memcmp(a.data, b.data, a.len) != 0)                                                \
				abort();                                                                                         \
		}                                                                                                                \
		ticket_##name##_clear(&first);                                                                                   \
		ticket_##name##_clear(&second);                                                                                  \
		buf_free(&a);                                                                                                    \
		buf_free(&b);                                                                                                    \
	}
AGAIN(offer)
AGAIN(ask)
AGAIN(report)

static void ticket(const char *text, size_t len)
{
	struct ticket first = { 0 }, second = { 0 };
	struct buf a = { 0 };
	struct err err = { 0 };

	if (ticket_read(text, len, &first, &err) == 0) {
		ticket_write(&first, &a);
		if (ticket_read(a.data, a.len, &second, &err) < 0 ||
		    memcmp(&first.session, &second.session, sizeof(first.session)) != 0)
			abort();
	}
	ticket_clear(&first);
	ticket_clear(&second);
	buf_free(&a);
}

static void rows(const char *text, size_t len)
{
	autofree struct wire_rows *first = mem_array(TICKET_ROWS_MAX, sizeof(*first)),
				  *second = mem_array(TICKET_ROWS_MAX, sizeof(*second));
	struct buf a = { 0 };
	struct err err = { 0 };
	size_t n, m;

	if (ticket_rows_read(text, len, first, &n, &err) < 0)
		return;
	ticket_rows_write(first, n, &a);
	if (ticket_rows_read(a.data, a.len, second, &m, &err) < 0 || n != m || memcmp(first, second, n * sizeof(*first)) != 0)
		abort();
	buf_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;

	if (!size)
		return 0;
	switch (data[0]) {
	case 'o':
		offer(text, size - 1);
		break;
	case 'a':
		ask(text, size - 1);
		break;
	case 'p':
		report(text, size - 1);
		break;
	case 'r':
		rows(text, size - 1);
		break;
	default:
		ticket(text, size - 1);
	}
	return 0;
}
