#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# patient: it only compares files
# Every function that lib/base, lib/site, lib/api, cast and the guard's core offer to others is named in a unit test.
set -eu
# shellcheck source=tests/lint/common.bash
. "$(dirname "$0")/common.bash"

public() { # the headers that somebody outside their own directory includes; the rest are a module's own business
    local h
    files 'headfailover/guard/key.h' 'headfailover/guard/links.h' 'headfailover/guard/wire.h' # its program is in the same directory
    files 'lib/base/*.h' 'lib/site/*.h' 'lib/api/*.h' 'cast/*.h' | while IFS= read -r h; do
        files '*.c' '*.h' | grep -vE "^(${h%/*}|tests)/" | xargs -r grep -lF "#include \"${h#lib/}\"" | grep . >/dev/null && printf '%s\n' "$h"
    done
    printf '%s\n' headfailover/guard/gate.h headfailover/guard/announce.h headfailover/guard/addresses.h
}
functions() { # "header function" of every declaration
    local headers
    mapfile -t headers < <(public)
    code "${headers[@]}" | perl -ne '
        my ($file, $text) = /^([^:]+):\d+:(.*)/ or next;
        next if $text =~ /^\s*#/ || $text =~ /\\$/;
        $of{$file} .= "$text\n";
        END {
            for my $f (sort keys %of) {
                my $t = $of{$f};
                1 while $t =~ s/\{[^{}]*\}/;/gs;             # bodies and structs
                for my $d (split /;/, $t) {
                    next if $d =~ /\btypedef\b/;
                    $d =~ s/__attribute__\s*\(\(.*?\)\)//gs;
                    print "$f $1\n" if $d =~ /^\s*[a-z][^(]*?(\w+)\s*\(/i;
                }
            }
        }'
}
tests=$(mktemp)
trap 'rm -f "$tests"' EXIT
code 'tests/unit/*.c' 'tests/unit/*.h' | grep -oE '[a-z_0-9]+' | sort -u >"$tests"
n=$(functions | wc -l)
{
    [ "$n" -ge 80 ] || echo "tests/lint/tested.sh: only $n functions found: the headers are not read rightly"
    functions | while read -r header name; do
        case $name in *_) continue ;; esac # the inside of a macro
        grep -qx "$name" "$tests" || echo "$header: no unit test uses $name()"
    done
} | verdict
