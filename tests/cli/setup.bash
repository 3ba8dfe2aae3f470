# SPDX-License-Identifier: GPL-2.0-or-later
# What the tests of orthrus-setup share: a real terminal, and $work/bin for programs of the test's own. Sourced, not run.
# shellcheck disable=SC2034
export LC_ALL=C.UTF-8
command -v tmux >/dev/null || { echo "needs tmux"; exit 77; }
work=$(mktemp -d /tmp/setup.XXXXXX) # its name stands on screens
failed=0
fail() { echo "FAIL: $*" >&2; failed=1; }
die() { fail "$@"; exit 1; }
# shellcheck source=tests/cli/tmux.bash
. "$TOP/tests/cli/tmux.bash"
trap 'screen_close; rm -rf "$work"' EXIT
mkdir "$work/bin"
