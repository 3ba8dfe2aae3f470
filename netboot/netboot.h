/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a machine finds when it boots from the network: DHCP and TFTP (dnsmasq), GRUB's files, kernel and imager initramfs. */
#ifndef ORTHRUS_NETBOOT_NETBOOT_H
#define ORTHRUS_NETBOOT_NETBOOT_H

#include "base/err.h"
#include "base/str.h"
#include "base/buf.h"
#include "site/site.h"

#include <stdbool.h>
#include <stdint.h>

enum netboot_target {
	NETBOOT_DISK,	  /* go on to the machine's own disk */
	NETBOOT_WAIT,	  /* its payload is still being made: start over in some seconds */
	NETBOOT_PROBE,	  /* imager: report the inventory and wait for orders */
	NETBOOT_INSTALL,  /* imager: carry out the order */
	NETBOOT_DISKLESS, /* imager: run the image from memory */
	NETBOOT_RESCUE,	  /* imager with the tools of the rescue system */
};

struct netboot_node {
	const char *name;	     /* host name */
	const struct str_list *macs; /* canonical; whichever asks gets the address */
	uint32_t addr4;		     /* 0: the network has no IPv4 */
	bool has6;
	struct addr6 addr6;
	enum netboot_target target;
	const char *payload;		    /* key of the kernel+initrd to boot for all but DISK and WAIT; NULL with DISK */
	const struct str_list *kernel_args; /* for the imager's kernel (console=...), may be NULL */
	const char *esp_uuid;		    /* DISK: the EFI system partition to start from; NULL: the first that has a loader */
};
struct netboot_input {
	const struct site *site;
	const char *interface; /* of this head on the provision network */
	uint32_t head_addr4;   /* 0: the network has no IPv4 */
	bool head_has6;
	struct addr6 head_addr6;
	const struct netboot_node *nodes;
	size_t n_nodes;
	bool discover_wait;	      /* ... and it is under way: they ask again */
	const char *discover_payload; /* payload for unknown machines when site->discover; else NULL */
	const char *server_url; /* "https://10.0.0.1:8443" or "https://[fd00::1]:8443": given to the imager on the kernel command
				   line */
	const char *tftp_root;	/* /srv/orthrus/tftp */
	const char *run_dir;	/* dnsmasq's pid and lease files */
};

/* Pure: the text of each file. */
void netboot_dnsmasq_conf(const struct netboot_input *in, struct buf *out);
/* Is each of the `len` bytes of `text` what netboot_dnsmasq_conf() writes, for these directories? ERR_REFUSED with the line that
 * is not: dnsmasq.conf can name programs to run, and this is asked by who runs dnsmasq for somebody it does not trust. */
int netboot_conf_check(const char *text, size_t len, const char *run_dir, const char *tftp_root, struct err *err) WARN_UNUSED;
void netboot_dhcp_hosts(const struct netboot_input *in, struct buf *out);
void netboot_hosts(const struct netboot_input *in, struct buf *out);	 /* /etc/hosts format for dnsmasq's addn-hosts */
void netboot_grub_main(const struct netboot_input *in, struct buf *out); /* /grub/grub.cfg: the dispatch */
void netboot_grub_node(const struct netboot_input *in, const struct netboot_node *n, struct buf *out);

/* Write what differs below tftp_root and run_dir, remove files of nodes that are gone. Says what must happen to dnsmasq. */
enum netboot_effect {
	NETBOOT_NOTHING,
	NETBOOT_RELOAD, /* SIGHUP */
	NETBOOT_RESTART,
	NETBOOT_UNWRITTEN, /* its files are not there: leave it as it is */
};
/* -1: the first thing that went wrong and how many did; the files of all other nodes are right, and *effect is as it says. */
int netboot_apply(const struct netboot_input *in, enum netboot_effect *effect, struct err *err) WARN_UNUSED;
/* What it would do: each file of which the text is another one, and what would happen to dnsmasq. Nothing is touched. */
enum netboot_file_kind { NETBOOT_FILE_CONF, NETBOOT_FILE_HOSTS, NETBOOT_FILE_GRUB, NETBOOT_FILE_NODE };
struct netboot_file {
	enum netboot_file_kind kind;
	const char *path;
	const char *node;	    /* of NODE: whose; NULL: nobody's any more */
	const char *before, *after; /* NULL: it is not there, it goes */
	const char *unread;	    /* why what is there can't be looked at; before is NULL then. Without after: of a directory */
};
typedef void (*netboot_file_fn)(void *ctx, const struct netboot_file *f);
int netboot_look(const struct netboot_input *in, netboot_file_fn fn, void *ctx, enum netboot_effect *effect,
		 struct err *err) WARN_UNUSED;
/* Call while dnsmasq is not running, before each start: forgets the leases of addresses that belong to another MAC now, which
 * dnsmasq would honour until they end (a node whose mainboard was replaced). netboot_apply() says NETBOOT_RESTART when there is
 * such a lease. */
int netboot_before_start(const struct netboot_input *in, struct err *err) WARN_UNUSED;
/* The boot loaders of both firmwares into tftp_root (copied from the head's packages; BIOS core made by grub-mkimage).
 * Idempotent. */
int netboot_loaders(const char *tftp_root, struct err *err) WARN_UNUSED;

/* The imager's kernel and initramfs for one image, built once and kept under its key: reproducible (same inputs, same bytes). */
struct netboot_payload {
	const char *store_dir, *image_ref;	    /* kernel and modules come from the image */
	const char *imager;			    /* path of orthrus-imager */
	const char *scripts_dir;		    /* netboot/initramfs or /usr/lib/orthrus/netboot: init, udhcpc script */
	const char *ca_crt, *sign_pub, *cluster_id; /* trust anchors put into the initramfs: paths */
	const char *tftp_root;			    /* result: tftp_root/payload/KEY/{vmlinuz,initrd.img,rescue.img} */
};
int netboot_payload_build(const struct netboot_payload *p, char **key, struct err *err) WARN_UNUSED;

#endif
