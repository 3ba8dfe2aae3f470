/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The door to the BMC that the kernel gives: /dev/ipmi0 (kernel: driver-api/ipmi). */
#include "imaging/imager/board_bmc.h"

#include "base/mem.h"
#include "sys/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ipmi.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>

#define ANSWER_NS (3 * NS_PER_S) /* a BMC that takes longer is hung: the machine is known without it */

struct device {
	int fd;
	const char *name;
	long number; /* of the last question */
};

static int send_question(struct device *d, uint8_t netfn, uint8_t command, const uint8_t *data, size_t len, struct err *err)
{
	struct ipmi_system_interface_addr bmc = { .addr_type = IPMI_SYSTEM_INTERFACE_ADDR_TYPE, .channel = IPMI_BMC_CHANNEL };
	uint8_t copy[8] = { 0 };
	struct ipmi_req req = { .addr = (unsigned char *)&bmc,
				.addr_len = sizeof(bmc),
				.msgid = ++d->number,
				.msg = { .netfn = netfn, .cmd = command, .data = copy, .data_len = (unsigned short)len } };

	if (len > sizeof(copy))
		return err_set(err, ERR_INVALID, "%s: a question of %zu bytes", d->name, len);
	if (len)
		memcpy(copy, data, len);
	return ioctl(d->fd, IPMICTL_SEND_COMMAND, &req) < 0 ? err_errno(err, errno, "%s: ask the BMC", d->name) : 0;
}

static int await(const struct device *d, int64_t end_ns, struct err *err)
{
	for (;;) {
		int64_t left_ns = end_ns - clock_now_ns();
		struct pollfd p = { .fd = d->fd, .events = POLLIN };
		int rc = left_ns <= 0 ? 0 : poll(&p, 1, (int)(left_ns / NS_PER_MS) + 1);

		if (rc > 0)
			return 0;
		if (rc == 0)
			return err_set(err, ERR_FAILED, "%s: the BMC does not answer", d->name);
		if (errno != EINTR)
			return err_errno(err, errno, "%s: wait for the BMC", d->name);
	}
}

static int device_ask(void *ctx, uint8_t netfn, uint8_t command, const uint8_t *data, size_t data_len, uint8_t *answer,
		      size_t *len, struct err *err)
{
	struct device *d = ctx;
	int64_t end_ns = clock_now_ns() + ANSWER_NS;

	if (send_question(d, netfn, command, data, data_len, err) < 0)
		return -1;
	for (;;) {
		struct ipmi_addr from;
		struct ipmi_recv recv = { .addr = (unsigned char *)&from,
					  .addr_len = sizeof(from),
					  .msg = { .data = answer, .data_len = (unsigned short)*len } };

		if (await(d, end_ns, err) < 0)
			return -1;
		if (ioctl(d->fd, IPMICTL_RECEIVE_MSG, &recv) < 0)
			return err_errno(err, errno, "%s: read the BMC's answer", d->name);
		/* The answer to a question that was given up comes late. */
		if (recv.recv_type != IPMI_RESPONSE_RECV_TYPE || recv.msgid != d->number)
			continue;
		*len = recv.msg.data_len;
		return 0;
	}
}

int board_bmc_probe(const char *device, struct board_bmc *out, struct err *err)
{
	autoclose int fd = open(device, O_RDWR | O_CLOEXEC);
	struct device d = { .fd = fd, .name = device };
	struct board_bmc_door door = { .ask = device_ask, .ctx = &d };

	if (fd < 0)
		return err_errno(err, errno == ENXIO || errno == ENODEV ? ENOENT : errno, "%s", device);
	return board_bmc_read(&door, out, err);
}
