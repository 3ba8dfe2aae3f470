#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# `orthrus head install` and `head uninstall` in a machine of its own (a chroot with namespaces), with a small Debian of scripts
# (tests/fakes/debian.sh) and a real orthrusd: installed, killed at every change that a program makes and at everything that it makes durable
# itself, and begun again, given back byte for byte; and what somebody has changed since is kept and named. EVERY=1: at each of all of these
# (tests/full/head-install.sh); else at one of so many. SHARD="K N", which it gives itself: of the cases with a kill, each Nth from the Kth on.
set -u
every=${EVERY:-13}
shards=${SHARDS:-3}
# Most of the time goes by waiting for offers of DHCP servers that nobody makes: that many machines share the cases, beside each other.
if [ -z "${SHARD:-}" ]; then
    said=$(mktemp -d) pids=() failed=0
    trap 'kill "${pids[@]}" 2>/dev/null; wait; rm -rf "$said"' EXIT
    for ((k = 0; k < shards; k++)); do
        SHARD="$k $shards" "$0" >"$said/$k" 2>&1 &
        pids+=($!)
    done
    for ((k = 0; k < shards; k++)); do
        wait "${pids[k]}"
        rc=$?
        grep -v '^RESULT ' "$said/$k"
        [ $rc != 77 ] || exit 77
        [ $rc = 0 ] || failed=1
    done
    sum() { sed -n "s/^RESULT $1 .*\\b$2=\\([0-9]*\\).*/\\1/p" "$said"/[0-9]* | awk '{ n += $1 } END { print n + 0 }'; } # NAME KEY
    echo "RESULT uninstall_files differences=$(sum uninstall_files differences)"
    echo "RESULT head_install killed=$(sum head_install killed) same_result=$(sum head_install same_result)"
    exit $failed
fi
read -r shard of <<<"$SHARD"
case=0
mine() { case=$((case + 1)); [ $(((case - 1) % of)) = "$shard" ]; }
. "$TOP/tests/cli/head-install.bash"

# --- The facts, and the plan: nothing is changed by them. ---
in_machine orthrus head install --probe --json >"$work/facts" || fail "the probe fails"
jq -e '.suite == "bookworm" and .debian == "12.8" and (.interfaces[] | select(.name == "eth1")) and (.missing_packages | map(.name) | index("chrony"))
    and .ssh_keys == ["ssh-ed25519 AAAAC3 root@here"] and .problems == [] and .timezone == "Europe/Berlin"' "$work/facts" >/dev/null ||
    fail "facts: $(cat "$work/facts")"
in_machine orthrus head install --plan --site /root/site.json >"$work/plan" 2>&1 || fail "the plan fails: $(cat "$work/plan")"
for want in 'Debian packages' 'systemd-timesyncd' 'system users orthrus' '/etc/orthrus/site.json' '10.77.0.1/16' 'chrony' 'orthrusd.service' 'apply the site'; do
    grep -qF -- "$want" "$work/plan" || fail "the plan says nothing of $want: $(cat "$work/plan")"
done
in_machine orthrus head install --plan --json --site /root/site.json | jq -e '.steps | length > 6 and all(.[]; has("id") and has("text") and has("files") and has("destructive"))' >/dev/null ||
    fail "the plan as JSON"
tree | diff "$work/before" - || fail "the plan has changed something"

# --- Undisturbed. ---
install_it --json --site /root/site.json >"$work/lines" || { cat "$work/lines"; die "the installation fails"; }
jq -se 'map(select(.state == "begun")) | length > 6 and all(.[]; .of >= .number)' "$work/lines" >/dev/null || fail "progress: $(cat "$work/lines")"
tree >"$work/installed"
applied >"$work/site"
ticks=$(cat "$m/fakes/ticks")
[ -x "$m/usr/sbin/policy-rc.d" ] && fail "policy-rc.d is still there"
grep -q '^address 10.77.0.1/16' "$work/installed" || fail "eth1 has not the head's address"
grep -q '^runs chrony.service' "$work/installed" || fail "chrony does not run"
grep -qx 'maxslewrate 400' "$m/etc/chrony/conf.d/orthrus.conf" || fail "a head's clock may run faster than its lease allows"
grep -q 'runs ssh.service' "$work/installed" && fail "an sshd was started"
[ -e "$m/etc/systemd/system/multi-user.target.wants/ssh.service" ] && fail "an sshd will be started"
in_machine orthrus head install --plan | grep -q 'Nothing is to be done' || fail "a second run finds something to do: $(in_machine orthrus head install --plan)"
install_it >"$work/again" || fail "a second run fails"
tree | diff "$work/installed" - || fail "a second run has changed something"

# --- Given back, with what the wizard and a start of the programs leave. ---
in_machine orthrus head uninstall --plan >"$work/unplan" || fail "the plan of an uninstallation fails"
tree | diff "$work/installed" - >/dev/null || fail "the plan of an uninstallation has changed something"
mkdir -p "$m/run/orthrus-guard"
touch "$m"/var/lib/orthrus/setup.json "$m"/var/lib/orthrus/setup-site.json "$m/run/orthrus-setup.lock"
ln -s /var/lib/orthrus/exports/known_hosts "$m/etc/ssh/ssh_known_hosts" # as orthrusd makes for programs that are there
rm -f "$m/fakes/ticks"
in_machine orthrus head uninstall --yes >"$work/un" || { cat "$work/un"; fail "the uninstallation fails"; }
back=$(cat "$m/fakes/ticks")
tree >"$work/after"
diff "$work/before" "$work/after" >"$work/diff" || { fail "not as before:"; cat "$work/diff"; }
grep -q '^kept ' "$work/un" && fail "something was kept: $(cat "$work/un")"
for d in var/lib/orthrus var/lib/orthrus-install run/orthrus run/orthrus-guard run/orthrus-setup.lock run/orthrus-helper.sock etc/ssh/ssh_known_hosts etc/orthrus srv/orthrus; do [ ! -e "$m/$d" ] || fail "$d is still there"; done
echo "RESULT uninstall_files differences=$(grep -c '^[<>]' "$work/diff")"
in_machine orthrus head uninstall --yes 2>&1 | grep -q 'was not made a head' || fail "a second uninstallation"

# --- A record that can't be written is not left behind by halves. ---
put_back fresh
for n in 3 5; do # its journal is made, its first copy is
    mine || continue
    in_machine strace -qq -o /dev/null -e trace=fsync -e inject=fsync:error=EIO:when=$n orthrus head install --yes --site /root/site.json >"$work/out" 2>&1 && fail "it could not be made durable, and it went on"
    [ $n = 3 ] && want='cut the torn end off' || want='record: '
    grep -q "^orthrus: $want.*error" "$work/out" || fail "not the record: $(cat "$work/out")"
    ls -d "$m"/var/lib/orthrus-install* 2>/dev/null && fail "$n: a record is left"
done
tree | diff "$work/before" - || fail "a record that failed: not as before"

# --- Killed at each change of a program, and at each thing that it makes durable itself (lines of its journal, files); begun again. ---
killed=0 same=0
go_on() { # WHERE
    killed=$((killed + 1))
    rm -f "$m/fakes/kill-at"
    install_it --quiet --site /root/site.json >"$work/out" 2>&1 || { fail "killed at $1, it does not go on: $(cat "$work/out")"; return; }
    tree | diff "$work/installed" - >"$work/diff" || { fail "killed at $1, it ends otherwise:"; cat "$work/diff"; return; }
    applied | cmp -s "$work/site" - || { fail "killed at $1, another site is applied"; return; }
    same=$((same + 1))
    [ $((killed % 2)) = 0 ] || return
    in_machine orthrus head uninstall --yes --quiet >"$work/out" 2>&1 || fail "killed at $1, it can't be given back: $(cat "$work/out")"
    tree | diff "$work/before" - >"$work/diff" || { fail "killed at $1 and given back, not as before:"; cat "$work/diff"; }
}
for n in $(seq 1 "$every" "$ticks"); do
    mine || continue
    put_back fresh
    echo "$n" >"$m/fakes/kill-at"
    install_it --quiet --site /root/site.json >/dev/null 2>&1 && { fail "tick $n did not kill it"; continue; }
    go_on "change $n"
done
for call in fdatasync fsync; do
    n=$([ "$every" = 1 ] && echo 1 || echo $((every + 4)))
    while :; do
        if mine; then
            put_back fresh
            in_machine strace -qq -o /dev/null -e trace=$call -e inject=$call:signal=KILL:when="$n" orthrus head install --yes --quiet --site /root/site.json >"$work/out" 2>&1
            rc=$?
            [ $rc != 0 ] || break # it makes nothing more durable
            [ $rc = 137 ] || fail "$call $n did not kill it ($rc): $(cat "$work/out")"
            go_on "$call $n"
        fi
        n=$((n + 1))
        [ "$every" = 1 ] || break
    done
done
echo "RESULT head_install killed=$killed same_result=$same"

# --- An uninstallation that was killed goes on; one of an installation that never ended, too. ---
for n in $(seq 1 $((every * 2)) "$back"); do
    mine || continue
    put_back fresh
    install_it --quiet --site /root/site.json || fail "install"
    echo 0 >"$m/fakes/ticks"
    echo "$n" >"$m/fakes/kill-at"
    in_machine orthrus head uninstall --yes --quiet >/dev/null 2>&1 && fail "tick $n did not kill the uninstallation"
    rm -f "$m/fakes/kill-at"
    install_it --site /root/site.json 2>&1 | grep -q 'uninstallation' || fail "installs into a machine that is half given back"
    in_machine orthrus head uninstall --yes --quiet >"$work/out" 2>&1 || fail "killed at $n, the uninstallation does not go on: $(cat "$work/out")"
    tree | diff "$work/before" - >"$work/diff" || { fail "uninstallation killed at $n, not as before:"; cat "$work/diff"; }
done
for n in 8 $([ "$every" != 1 ] || echo 3 12); do
    mine || continue
    put_back fresh
    echo "$n" >"$m/fakes/kill-at"
    install_it --quiet --site /root/site.json >/dev/null 2>&1
    rm -f "$m/fakes/kill-at"
    in_machine orthrus head uninstall --yes --quiet >"$work/out" 2>&1 || fail "half installed ($n), it can't be given back: $(cat "$work/out")"
    tree | diff "$work/before" - >"$work/diff" || { fail "half installed ($n) and given back, not as before:"; cat "$work/diff"; }
done

# --- An administrator whose files are closed to others (umask 077) has the same head. ---
put_back fresh
(umask 077; install_it --quiet --site /root/site.json) || fail "install with umask 077"
tree | diff "$work/installed" - || fail "with umask 077 it is another head"

# --- What somebody changed since is theirs. ---
put_back fresh
install_it --quiet --site /root/site.json || fail "install"
echo 'allow 192.0.2.0/24' >>"$m/etc/chrony/chrony.conf"
echo '# mine' >>"$m/etc/network/interfaces.d/orthrus-eth1"
echo 'anna:x:1000:1000::/home/anna:/bin/bash' >>"$m/etc/passwd"
echo 'anna:x:1000:' >>"$m/etc/group"
echo "1.0-1 manual" >"$m/var/lib/dpkg/fake/somebodys" # it needs libchrony1
in_machine orthrus head uninstall --plan >"$work/unplan" || fail "plan"
grep -q 'keep /etc/chrony/chrony.conf' "$work/unplan" || fail "the plan does not say that chrony.conf is kept: $(cat "$work/unplan")"
grep -q 'keep the packages.*libchrony1' "$work/unplan" || fail "the plan does not say that libchrony1 stays"
in_machine orthrus head uninstall --yes >"$work/un" 2>&1 || fail "uninstall: $(cat "$work/un")"
grep -q '^kept /etc/network/interfaces.d/orthrus-eth1' "$work/un" || fail "not named: $(cat "$work/un")"
grep -q '^# mine' "$m/etc/network/interfaces.d/orthrus-eth1" || fail "a changed file is gone"
grep -q 'allow 192.0.2.0' "$m/etc/chrony/chrony.conf" || fail "a changed configuration file is gone"
[ -e "$m/var/lib/dpkg/fake/libchrony1" ] || fail "a package that somebody needs is gone"
[ ! -e "$m/var/lib/dpkg/fake/chrony" ] || fail "chrony is still there"
grep -q '^anna:' "$m/etc/passwd" || fail "a user that was added is gone"
grep -q '^orthrus' "$m/etc/passwd" && fail "users of Orthrus are still there"

exit $failed
