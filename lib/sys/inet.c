/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/inet.h"

#include <arpa/inet.h>
#include <netinet/in.h>

int inet_address(const char *text, uint16_t port, struct sockaddr_storage *out, struct err *err)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	*out = (struct sockaddr_storage){ 0 };
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		return 0;
	}
	if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		return 0;
	}
	return err_set(err, ERR_INVALID, "'%.64s' is no numeric address", text);
}
