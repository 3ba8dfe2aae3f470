#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/cli/site-undo.sh, killed at each write of an apply, not at every fourth.
SITE_UNDO_KILLS=1000 exec "$TOP/tests/cli/site-undo.sh"
