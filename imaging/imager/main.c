/* SPDX-License-Identifier: GPL-2.0-or-later */
/* orthrus-imager: runs in the initial RAM disk of a machine that started from the network, and installs it
 * (docs/man/orthrus-imager.8). */
#include "base/mem.h"
#include "imaging/imager/cmdline.h"
#include "imaging/imager/identity.h"
#include "imaging/imager/identity_disk.h"
#include "imaging/imager/lldp_listen.h"
#include "imaging/imager/report.h"
#include "imaging/imager/serve.h"
#include "imaging/imager/smbios.h"
#include "imaging/imager/tpm.h"
#include "sys/fs.h"
#include "sys/log.h"

#include <getopt.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/vfs.h>

#define CMDLINE_MAX 65536
#define SMALL 4096
#define EXIT_RESCUE 10 /* to /init, and in orthrus-imager(8) */
#define EXIT_SYSTEM 11

struct options {
	const char *cmdline, *server, *mac;
	struct install_opts install;
	bool inventory, debug, help, version;
};

static const char usage[] =
	"usage: orthrus-imager [options]\n"
	"Runs on a machine that was started from the network: tells the head what the machine is, waits for its\n"
	"orders and installs it. Exits with 0 when the machine shall be restarted, with 10 when it\n"
	"shall run the rescue system, with 11 when what is mounted at the target is its root from now on.\n"
	"\n"
	"  --cmdline FILE  read orthrus.server= and BOOTIF= from FILE (default /proc/cmdline)\n"
	"  --server URL    the head, in place of orthrus.server=\n"
	"  --mac ADDRESS   the interface that stands for this machine, in place of BOOTIF=\n"
	"  --trust DIR     ca.crt, sign.pub and cluster-id of the head (default /etc/orthrus)\n"
	"  --target DIR    where the new system is mounted meanwhile (default /target)\n"
	"  --inventory     print the inventory as JSON and exit; changes nothing\n"
	"  --debug         say more on standard error\n"
	"  --help, --version\n";

static int parse_options(int argc, char **argv, struct options *o, struct err *err)
{
	enum { CMDLINE = 256, SERVER, MAC, TRUST, TARGET, INVENTORY, DEBUG, HELP, VERSION };
	static const struct option known[] = {
		{ "cmdline", required_argument, NULL, CMDLINE }, { "server", required_argument, NULL, SERVER },
		{ "mac", required_argument, NULL, MAC },	 { "trust", required_argument, NULL, TRUST },
		{ "target", required_argument, NULL, TARGET },	 { "inventory", no_argument, NULL, INVENTORY },
		{ "debug", no_argument, NULL, DEBUG },		 { "help", no_argument, NULL, HELP },
		{ "version", no_argument, NULL, VERSION },	 { NULL, 0, NULL, 0 }
	};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", known, NULL)) != -1) {
		switch (c) {
		case CMDLINE:
			o->cmdline = optarg;
			break;
		case SERVER:
			o->server = optarg;
			break;
		case MAC:
			o->mac = optarg;
			break;
		case TRUST:
			o->install.trust_dir = optarg;
			break;
		case TARGET:
			o->install.target = optarg;
			break;
		case INVENTORY:
			o->inventory = true;
			break;
		case DEBUG:
			o->debug = true;
			break;
		case HELP:
			o->help = true;
			break;
		case VERSION:
			o->version = true;
			break;
		case ':':
			return err_set(err, ERR_USAGE, "option '%s' needs a value", argv[optind - 1]);
		default:
			return err_set(err, ERR_USAGE, "unknown option '%s'", argv[optind - 1]);
		}
	}
	if (optind < argc)
		return err_set(err, ERR_USAGE, "unexpected argument '%s'", argv[optind]);
	return 0;
}

/* Options, then the kernel command line for what they leave open. */
static int find_head(const struct options *o, struct cmdline *out, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };
	autofree char *words = NULL;

	if ((!o->server || !o->mac) && fs_read(o->cmdline, CMDLINE_MAX, &text, err) < 0)
		return -1;
	words = str_format("%s%s%s%s%s", buf_str(&text), o->server ? " orthrus.server=" : "", o->server ? o->server : "",
			   o->mac ? " BOOTIF=" : "", o->mac ? o->mac : "");
	if (cmdline_read(words, out, err) < 0)
		return -1;
	if (!out->mac[0]) {
		err_set(err, ERR_USAGE, "which network interface stands for this machine?");
		return err_hint(err, "give BOOTIF= on the kernel command line, or --mac");
	}
	if (!out->server && !o->inventory) {
		err_set(err, ERR_USAGE, "where is the head?");
		return err_hint(err, "give orthrus.server= on the kernel command line, or --server");
	}
	return 0;
}

static int print_inventory(const char *mac, struct err *err)
{
	autoclean(inventory_free) struct inventory inv = { 0 };
	autoclean(buf_free) struct buf out = { 0 };

	if (serve_inventory(&install_work, mac, &inv, err) < 0)
		return -1;
	inventory_print(&inv, &out);
	puts(buf_str(&out));
	return 0;
}

/* An installed machine has its root on a disk: there this program must not even stop an idle array. */
static int demand_ram_disk(struct err *err)
{
	struct statfs st;

	if (statfs("/", &st) == 0 && (st.f_type == TMPFS_MAGIC || st.f_type == RAMFS_MAGIC))
		return 0;
	err_set(err, ERR_REFUSED, "this machine was not started from the network: its root is not a RAM disk");
	return err_hint(err, "use --inventory to see what the imager would report");
}

/* Of which cluster the system on the disks must be, and of which machine, to be this one. */
static int look_at_disks(void *ctx, struct node_keys *out, struct err *err)
{
	const struct options *o = ctx;
	autofree char *path = fs_join(o->install.trust_dir, "cluster-id");
	autoclean(inventory_free) struct inventory inv = { 0 };
	autoclean(str_list_free) struct str_list macs = { 0 };
	autoclean(buf_free) struct buf cluster = { 0 };
	struct look look = { .ops = &look_ops, .where = IDENTITY_DIR, .macs = &macs };

	if (fs_read(path, SMALL, &cluster, err) < 0 || inventory_read("", &inv, err) < 0)
		return -1;
	if (cluster.len && cluster.data[cluster.len - 1] == '\n')
		cluster.data[--cluster.len] = '\0';
	look.cluster_id = buf_str(&cluster);
	for (size_t i = 0; i < inv.n_nics; i++)
		str_list_add(&macs, inv.nics[i].mac);
	return identity_on_disks(&look, out, err);
}

static int find_identity(const struct options *o, struct identity *out, struct err *err)
{
	const struct identity_sources from = { .dir = IDENTITY_DIR,
					       .tcti = fs_exists(TPM_DEVICE) ? "device:" TPM_DEVICE : NULL,
					       .on_disks = look_at_disks,
					       .ctx = (void *)(uintptr_t)o };

	/* What an imager left mounted that ran before. */
	o->install.work->release(o->install.target);
	return identity_find(&from, out, err);
}

static void end_listening(struct lldp_listener **l)
{
	lldp_listen_end(*l);
}

/* From the very start: a switch speaks only every 30 s. */
static void listen_to_switches(struct lldp_listener **l)
{
	const struct lldp_listen_opts opts = { .dir = LLDP_DIR };
	struct err deaf = { 0 };

	if (lldp_listen(&opts, l, &deaf) < 0)
		report_error(&deaf); /* then nobody knows the switch port, that is all */
}

static int run(const struct options *o, enum serve_end *end, struct err *err)
{
	autoclean(cmdline_free) struct cmdline line = { 0 };
	autoclean(identity_free) struct identity identity = { 0 };
	autofree char *ca = fs_join(o->install.trust_dir, "ca.crt");
	char token[SMBIOS_TOKEN_LEN];
	struct head_opts opts = { .ca_file = ca, .identity = &identity };
	struct head *head = NULL;
	struct err why = { 0 };
	autoclean(end_listening) struct lldp_listener *listener = NULL;
	int there;

	if (find_head(o, &line, err) < 0)
		return -1;
	if (o->inventory)
		return print_inventory(line.mac, err);
	if (demand_ram_disk(err) < 0)
		return -1;
	report_line("version " ORTHRUS_VERSION "; machine %s, head %s, mode %s", line.mac, line.server, line.mode);
	listen_to_switches(&listener);
	if (find_identity(o, &identity, err) < 0)
		return -1;
	there = smbios_token_read(SMBIOS_TABLE, token, &why);
	if (there < 0)
		report_error(&why);
	opts.server = line.server;
	opts.token = there > 0 ? token : NULL;
	if (head_open(&opts, &head, err) < 0)
		return -1;
	explicit_bzero(token, sizeof(token));
	*end = serve(&o->install, line.mac, head);
	head_close(head);
	return 0;
}

int main(int argc, char **argv)
{
	struct options o = { .cmdline = "/proc/cmdline",
			     .install = { .target = "/target", .trust_dir = "/etc/orthrus", .work = &install_work } };
	enum serve_end end = SERVE_RESTART;
	struct err err = { 0 };

	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_DUMPABLE, 0); /* no core file holds the machine's keys */
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (parse_options(argc, argv, &o, &err) < 0) {
		fprintf(stderr, "orthrus-imager: %s\n%s", err.text, usage);
		return err_exit_code(err.kind);
	}
	if (o.help || o.version) {
		fputs(o.help ? usage : "orthrus-imager " ORTHRUS_VERSION "\n", stdout);
		return 0;
	}
	log_init("orthrus-imager", o.debug);
	if (run(&o, &end, &err) == 0)
		return end == SERVE_RESCUE ? EXIT_RESCUE : end == SERVE_SYSTEM ? EXIT_SYSTEM : 0;
	fprintf(stderr, "orthrus-imager: %s\n", err.text);
	if (err.hint[0])
		fprintf(stderr, "orthrus-imager: next: %s\n", err.hint);
	return err_exit_code(err.kind);
}
