#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The model of the cast (docs/model.md): everything that can happen within its bounds, and each property broken once on purpose.
set -u
# shellcheck source=tests/model/cast.bash
. "$TOP/tests/model/cast.bash"

build three safety -DN=3 &
build two safety -DN=2 &
wait
build three-ends ends -DN=3 &
build two-ends ends -DN=2 &
wait
build one-chunks safety -DN=1 -DC=2 &
build two-chunks safety -DN=2 -DC=2 &
wait
build one-blocks safety -DN=1 -DPER=2 -DK=3

# Three receivers: some dead, one a straggler, one that crashes and comes again, one that gets wrong symbols.
search three CLAIMS=1 DEATHS=1
search three LAGS=1
search three FORGED=1
# Two, with a packet that is late, or twice there.
search two CLAIMS=1 LATE=1
search two CRASHES=1 DEATHS=2
search two FORGED=3
# Chunks of their own, and chunks of several blocks.
search two-chunks
search one-chunks CLAIMS=2 LATE=1
search one-chunks CRASHES=1 FORGED=1
search one-blocks CLAIMS=2 FORGED=2
# All comes to an end, whatever the network does, and whatever one receiver says.
search three-ends DEATHS=1
search two-ends CLAIMS=1 DEATHS=2 LAGS=1
search two-ends LIAR=1 CLAIMS=1 QUIET=2
search two-ends CRASHES=1

breaks 1 'good\[.*\]==right' two FORGED=1
breaks 2 'durable\[.*==' two CRASHES=1
breaks 3 'right\[.*\]==\(\(1' two CRASHES=1
breaks 4 'r_used\[' two CRASHES=1
breaks 5 'was_whole&' two CRASHES=1 LATE=1
breaks 6 's_used&' two
breaks 7 'invalid end state' two DEATHS=1
breaks 8 'acceptance cycle' two-ends
breaks 9 'owed\[.*<=queue' two
breaks 10 'owed\[.*<=queue' two
breaks 11 'st\[.*!=7.*reason' two
breaks 12 'invalid end state' two
breaks 13 'queue\[.*<2' two
breaks 14 'forged>0' two LATE=1
breaks 15 'wrong\[.*<=2' two FORGED=3
breaks 16 'stage==4.*m_state==1' two LAGS=1
breaks 17 'acceptance cycle' two-ends
breaks 18 'st\[.*!=7.*reason' two
breaks 19 'right\[.*\]==\(\(1' two
breaks 20 'right\[.*\]==\(\(1' two FORGED=2
breaks 21 'acceptance cycle' two-ends
breaks 22 'member\[.*!=3' two LATE=1

echo "RESULT cast_model properties=15 broken=$broken found=$found states=$states searches=$searches"
exit $bad
