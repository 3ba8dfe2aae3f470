# SPDX-License-Identifier: GPL-2.0-or-later
# For the two scripts that search tests/model/lease.pml (source it).
model=$TOP/tests/model/lease.pml
defaults=(BUG=0 GOAL=0)
# shellcheck source=tests/model/spin.bash
. "$TOP/tests/model/spin.bash"
reached=0 goals=0
two_heads='gate\[0\]==0.*gate\[1\]==0' # the property that fails

# reach GOAL NAME: it can come about, or the searches prove nothing
reach() {
    goals=$((goals + 1))
    run "$2" GOAL="$1"
    if grep -q "^pan:1: assertion violated ((GOAL!=$1)" "$out"; then
        reached=$((reached + 1))
    else
        echo "FAILED: GOAL $1 is not reached by $2"
        bad=1
    fi
}
# harmless BUG NAME: what the property does not depend on
harmless() {
    search "$2" BUG="$1"
}
