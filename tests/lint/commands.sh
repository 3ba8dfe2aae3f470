#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The table of commands and the man page name the same verbs and options, and the man pages are sound mdoc.
set -eu
# shellcheck source=tests/lint/common.bash
. "$(dirname "$0")/common.bash"
man=docs/man/orthrus.8
TMPDIR_LINT=$(mktemp -d)
trap 'rm -rf "$TMPDIR_LINT"' EXIT

table() { # "noun verb options" of every X("noun", "verb", function, effect, "args", "options", "help")
    code cmd/commands.h | sed 's/^[^:]*:[^:]*://; s/\\$//' | tr '\n' ' ' |
        perl -ne 'while (/X\("(\w+)", "(\w+)", \w+, \w+, "[^"]*",\s*"([^"]*)"/g) { print "$1 $2 $3\n" }'
}
entry() { # the lines that the man page gives to `noun verb`: from its .It Cm to the next one, or to the end of the section
    awk -v want=".It Cm $1 $2" '/^\.It Cm [a-z]+ [a-z]+/ { on = $0 == want || index($0, want " ") == 1 } /^\.S[hs]/ { on = 0 } on' "$man"
}
says_option() { # is --$1 in the text on standard input? mdoc writes it .Fl -name
    grep -qE -- "Fl -$1( |\$)"
}
{
    [ -f "$man" ] || echo "$man: is missing"
    n=$(table | wc -l)
    [ "$n" -ge 10 ] || echo "cmd/commands.h: only $n rows of the table found: is its form a new one?"
    sed -nE 's/^\.It Cm ([a-z]+) ([a-z]+)( .*)?$/\1 \2/p' "$man" | sort >"$TMPDIR_LINT/man"
    table | cut -d' ' -f1,2 | sort >"$TMPDIR_LINT/table"
    comm -23 "$TMPDIR_LINT/table" "$TMPDIR_LINT/man" | sed "s|.*|$man: there is no '.It Cm &'|"
    comm -13 "$TMPDIR_LINT/table" "$TMPDIR_LINT/man" | sed "s|.*|$man: '&' is no command|"
    table | while read -r noun verb options; do
        entry "$noun" "$verb" >"$TMPDIR_LINT/entry"
        for o in ${options//,/ }; do
            o=${o%%=*}
            says_option "$o" <"$TMPDIR_LINT/entry" || echo "$man: the entry of '$noun $verb' says nothing of --$o"
        done
        grep -oE 'Fl -[a-z0-9-]+' "$TMPDIR_LINT/entry" | sed 's/^Fl -//' | sort -u | while read -r o; do
            case ",$options," in *",$o,"*|*",$o="*) ;; *) grep -q "{ \"$o\"," cmd/options.c || echo "$man: '$noun $verb' has no option --$o" ;; esac
        done
    done
    # The options of every command.
    sed -nE 's/^\t\{ "([a-z]+)", (NULL|"[A-Z]+"), ".*/\1/p' cmd/options.c >"$TMPDIR_LINT/globals"
    [ "$(wc -l <"$TMPDIR_LINT/globals")" -ge 10 ] || echo "cmd/options.c: the options of every command were not found"
    while read -r o; do says_option "$o" <"$man" || echo "$man: says nothing of --$o"; done <"$TMPDIR_LINT/globals"
    # The other programs: their getopt tables.
    while read -r source page; do
        grep -oE '\{ "[a-z-]+", (no|required)_argument' "$source" | cut -d'"' -f2 | sort >"$TMPDIR_LINT/options"
        [ -s "$TMPDIR_LINT/options" ] || echo "$source: its options were not found"
        sed -nE '/^\.It Fl/p' "$page" | grep -oE 'Fl -[a-z-]+' | sed 's/^Fl -//' | sort >"$TMPDIR_LINT/told"
        comm -23 "$TMPDIR_LINT/options" "$TMPDIR_LINT/told" | sed "s|^|$page: says nothing of --|"
        comm -13 "$TMPDIR_LINT/options" "$TMPDIR_LINT/told" | sed "s|^|$page: there is no --|"
    done <<<"daemon/options.c docs/man/orthrusd.8
imaging/imager/main.c docs/man/orthrus-imager.8
node/main.c docs/man/orthrus-node.8
tui/options.c docs/man/orthrus-setup.8"
    if command -v mandoc >/dev/null; then
        files 'docs/man/*' | xargs -r mandoc -T lint -W warning | sed 's/^mandoc: //' || true
    fi
} | verdict
