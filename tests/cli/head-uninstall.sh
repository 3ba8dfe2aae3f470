#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What `orthrus head uninstall` must not take, and what must not keep it from ending (tests/cli/head-install.sh has the rest): what others did while
# this machine was a head, records and copies that are damaged, units that are gone, links and volumes, a plan that does not hold any more.
set -u
. "$TOP/tests/cli/head-install.bash"

# --- What somebody did between two runs, or to put right what had failed, is theirs as well: users, packages, files. ---
for how in again failed; do
    put_back fresh
    [ $how = again ] || echo orthrusd.service >"$m/fakes/start-fails"
    install_it --quiet --site /root/site.json >"$work/out" 2>&1
    [ $how$? = again0 ] || grep -q 'Job for orthrusd.service failed' "$work/out" || fail "$how: $(cat "$work/out")"
    rm -f "$m/fakes/start-fails"
    echo 'anna:x:1000:1000::/home/anna:/bin/bash' >>"$m/etc/passwd"
    echo 'anna:x:1000:' >>"$m/etc/group"
    echo '# repaired' >>"$m/etc/motd"
    echo 'APT::Default-Release "stable";' >"$m/etc/apt.conf"
    echo "1.0-1 manual" >"$m/var/lib/dpkg/fake/htop"
    [ $how = failed ] || jq '.time = {"zone": "Europe/Paris"}' "$m/root/site.json" >"$work/site.json"
    [ $how = failed ] || mv "$work/site.json" "$m/root/site.json"
    install_it --quiet --site /root/site.json >"$work/out" 2>&1 || fail "$how: it does not go on: $(cat "$work/out")"
    in_machine orthrus head uninstall --plan | grep -q htop && fail "$how: somebody's package is to go"
    in_machine orthrus head uninstall --yes --quiet >"$work/un" 2>&1 || fail "$how: uninstall: $(cat "$work/un")"
    grep -q '^anna:' "$m/etc/passwd" && grep -q '^anna:' "$m/etc/group" || fail "$how: a user that was added is gone"
    grep -q '^orthrus' "$m/etc/passwd" "$m/etc/group" && fail "$how: users of Orthrus are still there"
    [ -e "$m/var/lib/dpkg/fake/htop" ] || fail "$how: a package that was added is gone"
    [ -e "$m/etc/apt.conf" ] && grep -q '^# repaired' "$m/etc/motd" || fail "$how: what somebody wrote is gone"
    [ ! -e "$m/var/lib/dpkg/fake/chrony" ] || fail "$how: chrony is still there"
done

# --- A person's account that was made before the next run of one that was killed. ---
put_back fresh
echo 8 >"$m/fakes/kill-at"
install_it --quiet --site /root/site.json >/dev/null 2>&1
rm -f "$m/fakes/kill-at"
echo 'anna:x:1000:1000::/home/anna:/bin/bash' >>"$m/etc/passwd"
install_it --quiet --site /root/site.json >"$work/out" 2>&1 || fail "killed: it does not go on: $(cat "$work/out")"
in_machine orthrus head uninstall --yes --quiet >"$work/un" 2>&1 || fail "killed: uninstall: $(cat "$work/un")"
grep -q '^anna:' "$m/etc/passwd" || fail "killed: a user that was added is gone"
grep -q '^orthrus' "$m/etc/passwd" "$m/etc/group" && fail "killed: users of Orthrus are still there"

# --- A record that is not whole is no machine that is no head yet. ---
put_back fresh
install_it --quiet --site /root/site.json || fail "install"
tree >"$work/installed"
cp -p "$m/var/lib/orthrus-install/before" "$work/record"
for how in 'is not whole' 'is gone, and'; do
    if [ "$how" = 'is not whole' ]; then sed -i '$d' "$m/var/lib/orthrus-install/before"; else rm "$m/var/lib/orthrus-install/before"; fi
    for verb in install uninstall; do
        in_machine orthrus head $verb --yes $([ $verb = uninstall ] || echo --site /root/site.json) >"$work/out" 2>&1 && fail "$verb by a record that $how"
        grep -q "orthrus-install/before $how" "$work/out" || fail "$verb: $(cat "$work/out")"
    done
    tree | diff "$work/installed" - || fail "a record that $how: something was changed"
done
cp -p "$work/record" "$m/var/lib/orthrus-install/before"
in_machine orthrus head uninstall --yes --quiet || fail "uninstall"
tree | diff "$work/before" - || fail "not as before"

# --- What somebody does while an uninstallation that failed waits, and what a service writes while packages go, is theirs. ---
put_back fresh
mkdir -p "$m/var/lib/prometheus"; echo 1 >"$m/var/lib/prometheus/head"; chown -R 777 "$m/var/lib/prometheus"
install_it --quiet --site /root/site.json || fail "install"
printf '#!/bin/bash\necho 2 >/var/lib/prometheus/head\necho 2 >/var/lib/prometheus/wal\nchown 777 /var/lib/prometheus/*\necho "E: no network" >&2\nexit 1\n' >"$m/fakes/at-purge"
chmod +x "$m/fakes/at-purge"
in_machine orthrus head uninstall --yes --quiet >"$work/un" 2>&1 && fail "apt failed, and the uninstallation did not"
grep -q 'apt-get purge: no network' "$work/un" || fail "uninstall: $(cat "$work/un")"
echo notes >"$m/root/notes"
echo mine >>"$m/etc/motd"
rm "$m/etc/debian_version"
echo 'anna:x:1000:1000::/home/anna:/bin/bash' >>"$m/etc/passwd"
sed -i 's/^exit 1$/exit 0/' "$m/fakes/at-purge"
in_machine orthrus head uninstall --yes --quiet >"$work/un" 2>&1 || fail "uninstall: $(cat "$work/un")"
rm "$m/fakes/at-purge"
[ "$(cat "$m/root/notes")" = notes ] && grep -qx mine "$m/etc/motd" && grep -q '^anna:' "$m/etc/passwd" && [ ! -e "$m/etc/debian_version" ] || fail "what somebody did meanwhile is undone"
[ "$(cat "$m/var/lib/prometheus/head" "$m/var/lib/prometheus/wal")" = "$(printf '2\n2')" ] || fail "what a service wrote is undone"
grep -q '^orthrus\|^_chrony' "$m/etc/passwd" && fail "users that were made are still there"
[ ! -e "$m/etc/chrony" ] && [ ! -e "$m/etc/orthrus" ] || fail "not given back: $(ls -d "$m"/etc/*)"

# --- So are the history of /etc (etckeeper, by apt), what somebody puts where no package of Debian's writes, what a service writes that was there, and a person's file, while packages come or go. ---
put_back fresh
mkdir -p "$m/etc/.git/objects" "$m/var/lib/jenkins" "$m/var/spool/cron/crontabs" "$m/usr/local/bin" "$m/opt/tool"; chown 777 "$m/var/lib/jenkins"
for when in install purge; do
    printf '#!/bin/bash\nfor f in /etc/.git/objects/%s /root/%s /opt/tool/%s /usr/local/bin/%s /var/lib/jenkins/%s /var/spool/cron/crontabs/%s; do echo mine >$f; done\nchown 777 /var/lib/jenkins/%s\nchown 1000 /var/spool/cron/crontabs/%s\n' \
        $when $when $when $when $when $when $when $when >"$m/fakes/at-$when"
    chmod +x "$m/fakes/at-$when"
done
install_it --quiet --site /root/site.json || fail "install"
in_machine orthrus head uninstall --yes --quiet >"$work/un" 2>&1 || fail "uninstall: $(cat "$work/un")"
rm "$m"/fakes/at-*
for f in etc/.git/objects root opt/tool usr/local/bin var/lib/jenkins var/spool/cron/crontabs; do
    for when in install purge; do [ "$(cat "$m/$f/$when")" = mine ] || fail "/$f/$when, of somebody else, is gone"; done
done
rm "$m"/usr/local/bin/{install,purge}

# --- Whom it concerns beside this machine. ---
put_back fresh
install_it --quiet --site /root/site.json || fail "install"
in_machine orthrus head uninstall --plan | grep -q 'leave .* node' && fail "there are no nodes"
in_machine orthrus node add n1 --mac 52:54:00:00:00:01 --group compute >/dev/null && in_machine orthrus node add n2 --mac 52:54:00:00:00:02 --group compute >/dev/null || fail "node add"
in_machine orthrus head uninstall --plan | grep -q 'leave 2 nodes as they are' || fail "the plan says nothing of the nodes"
in_machine orthrus head uninstall --yes --json >"$work/lines" 2>&1 || fail "uninstall: $(cat "$work/lines")"
jq -se 'any(.[]; .step == "note:nodes" and .state == "kept") and (.[-1] | has("kept"))' "$work/lines" >/dev/null || fail "states: $(cat "$work/lines")"

# --- What can't be given back is named, and keeps nothing else: a unit that is gone, a copy that is damaged, a volume of its own, links, what
# somebody put beside the images. No link of the daemon's user has root read for it, and nothing belongs to numbers that are free again. ---
put_back fresh
in_machine apt-get install chrony >/dev/null
in_machine systemctl start chrony.service
install_it --quiet --site /root/site.json || fail "install"
in_machine apt-get purge chrony >/dev/null
in_machine /fakes/orthrusd stop
cp -a "$m/var/lib/orthrus" "$work/state"
mount -t tmpfs tmpfs "$m/var/lib/orthrus" && cp -a "$work/state/." "$m/var/lib/orthrus/"
ln -sf /etc/shadow "$m/var/lib/orthrus/pki/sign.pub"
mkdir -p "$m/srv/orthrus/store" "$m/srv/orthrus/tmp/half" "$m/var/log/orthrus"
echo an image >"$m/srv/orthrus/store/image"
chown 0:990 "$m/srv/orthrus/store"; chown 990 "$m/var/log/orthrus"
copy=$(jq -r 'select(.path == "/etc/gshadow").was.digest' "$m/var/lib/orthrus-install/before")
echo damaged >"$m/var/lib/orthrus-install/originals/$copy"
in_machine orthrus head uninstall --plan | grep -q 'ipmitool.*xfsprogs' || fail "the plan does not name all packages"
in_machine orthrus head uninstall --yes >"$work/un" 2>&1 || fail "uninstall: $(cat "$work/un")"
for want in 'chrony.service: it ran, and does not start now' '/etc/gshadow: it could not be made what it was: .* is damaged' '/var/lib/orthrus: another file system is mounted there; it is empty now' \
    '/srv/orthrus/store, without the key'; do
    grep -q "^kept $want" "$work/un" || fail "'$want' is not named: $(cat "$work/un")"
done
[ -z "$(ls -A "$m/var/lib/orthrus")" ] || fail "state is left: $(ls -A "$m/var/lib/orthrus")"
umount "$m/var/lib/orthrus"
[ ! -e "$m/srv/orthrus/sign.pub" ] && [ ! -e "$m/srv/orthrus/tmp" ] || fail "left: $(ls -l "$m/srv/orthrus")"
[ "$(stat -c %U:%G "$m/srv/orthrus/store"):$(stat -c %U "$m/var/log/orthrus")" = root:root:root ] || fail "what stays is of numbers that are nobody's: $(ls -ldn "$m/srv/orthrus/store" "$m/var/log/orthrus")"
put_back fresh
install_it --quiet --site /root/site.json || fail "install"
mkdir -p "$m/srv/orthrus/thesis" "$m/srv/images"
rmdir "$m/srv/orthrus/store"
ln -s ../images "$m/srv/orthrus/store"
echo mine >"$m/srv/images/one"
# Killed when the links are gone: the run that ends it names them.
printf '#!/bin/bash\nread -r _ _ _ caller _ <"/proc/$PPID/stat"\nkill -KILL "$caller"\nexit 1\n' >"$m/fakes/at-purge"
chmod +x "$m/fakes/at-purge"
in_machine orthrus head uninstall --yes --remove-data >"$work/out" 2>&1
[ $? = 137 ] && [ ! -L "$m/srv/orthrus/store" ] || fail "it was not killed: $(cat "$work/out")"
rm "$m/fakes/at-purge"
in_machine orthrus head uninstall --yes --remove-data >"$work/un" 2>&1 || fail "uninstall: $(cat "$work/un")"
[ "$(grep -c '^kept \.\./images' "$work/un")" = 1 ] || fail "not named once: $(cat "$work/un")"
for want in '../images, to which /srv/orthrus/store led' '/srv/orthrus: something is in it that is not of Orthrus'; do grep -q "^kept $want" "$work/un" || fail "'$want' is not named: $(cat "$work/un")"; done
[ -d "$m/srv/orthrus/thesis" ] && [ -e "$m/srv/images/one" ] && [ ! -e "$m/srv/orthrus/store" ] || fail "not what was asked for: $(ls -lR "$m/srv")"

# --- Killed when all is given back, and only what was written down is on its way out. ---
put_back fresh
install_it --quiet --site /root/site.json || fail "install"
cp -a "$m/var/lib/orthrus-install" "$work/record.gone"
in_machine orthrus head uninstall --yes --quiet || fail "uninstall"
mv "$work/record.gone" "$m/var/lib/orthrus-install.gone"
in_machine orthrus head uninstall --plan >"$work/out" 2>&1 && fail "a plan, of nothing"
in_machine orthrus head uninstall --yes >"$work/out" 2>&1 && grep -q 'is no head any more' "$work/out" || fail "it does not end: $(cat "$work/out")"
[ ! -e "$m/var/lib/orthrus-install.gone" ] || fail "the record is left"
in_machine orthrus head uninstall --yes >"$work/out" 2>&1 && fail "it ends twice"

# --- Who may not read what is written down does not hear that there is nothing; a plan is not performed when another ran meanwhile. ---
put_back fresh
install_it --quiet --site /root/site.json || fail "install"
chroot "$m" /usr/bin/setpriv --reuid=7 --regid=7 --clear-groups /usr/bin/env -i PATH=/fakes:/usr/sbin:/usr/bin orthrus head uninstall --plan >"$work/out" 2>&1 && fail "a plan for somebody else than root"
grep -q 'run this as root' "$work/out" || fail "not root: $(cat "$work/out")"
for verb in uninstall install; do
    mkfifo "$work/answer"
    in_machine /usr/bin/script -qec "orthrus head $verb $([ $verb = uninstall ] || echo --site /root/site.json)" /dev/null <"$work/answer" >"$work/out" 2>&1 & pid=$!
    exec 7>"$work/answer"
    until grep -q 'Type yes' "$work/out" || ! kill -0 $pid 2>/dev/null; do sleep 0.05; done
    if [ $verb = uninstall ]; then in_machine orthrus head uninstall --yes --quiet; else install_it --quiet --site /root/site.json; fi
    echo yes >&7
    exec 7>&-
    wait $pid && fail "$verb by a plan that does not hold any more: $(cat "$work/out")"
    grep -q 'ran here since the plan was made' "$work/out" || fail "$verb: $(cat "$work/out")"
    [ $verb = install ] || [ ! -e "$m/var/lib/orthrus-install" ] || fail "$verb: a record is left"
    rm "$work/answer"
done

exit $failed
