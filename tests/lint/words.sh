#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Words that have no place in the project: hosts of the machine it was written on, its paths, and unfinished business.
set -eu
# shellcheck source=tests/lint/common.bash
. "$(dirname "$0")/common.bash"

hosts() { # where this machine takes its packages from: a private mirror must not get into the project by a copied line
    {
        cat /etc/apt/sources.list /etc/apt/sources.list.d/* /etc/apt/apt.conf /etc/apt/apt.conf.d/* 2>/dev/null
        env | grep -iE '^(https?|ftp)_proxy=' || true
    } | grep -oiE '(https?|ftp)://[^/ ";]+' | sed -E 's|.*://||; s|.*@||; s|:[0-9]+$||' | sort -u |
        grep -vE '(^|\.)debian\.org$|^(localhost|127\..*|\[.*)$' || true
}
# Written in pieces, or this file would name itself.
{
    files '*' | xargs -r -d '\n' grep -InE "(^|[^-[:alnum:]_])(TO""DO|FIX""ME|XX""X)([^[:alnum:]_]|\$)" /dev/null | sed 's/$/   <- finish it/' || true
    files '*' | xargs -r -d '\n' grep -InF -e "/wo""rk/" /dev/null | sed 's/$/   <- a path of one machine/' || true
    # Where no full name says it all ("proxy", 10.0.2.2), only as the host of an address: it may be a word, or anybody's number.
    hosts | while IFS= read -r h; do
        case $h in *[!0-9.]*.*) form=(-F -e "$h") ;; *) form=(-E -e "://([^/ ]*@)?${h//./\\.}([:/\" ]|\$)") ;; esac
        files '*' | xargs -r -d '\n' grep -In "${form[@]}" /dev/null | sed 's/$/   <- a host of this machine/' || true
    done
} | verdict
