/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sockets that the HTTP server listens on. */
#include "base/mem.h"
#include "base/str.h"
#include "sys/http_call.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int http_listen_unix(const char *path, struct err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (strlen(path) >= sizeof(addr.sun_path))
		return err_set(err, ERR_USAGE, "the path of a socket has at most %zu bytes: %s", sizeof(addr.sun_path) - 1, path);
	memcpy(addr.sun_path, path, strlen(path));
	if (fd < 0)
		return err_errno(err, errno, "make a unix socket");
	if (unlink(path) < 0 && errno != ENOENT)
		return err_errno(err, errno, "remove the old %s", path);
	/* Nobody can connect before listen: the mode is right by then. */
	if (bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 || chmod(path, 0660) < 0 || listen(fd, SOMAXCONN) < 0)
		return err_errno(err, errno, "listen on %s", path);
	return steal_fd(fd);
}

/* "10.0.0.1:8443" or "[fd00::1]:8443" */
static int read_listen(const char *text, struct sockaddr_storage *addr, socklen_t *len, struct err *err)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)addr;
	const char *colon = strrchr(text, ':');
	autofree char *host = NULL;
	struct err bad;
	uint64_t port;
	bool six;

	*addr = (struct sockaddr_storage){ 0 };
	if (!colon || str_to_u64(colon + 1, 0, 65535, &port, &bad) < 0)
		return err_set(err, ERR_USAGE, "'%s' is not an address to listen on, like 10.0.0.1:8443 or [::]:8443", text);
	six = text[0] == '[' && colon > text + 1 && colon[-1] == ']';
	host = six ? mem_strndup(text + 1, (size_t)(colon - text) - 2) : mem_strndup(text, (size_t)(colon - text));
	*len = six ? sizeof(*in6) : sizeof(*in4);
	if (six) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
	} else {
		in4->sin_family = AF_INET;
		in4->sin_port = htons((uint16_t)port);
	}
	if (inet_pton(six ? AF_INET6 : AF_INET, host, six ? (void *)&in6->sin6_addr : (void *)&in4->sin_addr) != 1)
		return err_set(err, ERR_USAGE, "'%s' is not an address to listen on, like 10.0.0.1:8443 or [::]:8443", text);
	return 0;
}

int http_listen_check(const char *listen, struct err *err)
{
	struct sockaddr_storage addr;
	socklen_t len;

	return read_listen(listen, &addr, &len, err);
}

int http_listen_tcp(const char *text, unsigned int *port, struct err *err)
{
	struct sockaddr_storage addr;
	socklen_t len;
	int one = 1, off = 0;
	autoclose int fd = -1;

	if (read_listen(text, &addr, &len, err) < 0)
		return -1;
	fd = socket(addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    (addr.ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0) || /* [::]: both */
	    bind(fd, (const struct sockaddr *)&addr, len) < 0 || listen(fd, SOMAXCONN) < 0 ||
	    getsockname(fd, (struct sockaddr *)&addr, &len) < 0)
		return err_errno(err, errno, "listen on %s", text);
	/* The port is at the same place in both families. */
	*port = ntohs(((const struct sockaddr_in *)&addr)->sin_port);
	return steal_fd(fd);
}
