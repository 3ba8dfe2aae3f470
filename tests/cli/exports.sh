#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The files by which other programs know the nodes follow them, as these programs read them: genders, ClusterShell, Slurm (whose
# slurmctld must live through nodes that come and go). One that can't be written is told, and the others follow all the same.
set -u
if [ "${1:-}" != inside ]; then
    [ "$(id -u)" = 0 ] || { echo "needs root for namespaces"; exit 77; }
    for p in nodeattr nodeset slurmctld scontrol munged jq; do
        command -v $p >/dev/null || [ -x "/usr/sbin/$p" ] || { echo "needs the program $p"; exit 77; }
    done
    exec unshare --net --mount --uts --propagation private --pid --fork --kill-child --mount-proc bash "$0" inside
fi
ip link set lo up
ip addr add 10.77.0.1/24 dev lo
mount -t tmpfs none /run
. "$TOP/tests/cli/daemon.bash"
m=52:54:00:00:00
exports=$root/var/lib/orthrus/exports yaml=$root/etc/clustershell/groups.d/orthrus.yaml slurm=$root/etc/slurm/orthrus.conf

until_is() { # TEXT COMMAND...: some moments later
    local want=$1 is
    shift
    for _ in $(seq 400); do
        is=$("$@" 2>&1 | tr '\n' ' ')
        [ "$is" = "$want" ] && return 0
        sleep 0.05
    done
    fail "$* says '$is', not '$want'"
}
until_told() { # TEXT
    for _ in $(seq 400); do "$orthrus" event list | grep -qF -- "$1" && return 0; sleep 0.05; done
    fail "no event says '$1': $("$orthrus" event list | tail -n 5)"
}
genders() { nodeattr -f "$exports/genders" "$@"; }
groups() { CLUSTERSHELL_CFGDIR=$root/etc/clustershell nodeset "$@"; }
slurm() { sinfo -h -N -o '%N %c %m %P' | sort; }

# --- a slurmctld of the test's own, and what restarts it
mkdir -p "$root/etc/slurm" "$root/etc/clustershell/groups.d" "$work/slurm" "$work/munge" "$work/bin"
chmod 755 "$work" "$root" "$root/etc"
printf '[Main]\nautodir: %s/etc/clustershell/groups.d\ndefault: orthrus\n' "$root" >"$root/etc/clustershell/groups.conf"
[ -d /etc/slurm ] || { echo "needs /etc/slurm of slurm-client"; exit 77; }
mount --bind "$root/etc/slurm" /etc/slurm
hostname head1
printf '127.0.0.1 localhost\n10.77.0.1 head1\n' >"$work/hosts" && mount --bind "$work/hosts" /etc/hosts
head -c 1024 /dev/urandom >"$work/munge/key" && chmod 400 "$work/munge/key"
munged --force --key-file="$work/munge/key" --socket=/run/munge.sock --pid-file="$work/munge/pid" --log-file="$work/munge/log" \
    --seed-file="$work/munge/seed" >/dev/null 2>&1 </dev/null || die "munged: $(cat "$work/munge/log")"
cat >"$root/etc/slurm/slurm.conf" <<END
ClusterName=test
SlurmctldHost=head1
AuthInfo=socket=/run/munge.sock
SlurmUser=root
StateSaveLocation=$work/slurm
SlurmctldPidFile=/run/slurmctld.pid
SlurmdTimeout=300
ProctrackType=proctrack/linuxproc
Include /etc/slurm/orthrus.conf
END
cat >"$work/bin/systemctl" <<SH
#!/bin/bash
echo "\$*" >>$work/systemctl
[ ! -e $work/no-systemctl ] || { echo "Access denied" >&2; exit 1; }
read -r pid 2>/dev/null </run/slurmctld.pid
kill "\$pid" && while kill -0 "\$pid" 2>/dev/null; do sleep 0.05; done
rm -f /run/slurmctld.pid
slurmctld >>$work/slurmctld.log 2>&1 </dev/null
SH
chmod +x "$work/bin/systemctl"
PATH=$work/bin:$PATH:/usr/sbin

: >"$root/etc/slurm/orthrus.conf"
slurmctld -v >>"$work/slurmctld.log" 2>&1 </dev/null # forks when it has begun
start_daemon
make_site --trust-mac
jq '.groups += [{"name":"login","extends":"compute"}]' "$root/etc/orthrus/site.json" >"$work/site" && cp "$work/site" "$root/etc/orthrus/site.json"
"$orthrus" site apply --yes >/dev/null || die "site apply"
until_is '' genders -n all

# --- nodes come: all programs know them by group and state; Slurm when it knows the hardware
"$orthrus" node add 'n[01-03]' --mac "$m:01,$m:02,$m:03" --group compute --ipv4 10.77.0.11 >/dev/null || die "node add"
until_is 'n01 n02 n03 ' genders -n group=compute
until_is 'n[01-03] ' groups -f @compute
until_is 'n[01-03] ' groups -f @orthrus_state:new
until_is 'n[01-03] ' groups -f -a
port=$(tls_port)
for i in 01 02; do hello "$m:$i" "$(machine "$m:$i" "A$i")"; want 200 "hello of n$i"; done
until_is 'n01 2 2007 compute n02 2 2007 compute ' slurm
grep -q 'NodeAddr=10.77.0.12 ' "$slurm" || fail "no address in: $(cat "$slurm")"
grep -q '^# left out.*: n03$' "$slurm" || fail "n03 is not named as left out: $(cat "$slurm")"
until_is 'n01 n02 ' genders -n state=ready

# --- another group is another partition
"$orthrus" node set n02 --group login >/dev/null || fail "node set"
until_is 'n02 ' genders -n group=login
until_is 'n02 ' groups -f @login
until_is 'n01 2 2007 compute n02 2 2007 login ' slurm

# --- one that can't be written is told once; the others follow
rm "$yaml" && mkdir "$yaml" || die "no $yaml"
"$orthrus" node set n02 --group compute >/dev/null || fail "node set"
until_told "$yaml does not follow the nodes"
until_is '' genders -n group=login
rmdir "$yaml"
touch "$work/no-systemctl" # and Slurm can't be told
"$orthrus" node remove n02 --yes >/dev/null || fail "node remove"
until_told 'slurmctld does not follow the nodes: systemctl failed (exit 1): Access denied'
until_told "$yaml follows the nodes again"
until_is 'n01 n03 ' genders -n all
until_is 'n[01,03] ' groups -f -a
# --- it is tried again
rm "$work/no-systemctl"
"$orthrus" node remove n03 --yes >/dev/null || fail "node remove"
until_is 'n01 2 2007 compute ' slurm
until_told 'slurmctld follows the nodes again'
[ "$("$orthrus" event list | grep -c "$yaml does not follow")" = 1 ] || fail "told more than once: $("$orthrus" event list)"

# --- the last one goes
"$orthrus" node remove n01 --yes >/dev/null || fail "node remove"
until_is '' genders -n all
stop_daemon TERM
[ "$daemon_rc" = 0 ] || fail "orthrusd ends with $daemon_rc"
[ "$failed" = 0 ] && echo ok
exit $failed
