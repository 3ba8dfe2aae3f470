#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Fuzz: tests/fuzz/run.sh [NAME ...]   (make fuzz T=json)
# Builds the named targets, or all, with clang, libFuzzer, ASan and UBSan into build-fuzz, and runs each for ${FUZZ_SECONDS:-30}.
# An input that crashes stays in tests/fuzz/corpus/NAME: from then on every `make check` runs it. New inputs that only reach
# new code stay in build-fuzz/corpus/NAME, where the next run begins.
set -eu
cd "$(dirname "$0")/../.."
out=${FUZZ_BUILD:-build-fuzz}
seconds=${FUZZ_SECONDS:-30}
sanitize=-fsanitize=address,undefined

command -v clang >/dev/null || { echo "clang is not installed (tools/deps.sh all)"; exit 77; }
names=()
for n in "$@"; do
    n=${n##*/}
    [ -f "tests/fuzz/$n.c" ] || { echo "tests/fuzz/run.sh: there is no target '$n'" >&2; exit 2; }
    names+=("$n")
done
if [ ${#names[@]} -eq 0 ]; then
    for f in tests/fuzz/*.c; do
        n=$(basename "$f" .c)
        [ "$n" = replay ] || names+=("$n")
    done
fi
# libFuzzer brings main() and its own instrumentation; the warnings are gcc's business.
make -j"$(nproc)" BUILD="$out" CC=clang OPT=-O1 WARN=-w HARDEN=-fPIC REPLAY= \
    SANFLAGS="-fsanitize=fuzzer-no-link $sanitize -fno-sanitize-recover=all -fno-omit-frame-pointer" \
    LDFLAGS="-Wl,--as-needed -Wl,--gc-sections -fsanitize=fuzzer $sanitize" "${names[@]/#/$out/tests/fuzz/}"

failed=0
for n in "${names[@]}"; do
    seeds=tests/fuzz/corpus/$n
    if [ -z "$(ls "$seeds" 2>/dev/null)" ]; then
        echo "$n: $seeds is empty"
        failed=1
        continue
    fi
    mkdir -p "$out/corpus/$n"
    log=$out/$n.log
    # libarchive asks for as much memory as a cpio says its name takes, and is stopped before it fills it.
    limit=2048; [ "$n" != import ] || limit=8192
    if "$out/tests/fuzz/$n" -max_total_time="$seconds" -timeout=25 -rss_limit_mb=2048 -malloc_limit_mb=$limit -max_len=65536 -print_final_stats=1 \
        -artifact_prefix="$seeds/" "$out/corpus/$n" "$seeds" >"$log" 2>&1; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        echo "$n: ${runs:-0} inputs in $seconds s, no crash"
    else
        echo "$n: FAILED; the input is kept in $seeds"
        tail -n 40 "$log" | sed 's/^/    | /'
        failed=1
    fi
done
exit $failed
