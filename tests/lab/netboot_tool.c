/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs one function of netboot/ from a test script, without orthrusd and without an image store.
 *   netboot_tool apply SITE.json TFTP RUN [NAME,MAC,ADDRESS,disk|probe|install|rescue,KEY ...]   prints: nothing | reload |
 * restart netboot_tool before-start SITE.json TFTP RUN [NODE ...] netboot_tool loaders TFTP netboot_tool payload TREE IMAGER
 * SCRIPTS ANCHORS TFTP                                 prints the key MAC may be several: MAC+MAC; ADDRESS may be of either
 * family, or IPV4+IPV6. Environment: DISCOVER_KEY, KERNEL_ARG. */
#include "base/mem.h"
#include "netboot/netboot.h"
#include "netboot/payload.h"
#include "sys/fs.h"
#include "sys/log.h"

#include <stdio.h>
#include <string.h>

#define MAX_NODES 1000

static int read_target(const char *word, enum netboot_target *out, struct err *err)
{
	static const char *const words[] = { [NETBOOT_DISK] = "disk",
					     [NETBOOT_PROBE] = "probe",
					     [NETBOOT_INSTALL] = "install",
					     [NETBOOT_DISKLESS] = "diskless",
					     [NETBOOT_RESCUE] = "rescue" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (words[i] && str_eq(word, words[i])) {
			*out = (enum netboot_target)i;
			return 0;
		}
	return err_set(err, ERR_USAGE, "no such target: %s", word);
}

/* `text` is cut into its fields and must live as long as `n`. */
static int read_node(char *text, struct netboot_node *n, struct str_list *macs, const struct str_list *kernel_args,
		     struct err *err)
{
	const char *field[5] = { NULL };
	autofree char *many = NULL, *six = NULL, *four = NULL;
	char *save = NULL;

	for (size_t i = 0; i < ARRAY_LEN(field); i++)
		field[i] = strtok_r(i ? NULL : text, ",", &save);
	if (!field[3])
		return err_set(err, ERR_USAGE, "a node is NAME,MAC[+MAC..],ADDRESS,TARGET[,KEY]");
	many = mem_strdup(field[1]);
	for (char *mac = strtok_r(many, "+", &save); mac; mac = strtok_r(NULL, "+", &save))
		str_list_add(macs, mac);
	six = strchr(field[2], '+') ? mem_strdup(strchr(field[2], '+') + 1) : strchr(field[2], ':') ? mem_strdup(field[2]) : NULL;
	four = mem_strndup(field[2], strcspn(field[2], "+"));
	*n = (struct netboot_node){ .name = field[0], .macs = macs, .payload = field[4], .kernel_args = kernel_args };
	n->has6 = six != NULL;
	if ((n->has6 && addr6_read(six, &n->addr6, err) < 0) || (!strchr(four, ':') && addr4_read(four, &n->addr4, err) < 0))
		return -1;
	return read_target(field[3], &n->target, err);
}

static int with_site(int argc, char **argv, struct err *err)
{
	static const char *const effects[] = {
		[NETBOOT_NOTHING] = "nothing", [NETBOOT_RELOAD] = "reload", [NETBOOT_RESTART] = "restart"
	};
	static struct netboot_node nodes[MAX_NODES];
	static struct str_list macs[MAX_NODES];
	autoclean(str_list_free) struct str_list kernel_args = { 0 };
	autoclean(buf_free) struct buf text = { 0 };
	autoclean(site_free) struct site site = { 0 };
	struct netboot_input in = { .site = &site,
				    .nodes = nodes,
				    .tftp_root = argv[3],
				    .run_dir = argv[4],
				    .discover_payload = getenv("DISCOVER_KEY"),
				    .server_url = "https://10.77.0.1:8443" };
	enum netboot_effect effect;

	if (fs_read(argv[2], 1 << 20, &text, err) < 0 || site_read(buf_str(&text), text.len, argv[2], &site, err) < 0)
		return -1;
	if (getenv("KERNEL_ARG"))
		str_list_add(&kernel_args, getenv("KERNEL_ARG"));
	for (int i = 5; i < argc && in.n_nodes < MAX_NODES; i++, in.n_nodes++)
		if (read_node(argv[i], &nodes[in.n_nodes], &macs[in.n_nodes], &kernel_args, err) < 0)
			return -1;
	in.interface = site.heads[0].interface;
	in.head_addr4 = site.heads[0].addr4;
	in.head_has6 = site.heads[0].has6;
	in.head_addr6 = site.heads[0].addr6;
	if (!in.head_addr4)
		in.server_url = "https://[fd00:77::1]:8443";
	if (str_eq(argv[1], "before-start"))
		return netboot_before_start(&in, err);
	if (netboot_apply(&in, &effect, err) < 0)
		return -1;
	puts(effects[effect]);
	return 0;
}

static int make_payload(char **argv, struct err *err)
{
	autofree char *ca = fs_join(argv[5], "ca.crt"), *sign = fs_join(argv[5], "sign.pub"),
		      *id = fs_join(argv[5], "cluster-id");
	autofree char *key = NULL, *out = NULL, *work = NULL;
	autoclean(payload_roots_free) struct payload_roots roots = { 0 };
	struct netboot_payload p = {
		.imager = argv[3], .scripts_dir = argv[4], .ca_crt = ca, .sign_pub = sign, .cluster_id = id
	};

	if (payload_roots_make(&roots, &p, err) < 0 || payload_key(&roots, argv[2], &key, err) < 0)
		return -1;
	out = str_format("%s/payload/%s", argv[6], key);
	work = str_format("%s/.work", argv[6]);
	if (fs_mkdirs(out, 0755, err) < 0 || fs_mkdirs(work, 0700, err) < 0 ||
	    payload_from_tree(&roots, argv[2], work, out, err) < 0 || fs_remove_tree(work, err) < 0)
		return -1;
	puts(key);
	return 0;
}

int main(int argc, char **argv)
{
	struct err err = { 0 };
	int rc;

	log_init("netboot_tool", false);
	if (argc >= 5 && (str_eq(argv[1], "apply") || str_eq(argv[1], "before-start")))
		rc = with_site(argc, argv, &err);
	else if (argc == 3 && str_eq(argv[1], "loaders"))
		rc = netboot_loaders(argv[2], &err);
	else if (argc == 7 && str_eq(argv[1], "payload"))
		rc = make_payload(argv, &err);
	else
		rc = err_set(&err, ERR_USAGE, "usage: see the top of tests/lab/netboot_tool.c");
	if (rc < 0)
		fprintf(stderr, "netboot_tool: %s%s%s\n", err.text, *err.hint ? "; " : "", err.hint);
	return rc < 0 ? err_exit_code(err.kind) : 0;
}
