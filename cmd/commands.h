/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one table of commands: dispatch, help, completion and the lint of the man page are made from it. */
#ifndef ORTHRUS_CMD_COMMANDS_H
#define ORTHRUS_CMD_COMMANDS_H

/* clang-format off */
/* X(noun, one line about it), in the order of the help. Each noun's verbs are in cmd/NOUN.c. */
#define NOUNS(X) \
	X("site", "what the cluster shall be: site.json") \
	X("image", "images of node file systems in the store") \
	X("node", "the machines of the cluster") \
	X("cast", "the same bytes to many machines at once") \
	X("secret", "what nodes get that nobody else may read") \
	X("disk", "this machine's disks") \
	X("event", "what happened, as it happens") \
	X("audit", "who did what") \
	X("head", "the head node and its daemon") \
	X("completion", "completion of this command line in a shell")

/* X(noun, verb, function, effect, arguments, options, help): see struct cmd_def in cmd/cmd.h. */
#define COMMANDS(X) \
	X("site", "init", cmd_site_init, CMD_DRAFTS_HERE, "", \
	  "cluster=NAME,domain=DOMAIN,interface=NAME,subnet=SUBNET,ipv4=SUBNET,ipv6=PREFIX,head-address=ADDRESS,head-name=NAME,suite=SUITE,trust-mac,time-zone=ZONE,time-server=SERVER*,gateway=ADDRESS,pool=FIRST-LAST,unknown=WHAT,service-address=ADDRESS,package=NAME*,serial=CONSOLE,raid=LEVEL,disks=N,file-system=TYPE,firmware=KIND,admin-key=KEY*", \
	  "write a first site.json to start from") \
	X("site", "check", cmd_site_check, CMD_READS_HERE, "[FILE]", "", "check site.json; says all that is wrong at once") \
	X("site", "show", cmd_site_show, CMD_READS, "", "history,revision=N", "show the site as applied, else as in the file") \
	X("site", "plan", cmd_site_plan, CMD_READS, "", "diff", "show what applying site.json would change") \
	X("site", "apply", cmd_site_apply, CMD_CHANGES, "", "diff,reason=TEXT", "make site.json the site the cluster runs by") \
	X("site", "undo", cmd_site_undo, CMD_CHANGES, "", "to=REVISION,diff,reason=TEXT", "go back to a site that was applied before") \
	X("image", "build", cmd_image_build, CMD_CHANGES_HERE, "NAME", "from=DIR,suite=SUITE,mirror=URL,package=NAME*,kind=KIND", \
	  "build an image from the distribution and store it signed") \
	X("image", "capture", cmd_image_capture, CMD_CHANGES_HERE, "NAME", \
	  "from=[USER@]HOST:/|DIR,exclude=PATTERN*,kind=KIND,suite=SUITE,keep-identity,live,ssh-option=OPTION*", \
	  "take an image of a machine that runs, or of a directory") \
	X("image", "list", cmd_image_list, CMD_READS_HERE, "", "", "list the images in the store and what each of them costs") \
	X("image", "show", cmd_image_show, CMD_READS_HERE, "NAME[/ID]", "", "show one image") \
	X("image", "ls", cmd_image_ls, CMD_READS_HERE, "NAME[/ID] [PATH]", "recursive,long", "list what is in an image") \
	X("image", "cat", cmd_image_cat, CMD_READS_HERE, "NAME[/ID] PATH...", "", "print files of an image") \
	X("image", "diff", cmd_image_diff, CMD_READS_HERE, "NAME[/ID] NAME[/ID] [PATH]", "content", \
	  "list what differs between two images") \
	X("image", "verify", cmd_image_verify, CMD_READS_HERE, "[NAME[/ID]]", "all", \
	  "check every byte of an image against its signature") \
	X("image", "export", cmd_image_export, CMD_CHANGES_HERE, "NAME[/ID] TARGET", "format=FORMAT,update,force", \
	  "take an image out of the store as a directory or an archive") \
	X("image", "import", cmd_image_import, CMD_CHANGES_HERE, "FILE NAME", "suite=SUITE,kind=KIND,max-size=SIZE,max-entries=N,allow-devices", \
	  "make an image of an archive and store it signed") \
	X("image", "delete", cmd_image_delete, CMD_CHANGES, "NAME/ID", "offline", "remove an image that no node uses") \
	X("node", "add", cmd_node_add, CMD_CHANGES, "NODESET", "group=GROUP,mac=MAC*,ipv4=ADDRESS,ipv6=ADDRESS,image=NAME,layout=NAME,serial=TEXT,switch=NAME,port=PORT,bmc=ADDRESS*,bmc-user=USER,bmc-password-file=FILE,bmc-protocol=PROTOCOL,bmc-pin=FINGERPRINT", \
	  "make machines known by their MAC addresses") \
	X("node", "list", cmd_node_list, CMD_READS, "[NODESET]", "", "list nodes and their state") \
	X("node", "show", cmd_node_show, CMD_READS, "NODE", "", "show one node: wishes, state, inventory, last installation") \
	X("node", "set", cmd_node_set, CMD_CHANGES, "NODESET", "group=GROUP,mac=MAC*,ipv4=ADDRESS?,ipv6=ADDRESS?,image=NAME?,layout=NAME?,serial=TEXT?,switch=NAME?,port=PORT?,bmc=ADDRESS?*,bmc-user=USER?,bmc-password-file=FILE,bmc-protocol=PROTOCOL?,bmc-pin=FINGERPRINT?", \
	  "change nodes' group, addresses, image or layout") \
	X("node", "discover", cmd_node_discover, CMD_CHANGES, "", \
	  "serial=PATTERN,switch=PATTERN,mac=PATTERN,product=PATTERN,name=RULE*,group=GROUP,approve,once", \
	  "watch machines arrive, name and approve them") \
	X("node", "import", cmd_node_import, CMD_CHANGES, "FILE", "", "add and change nodes as a CSV table says") \
	X("node", "export", cmd_node_export, CMD_READS, "[NODESET]", "", "print nodes as a CSV table") \
	X("node", "remove", cmd_node_remove, CMD_CHANGES, "NODESET", "force,keep-secrets", \
	  "forget nodes, and take from them all that they had; their disks are left as they are") \
	X("node", "replace", cmd_node_replace, CMD_CHANGES, "NODE", "mac=MAC*,fingerprint=WORDS,keep-secrets", \
	  "give a node's place to another machine") \
	X("node", "approve", cmd_node_approve, CMD_CHANGES, "NODESET", "fingerprint=WORDS,group=GROUP,ipv4=ADDRESS,ipv6=ADDRESS", \
	  "make machines that wait these nodes, after their keys were compared") \
	X("node", "reject", cmd_node_reject, CMD_CHANGES, "[NODESET]", "fingerprint=WORDS*,all", "refuse machines that wait") \
	X("node", "token", cmd_node_token, CMD_CHANGES, "[NODESET]", "minutes=N,list,revoke=ID", \
	  "make, list or revoke tokens with which machines enrol without waiting") \
	X("node", "install", cmd_node_install, CMD_CHANGES, "NODESET", "image=NAME[/ID],accept-disks-unseen,as-shown=DIGEST,no-cast,wait", \
	  "install nodes once, at their next netboot: erases their disks") \
	X("node", "exec", cmd_node_exec, CMD_CHANGES, "NODESET -- COMMAND...", \
	  "fanout=N,timeout=SECONDS,connect-timeout=SECONDS,max-output=SIZE,user=USER,fold,live,stdin,ssh-option=OPTION*", \
	  "run a command on nodes, many at once") \
	X("node", "files", cmd_node_files, CMD_READS, "NODESET", "diff", "show the files that nodes get, and what the site's templates change") \
	X("secret", "list", cmd_secret_list, CMD_READS, "", "", "list what is kept, for whom and where; never the values") \
	X("secret", "set", cmd_secret_set, CMD_CHANGES, "NAME [FILE|-]", "path=FILE,owner=USER[:GROUP],mode=MODE,group=GROUP*,all,restart=SERVICE,generate=BYTES", \
	  "keep a secret for nodes, or change it") \
	X("secret", "rotate", cmd_secret_rotate, CMD_CHANGES, "NAME", "", "replace a secret that was made here by a new one") \
	X("secret", "remove", cmd_secret_remove, CMD_CHANGES, "NAME", "", "forget a secret, and have nodes remove its file") \
	X("node", "boot", cmd_node_boot, CMD_CHANGES, "NODESET", "disk,net,diskless,rescue,stay,on,off,cycle,reset,soft-off,pxe,stagger=SECONDS,force", \
	  "choose what nodes boot next, and switch them on, off or anew") \
	X("node", "power", cmd_node_power, CMD_READS, "NODESET", "", "ask nodes' BMCs whether they are on") \
	X("node", "sensors", cmd_node_sensors, CMD_READS, "NODESET", "", "read nodes' temperatures, fans and power by their BMCs") \
	X("node", "bmc", cmd_node_bmc, CMD_READS, "NODESET", "", "show nodes' BMCs: address, maker, firmware, key of the certificate") \
	X("node", "identify", cmd_node_identify, CMD_CHANGES, "NODESET", "off", "switch nodes' locating lights on or off") \
	X("node", "console", cmd_node_console, CMD_READS, "NODE", "log", "show a node's serial console at this terminal, or what it has printed") \
	X("cast", "send", cmd_cast_send, CMD_DRAFTS_HERE, "FILE|NAME[/ID]", \
	  "to=NODESET,path=PATH,force,carry,user=USER,fanout=N,connect-timeout=SECONDS,ssh-option=OPTION*,receivers=N,gather=SECONDS,wait=SECONDS,rate=MBIT,interface=NAME,address=ADDRESS,port=PORT,group=ADDRESS,ipv6,jumbo,token-file=FILE", \
	  "send a file or an image to any number of machines at once, encrypted") \
	X("cast", "receive", cmd_cast_receive, CMD_DRAFTS_HERE, "[FILE]", "store=DIR,trust=FILE,token-file=FILE|-,token=TOKEN,interface=NAME,no-multicast,force,attended", \
	  "receive the file that is sent, or the image into the store") \
	X("cast", "status", cmd_cast_status, CMD_READS, "", "watch", "show what is cast to nodes, and how far each of them is") \
	X("cast", "relay", cmd_cast_relay, CMD_DRAFTS_HERE, "NETWORK", "", \
	  "bring casts into a network that multicast of the head does not reach") \
	X("cast", "stop", cmd_cast_stop, CMD_CHANGES, "[NAME[/ID]]", "", \
	  "end casts of images; nodes that install them now get the rest over HTTPS") \
	X("cast", "resume", cmd_cast_resume, CMD_CHANGES, "[NAME[/ID]]", "", "let images be cast again that were stopped") \
	X("disk", "probe", cmd_disk_probe, CMD_READS_HERE, "", "", "list this machine's disks and what is on them") \
	X("disk", "plan", cmd_disk_plan, CMD_READS_HERE, "LAYOUT", "", "show what a layout would do to this machine's disks") \
	X("event", "watch", cmd_event_watch, CMD_READS, "", "since=NUMBER", "print events as they happen") \
	X("event", "list", cmd_event_list, CMD_READS, "", "since=NUMBER,limit=NUMBER", "list the latest events") \
	X("event", "hooks", cmd_event_hooks, CMD_READS, "", "", "list the programs that are run with events, and how they do") \
	X("audit", "show", cmd_audit_show, CMD_READS, "", "since=NUMBER|TIME,who=TEXT,node=NODE,limit=NUMBER", \
	  "show who did what, and how it ended") \
	X("audit", "verify", cmd_audit_verify, CMD_READS_HERE, "[FILE...]", "", "check that the audit log is what was written") \
	X("head", "install", cmd_head_install, CMD_CHANGES_HERE, "", "probe,interface=NAME*,accept-dhcp,images,store-raid=LEVEL,store-disk=DISK*,store-wipe=DISK*,store-fs=TYPE", \
	  "make this machine a head, step by step; run again, it goes on") \
	X("head", "uninstall", cmd_head_uninstall, CMD_CHANGES_HERE, "", "keep-images,remove-data", \
	  "give this machine back as it was before it was made a head") \
	X("head", "status", cmd_head_status, CMD_READS, "", "", "say what this head does, and which head answers") \
	X("head", "switch", cmd_head_switch, CMD_CHANGES_HERE, "[HEAD]", "", "give the service addresses to the other head") \
	X("head", "pause", cmd_head_pause, CMD_CHANGES_HERE, "", "", "have this head not take the service addresses") \
	X("head", "resume", cmd_head_resume, CMD_CHANGES_HERE, "", "", "let this head take the service addresses again") \
	X("head", "fenced", cmd_head_fenced, CMD_CHANGES_HERE, "HEAD", "", "say that the other head is switched off for certain") \
	X("head", "certificate", cmd_head_certificate, CMD_CHANGES_HERE, "NAME", "out=DIR", \
	  "make a client certificate for administering from another machine") \
	X("completion", "bash", cmd_completion_bash, CMD_READS_HERE, "", "", "print the completion script for bash(1)") \
	X("completion", "zsh", cmd_completion_zsh, CMD_READS_HERE, "", "", "print the completion function for zsh(1)") \
	X("completion", "words", cmd_completion_words, CMD_READS, "KIND", "", "list what the scripts complete: nodes, images, ...")
/* clang-format on */

#include "base/err.h"

struct cmd;
#define X(noun, verb, function, effect, args, options, help) int function(struct cmd *c, struct err *err) WARN_UNUSED;
COMMANDS(X)
#undef X

#endif
