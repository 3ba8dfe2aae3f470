/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The answer of the HTTP server: a body or a piece of a file, with its header lines. */
#include "base/mem.h"
#include "base/str.h"
#include "sys/http_call.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>

#define BLOCK_BYTES ((size_t)256 << 10)

static struct MHD_Response *body_response(struct http_call *call)
{
	size_t len = call->out.len;
	char *data = buf_steal(&call->out);

	return MHD_create_response_from_buffer(len, data, MHD_RESPMEM_MUST_FREE);
}

/* A part of what is read as it goes out. */
struct part {
	http_read_fn read;
	void *ctx;
	uint64_t first, len;
};

static ssize_t read_part(void *ctx, uint64_t at, char *data, size_t max)
{
	struct part *p = ctx;
	size_t n;

	if (max > p->len - at)
		max = (size_t)(p->len - at);
	n = max ? p->read(p->ctx, p->first + at, data, max) : 0;
	return n ? (ssize_t)n : MHD_CONTENT_READER_END_WITH_ERROR;
}

static struct MHD_Response *part_response(struct http_call *call, uint64_t first, uint64_t len)
{
	struct MHD_Response *r;
	struct part *p;

	if (!call->read) {
		r = MHD_create_response_from_fd_at_offset64(len, call->fd, first);
		if (r)
			call->fd = -1; /* the response closes it */
		return r;
	}
	p = mem_zalloc(sizeof(*p));
	*p = (struct part){ .read = call->read, .ctx = call->read_ctx, .first = first, .len = len };
	r = MHD_create_response_from_callback(len, BLOCK_BYTES, read_part, p, free);
	if (!r)
		free(p);
	return r;
}

static struct MHD_Response *file_response(struct http_call *call)
{
	bool old_part = call->if_range && !str_eq(call->if_range, call->etag);
	uint64_t first = 0, len = call->fd_size;
	char line[96] = "";
	struct MHD_Response *r;

	switch (http_range_read(old_part ? NULL : call->range, call->fd_size, &first, &len)) {
	case HTTP_RANGE_NONE:
		break;
	case HTTP_RANGE_PART:
		call->status = 206;
		snprintf(line, sizeof(line), "bytes %llu-%llu/%llu", (unsigned long long)first,
			 (unsigned long long)(first + len - 1), (unsigned long long)call->fd_size);
		break;
	case HTTP_RANGE_UNSATISFIABLE:
		call->status = 416;
		snprintf(line, sizeof(line), "bytes */%llu", (unsigned long long)call->fd_size);
		r = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
		if (r)
			MHD_add_response_header(r, "Content-Range", line);
		return r;
	}
	r = part_response(call, first, len);
	if (!r)
		return NULL;
	MHD_add_response_header(r, "Accept-Ranges", "bytes");
	if (line[0])
		MHD_add_response_header(r, "Content-Range", line);
	return r;
}

bool http_answer_send(struct MHD_Connection *c, struct http_call *call)
{
	struct MHD_Response *r = call->fd >= 0 || call->read ? file_response(call) : body_response(call);
	enum MHD_Result rc;

	if (!r)
		return false;
	MHD_add_response_header(r, "Content-Type", call->content_type ? call->content_type : "application/json");
	MHD_add_response_header(r, "Cache-Control", "no-store");
	if (call->etag[0])
		MHD_add_response_header(r, "ETag", call->etag);
	rc = MHD_queue_response(c, call->status ? (unsigned int)call->status : 200U, r);
	MHD_destroy_response(r);
	return rc == MHD_YES;
}
