#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# C is formatted as .clang-format says: `make format` does it.
set -eu
# shellcheck source=tests/lint/common.bash
. "$(dirname "$0")/common.bash"
command -v clang-format >/dev/null || { echo "clang-format is not installed"; exit 77; }
files '*.c' '*.h' | xargs -r -d '\n' clang-format --dry-run -Werror 2>&1 | grep -E ' error: ' | sort -u | verdict
