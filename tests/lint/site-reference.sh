#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# docs/site.schema.json says of each key what it is, what holds without it, an example and its unit; docs/site-reference.md is made of it.
set -eu
# shellcheck source=tests/lint/common.bash
. "$(dirname "$0")/common.bash"
{ tools/site-reference --check || true; } | verdict
