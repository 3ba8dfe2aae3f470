#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run runs what is executable: a test that is not would be passed over without a word.
set -eu
# shellcheck source=tests/lint/common.bash
. "$(dirname "$0")/common.bash"
bad=0
while IFS= read -r f; do
    [ -x "$TOP/$f" ] || { echo "$f: is not executable, so it is never run (chmod +x)"; bad=1; }
done < <(files 'tests/lint/*.sh' 'tests/cli/*.sh' 'tests/netns/*.sh' 'tests/vm/*.sh' 'tests/sim/*.sh' 'tests/full/*.sh')
exit $bad
