#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/cli/head-install.sh, killed at each change that a program makes and at each thing made durable, not at a few of them.
EVERY=1 SHARDS=4 exec "$TOP/tests/cli/head-install.sh"
