#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The model of the lease (docs/failover.md, "Proof: the model"): larger bounds than sim/model has, what does no harm, and epochs.
set -u
# shellcheck source=tests/model/lease.bash
. "$TOP/tests/model/lease.bash"

OPT=-O2
build one safety -DK=1 -DCRASHES=3 &
build wide safety -DK=1 -DCRASHES=2 -DT=5 -DM=2 &
wait
build two safety -DK=2 -DCRASHES=0 &
build crash safety -DK=2 -DCRASHES=1 &
wait
build fast safety -DK=2 -DCRASHES=1 -DT=2 &
build epochs safety -DK=2 -DCRASHES=0 -DT=2 -DEPOCHS &
wait
build epochs-crash safety -DK=1 -DCRASHES=1 -DEPOCHS

search one
search wide
search crash
search epochs
harmless 21 two # voters look at ballots only to keep the younger one of a lease's
harmless 22 two # RELEASE leaves no floor
harmless 23 two # PREPARE is promised over another's live lease
harmless 24 two # no PREPARE
harmless 25 one # quarantine is T, without the margin

breaks 8 "$two_heads" fast # a RELEASE ends the lease of the other head, too
breaks 16 'epoch' epochs   # a renewal that comes when the lease was over keeps its epoch
breaks 0 'epoch' epochs-crash # what does not hold: epochs don't grow when voters forget them
echo "RESULT lease_model states=$states errors=$errors broken=$broken found=$found searches=$searches"
exit $bad
