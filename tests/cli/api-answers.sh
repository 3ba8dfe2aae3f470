#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every operation of docs/api.yaml is asked of a real orthrusd, and what it answers is what the document says: statuses, bodies, each key.
# A question that was taken is held against the document, too. (cli/api compares the paths with the table of routes.)
set -u
[ "$(id -u)" = 0 ] || { echo "needs root: the daemon lets only root in"; exit 77; }
for p in curl jq openssl ssh-keygen; do command -v $p >/dev/null || { echo "needs the program $p"; exit 77; }; done
/usr/bin/python3 -c 'import jsonschema, yaml' 2>/dev/null || { echo "needs the packages python3-jsonschema and python3-yaml"; exit 77; }
. "$TOP/tests/cli/daemon.bash"
seen=$work/exchanges
: >"$seen"

# As in daemon.bash, and what was asked and answered is written down.
request() { # CURL-ARGUMENTS
    local method=GET data="" has_data="" url="" args=("$@") i type text
    for ((i = 0; i < ${#args[@]}; i++)); do
        case ${args[i]} in
        -X) method=${args[i + 1]} ;;
        --data-binary) data=${args[i + 1]} has_data=1 ;;
        http://*|https://*) url=${args[i]} ;;
        esac
    done
    case $data in @*) data=$(cat "${data#@}") ;; esac
    : >"$body"
    text=$(curl -sS --max-time 90 -o "$body" -w '%{http_code} %{content_type}' "$@") || { status=none; return; }
    status=${text%% *} type=${text#* }
    url=/${url#*://*/}
    printf '%s' "$data" >"$work/data"
    case $type in application/json) cp "$body" "$work/answer" ;; *) echo null >"$work/answer" ;; esac
    jq -cn --arg m "$method" --arg t "$url" --argjson s "$status" --arg y "$type" --arg d "$has_data" --rawfile q "$work/data" --slurpfile a "$work/answer" \
        '{method:$m, target:$t, status:$s, type:$y} + (if $d != "" then {request:($q | fromjson? // .)} else {} end) +
        (if $y == "application/json" then {answer:$a[0]} else {} end)' >>"$seen" || fail "$method $url: the answer is no JSON: $(head -c 300 "$body")"
}
ask() { # STATUS METHOD PATH [BODY]
    local status_wanted=$1
    shift
    api "$@"
    want "$status_wanted" "$1 $2"
}
machine_asks() { # STATUS MAC METHOD PATH [BODY]
    local status_wanted=$1
    shift
    imager "$@"
    want "$status_wanted" "$2 $3 of $1"
}

# A BMC whose node echoes what is typed.
mkdir "$work/bin"
cat >"$work/bin/ipmitool" <<'EOS'
#!/bin/bash
IFS= read -r password
case "$*" in
*"chassis status"*) echo "System Power         : on" ;;
*"sol deactivate"*) echo "Info: SOL payload already de-activated" >&2; exit 1 ;;
*"sol activate"*) printf '[SOL Session operational.  Use \x1d? for help]\n'; printf 'n01 login: '; exec cat ;;
*"sdr elist"*|*sdr*|*sensor*) printf 'CPU Temp         | 01h | ok  |  3.1 | 45 degrees C\n' ;;
*) exit 1 ;;
esac
EOS
chmod +x "$work/bin/ipmitool"
PATH=$work/bin:$PATH start_daemon
mac1=52:54:00:00:00:01 mac2=52:54:00:00:00:02 mac3=52:54:00:00:00:03 mac4=52:54:00:00:00:04

# --- nothing is applied yet
ask 200 GET /v1/status
ask 404 GET /v1/site
ask 200 GET /v1/nodes
make_site
change_site '.images[0].packages += ["munge"] | .networks += [{name: "rack2", role: "compute", ipv4: {subnet: "10.78.0.0/24"}}]
    | .cast.relays = [{network: "rack2", machine: "n01", ipv4: "10.78.0.9"}]
    | .groups[0].bmc = {protocol: "ipmi", user: "admin"}'
# A full site, of a cluster of its own, is only planned: its head is not this one.
put_site() { # STATUS PATH FILE
    request --unix-socket "$sock" -X PUT -H 'Content-Type: application/json' -H 'If-Match: *' --data-binary "@$3" "http://x$2"
    want "$1" "PUT $2 of $3"
}
put_site 200 '/v1/site?plan=1' "$root/etc/orthrus/site.json"
put_site 200 /v1/site "$root/etc/orthrus/site.json"
echo '{"format":1,"zzz":2}' >"$work/bad.json"
put_site 400 /v1/site "$work/bad.json"
request --unix-socket "$sock" -X PUT -H 'Content-Type: application/json' -H 'If-Match: "77"' --data-binary "@$root/etc/orthrus/site.json" http://x/v1/site
want 412 "another version"
ask 200 GET /v1/site
# Another one, and back.
undo() { # STATUS BODY
    request --unix-socket "$sock" -X POST -H 'Content-Type: application/json' -H 'If-Match: *' --data-binary "$2" http://x/v1/site/undo
    want "$1" "POST /v1/site/undo of $2"
}
undo 403 '{}'
jq '.cluster.domain = "hpc.internal" | .networks[0].mtu = 9000' "$root/etc/orthrus/site.json" >"$work/another.json"
put_site 200 '/v1/site?plan=1&diff=1' "$work/another.json"
put_site 200 '/v1/site?reason=another' "$work/another.json"
undo 200 '{"plan":true,"diff":true}'
undo 200 '{"to":1,"reason":"the first one was right"}'
undo 404 '{"to":77}'
ask 200 GET /v1/site/history
ask 200 GET /v1/site/history/2
ask 404 GET /v1/site/history/77
tiny_image compute
image=$(basename "$root"/srv/orthrus/store/images/compute/*)
pack=$(basename "$root"/srv/orthrus/store/packs/*.pack)
port=$(tls_port)
ask 200 POST /v1/images/look '{"image":"compute"}'

# --- nodes
ask 200 POST /v1/nodes "{\"nodes\":[{\"name\":\"n01\",\"group\":\"compute\",\"macs\":[\"$mac1\"]}],\"plan\":true}"
ask 200 POST /v1/nodes "{\"nodes\":[{\"name\":\"n01\",\"group\":\"compute\",\"macs\":[\"$mac1\"],\"bmc\":{\"address\":\"127.0.0.1\",\"protocol\":\"ipmi\",\"user\":\"admin\",\"password\":\"x\"}}]}"
ask 409 POST /v1/nodes "{\"nodes\":[{\"name\":\"n01\",\"group\":\"compute\",\"macs\":[\"$mac1\"]}]}"
ask 200 POST /v1/import "{\"nodes\":[{\"name\":\"n02\",\"line\":2,\"group\":\"compute\",\"macs\":[\"$mac2\"]},{\"name\":\"n03\",\"line\":3,\"group\":\"compute\",\"serial\":\"C-box\"}]}"
ask 400 POST /v1/import '{"nodes":[{"name":"n01","line":2,"group":"nope"}]}'
ask 200 PATCH /v1/nodes '{"nodes":[{"name":"n02","ipv4":"10.77.0.20","switch":"sw1","port":"swp2"}]}'
ask 200 PATCH /v1/nodes/n02 '{"serial":"B-box"}'
ask 200 PATCH '/v1/nodes/n02?plan=1' '{"layout":"raid1"}'
ask 404 PATCH /v1/nodes/n99 '{"serial":"x"}'
ask 200 GET /v1/nodes/n01
ask 404 GET /v1/nodes/n99
ask 200 GET /v1/nodes
ask 200 GET /v1/nodes/n01/files

# --- machines become nodes: approved, rejected, by token
enrol $mac1 "$(machine $mac1 A)"; want 200 'n01 asks'
lldp='{"chassis":"52:54:00:aa:00:01","system":"sw1","port":"swp2","port_description":null,"vlan":11}'
enrol $mac2 "$(machine $mac2 B | jq -c --argjson l "$lldp" '.nics[0] += {speed_mbps:1000, lldp:$l} | . + {cpu_model:"A CPU", memory_modules:2, tpm:"2.0",
    bmc:{address:"10.3.0.2", mac:null, vendor:"ACME"}}')"; want 200 'n02 asks'
enrol $mac4 "$(machine $mac4 D)"; want 200 'a stranger asks'
ask 200 GET /v1/pending
print_of() { jq -r --arg m "$1" '.pending[] | select(.mac == $m) | .fingerprint' "$body"; }
one=$(print_of $mac1) two=$(print_of $mac2) four=$(print_of $mac4)
ask 200 POST /v1/approve "{\"items\":[{\"fingerprint\":\"$one\"}],\"plan\":true}"
ask 200 POST /v1/approve "{\"items\":[{\"fingerprint\":\"$one\",\"node\":\"n01\"}]}"
ask 200 POST /v1/reject "{\"fingerprints\":[\"$four\"]}"
ask 404 POST /v1/reject "{\"fingerprints\":[\"$(printf '0%.0s' {1..64})\"]}"
enrol $mac4 "$(machine $mac4 D)"; want 403 'it was rejected'
ask 200 POST /v1/tokens '{"nodes":["n02"],"ttl_s":600}'
token=$(value '.tokens[0].token')
ask 200 GET /v1/tokens
enrol $mac2 "$(machine $mac2 B)" "$token"; want 200 'n02 has a token'
ask 200 POST /v1/tokens '{"nodes":["n03"]}'
ask 200 DELETE "/v1/tokens/$(value '.tokens[0].id')?plan=1"
ask 200 GET /v1/tokens
ask 200 DELETE "/v1/tokens/$(value '.tokens[0].id')"
enrol $mac1 "$(machine $mac1 A)"; want 200 'n01 is approved'
[ "$(value .state)" = approved ] || fail "n01 is $(cat "$body")"

# --- an installation
machine_asks 200 $mac1 POST /v1/imager/hello "$(machine $mac1 A)"
ask 200 POST /v1/install '{"nodes":["n01","n03"],"plan":true}'
shown_of n01
ask 409 POST /v1/install '{"nodes":["n01"],"digests":{"n01":"00"}}'
ask 200 POST /v1/install "{\"nodes\":[\"n01\"],\"digests\":$shown}"
machine_asks 200 $mac1 GET '/v1/imager/orders?wait=1'
id=$(value .order.install_id)
tell() { machine_asks "$1" $mac1 POST /v1/imager/event "{\"install_id\":\"$id\",\"seq\":$2,\"step\":\"$3\",\"event\":\"$4\"$5}"; }
tell 200 1 wipe begin ',"text":"wipe disks"'
tell 200 2 wipe progress ',"percent":5'
ask 200 GET /v1/nodes/n01
tell 200 3 wipe 'done' ''
machine_asks 200 $mac1 POST /v1/imager/cast "{\"image\":\"compute\",\"id\":\"$image\",\"link\":{\"interface\":\"eth0\",\"speed_mbit\":1000,\"duplex\":\"full\",\"mtu\":1500}}"
machine_asks 409 $mac1 POST /v1/imager/cast '{"image":"compute","id":"another"}'
ask 200 GET /v1/casts
ask 200 POST /v1/casts/stop '{"image":"compute","plan":true}'
ask 200 POST /v1/casts/stop "{\"image\":\"compute/$image\"}"
ask 200 GET /v1/casts
ask 200 POST /v1/casts/resume '{}'
for f in manifest.json manifest.sig tree.zst chunks.bin; do machine_asks 200 $mac1 GET "/v1/images/compute/$image/$f"; done
machine_asks 404 $mac1 GET "/v1/images/compute/none/manifest.json"
machine_asks 200 $mac1 GET "/v1/packs/$pack"
tell 200 4 boot-loader begin ''
tell 200 5 boot-loader 'done' ''
machine_asks 409 $mac1 POST /v1/imager/done '{"install_id":"00000000000000000000000000000000"}'
machine_asks 200 $mac1 POST /v1/imager/done "{\"install_id\":\"$id\",\"report\":{\"esp_uuid\":\"C5EA-41D0\"}}"
machine_asks 200 $mac1 POST /v1/imager/booted "{\"install_id\":\"$id\",\"root\":\"UUID=x\",\"kernel\":\"6.1\",\"boot_id\":\"b1\",\"os\":\"bookworm\",\"mdstat\":null,\"esp\":\"C5EA-41D0\"}"
ask 200 GET /v1/nodes/n01
ask 200 GET "/v1/image-users/compute/$image"
# What is said of nodes, when the site changes.
jq '.networks[0].ipv4 = {subnet: "10.88.0.0/24"} | .heads[0].ipv4 = "10.88.0.1" | .cluster.domain = "hpc.internal"' "$root/etc/orthrus/site.json" >"$work/another.json"
put_site 200 '/v1/site?plan=1' "$work/another.json"
ask 403 DELETE "/v1/images/compute/$image"

# --- what a node fetches
ssh-keygen -q -t ed25519 -N '' -C x -f "$work/host_key"
machine_asks 200 $mac1 POST /v1/hostkey "$(host_key $mac1 n01 "$work/host_key")"
machine_asks 403 $mac1 POST /v1/hostkey "$(host_key $mac1 n02 "$work/host_key")"
machine_asks 200 $mac1 GET '/v1/node-program?have=x'
machine_asks 204 $mac1 GET "/v1/node-program?have=$(sha256sum <"$BUILD/orthrus-node" | cut -d' ' -f1)"
machine_asks 200 $mac1 GET /v1/relay
enrol $mac2 "$(machine $mac2 B)"; want 200 'n02 again'
machine_asks 204 $mac2 GET /v1/relay
machine_asks 200 $mac2 POST /v1/imager/hello "$(machine $mac2 B)"

# --- what n02 boots
for t in net rescue disk; do ask 200 POST /v1/boot "{\"nodes\":[\"n02\"],\"target\":\"$t\"}"; done
ask 200 POST /v1/boot '{"nodes":["n02"],"target":"rescue","stay":true,"plan":true}'
ask 200 POST /v1/boot '{"nodes":["n02"],"target":"diskless"}'
mkdir -p "$root/srv/orthrus/diskless"
printf 'hsqs and so on' >"$root/srv/orthrus/diskless/compute+$image.squashfs"
sha256sum <"$root/srv/orthrus/diskless/compute+$image.squashfs" | cut -d' ' -f1 | tr -d '\n' >"$root/srv/orthrus/diskless/compute+$image.sha256"
machine_asks 200 $mac2 GET /v1/imager/orders
machine_asks 200 $mac2 GET "/v1/diskless/compute/$image"
machine_asks 404 $mac2 GET /v1/diskless/compute/none

# --- secrets
ask 200 PUT '/v1/cluster-secrets/a?plan=1' '{"path":"/etc/a","generate":32}'
ask 200 PUT /v1/cluster-secrets/a '{"path":"/etc/a","generate":32,"owner":"root","group":"root","mode":"0600","groups":["compute"],"restart":"chrony"}'
ask 200 PUT /v1/cluster-secrets/b "{\"path\":\"/etc/b\",\"value\":\"$(printf canary | base64)\"}"
ask 400 PUT /v1/cluster-secrets/c '{"path":"/etc/../c","generate":32}'
ask 200 GET /v1/cluster-secrets
ask 200 POST /v1/cluster-secrets/a/rotate
ask 403 POST /v1/cluster-secrets/b/rotate
machine_asks 200 $mac1 GET /v1/secrets
ask 200 DELETE '/v1/cluster-secrets/b?plan=1'
ask 200 DELETE /v1/cluster-secrets/b
ask 404 DELETE /v1/cluster-secrets/b

# --- BMCs
ask 200 POST /v1/power '{"nodes":["n01"],"act":"status","plan":true}'
finished() { # JOB
    local i
    for i in $(seq 30); do
        ask 200 GET "/v1/power/$1?wait=5&seen=0"
        [ "$(value .done)" != true ] || return 0
    done
    fail "the job does not end: $(cat "$body")"
}
for act in status sensors bmc; do
    ask 202 POST /v1/power "{\"nodes\":[\"n01\"],\"act\":\"$act\"}"
    finished "$(value .job)"
done
ask 404 GET /v1/power/0000000000000000
ask 200 POST /v1/console/n01 '{}'
next=$(value .next)
ask 200 POST /v1/console/n01 '{"input":"0d"}'
ask 200 GET "/v1/console/n01?since=$next&wait=5"
ask 200 GET /v1/console/n01/log

# --- who did what
hooks=$root/etc/orthrus/hooks.d
mkdir -p "$hooks"
printf '#!/bin/sh\nexit 0\n' >"$hooks/notify" && chmod 755 "$hooks/notify"
ask 200 GET /v1/hooks
ask 200 GET '/v1/events?since=0'
ask 200 GET '/v1/events?latest=5&wait=0'
ask 400 GET '/v1/events?since=x'
ask 200 GET '/v1/audit?limit=20'
ask 200 GET '/v1/audit?since=3&latest=2'
ask 200 GET /v1/state/digest
ask 200 GET /v1/status

# --- and they go
ask 200 POST /v1/nodes/n01/replace "{\"macs\":[\"52:54:00:00:00:11\"],\"plan\":true}"
ask 200 POST /v1/nodes/n01/replace "{\"macs\":[\"52:54:00:00:00:11\"]}"
ask 200 DELETE '/v1/nodes/n03?plan=1'
ask 200 DELETE '/v1/nodes/n03?force=1&keep_secrets=1'
ask 404 DELETE /v1/nodes/n03
ask 200 POST /v1/remove '{"nodes":["n01","n02"],"plan":true}'
ask 200 POST /v1/remove '{"nodes":["n01","n02"]}'
sleep 1.1 # an image's id is the second in which it was made
tiny_image compute
ask 200 DELETE "/v1/images/compute/$image?plan=1"
ask 200 DELETE "/v1/images/compute/$image"
machine_asks 403 $mac1 GET /v1/imager/orders
machine_asks 403 $mac1 GET /v1/nodes

/usr/bin/python3 "$TOP/tests/lab/api_check.py" "$TOP/docs/api.yaml" "$TOP/docs/site.schema.json" "$seen" || failed=1
[ -z "${API_SEEN:-}" ] || cp "$seen" "$API_SEEN"
exit $failed
