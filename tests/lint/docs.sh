#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Links and headings of the documentation are there, its index and its drawing of the tree are complete, messages that it quotes are said by the
# programs, and its screens are those that the tests captured.
set -eu
# shellcheck source=tests/lint/common.bash
. "$(dirname "$0")/common.bash"
{
    files '*' | tools/docs-check docs/troubleshooting.md || true
    tools/docs-screens --check || true
} | verdict
