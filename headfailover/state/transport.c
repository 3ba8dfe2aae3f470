/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headfailover/state/transport.h"

#include <raft.h>
#include <raft/uv.h>

static int alone_init(struct raft_uv_transport *t, raft_id id, const char *address)
{
	(void)t;
	(void)id;
	(void)address;
	return 0;
}

static int alone_listen(struct raft_uv_transport *t, raft_uv_accept_cb cb)
{
	(void)t;
	(void)cb;
	return 0;
}

static int alone_connect(struct raft_uv_transport *t, struct raft_uv_connect *req, raft_id id, const char *address,
			 raft_uv_connect_cb cb)
{
	(void)t;
	(void)req;
	(void)id;
	(void)address;
	(void)cb;
	return RAFT_NOCONNECTION;
}

static void alone_close(struct raft_uv_transport *t, raft_uv_transport_close_cb cb)
{
	cb(t);
}

void transport_alone(struct raft_uv_transport *t)
{
	*t = (struct raft_uv_transport){
		.version = 1,
		.init = alone_init,
		.listen = alone_listen,
		.connect = alone_connect,
		.close = alone_close,
	};
}
