#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What no file may hold: calls that overflow, guess or block, libraries outside the one module that knows them, #if in functions.
set -eu
# shellcheck source=tests/lint/common.bash
. "$(dirname "$0")/common.bash"

{
    code '*.c' '*.h' | perl -ne '
        # A library is known to one module: others see that module.
        BEGIN {
            @homes = (
                [ "json-c", qr{<json-c/}, qr{^lib/base/json_read\.c$} ],
                [ "libcurl", qr{<curl/}, qr{^lib/sys/http_client\.c$} ],
                [ "libmicrohttpd", qr{<microhttpd\.h>}, qr{^lib/sys/http_(?:server|tls|peer|answer)\.c$} ],
                [ "GnuTLS", qr{<gnutls/}, qr{^lib/sys/http_peer\.c$} ],
                [ "OpenSSL", qr{<openssl/}, qr{^lib/base/digest\.c$|^cast/seal_ssl\.c$|^lib/sys/keys\w*\.c$|^lib/sys/keys_ssl\.h$|^lib/sys/pki\w*\.c$} ],
                [ "libsodium", qr{<sodium}, qr{^lib/sys/(?:keys\w*|secretbox)\.c$|^headfailover/guard/(?:key|wire)\.c$} ],
                [ "raft", qr{<raft}, qr{^headfailover/} ],
                [ "libarchive", qr{<archive}, qr{^imaging/|^packages/} ],
                [ "ISA-L", qr{<isa-l|<erasure_code}, qr{^cast/fec\.c$} ],
                [ "libipsec-mb", qr{<intel-ipsec-mb|<ipsec-mb}, qr{^cast/seal_mb\.c$} ],
                [ "libseccomp", qr{<seccomp}, qr{^lib/sys/confine_calls\.c$} ],
                [ "libblkid", qr{<blkid/}, qr{^raidsetup/} ],
                [ "libnewt", qr{<newt\.h>}, qr{^tui/newt} ],
                [ "S-Lang", qr{<slang}, qr{^tui/(?:dash_draw|newt)\.c$} ],
                [ "libbpf", qr{<bpf/}, qr{^headfailover/guard/gate} ],
            );
        }
        my ($file, $line, $text) = /^([^:]+):(\d+):(.*)/ or next;
        my $bare = $text; # without the insides of strings
        $bare =~ s/"(?:\\.|[^"\\])*"/""/g;
        my $test = $file =~ m{^tests/};
        my $say = sub { print "$file:$line: $_[0]\n" };

        while ($bare =~ /(?<![\w.>])(system|popen|v?sprintf|strcpy|strcat|strncpy|strncat|stpcpy|ato[ifl]|atoll|gets|strtok|alloca)\s*\(/g) {
            $say->("$1() is not used here: it overflows, guesses or runs a shell (lib/base/str.h, lib/sys/spawn.h)");
        }
        if (!$test) {
            $say->("a shell between us and a program: give an argument vector")
                if $text =~ m{"(?:/bin/)?(?:ba|da)?sh"\s*,\s*"-\w*c"};
            $say->("nothing sleeps in a daemon: use the loop (lib/sys/loop.h)")
                if $file =~ m{^(?:daemon|headfailover|lib)/} && $file ne "lib/sys/clock.c" && $file ne "lib/sys/clock.h"
                && $bare =~ /\b(?:u|nano|clock_nano)?sleep\s*\(|\bclock_sleep_ns\s*\(/;
            $say->("only programs print (lib/sys/log.h for the log)")
                if $file !~ m{^(?:cmd|imaging/imager|tui)/|^(?:daemon|node|headfailover/guard)/main\.c$|^daemon/options\.c$} && $bare =~ /(?<!\w)(?:v?printf|puts|putchar)\s*\(|\bstdout\b/;
            $say->("only a main ends the process") if $file !~ m{(?:^|/)main\.c$} && $bare =~ /(?<![\w.>])exit\s*\(/;
        }
        if (!$test && $text =~ /^\s*#\s*include\s*</) {
            for my $h (@homes) { $say->("$h->[0] is not included here") if $text =~ $h->[1] && $file !~ $h->[2] }
        }
        # Functions stand between "{" and "}" in the first column.
        $in_function = 0 if $file ne $last;
        $last = $file;
        $in_function = 1 if $text =~ /^\{/;
        $in_function = 0 if $text =~ /^\}/;
        $say->("#if inside a function: choose the whole function, or a constant") if $in_function && $text =~ /^\s*#\s*(?:if|ifdef|ifndef)\b/;
    '
    files '*.c' '*.h' | grep -E '(^|/)(utils?|helpers?|misc|common)\.[ch]$' | sed 's/$/: a file is named after what it knows/' || true
} | verdict
