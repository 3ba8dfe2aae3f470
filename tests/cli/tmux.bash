# SPDX-License-Identifier: GPL-2.0-or-later
# A real terminal for tests: tmux, of a server of the test's own. $work, fail and die are the test's. Sourced, not run.
screen_open() { # COLUMNSxROWS TERM ENCODING(utf8|ascii) COMMAND...: in a fresh terminal
    local size=$1 term=$2 lang=C
    [ "$3" = ascii ] || lang=C.UTF-8
    shift 3
    screen_close
    LC_ALL=C.UTF-8 tmux -u -S "$work/tmux" -f /dev/null new-session -d -x "${size%x*}" -y "${size#*x}" \
        "stty rows ${size#*x} columns ${size%x*}
        sh -c 'echo \$\$ >$work/screen-pid; exec \"\$@\"' sh env TERM=$term LC_ALL=$lang $(printf '%q ' "$@") 2>$work/screen-err
        echo \$? >$work/screen-status" \; \
        set -g status off \; set -g remain-on-exit on \; set -s escape-time 0 || die "tmux"
}
screen_close() { # the terminal is gone, and so is, in time, what ran in it
    local pid pids
    pids=$(tmux -S "$work/tmux" display -p '#{pid} #{pane_pid}' 2>/dev/null) || return 0
    tmux -S "$work/tmux" kill-server 2>/dev/null
    for pid in $pids $(cat "$work/screen-pid"); do while screen_lives "$pid"; do sleep 0.02; done; done
    rm -f "$work/tmux" "$work"/screen-*
}
screen_lives() { [[ $(sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null) == [!Z] ]]; } # PID; some init takes seconds to reap tmux
screen_keys() { tmux -S "$work/tmux" send-keys "$@"; }
screen_type() { tmux -S "$work/tmux" send-keys -l -- "$1"; }
screen_text() { tmux -S "$work/tmux" capture-pane -p; }
screen_shows() { # TEXT: until it does
    local n
    for ((n = 0; n < 300; n++)); do
        screen_text 2>/dev/null | grep -qF -- "$1" && return 0
        sleep 0.05
    done
    fail "'$1' is not shown: $(screen_text; cat "$work/screen-err")"
    return 1
}
screen_hides() { # TEXT: until it is gone
    local n
    for ((n = 0; n < 300; n++)); do
        screen_text | grep -qF -- "$1" || return 0
        sleep 0.05
    done
    fail "'$1' is still shown: $(screen_text)"
}
screen_ended() { # until the program in it has
    local n
    for ((n = 0; n < 300; n++)); do
        [ -s "$work/screen-status" ] && return 0
        sleep 0.05
    done
    fail "it has not ended: $(screen_text)"
}
screen_pid() { cat "$work/screen-pid"; }
screen_status() { cat "$work/screen-status"; } # of what has ended
screen_size() { # COLUMNSxROWS
    tmux -S "$work/tmux" resize-window -x "${1%x*}" -y "${1#*x}"
}
golden() { # FILE: the screen is what it was; UPDATE_GOLDEN=1 writes it anew, to be looked at before it is kept
    local n want=$TOP/tests/golden/$1
    if [ -n "${UPDATE_GOLDEN:-}" ]; then
        mkdir -p "${want%/*}"
        screen_still
        screen_golden >"$want"
        return
    fi
    for ((n = 0; n < 60; n++)); do
        screen_golden | cmp -s - "$want" && return 0
        sleep 0.05
    done
    fail "the screen is not $1: $(screen_golden | diff - "$want")"
}
# For golden files: a name for $work that is always the same, and lines of the terminal's own set (smacs) are ASCII.
screen_golden() {
    tmux -S "$work/tmux" capture-pane -pe |
        perl -pe 's/\x0e([^\x0f]*)(?:\x0f|$)/my $l = $1; $l =~ tr{lqkxmjtuvwna}{+\-+|+++++++#}; $l/ge; s/\e\[[0-9;]*m//g; s/[\x0e\x0f]//g; s/ +$//' |
        masked
}
masked() { perl -pe 's{(/tmp/setup\.)(\w{1,6})}{$1 . substr("golden", 0, length $2)}ge'; } # mktemp's name, even where it is cut
screen_still() { # until two looks at it are the same
    local a b
    a=$(screen_text)
    while sleep 0.2; b=$(screen_text); [ "$a" != "$b" ]; do a=$b; done
}
