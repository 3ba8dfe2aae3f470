#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# orthrus node exec with a real sshd that is 64 nodes: what they say, folded, live and as JSON; exit codes; nodes that are dead,
# mute, hang, break off, flood; host keys; standard input; Ctrl-C; a reader that goes or rests.
set -u
if [ "${1:-}" != inside ]; then
    [ "$(id -u)" = 0 ] || { echo "needs root for namespaces and sshd"; exit 77; }
    for p in sshd ssh-keygen jq socat script; do
        command -v $p >/dev/null || [ -x "/usr/sbin/$p" ] || { echo "needs the program $p"; exit 77; }
    done
    # What commands leave running on the "nodes" ends with the namespace of processes.
    exec unshare --net --mount --propagation private --pid --fork --kill-child --mount-proc bash "$0" inside
fi
ip link set lo up
ip route add local 10.77.0.0/16 dev lo # all of the network is here
mount -t tmpfs none /run               # sshd's directory, nobody else's
mkdir -p /run/sshd
. "$TOP/tests/cli/daemon.bash"
sshd="" mute=""
finish() {
    # shellcheck disable=SC2086
    kill $sshd $mute 2>/dev/null
    cleanup
}
trap finish EXIT

# --- a machine with many addresses, and one address where nobody speaks
ssh-keygen -q -t ed25519 -N '' -f "$work/host_key" && ssh-keygen -q -t ed25519 -N '' -f "$work/id" && ssh-keygen -q -t ed25519 -N '' -f "$work/other" || die keys
cp "$work/id.pub" "$work/authorized"
echo 'a banner that is no output' >"$work/banner"
# With SHLVL bash does not read the .bashrc of whoever runs this, whose programs would talk between (bash(1), remote shell daemon).
for k in 0 16 32 48; do # one sshd listens at 16 addresses
    cat >"$work/sshd_config.$k" <<END
Port 2222
$(for i in $(seq 16); do echo "ListenAddress 10.77.1.$((k + i))"; done)
HostKey $work/host_key
HostCertificate $work/host_key-cert.pub
TrustedUserCAKeys $work/user_ca.pub
AuthorizedKeysFile $work/authorized
PidFile none
UsePAM no
UseDNS no
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
MaxStartups 1000
Banner $work/banner
SetEnv MARK=sshd SHLVL=2
END
    /usr/sbin/sshd -D -f "$work/sshd_config.$k" -E "$work/sshd.log" &
    sshd="$sshd $!"
done
for i in 16 32 48 64; do
    for _ in $(seq 200); do (exec 9<>/dev/tcp/10.77.1.$i/2222) 2>/dev/null && break; sleep 0.05; done
done
socat TCP-LISTEN:2222,bind=10.77.2.2,fork EXEC:'sleep 300' >/dev/null 2>&1 &
mute=$!

start_daemon
"$orthrus" site init --interface eth0 --head-name head1 --subnet 10.77.0.0/16 --head-address 10.77.0.1 --trust-mac >/dev/null || die "site init"
"$orthrus" site apply --yes >/dev/null || die "site apply"
macs() { for i in $(seq "$1"); do printf '52:54:00:00:%02x:%02x,' "$2" "$i"; done; }
"$orthrus" node add 'n[01-64]' --mac "$(macs 64 1)" --group compute --ipv4 10.77.1.1 >/dev/null || die "node add"
"$orthrus" node add dead,mute --mac "$(macs 2 2)" --group compute --ipv4 10.77.2.1 >/dev/null || die "node add"
x=(--ssh-option Port=2222 --ssh-option "IdentityFile=$work/id" --ssh-option IdentitiesOnly=yes)
known=$root/var/lib/orthrus/ssh/known_hosts

# run CODE -- WORDS...: node exec, its outputs in $work/out and $work/err
run() {
    local code=$1 rc
    shift 2
    "$orthrus" node exec "$@" >"$work/out" 2>"$work/err" </dev/null
    rc=$?
    [ $rc = "$code" ] || fail "node exec $*: exit $rc, not $code: $(head -c 3000 "$work/out" "$work/err")"
}
said() { # STREAM TEXT: exactly this
    [ "$(cat "$work/$1")" = "$2" ] || fail "std$1 is not '$2': $(head -c 3000 "$work/$1")"
}
has() { grep -qF -- "$2" "$work/$1" || fail "'$2' is not on std$1: $(head -c 3000 "$work/$1")"; }

for _ in $(seq 200); do [ -s "$root/var/lib/orthrus/pki/ssh/user_ca.pub" ] && break; sleep 0.1; done
cp "$root/var/lib/orthrus/pki/ssh/user_ca.pub" "$work/user_ca.pub" || die "no user CA"

# --- host keys: on the head by the cluster's authority and the node's name; never unchecked, whatever ssh is told
for _ in $(seq 200); do [ -s "$known" ] && [ -s "$root/var/lib/orthrus/ssh/root-cert.pub" ] && break; sleep 0.1; done
run 1 -- n01 "${x[@]}" --ssh-option StrictHostKeyChecking=no --ssh-option "UserKnownHostsFile=$work/own" -- true
has err 'n01: ssh: Host key verification failed'
has err 'next: compare the node'
names=$(for i in $(seq 63); do printf 'n%02d.cluster.internal,' "$i"; done)
ssh-keygen -q -s "$root/var/lib/orthrus/pki/ssh/host_ca" -I nodes -h -n "${names%,}" "$work/host_key.pub" || die "certificate"
for p in $sshd; do kill -HUP "$p"; done # reads its configuration again, which names the certificate
for _ in $(seq 200); do "$orthrus" node exec n01 "${x[@]}" -- true >/dev/null 2>&1 </dev/null && break; sleep 0.1; done
run 0 -- n01 "${x[@]}" -- echo '$MARK'
said out 'n01: sshd'
run 1 -- n64 "${x[@]}" -- true # certified, but for other names
has err 'n64: ssh: Host key verification failed'
ssh-keygen -q -s "$root/var/lib/orthrus/pki/ssh/host_ca" -I nodes -h -n "${names}n64.cluster.internal" "$work/host_key.pub" || die "certificate"
for p in $sshd; do kill -HUP "$p"; done
for _ in $(seq 200); do "$orthrus" node exec n64 "${x[@]}" -- true >/dev/null 2>&1 </dev/null && break; sleep 0.1; done
# Who is let in: root of the head by its certificate, else by a key of one's own.
run 0 -- n01 --ssh-option Port=2222 -- true
run 1 -- n01 "${x[@]:0:2}" --user nobody --ssh-option "IdentityFile=$work/other" --ssh-option IdentitiesOnly=yes -- true
has err 'Permission denied'
has err 'next: on a head root is let in'
# From another machine: this user's known_hosts, by the node's name.
"$orthrus" head certificate anna --out "$work/anna" >/dev/null || die "head certificate"
far=(--api "https://127.0.0.1:$(tls_port)" --ca "$work/anna/ca.crt" --cert "$work/anna/anna.crt" --key "$work/anna/anna.key")
run 1 -- n01 "${far[@]}" "${x[@]}" --ssh-option "UserKnownHostsFile=$work/none" -- true
has err 'Host key verification failed'
echo "n01 $(cut -d' ' -f1,2 "$work/host_key.pub")" >"$work/own"
run 0 -- n01 "${far[@]}" "${x[@]}" --ssh-option "UserKnownHostsFile=$work/own" -- true

# --- the plan runs nothing
run 0 -- 'n[01-02]' "${x[@]}" --plan -- touch "$work/ran"
has out "run \`touch $work/ran\` as root on n[01-02] (2)"
[ ! -e "$work/ran" ] || fail "--plan ran the command"

# --- 64 nodes, folded: three answers, the odd ones last; both ways apart
# shellcheck disable=SC2016
run 4 -- 'n[01-64]' "${x[@]}" --fold --quiet -- 'echo same; case $SSH_CONNECTION in *10.77.1.[37]\ *) echo odd; echo bad >&2; exit 3;; *.5\ *) exit 9 ;; esac'
said out '---- n[01-02,04-06,08-64] (62) ----
same
---- n[03,07] (2) ----
same
odd'
said err '---- n[03,07] (2) standard error ----
bad
orthrus: n[03,07] (2): exit 3
orthrus: n05 (1): exit 9
orthrus: 3 of 64 nodes failed: n[03,05,07]'
run 0 -- 'n[01-02]' "${x[@]}" --fold -- true
said out '---- n[01-02] (2) no output ----'
said err ''

# --- live: whole lines after names; words are the node's shell's; user
# shellcheck disable=SC2016
run 4 -- n01,n02 "${x[@]}" --user root -- 'printf "one\ntwo"; echo er >&2; case $SSH_CONNECTION in *.2\ *) exit 5 ;; esac; id -un >&2'
[ "$(sort "$work/out" | tr '\n' ' ')" = 'n01: one n01: two n02: one n02: two ' ] || fail "live: $(cat "$work/out")"
[ "$(sort "$work/err" | tr '\n' '|')" = 'n01: er|n01: root|n02: er|orthrus: 1 of 2 nodes failed: n02|orthrus: n02: exit 5|' ] || fail "live: $(cat "$work/err")"
run 0 -- n01 "${x[@]}" -- printf "'%s|'" -a 'b  c' --json
said out 'n01: -a|b|c|--json|'

# --- JSON: a line for each; what is no UTF-8; 255 is the command's here
run 1 -- n01,n02 "${x[@]}" --json -- 'printf "a\377\n"; exit 255'
[ "$(jq -rs 'map([.node, .state, .exit, .stdout_hex, .stderr, (.seconds > 0)] | map(tostring) | join(" ")) | sort | join("|")' "$work/out")" = \
    'n01 failed 255 61ff0a  true|n02 failed 255 61ff0a  true' ] || fail "json: $(cat "$work/out")"
said err ''

# --- dead, mute, hanging: each by its reason, the others untouched
begin=$(date +%s)
run 4 -- n01,dead,mute "${x[@]}" --json --connect-timeout 2 -- echo here
[ "$(jq -rs 'map("\(.node) \(.state)") | sort | join("|")' "$work/out")" = 'dead unreachable|mute unreachable|n01 done' ] || fail "dead: $(cat "$work/out")"
[ $(($(date +%s) - begin)) -lt 30 ] || fail "--connect-timeout 2 took $(($(date +%s) - begin)) s"
jq -r 'select(.node == "dead").why' "$work/out" | grep -q 'ssh: connect to host port 2222: Connection refused' || fail "dead: $(cat "$work/out")"
run 1 -- n01 "${x[@]}" --timeout 1 --json -- sleep 300
[ "$(jq -r '"\(.state) \(.exit) \(.seconds < 20)"' "$work/out")" = 'timeout null true' ] || fail "timeout: $(cat "$work/out")"
# The connection dies in the middle: told as that, its words not taken for the command's.
# shellcheck disable=SC2016
run 1 -- n01,n02 "${x[@]}" --fold -- 'kill -KILL $PPID; sleep 300'
has err 'orthrus: n[01-02] (2): ssh: the connection was closed by the node'
grep -q 'standard error' "$work/err" && fail "ssh's words are told as the command's: $(cat "$work/err")"
# The node stands still.
# shellcheck disable=SC2016
run 1 -- n01 "${x[@]}" --fold --ssh-option ServerAliveInterval=1 --ssh-option ServerAliveCountMax=1 -- 'kill -STOP $PPID'
has err 'orthrus: n01 (1): ssh: Timeout, server not responding'

# --- floods
run 4 -- n01,n02 "${x[@]}" --json --max-output 100000 -- 'case $SSH_CONNECTION in *.1.1\ *) yes ;; esac'
[ "$(jq -rs 'map("\(.node) \(.state) \(.stdout | length)") | sort | join("|")' "$work/out")" = 'n01 too-much 100000|n02 done 0' ] || fail "flood: $(head -c 500 "$work/out")"
run 0 -- n01 "${x[@]}" -- 'head -c 3000000 /dev/zero | tr "\0" x; echo END'
[ "$(grep -c '^n01: x*$' "$work/out")" = 45 ] && [ "$(tail -c 4 "$work/out")" = END ] && [ "$(tr -dc x <"$work/out" | wc -c)" = 3000000 ] ||
    fail "a line of 3 MB: $(wc "$work/out")"

# --- standard input: none, or all of it to each
run 0 -- n01 "${x[@]}" -- cat
said out ''
seq 50000 >"$work/in"
"$orthrus" node exec 'n[01-03]' "${x[@]}" --stdin -- 'sleep 0.$((RANDOM % 3)); sha256sum' <"$work/in" >"$work/out" 2>"$work/err" || fail "--stdin: $(cat "$work/err")"
[ "$(cut -d' ' -f2 "$work/out" | sort | uniq -c | tr -s ' ')" = " 3 $(sha256sum <"$work/in" | cut -d' ' -f1)" ] || fail "--stdin: $(cat "$work/out")"

# --- Ctrl-C: who ran is named, nothing goes on here
# A shell's background has SIGINT ignored, and what is ignored stays so.
env --default-signal=INT "$orthrus" node exec 'n[01-04]' "${x[@]}" --fanout 2 --fold -- "touch $work/runs.\$\$; echo before; exec sleep 300" >"$work/out" 2>"$work/err" </dev/null &
pid=$!
for _ in $(seq 600); do [ "$(ls "$work"/runs.* 2>/dev/null | wc -l)" = 2 ] && break; sleep 0.05; done
kill -INT $pid
wait $pid
rc=$?
[ $rc = 1 ] || fail "interrupted: exit $rc"
[ "$(grep -c '^orthrus: ' "$work/err")" = 3 ] && has err 'orthrus: n[01-02] (2): was running; the connection was cut' && has err 'orthrus: n[03-04] (2): not begun' &&
    has err 'orthrus: interrupted; 4 of 4 nodes failed: n[01-04]'
has out '---- n[01-02] (2) ----'
# A reader that rests does not keep Ctrl-C away, and one that goes ends it.
mkfifo "$work/fifo"
"$orthrus" node exec n01 "${x[@]}" --max-output 1G -- 'yes' >"$work/fifo" 2>"$work/err" </dev/null &
pid=$!
exec 8<"$work/fifo"
head -c 100000 <&8 >/dev/null
kill -TERM $pid
wait $pid || rc=$?
exec 8<&-
[ $rc = 1 ] || fail "a reader that rests: exit $rc: $(cat "$work/err")"
"$orthrus" node exec n01,n02 "${x[@]}" --max-output 1G -- yes 2>"$work/err" </dev/null | head -n 3 >"$work/out"
[ "${PIPESTATUS[0]}" = 1 ] && [ "$(wc -l <"$work/out")" = 3 ] || fail "a reader that goes: $(cat "$work/err" "$work/out")"
if [ -w /dev/full ]; then
    "$orthrus" node exec n01 "${x[@]}" -- echo x >/dev/full 2>"$work/err" </dev/null && fail "a full device looks like success"
    has err 'write to standard output'
fi

# --- a terminal: folded by itself, progress that goes again, nothing that a node sends reaches it as a control
script -qec "$orthrus node exec n01,n02 ${x[*]} -- 'sleep 1; printf \"\\033[2Jx\\n\"'" "$work/typed" >/dev/null 2>&1 </dev/null || fail "on a terminal"
grep -qF '0 of 2 done, waiting for n[01-02]' "$work/typed" || fail "no progress: $(cat -v "$work/typed")"
grep -qF '\x1b[2Jx' "$work/typed" || fail "no visible escape: $(cat -v "$work/typed")"
grep -qF -- '---- n[01-02] (2) ----' "$work/typed" || fail "not folded: $(cat -v "$work/typed")"
grep -qF $'\033[2J' "$work/typed" && fail "a node's escape code reached the terminal"

# --- what makes no sense
usage() { # TEXT -- WORDS
    local text=$1
    shift
    run 2 "$@"
    has err "$text"
}
usage "needs NODESET" -- n01
usage "three ways of showing" -- n01 --fold --live -- true
run 2 -- n01 --fold --json -- true
has out '"kind":"usage","text":"--fold, --live and --json are three ways of showing'
usage "--fanout" -- n01 --fanout 0 -- true
usage "--max-output" -- n01 --max-output 0 -- true
usage "--timeout" -- n01 --timeout 1.5 -- true
usage "--user" -- n01 --user=-x -- true
run 1 -- n99 -- true
has err "there is no node 'n99'"
# --- who ran what on which nodes stands in the audit log; the words of the command, which may be a secret, do not
run 0 -- n[01-02] "${x[@]}" -- echo hush-1234
"$orthrus" audit show --node n02 >"$work/audited" 2>&1 || fail "audit show: $(cat "$work/audited")"
grep -q 'node exec n\[01-02\] echo ... (2 words).*done' "$work/audited" || fail "the audit log does not say it: $(tail -n 3 "$work/audited")"
grep -rqF hush-1234 "$root/var/log" && fail "a command's words are in the audit log"
[ "$failed" = 0 ] && echo ok
exit $failed
