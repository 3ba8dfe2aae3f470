#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Who may include whom: lower layers know nothing of higher ones, and domains nothing of each other (docs/architecture.md).
set -eu
# shellcheck source=tests/lint/common.bash
. "$(dirname "$0")/common.bash"

code '*.c' '*.h' | grep -E '^[^:]+:[0-9]+:\s*#\s*include\s*"' | perl -ne '
    # What each part may include besides its own headers. Only installer puts domains together, by their public headers;
    # the programs see public headers only. A netboot payload is made of an image, and who fences a head switches its power off:
    # hence one header more for each. A head may keep its images on an array of its own disks: another such.
    my $public = qr{^(?:api|base|site|sys)/|^imaging/(?:restore|store|manifest|build|capture|export|import|image_read|image_diff|usage|chunk_source|parcel)\.h$|^raidsetup/raidsetup\.h$|^netboot/netboot\.h$
        |^installer/\w+\.h$|^headfailover/state/state\.h$|^headfailover/guard/control(?:_json)?\.h$|^packages/packages\.h$|^power/bmc\.h$|^headinstall/\w+\.h$
        |^cast/(?:layout|session|sender|receiver|wire|tx|rx|ticket|token|desk|guest|file|out|treehash|querier|diagnose|relay|cable)\.h$}x;
    my $low = qr{^(?:base|site|sys)/};
    my %may = (
        "lib/base" => qr{^base/}, "lib/site" => qr{^(?:base|site)/}, "lib/sys" => qr{^(?:base|sys)/}, "lib/api" => qr{^(?:api|base)/},
        imaging => $low, raidsetup => $low, packages => $low, headfailover => qr{$low|^power/bmc\.h$}, power => $low, cast => $low, headinstall => qr{$low|^raidsetup/raidsetup\.h$},
        netboot => qr{$low|^imaging/store\.h$},
        installer => qr{$low|^imaging/(?:restore|store|manifest)\.h$|^raidsetup/raidsetup\.h$|^netboot/netboot\.h$},
        cmd => $public, daemon => $public, "imaging/imager" => $public, node => $public, tui => $public, tests => qr{.},
    );
    my ($file, $line, $header) = m{^([^:]+):(\d+):\s*#\s*include\s*"([^"]+)"} or die "cannot read: $_";
    my ($part) = $file =~ m{^(lib/[^/]+|imaging/imager|[^/]+)/} or next;
    if (!$may{$part}) { print "$file:$line: no rule says what $part may include (tests/lint/includes.sh)\n"; next }
    next if $header =~ $may{$part};
    # A part sees its own headers, but not those of the program inside it.
    next if $part !~ /^lib/ && $header =~ m{^\Q$part\E/} && !($part eq "imaging" && $header =~ m{^imaging/imager/});
    print "$file:$line: $part may not include \"$header\"\n";
' | verdict
