#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# orthrus image import of OCI image layouts: layers are put together as they are meant, and nothing is believed whose digest is wrong.
set -u
for t in jq zstd; do command -v $t >/dev/null || { echo "needs $t"; exit 77; }; done
[ "$(id -u)" = 0 ] || { echo "needs root: files get owners"; exit 77; }
# shellcheck source=tests/cli/archive.bash
. "$TOP/tests/cli/archive.bash"

"$orthrus" site init --cluster test --interface eth0 --subnet 10.77.0.0/24 >/dev/null || { fail "site init"; exit 1; }
sum() { "$orthrus" image show "$1" --json | jq -r '.manifest.sha256 | .tree + .root'; }

# An OCI image of three layers with whiteouts, as other programs write it: another platform beside it, attestations, gzip.
l=$work/layers
mkdir -p "$l/1/etc/old" "$l/1/opt/gone" "$l/1/lib" "$l/2/etc/old" "$l/2/opt" "$l/3"
echo 1 >"$l/1/etc/passwd"; echo 1 >"$l/1/etc/old/a"; echo 1 >"$l/1/etc/old/b"; echo 1 >"$l/1/opt/gone/x"; echo 1 >"$l/1/opt/kept"; echo 1 >"$l/1/lib/f"
ln "$l/1/etc/passwd" "$l/1/etc/hard"
echo 2 >"$l/2/etc/passwd"; echo 2 >"$l/2/etc/old/c"; : >"$l/2/etc/old/.wh..wh..opq"; : >"$l/2/opt/.wh.gone"; : >"$l/2/.wh.lib"; ln -s usr/lib "$l/2/lib"
echo 3 >"$l/3/top"
sha() { sha256sum "$1" | cut -d' ' -f1; }
layout() { # DIR
    local d=$1 n layers=() diffs=()
    rm -rf "$d"
    mkdir -p "$d/blobs/sha256"
    for n in 1 2 3; do
        tar --format=pax --sort=name -cf "$work/l.tar" -C "$l/$n" .
        diffs+=("sha256:$([ "${wrong_diff:-}" = $n ] && printf 'a%.0s' $(seq 64) || sha "$work/l.tar")")
        if [ $n = 2 ]; then zstd -qf "$work/l.tar" -o "$work/l.z"; else gzip -nc "$work/l.tar" >"$work/l.z"; fi
        layers+=("$(jq -nc --arg t "application/vnd.oci.image.layer.v1.tar+$([ $n = 2 ] && echo zstd || echo gzip)" --arg d "sha256:$(sha "$work/l.z")" \
            --argjson s "$(stat -c %s "$work/l.z")" '{mediaType:$t,digest:$d,size:$s}')")
        mv "$work/l.z" "$d/blobs/sha256/$(sha "$work/l.z")"
    done
    blob() { local f; f=$(sha "$work/b"); mv "$work/b" "$d/blobs/sha256/$f"; echo "sha256:$f"; }
    jq -nc '{architecture:"amd64",os:"linux",config:{Env:["A=b"]},rootfs:{type:"layers",diff_ids:$ARGS.positional}}' --args "${diffs[@]}" >"$work/b"
    local cs; cs=$(stat -c %s "$work/b"); local c; c=$(blob)
    printf '%s\n' "${layers[@]}" | jq -sc --arg c "$c" --argjson s "$cs" \
        '{schemaVersion:2,mediaType:"application/vnd.oci.image.manifest.v1+json",config:{mediaType:"application/vnd.oci.image.config.v1+json",digest:$c,size:$s},layers:.}' >"$work/b"
    local ms; ms=$(stat -c %s "$work/b"); local m; m=$(blob)
    jq -nc --arg m "$m" --argjson s "$ms" '{schemaVersion:2,manifests:[
        {mediaType:"application/vnd.oci.image.manifest.v1+json",digest:("sha256:" + "0" * 64),size:3,platform:{os:"linux",architecture:"arm64"}},
        {mediaType:"application/vnd.oci.image.manifest.v1+json",digest:("sha256:" + "1" * 64),size:3,platform:{os:"unknown",architecture:"unknown"}},
        {mediaType:"application/vnd.oci.image.manifest.v1+json",digest:$m,size:$s,platform:{os:"linux",architecture:"amd64"},annotations:{"org.opencontainers.image.ref.name":"mine"}}]}' >"$d/index.json"
    echo '{"imageLayoutVersion":"1.0.0"}' >"$d/oci-layout"
    manifest=$d/blobs/sha256/${m#sha256:} config=$d/blobs/sha256/${c#sha256:}
}
layout "$work/lay"
expect 0 out 'image layered/' -- image import "$work/lay" layered
rm -rf "$work/out-dir"
expect 0 out 'is in' -- image export layered "$work/out-dir"
got=$(cd "$work/out-dir" && find . -mindepth 1 ! -type d -printf '%P %y %l\n' | sort | tr '\n' ';')
[ "$got" = "etc/hard f ;etc/old/c f ;etc/passwd f ;lib l usr/lib;opt/kept f ;top f ;" ] || fail "layers: $got"
[ "$(cat "$work/out-dir/etc/hard" "$work/out-dir/etc/passwd" | tr '\n' ' ')" = "1 2 " ] || fail "a replaced name changed the other one"
tar -cf "$work/lay.tar" -C "$work/lay" . && before=$(sum layered)
expect 0 out 'image layered/' -- image import "$work/lay.tar" layered
[ "$(sum layered)" = "$before" ] || fail "the layout's tar gives another tree"

# What is not what its digest says is not believed, whatever it is.
broken() { # CODE TEXT
    expect "$1" err "$2" -- image import "$work/lay" broken
    tar -cf "$work/lay.tar" -C "$work/lay" .
    expect "$1" err "$2" -- image import "$work/lay.tar" broken
    layout "$work/lay"
}
for n in 0 1 2; do
    layer=$work/lay/blobs/sha256/$(jq -r ".layers[$n].digest" "$manifest" | cut -c8-)
    flip "$layer" $(($(stat -c %s "$layer") / 2)); broken 1 'is damaged: it does not have the size and SHA-256'
done
# The time in a gzip's header: it unpacks to the same.
layer=$work/lay/blobs/sha256/$(jq -r ".layers[0].digest" "$manifest" | cut -c8-)
flip "$layer" 4; broken 1 'is damaged: it does not have the size and SHA-256'
layer=$work/lay/blobs/sha256/$(jq -r ".layers[2].digest" "$manifest" | cut -c8-)
echo more >>"$layer"; broken 1 'is damaged: it does not have the size'
wrong_diff=2 layout "$work/lay"; broken 1 'is damaged: it does not have the size'
flip "$manifest" 40; broken 1 'is damaged: it does not have the size'
flip "$config" 40; broken 1 'is damaged: it does not have the size'
rm "$config"; expect 1 err 'No such file' -- image import "$work/lay" broken
layout "$work/lay"
jq -c '.manifests[2].platform.architecture = "riscv64"' "$work/lay/index.json" >"$work/i" && cp "$work/i" "$work/lay/index.json"; broken 3 'has no image for linux on amd64'
jq -c '.manifests += [.manifests[2]]' "$work/lay/index.json" >"$work/i" && cp "$work/i" "$work/lay/index.json"; broken 3 'has 2 images for linux on amd64: mine, mine'
jq -c '.manifests[2].digest = "sha256:../../../etc/passwd"' "$work/lay/index.json" >"$work/i" && cp "$work/i" "$work/lay/index.json"; broken 2 'the index'
jq -c '.manifests[2].digest = "sha512:00"' "$work/lay/index.json" >"$work/i" && cp "$work/i" "$work/lay/index.json"; broken 3 'is not one by SHA-256'
echo '{' >"$work/lay/index.json"; broken 2 'the index'
ln -sf /etc/passwd "$work/lay/index.json"; expect 3 err 'through a symbolic link' -- image import "$work/lay" broken
expect 1 err "there is no image 'broken'" -- image show broken
[ -z "$(ls -A "$root/srv/orthrus/tmp")" ] || fail "left in tmp: $(ls -A "$root/srv/orthrus/tmp")"
exit $failed
