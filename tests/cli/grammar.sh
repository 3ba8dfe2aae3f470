#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The command line itself: help at every level, what a wrong word is told, exit codes, JSON errors.
set -u
orthrus=$BUILD/orthrus
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export ORTHRUS_ROOT=$work/root
# shellcheck source=tests/cli/expect.bash
. "$TOP/tests/cli/expect.bash"

# Help, at three levels; nothing of it on standard error.
expect 0 out 'Form: orthrus NOUN VERB' -- --help
[ -s "$work/err" ] && fail "--help writes to standard error"
expect 0 out 'node add NODESET' -- node --help
expect 0 out 'The manual is orthrus-node(8)' -- node --help
expect 0 out '--mac MAC   (may be repeated)' -- node add --help
expect 0 out 'With --plan it shows what it would do' -- node add --help
expect 0 out 'orthrus node add' -- node add n01 --help
expect 0 out 'orthrus node add' -- -h node add
expect 0 out 'orthrus 0.' -- --version

# Every verb of the table has help, and the help of the top names every verb.
"$orthrus" --help >"$work/top"
awk '/^  [a-z]+ [a-z]+ /{print $1, $2}' "$work/top" >"$work/verbs"
[ "$(wc -l <"$work/verbs")" -ge 20 ] || fail "the help lists only $(wc -l <"$work/verbs") verbs"
rows=$(grep -c 'cmd_[a-z_]*, CMD_' "$TOP/cmd/commands.h")
[ "$rows" = "$(wc -l <"$work/verbs")" ] || fail "commands.h has $rows rows, the help lists $(wc -l <"$work/verbs")"
while read -r noun verb; do
    expect 0 out "orthrus $noun $verb" -- "$noun" "$verb" --help
    expect 2 err "has no option --no-such-thing" -- "$noun" "$verb" --no-such-thing
done <"$work/verbs"

# Wrong words: exit 2, the nearest right one.
expect 2 err 'did you mean `orthrus node`?' -- nod list
expect 2 err "there is no 'blub'" -- blub
expect 2 err 'did you mean `orthrus node install`?' -- node instal
expect 2 err 'did you mean `orthrus image delete`?' -- image del
expect 2 err "'node' has no verb 'frob'; it has add, list" -- node frob
expect 2 err "'node' needs a verb" -- node
expect 2 err 'The form is' --
expect 2 err 'did you mean --group?' -- node add n01 --grup=x
expect 2 err 'did you mean --json?' -- node list --jsn
expect 2 err 'that may stand before the verb' -- --group x node add n01
expect 2 err "is not an option" -- node list -x
expect 2 err '--group needs a value' -- node add n01 --group
expect 2 err '--group was given an empty value' -- node add n01 --group=
expect 2 err '--group was given twice' -- node add n01 --group a --group b
expect 2 err '--json takes no value' -- node list --json=yes
expect 2 err '--trust-mac takes no value' -- site init --trust-mac=1
expect 2 err "does not know what to do with 'extra'" -- site show extra
expect 2 err "'disk plan' needs LAYOUT" -- disk plan

# "--" ends the options; globals may stand anywhere.
expect 1 err 'open --json' -- site check -- --json
expect 1 out '"error"' -- --json site check
expect 1 out '"error"' -- site --json check

# Errors with --json: one document on standard output, nothing else anywhere.
"$orthrus" --json nod >"$work/out" 2>"$work/err"
[ $? = 2 ] || fail "--json changes the exit code"
[ -s "$work/err" ] && fail "--json writes to standard error: $(cat "$work/err")"
if command -v jq >/dev/null; then
    [ "$(jq -r .error.kind "$work/out")" = usage ] || fail "kind of error: $(cat "$work/out")"
    [ "$(jq -r .error.hint "$work/out")" = 'did you mean `orthrus node`?' ] || fail "hint of error: $(cat "$work/out")"
fi

# The daemon that does not run: what is missing, and what to do.
expect 1 err "orthrusd does not run here: there is no $work/root/run/orthrus/api.sock" -- site plan --site "$TOP/tests/golden/site/ok-small.json"
expect 1 err 'systemctl start orthrusd' -- site plan --site "$TOP/tests/golden/site/ok-small.json"
expect 2 err 'needs --ca FILE' -- --api https://head:8443 site plan --site "$TOP/tests/golden/site/ok-small.json"
expect 2 err 'only https://' -- --api http://head:8443 site plan --site "$TOP/tests/golden/site/ok-small.json"
expect 2 err '--cert and --key go together' -- --api https://head:8443 --ca x --cert y site plan --site "$TOP/tests/golden/site/ok-small.json"

# A full device is a failure, a closed pipe is not.
if [ -w /dev/full ]; then
    "$orthrus" --help >/dev/full 2>"$work/err" && fail "writing to a full device looks like success"
    grep -q 'standard output' "$work/err" || fail "a full device: $(cat "$work/err")"
fi

exit $failed
