#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The table of commands and the man pages name the same verbs and options: each noun has its page orthrus-NOUN(8), orthrus(8) leads to them.
# What a page refers to is there (lint/man looks at the rest).
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
nouns() { sed -n '/^#define NOUNS/,/[^\\]$/s/^\tX("\([a-z]*\)",.*/\1/p' cmd/commands.h; }
page() { echo "docs/man/orthrus-$1.8"; } # of a noun
entry() { # the lines that its man page gives to `noun verb`: from its .It Cm to the next one, or to the end of the section
    awk -v want=".It Cm $1 $2" '/^\.It Cm [a-z]+ [a-z]+/ { on = $0 == want || index($0, want " ") == 1 } /^\.S[hs]/ { on = 0 } on' "$(page "$1")"
}
says_option() { # is --$1 in the text on standard input? mdoc writes it .Fl -name
    grep -qE -- "Fl -$1( |\$)"
}
{
    [ -f "$man" ] || echo "$man: is missing"
    n=$(table | wc -l)
    [ "$n" -ge 10 ] || echo "cmd/commands.h: only $n rows of the table found: is its form a new one?"
    [ "$(nouns | wc -l)" -ge 8 ] || echo "cmd/commands.h: the nouns were not found"
    for noun in $(nouns); do
        p=$(page "$noun")
        [ -f "$p" ] || { echo "$p: is missing"; continue; }
        grep -q "^\.It Xr orthrus-$noun 8\$" "$man" || echo "$man: does not lead to orthrus-$noun(8)"
        sed -nE 's/^\.It Cm ([a-z]+) ([a-z]+)( .*)?$/\1 \2/p' "$p" | sort >"$TMPDIR_LINT/man"
        table | cut -d' ' -f1,2 | grep "^$noun " | sort >"$TMPDIR_LINT/table"
        comm -23 "$TMPDIR_LINT/table" "$TMPDIR_LINT/man" | sed "s|.*|$p: there is no '.It Cm &'|"
        comm -13 "$TMPDIR_LINT/table" "$TMPDIR_LINT/man" | sed "s|.*|$p: '&' is no command|"
    done
    grep -nE '^\.It Cm [a-z]+ [a-z]+' "$man" | sed "s|^\([0-9]*\):.*|$man:\1: verbs are in the pages of their nouns|"
    table | while read -r noun verb options; do
        man=$(page "$noun")
        [ -f "$man" ] || continue
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
node/main.c docs/man/orthrus-sync.8
tui/options.c docs/man/orthrus-setup.8"
    # A page is called as its file; those that it leads to are there.
    files 'docs/man/*' | while IFS= read -r f; do
        name=${f##*/}
        want=".Dt $(echo "${name%.*}" | tr '[:lower:]' '[:upper:]') ${name##*.}"
        grep -qxF "$want" "$f" || echo "$f: has no line '$want'"
        grep -oE 'Xr (orthrus[a-z-]*|site\.json) [0-9]' "$f" | sort -u | while read -r _ other section; do
            [ -f "docs/man/$other.$section" ] || echo "$f: leads to $other($section), which is not there"
        done
    done
} | verdict
