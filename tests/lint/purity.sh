#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# patient: it only compares files
# Pure code decides and renders; it asks no clock, opens no file, sends nothing, throws no dice. And only mains keep variables.
set -eu
# shellcheck source=tests/lint/common.bash
. "$(dirname "$0")/common.bash"

forbidden='time|gettimeofday|clock|clock_gettime|localtime(_r)?|gmtime(_r)?|times|
open(64)?|openat(64)?|openat2|creat(64)?|fopen(64)?|freopen(64)?|fdopen|opendir|scandir(64)?|(f|l)?stat(64|at)?|fstatat(64)?|access|
read|__read_chk|pread(64)?|write|pwrite(64)?|readlink|__readlink_chk|unlink|rename|mkdir|rmdir|chmod|chown|mkstemp(64)?|mkdtemp|mount|ioctl|
socket|connect|bind|listen|accept4?|send(to|msg)?|recv(from|msg)?|getaddrinfo|gethostname|if_nametoindex|
rand|srand|random|srandom|drand48|getrandom|getentropy|arc4random(_uniform|_buf)?|RAND_bytes|randombytes_buf|
getenv|secure_getenv|setenv|getpid|getuid|geteuid|uname|sysconf|
fork|vfork|execv|execve|execvp|posix_spawnp?|system|popen|kill|signal|sigaction|sleep|usleep|nanosleep|clock_nanosleep|poll|epoll_wait|
pthread_create|printf|__printf_chk|puts|putchar|stdout|clock_now_ns|clock_wall_s|fs_[a-z_]+|spawn_[a-z_]+|log_[a-z]+|http_[a-z_]+'
forbidden=$(printf '%s' "$forbidden" | tr -d '\n')

objects() { # source files of $@, with the objects they were built to
    local f o
    for f in "$@"; do
        o=$BUILD/${f%.c}.o
        if [ -e "$o" ]; then
            printf '%s\t%s\n' "$f" "$o"
        else
            echo "$f: $o is not built (make tests)" >&3
        fi
    done
}
mapfile -t pure < <(files 'lib/base/*.c' 'lib/site/*.c' 'lib/api/*.c' '*/plan.c' '*/plan_*.c' 'netboot/*.c' 'cast/*.c' 'headfailover/guard/core*.c' 'headfailover/guard/notes.c' 'headfailover/guard/spread.c' 'headfailover/guard/wire.c' | grep -vE '^tests/' |
    while IFS= read -r f; do
        # Of netboot, the files whose functions its headers call pure: those that render.
        case $f in netboot/check.c|netboot/conf_check.c|netboot/dnsmasq.c|netboot/grub.c|netboot/leases.c) ;; netboot/*) continue ;;
        # Of the cast, the parts that docs/cast.md calls pure.
        cast/sender*.c|cast/receiver*.c|cast/rate.c|cast/layout.c|cast/wire*.c|cast/replay.c|cast/fec.c|cast/querier.c|cast/igmp*.c|cast/diagnose*.c|cast/modes.c) ;; cast/*) continue ;; esac
        echo "$f"
    done)
# Of the guard's gate and announcing, what is made and read there.
pure+=(headfailover/guard/gate_nft_rules.c headfailover/guard/gate_msg.c headfailover/guard/announce_frame.c)
pure+=(daemon/site_steps.c daemon/site_steps_{files,services,dangers,nodes}.c daemon/text_diff.c)
# Of the wizard, all that decides what is shown and what becomes of what was typed.
pure+=(tui/view.c tui/wizard.c tui/form.c tui/form_rows.c tui/text.c tui/plain_answer.c tui/review.c tui/apply.c)
# Of the dashboard, all but what asks, draws and runs.
pure+=(tui/dash_state.c tui/dash_screen.c tui/dash_shown.c tui/dash_acts.c tui/dash_keys.c tui/dash_input.c tui/dash_view.c tui/dash_panels.c tui/dash_nodes.c tui/dash_box.c)
# And what makes pages of answers.
mapfile -t -O ${#pure[@]} pure < <(files 'tui/facts.c' 'tui/answers*.c' 'tui/image_sets.c' 'tui/networks_check.c' 'tui/pages*.c')
pure+=(headinstall/journal.c headinstall/journal_look.c headinstall/journal_settle.c headinstall/accounts.c headinstall/dhcp.c) # beside its plan*.c
mapfile -t all < <(files '*.c' | grep -vE '^tests/|(^|/)main\.c$')

{
    exec 3>&1
    [ ${#pure[@]} -ge 20 ] || echo "tests/lint/purity.sh: only ${#pure[@]} pure files found: the list is wrong"
    objects "${pure[@]}" | while IFS=$'\t' read -r f o; do
        nm -u "$o" | awk '{ sub(/@.*/, "", $2); print $2 }' | grep -xE "$forbidden" | sed "s|^|$f: pure code calls |" || true
    done
    # The guard's core does not even allocate.
    files 'headfailover/guard/core*.c' | while IFS= read -r f; do
        nm -u "$BUILD/${f%.c}.o" | grep -oE '\b(malloc|calloc|realloc|free|mem_[a-z]+)$' | sed "s|^|$f: allocates: |" || true
    done
    # Symbols with a size in writable sections; .data.rel.ro is constant after the start.
    objects "${all[@]}" | while IFS=$'\t' read -r f o; do
        objdump -t "$o" | awk -v f="$f" '{
            for (i = 2; i < NF; i++) if ($i ~ /^\.(data|bss|tdata|tbss|data\.rel|data\.rel\.local)$/ && $(i + 1) !~ /^0+$/ && $NF !~ /^\./)
                print f " " $NF }'
    done | while read -r f name; do
        case "$f $name" in
        # One line for each variable that may be: what is set once at the start of every program, before there are threads.
        lib/sys/log.c*) ;;
        "lib/sys/http_client.c curl_once") ;;
        *) echo "$f: '$name' is a variable that lives as long as the process: put it into a struct the main owns" ;;
        esac
    done
} | verdict
