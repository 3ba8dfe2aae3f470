#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The man pages are sound mdoc: mandoc has no warning about any of them.
set -eu
# shellcheck source=tests/lint/common.bash
. "$(dirname "$0")/common.bash"
command -v mandoc >/dev/null || { echo "mandoc is not installed"; exit 77; }
files 'docs/man/*' | while IFS= read -r f; do
    # It ends with 0 when there is nothing to say, and says what there is on standard output.
    mandoc -T lint -W warning "$f" 2>&1 || true
done | sed 's/^mandoc: //' | verdict
