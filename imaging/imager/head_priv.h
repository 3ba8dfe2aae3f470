/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A head, as head.c and head_enrol.c see it. */
#ifndef ORTHRUS_IMAGER_HEAD_PRIV_H
#define ORTHRUS_IMAGER_HEAD_PRIV_H

#include "imaging/imager/head.h"

struct http_client;

struct head {
	char *server, *ca_file, *unix_socket;
	const struct identity *identity;
	struct http_client *stranger; /* without a certificate: to enrol, whatever became of the last one */
	struct http_client *client;   /* with ours; NULL before there is one */
	char *token;		      /* not used up yet, or NULL */
	char *machine;		      /* the inventory as it was last told, or NULL */
	int64_t pause_ns, patience_ns;
	int64_t renew_at_ns; /* half of the certificate's life is over then */
	uint64_t seq;	     /* of the last event */
};

/* Asks for a new certificate when it is time, or has been time for a while; that it can't be had now is of no consequence yet. */
void head_renew(struct head *h);

#endif
