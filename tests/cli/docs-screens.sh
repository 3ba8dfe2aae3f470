#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tools/docs-screens and tools/docs-check: captured screens come into a page, and one that differs, a link that leads nowhere, a folder that is
# not drawn and a message that no program says are found.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
fail() { echo "FAIL: $*" >&2; failed=1; }
mkdir -p "$work/tools" "$work/docs" "$work/tests/golden/setup" "$work/cmd"
cp "$TOP/tools/docs-screens" "$TOP/tools/docs-check" "$work/tools/"
cd "$work" || exit 1
echo '# Read me' >README.md
screens() { tools/docs-screens "$@" >out 2>&1; }

# --- a page without screens has no word of them; one that comes, comes in
printf '# A page\n\n<!-- screens: tests/golden/setup/*.txt\n## In the wizard\n\nIt asks.\n-->\n<!-- end of screens -->\n' >docs/page.md
screens --check || fail "no screens: $(cat out)"
cp docs/page.md before
printf '+--------+   \n| Name   |\n+--------+\n\n\n' >tests/golden/setup/01-cluster.txt
printf 'Disks\n' >tests/golden/setup/02-node-disks-80x24.txt
screens --check && fail "a new screen is not missed"
screens || fail "$(cat out)"
diff - docs/page.md <<'E2' || fail "the page is another"
# A page

<!-- screens: tests/golden/setup/*.txt
## In the wizard

It asks.
-->
## In the wizard

It asks.

### Cluster

```text
+--------+
| Name   |
+--------+
```

### Node disks

```text
Disks
```
<!-- end of screens -->
E2
screens --check || fail "made, and yet not right: $(cat out)"
echo Ten >tests/golden/setup/10-end.txt
screens || fail "$(cat out)"
[ "$(grep '^### ' docs/page.md | paste -sd' ')" = "### Cluster ### Node disks ### End" ] || fail "the order: $(grep '^### ' docs/page.md)"
rm tests/golden/setup/10-end.txt
screens || fail "$(cat out)"
# --- one screen by its name is not shown twice; a golden that changes is found
printf '# Other\n\n<!-- screen: tests/golden/setup/01-cluster.txt -->\n<!-- end of screens -->\n' >>docs/page.md
screens || fail "$(cat out)"
[ "$(grep -c '| Name' docs/page.md)" = 1 ] || fail "a screen stands there $(grep -c '| Name' docs/page.md) times"
sed -i 's/Name/Names/' tests/golden/setup/01-cluster.txt
screens --check && fail "another screen is not found"
grep -q '^docs/page.md: ' out || fail "the page is not named: $(cat out)"
screens && screens --check || fail "$(cat out)"
# --- they go, and the page is as it was
rm tests/golden/setup/0*
screens --check && fail "a screen that is gone is not found"
grep -q 'there is no tests/golden/setup/01-cluster.txt' out || fail "$(cat out)"
sed -i '/^# Other/,$d' docs/page.md
screens || fail "$(cat out)"
sed -i '${/^$/d}' docs/page.md
diff before docs/page.md || fail "the page is not as it was"
printf '<!-- screen: x -->\n' >>docs/page.md
screens --check && fail "a screen without an end"

# --- docs-check
# A string that has the beginning of a comment in it ends no string.
printf 'int g(void) { return open("/etc/x/*"); }\nint h(void) { return err_set(err, "seen behind it"); }\n/* over */\n' >cmd/b.c
printf 'int f(void) { return err_set(err, "the whole disk %%s is only "\n\t"%%u %%%% full", a, b); }\n' >cmd/a.c
{
    echo '# Symptoms'
    for _ in $(seq 20); do echo 'It says `the whole disk ... is only ... % full`.'; done
} >docs/symptoms.md
echo 'The code is in `cmd/`, `tools/`.' >docs/architecture.md
echo '[page](page.md) [part](page.md#a-page) [symptoms](symptoms.md) [drawn](architecture.md)' >docs/README.md
look() { find . -type f ! -path './out' ! -path './before' -printf '%P\n' | tools/docs-check docs/symptoms.md >out 2>&1; }
look || fail "all is right: $(cat out)"
echo 'It says `seen behind it`.' >>docs/symptoms.md
look || fail "a message behind a string with the beginning of a comment: $(cat out)"
sed -i '$d' docs/symptoms.md
wrong() { # TEXT: it is found
    look && fail "'$1' is not found"
    grep -qF -- "$1" out || fail "'$1' is not said: $(cat out)"
}
echo 'It says `the whole disk ... is half full`.' >>docs/symptoms.md
wrong 'docs/symptoms.md:22: no program says "is half full"'
sed -i '$d' docs/symptoms.md
echo '[gone](gone.md) [heading](page.md#b-page)' >>docs/README.md
wrong 'docs/README.md:2: the link to gone.md leads nowhere'
wrong 'docs/README.md:2: docs/page.md has no heading #b-page'
sed -i '$d' docs/README.md
mkdir power && cp cmd/a.c power/
wrong 'docs/architecture.md: says nothing of power/'
rm -r power
echo '# New' >docs/new.md
wrong 'docs/README.md: does not name docs/new.md'
rm docs/new.md
look || fail "all is right again: $(cat out)"
exit $failed
