/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "imaging/imager/identity.h"
#include "imaging/imager/report.h"
#include "imaging/imager/run.h"
#include "installer/node_secrets.h"

#define ANSWER_MAX ((size_t)24 << 20)

/* The answer is sealed to our key: what is in it need not be wiped. A secret whose user the image does not have is said, and is
 * no reason to leave the machine without a system: the node asks again at each boot. */
int install_secrets(struct install_run *run, int target_fd, struct err *err)
{
	autoclean(buf_free) struct buf answer = { 0 };
	autoclean(node_secrets_free) struct node_secrets s = { 0 };
	autoclean(str_list_free) struct str_list units = { 0 }, done = { 0 };
	struct err why = { 0 };

	if (head_get(run->head, "/v1/secrets", 0, 0, ANSWER_MAX, &answer, err) < 0 ||
	    node_secrets_read(buf_str(&answer), answer.len, &s, err) < 0)
		return err_wrap(err, "secrets of this node");
	if (node_secrets_apply(target_fd, &s, head_identity(run->head)->keys.seal_secret, &units, &done, &why) < 0)
		report_line("%s; asked for again when the node is up", why.text);
	for (size_t i = 0; i < done.len; i++)
		report_line("%s", done.items[i]);
	return 0;
}
