#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# patient: it only computes
# The model of the lease (docs/failover.md, "Proof: the model"): there are never two holders, whatever happens within its bounds;
# and there are, as soon as one of the rules is broken. More of both: full/lease-model.
set -u
# shellcheck source=tests/model/lease.bash
. "$TOP/tests/model/lease.bash"

build one safety -DK=1 -DCRASHES=2 &
OPT=-O2 build two safety -DK=2 -DCRASHES=0 &
wait
OPT=-O2 build crash safety -DK=2 -DCRASHES=1 -DT=2 &
build takeover safety -DK=1 -DCRASHES=1 -DTAKEOVER &
wait

search one
search two
search crash
search takeover
for goal in 1 2 3 5 6 7; do reach $goal one; done
reach 4 two

breaks 1 "$two_heads" one # no quarantine
breaks 2 "$two_heads" one # the timer starts at the ack
breaks 3 "$two_heads" one # a fast voter clock
breaks 4 "$two_heads" one # a grant over a live lease
controls=$broken controls_failed=$found broken=0 found=0
for bug in 6 9 10 11 12 13; do breaks $bug "$two_heads" one; done
for bug in 5 7 14; do breaks $bug "$two_heads" two; done
breaks 15 'b<=' takeover
echo "RESULT model states=$states errors=$errors controls=$controls controls_failed=$controls_failed more=$broken more_failed=$found searches=$searches goals=$goals reached=$reached"
exit $bad
