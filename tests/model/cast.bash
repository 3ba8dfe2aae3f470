# SPDX-License-Identifier: GPL-2.0-or-later
# For the two scripts that search tests/model/cast.pml (source it).
model=$TOP/tests/model/cast.pml
defaults=(CRASHES=0 DEATHS=0 FORGED=0 LATE=0 LAGS=0 LIAR=0 CLAIMS=0 QUIET=1 BUG=0)
# shellcheck source=tests/model/spin.bash
. "$TOP/tests/model/spin.bash"
