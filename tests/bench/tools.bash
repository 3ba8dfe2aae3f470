# SPDX-License-Identifier: GPL-2.0-or-later
# The programs that are measured: for each how it begins with nothing, takes a tree in, and puts it back. All use zstd at level 3,
# all cores, and keep owners, modes, times, links, ACLs and extended attributes as far as they can.
# Sourced by store.sh. Each function gets the directory D that is the tool's own; NAME_ingest and NAME_restore are what is timed.
# shellcheck disable=SC2034,SC2329

tools=(orthrus restic borg tar bsdtar fsarchiver)
cores=${cores:-$(nproc)}
program() { [ "$1" = orthrus ] && echo "$ORTHRUS" || command -v "$1"; }
# No tool may write below the home of whoever runs this.
export RESTIC_PASSWORD=bench BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes BORG_RELOCATED_REPO_ACCESS_IS_OK=yes

# What a site does once (keys, site.json) is not part of making an image.
orthrus_prepare() { "$ORTHRUS" --root "$1/root" site init --cluster bench --interface eth0 --subnet 10.77.0.0/24 --head-address 10.77.0.1 >/dev/null; }
orthrus_ingest() { "$ORTHRUS" --root "$1/root" image build bench --from "$2" >/dev/null; }
orthrus_restore() { "$ORTHRUS" --root "$1/root" image export bench --format dir "$2" >/dev/null; }
orthrus_data() { echo "$1/root/srv/orthrus/store"; }

# Its automatic level is zstd's default, 3. It cannot do without encryption (AES-256). Without its cache, which a local
# repository does not need, it is faster.
restic_prepare() { restic -q --no-cache -r "$1/repo" init --repository-version 2; }
restic_ingest() { (cd "$2" && restic -q --no-cache -r "$1/repo" --compression auto backup .); }
restic_restore() { restic -q --no-cache -r "$1/repo" restore latest --target "$2"; }
restic_data() { echo "$1/repo"; }

# A first backup finds nothing in the cache of files; without it nothing is written there.
borg_run() { BORG_BASE_DIR=$1/base borg "${@:2}"; }
borg_prepare() { borg_run "$1" init -e none "$1/repo"; }
borg_ingest() { (cd "$2" && borg_run "$1" create -C zstd,3 --files-cache disabled --numeric-ids "$1/repo::$(basename "$2")" .); }
borg_restore() { (cd "$2" && borg_run "$1" extract --numeric-ids "$1/repo::$tree"); }
borg_data() { echo "$1/repo"; }

tar_prepare() { :; }
tar_ingest() { tar -C "$2" --xattrs --xattrs-include='*' --acls --numeric-owner -cf - . | zstd -q -3 -T0 -o "$1/tree.tar.zst"; }
tar_restore() { zstd -q -dc "$1/tree.tar.zst" | tar -C "$2" --xattrs --xattrs-include='*' --acls --numeric-owner -xpf -; }
tar_data() { echo "$1/tree.tar.zst"; }

bsdtar_prepare() { :; }
bsdtar_ingest() { bsdtar -C "$2" --zstd --options "zstd:compression-level=3,zstd:threads=$cores" --acls --xattrs --fflags --numeric-owner -cf "$1/tree.tar.zst" .; }
bsdtar_restore() { bsdtar -C "$2" --acls --xattrs --fflags --numeric-owner -xpf "$1/tree.tar.zst"; }
bsdtar_data() { echo "$1/tree.tar.zst"; }

# It keeps the path it was given: what it restores is below that.
fsarchiver_prepare() { :; }
fsarchiver_ingest() { (cd "$2/.." && fsarchiver -a -Z 3 -j "$cores" savedir "$1/tree.fsa" "$(basename "$2")" >/dev/null); }
fsarchiver_restore() { fsarchiver -j "$cores" restdir "$1/tree.fsa" "$2" >/dev/null; }
fsarchiver_data() { echo "$1/tree.fsa"; }
