#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# alone: it builds with all processors, and runs tests beside each other itself
# Unit, fuzz-corpus, command-line and namespace tests with ASan and UBSan built in: no report.
set -eu
cd "$TOP"
make SAN=1 -j"$(nproc)" tests
exec tests/run --build build-san --level san
