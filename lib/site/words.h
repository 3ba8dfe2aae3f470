/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words with a narrow alphabet: they end up in files that shells, GRUB, dnsmasq and systemd read line by line. */
#ifndef ORTHRUS_SITE_WORDS_H
#define ORTHRUS_SITE_WORDS_H

#include "base/err.h"

/* Each returns 0, or -1 with ERR_INVALID naming the value and what is allowed. None accepts an empty word or a control byte. */
int word_domain(const char *s, struct err *err) WARN_UNUSED; /* DNS labels joined by '.', at most 200 bytes */
/* The name of a head or a node: a host name, but none that every machine has for itself in its /etc/hosts ("localhost",
 * "ip6-..."), nor what inet_aton(3) reads as an address. */
int word_machine(const char *s, struct err *err) WARN_UNUSED;
int word_interface(const char *s, struct err *err) WARN_UNUSED; /* a Linux interface name, not "lo" */
int word_device(const char *s, struct err *err) WARN_UNUSED;	/* ditto, of one that is made: letters, digits, ._- */
int word_pattern(const char *s, struct err *err) WARN_UNUSED;	/* a shell pattern for interfaces, paths and drivers */
int word_timezone(const char *s, struct err *err) WARN_UNUSED; /* "Europe/Berlin": a relative path without "..", tzdata's names */
int word_server(const char *s, struct err *err) WARN_UNUSED;   /* a host name with dots, or an IPv4 or IPv6 address */
int word_address(const char *s, struct err *err) WARN_UNUSED;  /* an IPv4 or IPv6 address */
int word_package(const char *s, struct err *err) WARN_UNUSED;  /* a Debian package name (Debian policy 5.6.1) */
int word_mirror(const char *s, struct err *err) WARN_UNUSED;   /* an archive's URL: http, https or file */
int word_kernel_arg(const char *s, struct err *err) WARN_UNUSED;  /* one word of the kernel command line */
int word_serial(const char *s, struct err *err) WARN_UNUSED;	  /* "ttyS0", "ttyS0,115200" or "ttyS0,115200n8" */
int word_bmc_user(const char *s, struct err *err) WARN_UNUSED;	  /* who logs in to a BMC, at most 64 bytes; no '-' first */
int word_bmc_address(const char *s, struct err *err) WARN_UNUSED; /* a name or an address, a port: "[fd00::7]:623" */
int word_agent(const char *s, struct err *err) WARN_UNUSED;	  /* a program of fence-agents: "fence_apc_snmp" */
/* What such an agent is told on a line of its input: "plug=3". Names of secrets are refused. */
int word_agent_option(const char *s, struct err *err) WARN_UNUSED;
int word_ssh_key(const char *s, struct err *err) WARN_UNUSED; /* one public key as in authorized_keys, without options */
int word_file(const char *s, struct err *err) WARN_UNUSED;    /* a file's absolute path, without ".." */
int word_mount(const char *s, struct err *err) WARN_UNUSED;   /* a mount point: absolute, no "..", no "//", no '/' at the end */
int word_options(const char *s, struct err *err) WARN_UNUSED; /* mount options */

#endif
