/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where everything of a head lies, below --root. */
#include "base/mem.h"
#include "base/str.h"
#include "daemon/daemon.h"
#include "sys/fs.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A program of machines, beside this very binary (a build tree), else the installed one. */
static char *find_program(const char *name)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		if (slash) {
			autofree char *beside = str_format("%.*s/%s", (int)(slash - self), self, name);

			if (fs_exists(beside))
				return steal(beside);
		}
	}
	return str_format("/usr/lib/orthrus/%s", name);
}

void daemon_paths_set(struct daemon_paths *p, const char *root_dir, const char *netboot_dir)
{
	const char *root = root_dir && !str_eq(root_dir, "/") ? root_dir : "";

	p->root = mem_strdup(root);
	p->state_dir = str_format("%s/var/lib/orthrus/raft", root);
	p->pki_dir = str_format("%s/var/lib/orthrus/pki", root);
	p->store_dir = str_format("%s/srv/orthrus/store", root);
	p->tftp_dir = str_format("%s/srv/orthrus/tftp", root);
	p->diskless_dir = str_format("%s/srv/orthrus/diskless", root);
	p->run_dir = str_format("%s/run/orthrus", root);
	p->socket = str_format("%s/run/orthrus/api.sock", root);
	p->lock = str_format("%s/run/orthrus/lock", root);
	p->etc_dir = str_format("%s/etc/orthrus", root);
	p->var_dir = str_format("%s/var/lib/orthrus", root);
	p->log_dir = str_format("%s/var/log/orthrus", root);
	p->imager = find_program("orthrus-imager");
	p->scripts_dir = mem_strdup(netboot_dir ? netboot_dir : "/usr/lib/orthrus/netboot");
	p->ssh_dir = str_format("%s/var/lib/orthrus/ssh", root);
	p->templates_dir = str_format("%s/etc/orthrus/templates.d", root);
	p->node_program = find_program("orthrus-node");
}

void daemon_paths_free(struct daemon_paths *p)
{
	free(p->root);
	free(p->state_dir);
	free(p->pki_dir);
	free(p->store_dir);
	free(p->tftp_dir);
	free(p->run_dir);
	free(p->socket);
	free(p->lock);
	free(p->etc_dir);
	free(p->var_dir);
	free(p->log_dir);
	free(p->imager);
	free(p->scripts_dir);
	free(p->ssh_dir);
	free(p->templates_dir);
	free(p->node_program);
	free(p->diskless_dir);
}
