#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# waits: another DHCP server has five seconds to answer, each time
# `orthrus head install --images`: the site's images are built last, of packages that a small mmdebstrap of this test unpacks. Killed in
# the middle it goes on; what the store has is not built again; a build that fails says why, and what next; an uninstallation keeps
# images unless told otherwise, and an installation after it has images of its own.
set -u
. "$TOP/tests/cli/head-install.bash"

# Debian's builder: the tree of a small system, of which /fakes/build-half stops in the middle and /fakes/build-fails is nothing.
mkfifo "$m/fakes/half"
cat >"$m/fakes/mmdebstrap" <<'SH'
#!/bin/bash
set -eu
while [[ $1 == --* ]]; do shift; done
suite=$1 root=$2
echo "$suite $3" >>/fakes/builds
if [ -e /fakes/build-fails ]; then
    echo "I: running apt-get update..."
    echo "E: Failed to fetch http://mirror.example/dists/$suite/InRelease  Temporary failure resolving 'mirror.example'" >&2
    exit 100
fi
mkdir -p "$root"/{boot,etc/systemd/system,usr/bin,var/log,var/cache/apt,tmp,run}
echo "ID=debian" >"$root/etc/os-release"
head -c 400000 /dev/zero | openssl enc -aes-128-ctr -nosalt -K 00000000000000000000000000000001 -iv 00000000000000000000000000000000 >"$root/boot/vmlinuz-6.1.0-1-amd64"
if [ -e /fakes/build-half ]; then echo half >/fakes/half; sleep infinity; fi
echo "an initial system" >"$root/boot/initrd.img-6.1.0-1-amd64"
cp /usr/bin/busybox "$root/usr/bin/busybox"
ln -s busybox "$root/usr/bin/true"
printf '#!/usr/bin/busybox sh\nexit 0\n' >"$root/usr/bin/systemctl"
chmod +x "$root/usr/bin/systemctl"
SH
chmod +x "$m/fakes/mmdebstrap"
jq '.images += [.images[0] + {name: "login"}]' "$m/root/site.json" >"$work/site.json" && cp "$work/site.json" "$m/root/site.json" || die "a second image"
tree >"$work/before"
store=$m/srv/orthrus/store

with_images() { install_it --images --json --site /root/site.json >"$work/lines" 2>"$work/err"; }
# Each state of each image's step in the order in which they were told.
told() { jq -r 'select((.step // "") | startswith("image:")) | "\(.step) \(.state)"' "$work/lines" | paste -sd,; }
# One whole image of each name, NUMBER of them in all, and nothing half; built in so many runs of the builder.
whole() { # BUILDS IMAGES
    local ref
    [ "$(wc -l <"$m/fakes/builds")" = "$1" ] || fail "the builder ran $(wc -l <"$m/fakes/builds") times, not $1"
    in_machine orthrus image list --json >"$work/list" || fail "image list"
    [ "$(jq '.images | length' "$work/list")" = "$2" ] || fail "not $2 images: $(cat "$work/list")"
    for ref in compute login; do in_machine orthrus image verify "$ref" --quiet || fail "image $ref is not whole"; done
    [ -z "$(find "$store/images" -name '.*')" ] || fail "half images are left: $(find "$store/images" -name '.*')"
    [ -z "$(ls -A "$m/srv/orthrus/tmp")" ] || fail "half trees are left: $(ls -A "$m/srv/orthrus/tmp")"
}

# --- A build that fails: the head is one but for the image; the builder's own words, and what to do. ---
: >"$m/fakes/build-fails"
with_images && fail "a build that fails is no failure"
[ "$(told)" = "image:compute begun,image:compute failed" ] || fail "told of the failing build: $(told)"
jq -se 'last.error | (.text | test("image:compute: orthrus image build: .*Temporary failure resolving .mirror.example.")) and
    (.hint | test("`orthrus image build compute` shows all.*run the same again"))' "$work/lines" >/dev/null || fail "why, and what next: $(tail -n 1 "$work/lines")"
in_machine orthrus head status >/dev/null || fail "without an image there is no head either"
[ ! -e "$store/images/compute" ] && [ -z "$(ls -A "$m/srv/orthrus/tmp")" ] || fail "a build that failed leaves something: $(find "$m/srv/orthrus" -path '*/tftp' -prune -o -print)"
rm "$m/fakes/build-fails" "$m/fakes/builds"
# From here on nobody has to be waited for who might answer DHCP.
ip link set far down

# --- Killed while the tree is half there: the step was told before, the builder is gone with it. ---
: >"$m/fakes/build-half"
(exec chroot "$m" /usr/bin/env -i PATH=/fakes:/usr/sbin:/usr/bin HOME=/root orthrus head install --yes --images --json --site /root/site.json >"$work/lines" 2>"$work/err") &
pid=$!
[ "$(timeout 60 cat "$m/fakes/half")" = half ] || fail "the builder does not run: $(cat "$work/lines" "$work/err")"
[ "$(told)" = "image:compute begun" ] || fail "told while it is built: $(told)"
kill -KILL $pid
wait $pid 2>/dev/null
half=$(echo "$m"/srv/orthrus/tmp/build.*)
timeout 60 flock "$half" true || fail "the builder goes on although nobody waits for it"
[ -e "$half/root/boot/vmlinuz-6.1.0-1-amd64" ] || fail "not killed in the middle: $(find "$m/srv/orthrus/tmp")"
rm "$m/fakes/build-half" "$m/fakes/builds"
# Nothing of it is where an uninstallation looks: what others do until the next run, should there be one, is theirs.
echo "1.0-1 manual" >"$m/var/lib/dpkg/fake/htop"
echo '/dev/sdb1 /data ext4 defaults 0 2' >"$m/etc/fstab"
in_machine orthrus head uninstall --plan >"$work/unplan" 2>&1 || fail "plan: $(cat "$work/unplan")"
grep -q htop "$work/unplan" && fail "what was installed after an image's build was killed is to go: $(cat "$work/unplan")"
in_machine orthrus head uninstall --plan --json | grep -q /etc/fstab && fail "what was written after an image's build was killed is to go"
rm "$m/var/lib/dpkg/fake/htop" "$m/etc/fstab"

# --- Killed while the image is half written: that is none, and is built again. ---
for k in $(seq 40); do
    [ ! -e "$store/images/compute/.new" ] || break
    in_machine strace -f -qq -o /dev/null -e trace=rename -e inject=rename:signal=KILL:when="$k" orthrus image build compute --quiet >"$work/out" 2>&1 && fail "rename $k did not kill it"
done
[ "$(ls -A "$store/images/compute")" = .new ] || fail "no build was killed while it wrote its image: $(find "$store/images") $(cat "$work/out")"
rm "$m/fakes/builds"
with_images || fail "it does not go on: $(cat "$work/lines" "$work/err")"
[ "$(told)" = "image:compute begun,image:compute done,image:login begun,image:login done" ] || fail "told of both: $(told)"
whole 2 2
curl -s --unix-socket "$m/run/orthrus/api.sock" http://x/v1/status | jq -e . >/dev/null || fail "the daemon is gone"

# --- What is there is not built again; what is missing is, alone. ---
with_images || fail "a second run: $(cat "$work/lines" "$work/err")"
[ -z "$(told)" ] || fail "a second run builds: $(told)"
whole 2 2
in_machine orthrus head install --images --plan | grep -q 'Nothing is to be done' || fail "the plan of a second run has something to do"
rm -r "$store"/images/login/2*
with_images || fail "one that is missing: $(cat "$work/lines" "$work/err")"
[ "$(told)" = "image:login begun,image:login done" ] || fail "told of the one that was missing: $(told)"
whole 3 2

# --- Given back: images stay, and the key to verify them; what a killed build has left goes. ---
in_machine strace -f -qq -o /dev/null -e trace=rename -e inject=rename:signal=KILL:when=1 orthrus image build login --quiet >/dev/null 2>&1
[ -n "$(ls -A "$m/srv/orthrus/tmp")" ] || fail "a killed build has left no tree"
(cd "$store" && find images -type f -exec sha256sum {} +) >"$work/kept"
in_machine orthrus head uninstall --plan | grep -q 'keep images and backups in /srv/orthrus' || fail "the plan does not say that images are kept"
in_machine orthrus head uninstall --yes >"$work/un" 2>&1 || fail "uninstall: $(cat "$work/un")"
tree | diff "$work/before" - >"$work/diff" || { fail "not as before:"; cat "$work/diff"; }
(cd "$store" && sha256sum --quiet -c "$work/kept") || fail "images were to be kept"
[ "$(ls "$m/srv/orthrus" | paste -sd' ')" = "sign.pub store" ] || fail "kept: $(ls -A "$m/srv/orthrus")"

cp "$m/srv/orthrus/sign.pub" "$work/first.pub"

# --- A head again, with keys of its own: no node believes the images of the one before, so it makes its own; what they share is there. ---
ip link set far up
packed=$(du -s "$store/packs" | cut -f 1)
rm "$m/fakes/builds"
with_images || fail "a head again: $(cat "$work/lines" "$work/err")"
[ "$(told)" = "image:compute begun,image:compute done,image:login begun,image:login done" ] || fail "told of a head again: $(told)"
whole 2 4
[ $(($(du -s "$store/packs" | cut -f 1) - packed)) -lt 500 ] || fail "nothing is shared with what was kept"
in_machine orthrus head uninstall --yes >"$work/un" 2>&1 || fail "uninstall: $(cat "$work/un")"
# Whoever goes through what was kept has the key of each image.
[ "$(find "$m/srv/orthrus" -maxdepth 1 -name 'sign*.pub' | wc -l)" = 2 ] || fail "not the keys of both heads: $(ls "$m/srv/orthrus")"
signer=$(jq -r .signer "$store"/images/compute/2*/manifest.json | sort -u)
[ "$(wc -l <<<"$signer")" = 2 ] || fail "the images are not of two heads: $signer"
for id in $signer; do [ -e "$m/srv/orthrus/sign-$id.pub" ] && cmp -s "$m/srv/orthrus/sign-$id.pub" "$work/first.pub" && first=$id; done
[ -n "${first:-}" ] || fail "the first head's key is not beside its images: $(ls "$m/srv/orthrus"), signers $signer"
install_it --quiet --site /root/site.json || fail "install"
in_machine orthrus head uninstall --remove-data --plan | grep -q 'all images and backups in /srv/orthrus' || fail "the plan does not say that images go"
in_machine orthrus head uninstall --remove-data --yes >"$work/un" 2>&1 || fail "uninstall: $(cat "$work/un")"
tree | diff "$work/before" - >"$work/diff" || { fail "not as before:"; cat "$work/diff"; }
[ ! -e "$m/srv/orthrus" ] || fail "left: $(find "$m/srv/orthrus")"
exit $failed
