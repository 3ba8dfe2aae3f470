#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# 1,000 calls of every kind, good and bad, under valgrind (or in a build with sanitizers, which see the same): no leak, no wrong access.
set -u
sanitized=no
if nm "$BUILD/orthrusd" 2>/dev/null | grep -q __asan_init; then sanitized=yes; fi
[ $sanitized = yes ] || command -v valgrind >/dev/null || { echo "needs valgrind"; exit 77; }
. "$TOP/tests/cli/daemon.bash"
mac1=52:54:00:00:00:01 mac9=52:54:00:00:00:09

: >"$work/valgrind"
if [ $sanitized = yes ]; then
    start_daemon
else
    start_daemon valgrind -q --leak-check=full --show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect \
        --error-exitcode=99 --suppressions="$TOP/tests/cli/valgrind.supp" --log-file="$work/valgrind"
fi
make_site --trust-mac
"$orthrus" site apply --yes >/dev/null || die "site apply"
tiny_image compute
api POST /v1/nodes "{\"nodes\":[{\"name\":\"n01\",\"group\":\"compute\",\"macs\":[\"$mac1\"]}]}"; want 200 'add'
port=$(tls_port)

# One curl process with many requests: "next" separates them.
calls=0
: >"$work/batch"
call() { # METHOD URL [BODY-FILE [HEADER [MACHINE]]]
    {
        [ ! -s "$work/batch" ] || echo next
        echo "request = \"$1\""
        echo "url = \"$2\""
        echo 'output = "/dev/null"'
        echo 'silent'
        echo "write-out = \"%{http_code}\\n\""
        [ -z "${3:-}" ] || echo "data-binary = \"@$3\""
        [ -z "${4:-}" ] || echo "header = \"$4\""
        [ -z "${5:-}" ] || printf 'cert = "%s"\nkey = "%s"\n' "$(at_of "$5").crt" "$(at_of "$5").key"
        case $2 in https:*) echo "cacert = \"$root/var/lib/orthrus/pki/ca.crt\"" ;; *) echo "unix-socket = \"$sock\"" ;; esac
    } >>"$work/batch"
    calls=$((calls + 1))
}
run_batch() {
    curl --config "$work/batch" >"$work/codes" 2>"$work/err"
    [ "$(wc -l <"$work/codes")" = "$(grep -c '^url' "$work/batch")" ] || fail "answers are missing: $(tail -n 3 "$work/err")"
    grep -qx 000 "$work/codes" && fail "calls without an answer"
    : >"$work/batch"
}
machine $mac1 A >"$work/hello.json"
hello $mac1 "$(machine $mac1 A)"; want 200 'hello'
enrol $mac9 "$(machine $mac9 Z)"; want 200 'a machine that nobody knows'
echo '{"nodes":[{"name":"n01","group":"compute","macs":["52:54:00:00:00:07"]}]}' >"$work/double.json"
echo '{"nodes":[{"name":"n02","group":"compute","macs":["52:54:00:00:00:02"]}]}' >"$work/add.json"
echo '{"nodes":["n01"],"plan":true,"accept_disks_unseen":true}' >"$work/plan.json"
shown_of n01
echo "{\"nodes\":[\"n01\"],\"digests\":$shown}" >"$work/install.json"
echo '{"nodes":["n01"],"target":"disk"}' >"$work/boot.json"
echo '{"nodes":["n01"],"target":"net"}' >"$work/net.json"
echo '{"serial":"A-box","ipv4":"10.77.0.7"}' >"$work/set.json"
echo '{"install_id":' >"$work/broken.json"
image=$(basename "$root"/srv/orthrus/store/images/compute/*)
pack=$(basename "$root"/srv/orthrus/store/packs/*.pack)
echo '{"path":"/etc/a","generate":32}' >"$work/secret.json"
: >"$work/empty.json"
ssh-keygen -q -t ed25519 -N '' -f "$work/host_key" && host_key "$mac1" n01 "$work/host_key" >"$work/hostkey.json"
mkdir -p "$root/etc/orthrus/templates.d/etc"
echo '{{node.name}}: {{#each nodes}}{{name}} {{/each}}' >"$root/etc/orthrus/templates.d/etc/motd.tmpl"
while [ $calls -lt 1000 ]; do
    u=http://x t=https://127.0.0.1:$port
    for p in status events?since=0 state/digest site nodes nodes/n01 nodes/n09 image-users/compute/$image nothing; do call GET $u/v1/$p; done
    call PUT "$u/v1/site?plan=1" "$root/etc/orthrus/site.json" 'If-Match: *'
    call PUT "$u/v1/site" "$root/etc/orthrus/site.json" 'If-Match: *'
    call PUT "$u/v1/site" "$work/broken.json" 'If-Match: *'
    call POST $u/v1/nodes "$work/double.json"
    call POST $u/v1/nodes "$work/add.json"
    call POST $u/v1/nodes "$work/broken.json"
    call PATCH $u/v1/nodes/n01 "$work/set.json"
    call DELETE "$u/v1/nodes/n02?plan=1"
    call DELETE $u/v1/nodes/n02
    call POST $u/v1/install "$work/plan.json"
    call POST $u/v1/boot "$work/net.json"
    call POST $t/v1/imager/hello "$work/hello.json" '' $mac1
    call POST $u/v1/install "$work/install.json"
    call POST $t/v1/imager/hello "$work/hello.json" '' $mac1
    call POST $t/v1/imager/event "$work/broken.json" '' $mac1
    call POST $t/v1/imager/done "$work/broken.json" '' $mac1
    call POST $t/v1/enrol "$work/broken.json"
    call POST $t/v1/enrol "$(at_of $mac1).enrol"
    call POST $t/v1/enrol "$(at_of $mac9).enrol"
    call GET $u/v1/pending
    call GET $u/v1/tokens
    call GET "$t/v1/imager/orders?wait=1" '' '' $mac1
    call GET "$t/v1/images/compute/$image/manifest.json" '' '' $mac1
    call GET "$t/v1/packs/$pack" '' 'Range: bytes=0-3' $mac1
    call GET $t/v1/status
    call POST $u/v1/boot "$work/boot.json"
    call PUT $u/v1/cluster-secrets/a "$work/secret.json"
    call PUT $u/v1/cluster-secrets/b "$work/broken.json"
    call POST $u/v1/cluster-secrets/a/rotate "$work/empty.json"
    call GET $u/v1/cluster-secrets
    call GET $u/v1/nodes/n01/files
    call GET $t/v1/secrets '' '' $mac1
    call POST $t/v1/hostkey "$work/hostkey.json" '' $mac1
    call POST $t/v1/hostkey "$work/broken.json" '' $mac1
    call GET "$t/v1/node-program?have=x" '' '' $mac1
    call GET $t/v1/relay '' '' $mac1
    call DELETE $u/v1/cluster-secrets/a
    call GET "$u/v1/events?since=99999&wait=0"
    run_batch
done
[ "$failed" = 0 ] || exit 1
# One whole installation and a poll that is cut off by the end.
hello $mac1 "$(machine $mac1 A)"; want 200 hello
token=$who
shown_of n01
api POST /v1/install "{\"nodes\":[\"n01\"],\"digests\":$shown}"; want 200 install
id=$(value '.nodes[0].install_id')
imager "$token" GET /v1/imager/orders; want 200 orders
report=$who
imager "$token" POST /v1/imager/event "{\"install_id\":\"$id\",\"seq\":1,\"step\":\"wipe\",\"event\":\"begin\"}"; want 200 event
imager "$token" POST /v1/imager/event "{\"install_id\":\"$id\",\"seq\":2,\"step\":\"wipe\",\"event\":\"progress\",\"percent\":5}"; want 200 progress
imager "$token" POST /v1/imager/done "{\"install_id\":\"$id\",\"report\":{}}"; want 200 'done'
imager "$report" POST /v1/imager/booted "{\"install_id\":\"$id\",\"root\":\"x\"}"; want 200 booted
curl -s --max-time 60 --unix-socket "$sock" 'http://x/v1/events?since=999999&wait=60' >/dev/null &
poll=$!
api GET /v1/status; want 200 status
stop_daemon TERM
wait $poll
[ "$daemon_rc" = 0 ] || fail "exit $daemon_rc: $(cat "$work/valgrind" "$work/log" | grep -E -A 30 '^==|ERROR: ' | head -n 60)"
# openat2(2) is unknown to older valgrinds, who say so in lines of another kind; the files of images answer with an error then.
grep -q '^==' "$work/valgrind" && fail "valgrind says: $(head -n 60 "$work/valgrind")"
[ "$failed" = 0 ] && echo "$calls calls, no leak"
exit $failed
