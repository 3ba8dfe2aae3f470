#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# docs/api.yaml and the daemon's table of routes say the same: paths, methods, who may call, and the query parameters.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$BUILD/orthrusd" --print-routes | sed -E 's/:([a-z]+)/{\1}/g' | sort >"$work/served"
# "METHOD PATH admin|node|anybody PARAMETERS" of the document: an operation's own "security" that is no administrator's opens it to machines.
awk '/^paths:/ {on = 1; next} /^[a-z]/ {on = 0}
    function out() { if (method != "") print toupper(method), path, who, query == "" ? "-" : query; method = ""; query = "" }
    function add(name) { query = query (query == "" ? "" : " ") name }
    on && /^  \/.*:$/ {out(); path = substr($1, 1, length($1) - 1)}
    on && /^    (get|put|post|patch|delete):$/ {out(); method = substr($1, 1, length($1) - 1); who = "admin"}
    on && /name: [a-z_]+, in: query/ {name = $0; sub(/.*name: /, "", name); sub(/,.*/, "", name); add(name)}
    on && /components\/parameters\/plan"/ {add("plan")}
    on && /^      security: / && !/admin/ {who = /node/ ? "node" : "anybody"}
    END {out()}' "$TOP/docs/api.yaml" | sort >"$work/written"
[ -s "$work/served" ] || { echo "orthrusd --print-routes says nothing"; exit 1; }
if ! diff "$work/served" "$work/written"; then
    echo "FAIL: '<' is served, '>' is in docs/api.yaml"
    exit 1
fi
# Each operation has a name of its own.
twice=$(grep -o 'operationId: .*' "$TOP/docs/api.yaml" | sort | uniq -d)
[ -z "$twice" ] || { echo "FAIL: $twice"; exit 1; }
[ "$(grep -c 'operationId: ' "$TOP/docs/api.yaml")" = "$(wc -l <"$work/served")" ] || { echo "FAIL: an operation without an operationId"; exit 1; }
# Every reference leads somewhere.
grep -o '\$ref: "#/components/[a-zA-Z]*/[a-zA-Z]*"' "$TOP/docs/api.yaml" | sed 's|.*/components/||; s/"//' | sort -u | while IFS=/ read -r kind name; do
    awk -v kind="$kind" -v name="$name" '/^components:/ {on = 1} on && /^  [a-zA-Z]+:$/ {k = substr($1, 1, length($1) - 1)}
        on && k == kind && $0 ~ "^    " name ":" {found = 1} END {exit !found}' "$TOP/docs/api.yaml" || { echo "FAIL: $kind/$name is not there"; exit 1; }
done || exit 1
echo "$(wc -l <"$work/served") routes"
