#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/unit/state_kill, with a thousand kills instead of forty.
set -eu
export STATE_KILLS=${STATE_KILLS:-1000}
exec "$BUILD/tests/unit/state_kill"
