#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# docs/site.schema.json has exactly the keys that the reader accepts, object by object, and all that `site show` prints.
set -eu
command -v jq >/dev/null || { echo "needs jq"; exit 77; }
orthrus=$BUILD/orthrus schema=$TOP/docs/site.schema.json full=$TOP/tests/golden/site/ok-full.json
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "FAIL: $*" >&2; exit 1; }

# The schema as lines "path key": path of the object with [] for elements, "." for the root.
jq -r '
  def deref($root): if has("$ref") then (."$ref" | ltrimstr("#/") | split("/")) as $p | ($root | getpath($p)) else . end;
  def walk_keys($root; $at): deref($root)
    | if .properties then
        (.properties | keys[] | "\(if $at == "" then "." else $at end) \(.)"),
        (.properties | to_entries[] | .key as $k | .value | walk_keys($root; if $at == "" then $k else "\($at).\($k)" end))
      elif .items then .items | walk_keys($root; "\($at)[]")
      else empty end;
  . as $root | walk_keys($root; "")' "$schema" | sort -u >"$work/schema"

# What the reader knows of each object: it says so when it is given a key it does not know.
jq -c 'paths(type == "object"), []' "$full" | sort -u >"$work/objects"
: >"$work/all"
while read -r path; do
    jq --argjson p "$path" 'setpath($p + ["zzz_unknown"]; 1)' "$full" >"$work/site.json"
    name=$(jq -rn --argjson p "$path" '$p | map(if type == "number" then "[]" else "." + . end) | join("") | ltrimstr(".") | if . == "" then "." else . end')
    said=$("$orthrus" site check --json "$work/site.json" | jq -r '.problems[] | select(test("zzz_unknown: unknown key; known are: "))')
    [ -n "$said" ] || fail "an unknown key in $name is accepted"
    known=${said#*known are: }
    known=${known%%;*}
    echo "$known" | tr -d ' ' | tr , '\n' | sed "s|^|$name |" >>"$work/all"
done <"$work/objects"
sort -u "$work/all" >"$work/reader"
diff -u --label "what the reader knows" "$work/reader" --label docs/site.schema.json "$work/schema" || fail "reader and schema differ"
[ "$(wc -l <"$work/schema")" -ge 70 ] || fail "only $(wc -l <"$work/schema") keys were found: the walk is broken"

# Every key of the schema is printed for a site that has them all.
"$orthrus" --root "$work/none" site show --json --site "$full" | jq -r '.site | paths(scalars, arrays, objects)
  | select(.[-1] | type == "string") | (.[:-1] | map(if type == "number" then "[]" else "." + . end) | join("") | ltrimstr(".")) as $o
  | "\(if $o == "" then "." else $o end) \(.[-1])"' | sort -u >"$work/printed"
diff -u --label "what is printed" "$work/printed" --label docs/site.schema.json "$work/schema" || fail "printer and schema differ"

# No object of the schema is open.
loose=$(jq '[.. | objects | select(.properties? and .type? == "object" and .additionalProperties != false)] | length' "$schema")
[ "$loose" = 0 ] || fail "$loose objects of the schema allow additional properties"

# site.json(5) has every value by its path (the fields of match[] by their names below it).
sed -nE 's/^\.It Li //p' "$TOP/docs/man/site.json.5" | tr ' ' '\n' | sed 's/\[\]$//' | sort -u >"$work/manual"
awk '{ path = ($1 == "." ? "" : $1 ".") $2; paths[path]; parents[$1] }
    END { for (p in paths) if (!(p in parents) && !((p "[]") in parents)) print p }' "$work/schema" | sort >"$work/leaves"
sed 's/^disk_layouts\[\]\.disks\.match\[\]\.//' "$work/leaves" | sort | comm -23 - "$work/manual" >"$work/untold"
[ -s "$work/untold" ] && fail "site.json(5) says nothing of $(tr '\n' ' ' <"$work/untold")"
echo "keys: $(wc -l <"$work/schema"), objects: $(wc -l <"$work/objects")"
