#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Each guard of the lease's core, broken on purpose (mutants.list): the unit tests or the simulation must see it. A guard that nothing
# sees is either not needed or not tested. MUTANT=name: that one, with what was said about it.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$TOP"
list=tests/full/mutants.list
schedules=${MUTANT_SCHEDULES:-40000}
compile() { gcc -std=gnu11 -O2 -w -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Ilib -I. "$@"; }

mkdir "$dir/good"
for f in headfailover/guard/core*.c lib/base/err.c lib/base/mem.c tests/lab/leasesim.c; do compile -c "$f" -o "$dir/good/$(basename "$f" .c).o" & done
mkdir "$dir/unit"
for f in tests/unit/guard_core*.c; do compile -c "$f" -o "$dir/unit/$(basename "$f" .c).o" & done
wait
tests=$(cd "$dir/unit" && ls ./*.o)

try() { # try DIR: programs of its objects; says which of them saw something
    local t seen=""
    for t in $tests; do
        gcc -o "$1/test" "$dir/unit/$t" "$1"/core*.o "$dir/good/err.o" -lcmocka
        timeout 20 "$1/test" >>"$1/log" 2>&1 || { seen=unit; break; }
    done
    gcc -o "$1/sim" "$dir/good/leasesim.o" "$1"/core*.o "$dir/good/err.o" "$dir/good/mem.o" -lpthread
    timeout 300 "$1/sim" --hasty --schedules "$schedules" >>"$1/log" 2>&1 || seen="$seen sim"
    echo "$seen"
}
mutant() { # mutant NAME FILE: of the list, in a directory of its own
    local d=$dir/$1
    mkdir "$d"
    cp "$dir"/good/core*.o "$d"
    perl -e '
        my ($list, $name, $from, $to) = @ARGV;
        sub slurp { local $/; open my $f, "<", $_[0] or die "$_[0]: $!"; <$f> }
        my ($old, $new) = slurp($list) =~ /^\Q$name\E .*\n-(.*)\n\+(.*)\n/m or die "$name: not in the list";
        my $text = slurp($from);
        s/\\n/\n/g for $old, $new;
        my $n = () = $text =~ /\Q$old\E/g;
        $n == 1 or die "$name: \"$old\" stands $n times in $from\n";
        $text =~ s/\Q$old\E/$new/;
        open my $f, ">", $to or die;
        print $f $text;
    ' "$list" "$1" "headfailover/guard/$2.c" "$d/$2.c" && compile -c "$d/$2.c" -o "$d/$2.o" || { echo stale >"$d/seen"; return; }
    try "$d" >"$d/seen"
    rm -f "$d/test" "$d/sim"
}

[ -z "$(try "$dir/good")" ] || { cat "$dir/good/log"; echo "FAIL: not even the core as it is passes"; exit 1; }
while read -r name file _; do
    [ -z "${MUTANT:-}" ] || [ "$MUTANT" = "$name" ] || continue
    while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do wait -n || true; done
    mutant "$name" "$file" &
done < <(grep -E '^[a-z][a-z0-9-]* core' "$list")
wait
made=0 caught=0 unit=0 sim=0
while read -r name file _ why; do
    [ -e "$dir/$name/seen" ] || continue
    made=$((made + 1))
    seen=$(cat "$dir/$name/seen")
    printf '%-22s %-10s %-9s %s\n' "$name" "$file" "${seen:-NOTHING}" "$why"
    case $seen in *unit*) unit=$((unit + 1)) ;; esac
    case $seen in *sim*) sim=$((sim + 1)) ;; esac
    case $seen in *unit*|*sim*) caught=$((caught + 1)) ;; *) echo "FAIL: $name: $seen nobody sees it" ;; esac
    [ -z "${MUTANT:-}" ] || cat "$dir/$name/log"
done < <(grep -E '^[a-z][a-z0-9-]* core' "$list")
echo "RESULT mutants made=$made caught=$caught by_unit=$unit by_sim=$sim"
[ -n "${MUTANT:-}" ] || [ "$made" -ge 30 ]
[ "$made" = "$caught" ]
