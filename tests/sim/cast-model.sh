#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# patient: it only computes
# The model of the cast with small bounds, as a change to it would be seen at once; all of it: full/cast-model.
set -u
# shellcheck source=tests/model/cast.bash
. "$TOP/tests/model/cast.bash"

OPT=-O0 build two ends -DN=2
search two DEATHS=1
breaks 1 'good\[.*\]==right' two FORGED=1
breaks 4 'r_used\[' two CRASHES=1
breaks 7 'acceptance cycle' two DEATHS=1
breaks 9 'owed\[.*<=queue' two
breaks 12 'acceptance cycle' two
echo "RESULT cast_model_small broken=$broken found=$found states=$states"
exit $bad
