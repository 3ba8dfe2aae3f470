#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/cli/head-install.sh, killed at each change that a program makes, not at a few of them.
EVERY=1 exec "$TOP/tests/cli/head-install.sh"
