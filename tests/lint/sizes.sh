#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# No file of C past 600 lines; past 400 it is named, not refused.
set -eu
# shellcheck source=tests/lint/common.bash
. "$(dirname "$0")/common.bash"

bad=0
while IFS= read -r f; do
    n=$(wc -l <"$f")
    if [ "$n" -gt 600 ]; then
        echo "$f: $n lines; a file has at most 600: split it by what it knows"
        bad=1
    elif [ "$n" -gt 400 ]; then
        echo "$f: $n lines (look again: most files have 80 to 300)"
    fi
done < <(files '*.c' '*.h')
exit $bad
