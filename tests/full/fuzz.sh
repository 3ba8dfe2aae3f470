#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# alone: it builds with all processors, and runs tests beside each other itself
# Every parser under libFuzzer for a short while (FUZZ_SECONDS each); a crash is kept as a corpus file and fails the test.
set -eu
cd "$TOP"
FUZZ_SECONDS=${FUZZ_SECONDS:-20} exec tests/fuzz/run.sh
