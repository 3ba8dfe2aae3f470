#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A site's own templates for the files of its nodes: checked before use, shown with what they change, in the order of each node.
set -u
for p in curl jq diff; do command -v $p >/dev/null || { echo "needs the program $p"; exit 77; }; done
# shellcheck source=tests/cli/daemon.bash
. "$TOP/tests/cli/daemon.bash"
tmpl=$root/etc/orthrus/templates.d

expect() { # CODE TEXT -- WORDS...
    local code=$1 text=$2 rc
    shift 3
    "$orthrus" "$@" >"$work/out" 2>&1 </dev/null
    rc=$?
    [ "$rc" = "$code" ] || fail "orthrus $*: exit $rc, not $code: $(cat "$work/out")"
    grep -qF -- "$text" "$work/out" || fail "orthrus $*: '$text' is not in: $(cat "$work/out")"
}
put() { # PATH TEXT
    mkdir -p "$(dirname "$tmpl/$1")"
    printf '%b' "$2" >"$tmpl/$1"
}

make_site --trust-mac
image=$(jq -r '.images[0].name' "$root/etc/orthrus/site.json")
tiny_image "$image"
start_daemon
"$orthrus" site apply --yes >/dev/null 2>"$work/err" || die "site apply: $(cat "$work/err")"
"$orthrus" node add n01,n02 --group compute --mac 52:54:00:00:00:01,52:54:00:00:00:02 >/dev/null 2>"$work/err" || die "$(cat "$work/err")"
"$orthrus" node install n01 --accept-disks-unseen --yes >/dev/null 2>"$work/err" || die "node install: $(cat "$work/err")"

# --- what is wrong is said at once, all of it, and nothing is applied
put etc/motd.tmpl 'Welcome to {{node.nam}}\n'
put etc/shadow.tmpl 'root::1:::::\n'
put etc/hosts 'x\n'
put @gpu/etc/motd.tmpl 'x\n'
put etc/ntp.conf.tmpl '{{#each site.ntp}}{{.}}\n'
ln -s /etc/passwd "$tmpl/etc/link.tmpl"
put etc/open.tmpl 'x\n'; chmod 666 "$tmpl/etc/open.tmpl"
expect 2 "templates.d/etc/motd.tmpl: line 1, column 12: there is no 'node.nam' here; is 'name' meant?" -- site check
for text in "the image's accounts" 'does not end in .tmpl' "no group 'gpu'" 'has no {{/each}}' 'symbolic link' 'others than root may write it'; do
    grep -qF -- "$text" "$work/out" || fail "site check: '$text' is not in: $(cat "$work/out")"
done
before=$(digest)
expect 2 "there is no 'node.nam' here" -- site apply --yes
expect 2 "there is no 'node.nam' here" -- site plan
[ "$(digest)" = "$before" ] || fail "templates that are wrong changed the state"

# --- right ones: in the plan, in the node's files, in the standing order
rm -r "$tmpl"
put etc/motd.tmpl 'This is {{node.name}} ({{node.ipv4}}) of {{site.domain}}.\n'
put etc/hosts.tmpl '127.0.0.1 localhost\n{{#each hosts}}\n{{address}} {{fqdn}} {{name}}\n{{/each}}\n{{#each nodes}}\n# {{name}} {{ipv4}} {{mac}}\n{{/each}}\n'
put etc/fstab.tmpl '{{#each filesystems}}\nUUID={{uuid}} {{mount}} {{type}}\n{{/each}}\n'
put etc/rc.local.tmpl '#!/bin/sh\necho {{sh node.name}}\n'; chmod 755 "$tmpl/etc/rc.local.tmpl"
put @compute/etc/motd.tmpl 'Compute node {{node.name}}\n'
expect 0 'right' -- site check
expect 0 'make /etc/motd of nodes in group compute from template @compute/etc/motd.tmpl' -- site plan
grep -qF 'n01: bring its order up to date' "$work/out" && fail "the plan knows what only the apply knows"
expect 0 'make /etc/hosts of nodes from template etc/hosts.tmpl' -- site apply --yes
expect 0 'nothing to do' -- site plan
expect 0 'Compute node n01' -- node files n01
grep -qF 'This is n01' "$work/out" && fail "a group's template does not hide the one of all nodes"
expect 0 '# n02 10.77.0.' -- node files n01
! grep -qF '(null)' "$work/out" || fail "a file has nothing where something belongs: $(grep -F '(null)' "$work/out")"
expect 0 '==== n02: /etc/rc.local (0755, template)' -- node files n02
grep -qF "echo 'n02'" "$work/out" || fail "rc.local: $(cat "$work/out")"
expect 0 '+++ n01:/etc/hosts (template)' -- node files n01 --diff
grep -q '^-::1' "$work/out" || fail "the diff does not say what goes: $(cat "$work/out")"
"$orthrus" node files n01,n02 --json >"$work/json" 2>&1 || fail "node files --json: $(cat "$work/json")"
[ "$(jq -r '[.nodes[].node] | tojson' "$work/json")" = '["n01","n02"]' ] || fail "json: $(cat "$work/json")"
jq -e '.nodes[0].files[] | select(.path == "etc/hostname" and .from == "orthrus" and .content == "n01\n")' "$work/json" >/dev/null ||
    fail "a file of ours is not among them"
jq -r '.nodes[0].files[] | select(.path == "etc/fstab") | .content' "$work/json" | grep -qE '^UUID=[0-9a-f-]{36} / ' || fail "fstab: $(cat "$work/json")"

# the order, as the machine gets it
port=$(tls_port)
hello 52:54:00:00:00:01 "$(machine 52:54:00:00:00:01 n01)"
want 200 "hello"
[ "$(value '.order.files[] | select(.path == "etc/motd") | [.mode, .content] | tojson')" = '["0644","Compute node n01\n"]' ] ||
    fail "the standing order does not follow the templates: $(head -c 3000 "$body")"
[ "$(value '.order.files[] | select(.path == "etc/rc.local") | .mode')" = 0755 ] || fail "mode of an executable template"

# --- a template and a secret do not share a file
echo x >"$work/value"
expect 1 'which everybody may read' -- secret set s "$work/value" --path /etc/motd
expect 0 'keep secret' -- secret set s "$work/value" --path /etc/key
put etc/key.tmpl 'x\n'
expect 2 'that file is secret s' -- site apply --yes
rm "$tmpl/etc/key.tmpl"

# --- without them everything is as it was; a restart remembers
stop_daemon TERM
start_daemon
expect 0 'Compute node n01' -- node files n01
rm -r "$tmpl"
expect 0 'forget template etc/motd.tmpl' -- site apply --yes
expect 0 'no template of the site changes' -- node files n01 --diff
exit $failed
