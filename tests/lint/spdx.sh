#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every source file says its licence: C in its first line, scripts right after "#!".
set -eu
# shellcheck source=tests/lint/common.bash
. "$(dirname "$0")/common.bash"

{
    files '*.c' '*.h' | while IFS= read -r f; do
        [ "$(head -n 1 "$f")" = "/* SPDX-License-Identifier: GPL-2.0-or-later */" ] || echo "$f:1: the SPDX line is missing"
    done
    files '*' | while IFS= read -r f; do
        read -r -n 2 magic <"$f" || true
        case $f in *.bash) ;; *) [ "$magic" = "#!" ] || continue ;; esac
        head -n 2 "$f" | grep -qx '# SPDX-License-Identifier: GPL-2.0-or-later' || echo "$f:2: the SPDX line is missing"
    done
} 2>/dev/null | verdict
