# SPDX-License-Identifier: GPL-2.0-or-later
# For the scripts that search a model with Spin (source it): build a searcher, search with bounds, expect what is broken to fail.
# $model is the file, $defaults the variables that it reads from the environment.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
states=0 searches=0 errors=0 broken=0 found=0 bad=0
for tool in spin gcc; do
    command -v "$tool" >/dev/null || { echo "$tool is not installed (tools/deps.sh all)"; exit 77; }
done

# build NAME safety|ends [-DN=.. -DC=.. ...]: assertions and deadlocks; or also that all comes to an end (LTL, weak fairness)
build() {
    local name=$1 kind=$2 claim=()
    local -a how=(-DSAFETY -DNOCLAIM)
    shift 2
    [ "$kind" = safety ] || { claim=(-DLTL) how=(-DNFAIR=2); }
    mkdir -p "$work/$name"
    (
        cd "$work/$name"
        spin -a "${claim[@]}" "$@" "$model" >spin.log 2>&1 || { cat spin.log; exit 1; }
        gcc "${OPT:--O1}" -w "${how[@]}" -DMEMLIM=3500 -o pan pan.c
    ) || { echo "${model#"$TOP"/} can't be built with $*"; exit 1; }
    [ "$kind" = safety ] || touch "$work/$name/ends"
}
run() { # NAME VAR=.. ...: one search; its output is in $out
    local name=$1 claim=()
    shift
    out=$work/$name/out
    [ ! -e "$work/$name/ends" ] || claim=(-a -f)
    (
        cd "$work/$name"
        env "${defaults[@]}" "$@" ./pan -m1000000 "${claim[@]}" >out 2>&1
    )
}
# search NAME VAR=..: everything that can be is seen, and no property fails
search() {
    local n
    run "$@"
    n=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' "$out" | awk '{ printf "%d", $1 }')
    if ! grep -q 'errors: 0$' "$out" || grep -qE 'Search not completed|max search depth too small|out of memory|memory limit' "$out"; then
        echo "FAILED: $*"
        sed 's/^/    | /' "$out" | head -n 30
        errors=$((errors + 1)) bad=1
    fi
    states=$((states + ${n:-0})) searches=$((searches + 1))
    printf '%-52s %10d states  %s\n' "$*" "${n:-0}" "$(sed -n 's/^pan: elapsed time //p' "$out")"
}
# breaks BUG WHAT-FAILS(extended regular expression) NAME VAR=..: the property fails, and it is that one
breaks() {
    local bug=$1 want=$2 what
    shift 2
    broken=$((broken + 1))
    run "$@" BUG="$bug"
    what=$(sed -n 's/^pan:[0-9]*: \(.*\) (at depth.*/\1/p' "$out" | head -n 1)
    if [[ $what =~ $want ]]; then
        found=$((found + 1))
        printf 'BUG %-2d %-45s %s\n' "$bug" "$*" "$what"
    else
        echo "FAILED: BUG $bug is not found by $*: '$what' instead of '$want'"
        bad=1
    fi
}
