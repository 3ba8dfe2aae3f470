/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where things are that an installation of a head looks at or writes. */
#ifndef ORTHRUS_HEADINSTALL_PATHS_H
#define ORTHRUS_HEADINSTALL_PATHS_H

#define HEAD_SITE "/etc/orthrus/site.json"
#define HEAD_GUARD_KEY "/etc/orthrus/guard.key"
#define HEAD_GUARD_UNIT "orthrus-guard.service"
#define HEAD_GUARD_WANTS "/etc/systemd/system/multi-user.target.wants/" HEAD_GUARD_UNIT
#define HEAD_UNIT_OFF "disabled and stopped" /* of the journal: what a unit was */
#define HEAD_CHRONY "/etc/chrony/chrony.conf"
#define HEAD_CHRONY_OURS "/etc/chrony/conf.d/orthrus.conf"
#define HEAD_INTERFACES "/etc/network/interfaces"
#define HEAD_INTERFACES_DIR "/etc/network/interfaces.d"
#define HEAD_INTERFACES_OURS HEAD_INTERFACES_DIR "/orthrus-%s"
#define HEAD_NETWORKD_DIR "/etc/systemd/network"
#define HEAD_NETWORKD_OURS HEAD_NETWORKD_DIR "/50-orthrus-%s.network"

/* Where images are, and how an array of this machine's own disks comes to be there. */
#define HEAD_STORE "/srv/orthrus"
#define HEAD_IMAGES HEAD_STORE "/store/images"
#define HEAD_SIGN_PUB "/var/lib/orthrus/pki/sign.pub" /* of their signatures */
#define HEAD_STORE_UNIT "srv-orthrus.mount"
#define HEAD_STORE_MOUNT "/etc/systemd/system/" HEAD_STORE_UNIT
#define HEAD_STORE_MDADM "/etc/mdadm/mdadm.conf.d/orthrus.conf"
#define HEAD_STORE_ARRAY "orthrus" /* of mdadm: /dev/md/orthrus */

/* While packages are installed, their services are not started: a head starts what it needs itself, and no sshd. */
#define HEAD_POLICY "/usr/sbin/policy-rc.d"
#define HEAD_POLICY_TEXT                                                                                                         \
	"#!/bin/sh\n# Of `orthrus head install`, while it installs packages; it goes when they are there.\nexit 101\n"

/* Not below /var/lib/orthrus, which is the daemon's user's: root writes files back from here. */
#define HEAD_RECORD_DIR "/var/lib/orthrus-install"
#define HEAD_BEFORE HEAD_RECORD_DIR "/before"
#define HEAD_JOURNAL HEAD_RECORD_DIR "/journal"
#define HEAD_LEAVING HEAD_RECORD_DIR "/leaving"
#define HEAD_LEAVING_BEGUN HEAD_RECORD_DIR "/leaving-begun"
#define HEAD_LEAVING_FAILED HEAD_RECORD_DIR "/leaving-failed"
#define HEAD_ORIGINALS HEAD_RECORD_DIR "/originals"

#endif
