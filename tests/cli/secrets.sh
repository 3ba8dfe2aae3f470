#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Secrets of nodes: set, listed, rotated and removed; their values are nowhere in clear but in what was given.
set -u
for p in curl jq; do command -v $p >/dev/null || { echo "needs the program $p"; exit 77; }; done
# shellcheck source=tests/cli/daemon.bash
. "$TOP/tests/cli/daemon.bash"

expect() { # CODE TEXT -- WORDS...: the command's exit and something that it says
    local code=$1 text=$2 rc
    shift 3
    "$orthrus" "$@" >"$work/out" 2>&1 </dev/null
    rc=$?
    [ "$rc" = "$code" ] || fail "orthrus $*: exit $rc, not $code: $(cat "$work/out")"
    grep -qF -- "$text" "$work/out" || fail "orthrus $*: '$text' is not in: $(cat "$work/out")"
}

make_site
# An image with munge: its key is declared by that.
jq '.images[0].packages += ["munge"]' "$root/etc/orthrus/site.json" >"$work/site" && cp "$work/site" "$root/etc/orthrus/site.json"
image=$(jq -r '.images[0].name' "$work/site")
tiny_image "$image"
start_daemon
"$orthrus" site apply --plan >"$work/out" 2>&1 || die "site apply --plan: $(cat "$work/out")"
grep -q 'make a key for munge' "$work/out" || fail "the plan does not say that munge gets a key: $(cat "$work/out")"
"$orthrus" site apply --yes >"$work/out" 2>&1 || die "site apply: $(cat "$work/out")"

expect 0 '/etc/munge/munge.key' -- secret list
api GET /v1/cluster-secrets; want 200 "the list"
[ "$(value '.secrets[0] | [.name, .owner, .mode, .restart, .bytes, .version, .declared, .generated] | tojson')" = \
    '["munge","munge","0400","munge",1024,1,true,true]' ] || fail "munge's secret: $(cat "$body")"
[ "$(value '.secrets[0].groups | length')" = 1 ] || fail "munge's groups: $(cat "$body")"
grep -q '"box"' "$body" && fail "the answer has the encrypted value"

# --- a canary
canary="canary-$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')"
b64=$(printf '%s' "$canary" | base64 -w0)
printf '%s' "$canary" >"$work/value"
before=$(digest)
expect 0 'would:' -- secret set ldap "$work/value" --path /etc/sssd/secret --owner root:root --mode 0600 --restart sssd --plan
[ "$(digest)" = "$before" ] || fail "--plan changed the state"
expect 0 'keep secret ldap' -- secret set ldap "$work/value" --path /etc/sssd/secret --owner root:root --mode 0600 --restart sssd
printf '%s' "$canary" | "$orthrus" secret set ldap2 - --path /etc/ldap2 >"$work/out" 2>&1 || fail "from standard input: $(cat "$work/out")"
expect 0 '/etc/sssd/secret' -- secret list

# --- what is refused, and changes nothing
before=$(digest)
expect 2 'where it belongs' -- secret set new "$work/value"
expect 2 'there is no value' -- secret set new --path /etc/new
expect 3 "the image's accounts" -- secret set new "$work/value" --path /etc/shadow
expect 3 'identity' -- secret set new "$work/value" --path /etc/ssh/ssh_host_ed25519_key
expect 2 "'..'" -- secret set new "$work/value" --path /etc/../etc/passwd
expect 2 'no mode of a secret' -- secret set new "$work/value" --path /etc/new --mode 0644
expect 2 'no name of a user' -- secret set new "$work/value" --path /etc/new --owner 'a b'
expect 2 'not among the services' -- secret set new "$work/value" --path /etc/new --restart halt
expect 2 "no group 'nope'" -- secret set new "$work/value" --path /etc/new --group nope
expect 1 "is secret ldap's" -- secret set new "$work/value" --path /etc/sssd/secret
expect 2 'contradict' -- secret set new "$work/value" --path /etc/new --group compute --all
expect 2 'leave one' -- secret set new "$work/value" --path /etc/new --generate 32
: >"$work/empty"
expect 2 'is empty' -- secret set new "$work/empty" --path /etc/new
expect 2 'secret:' -- secret set 'a/b' "$work/value" --path /etc/new
head -c 70000 /dev/zero | tr '\0' x >"$work/large"
expect 2 'larger than' -- secret set new "$work/large" --path /etc/new
expect 3 'was given by somebody' -- secret rotate ldap --yes
expect 1 'there is no secret' -- secret rotate nope --yes
expect 1 'there is no secret' -- secret remove nope --yes
# Nobody is asked to confirm what can't be done.
expect 1 'there is no secret' -- secret remove nope
expect 1 'there is no secret' -- secret rotate nope
expect 3 'was given by somebody' -- secret rotate ldap
expect 3 '--yes' -- secret rotate munge
[ "$(digest)" = "$before" ] || fail "a refusal changed the state"

# --- change, rotate, remove
expect 0 'the value stays' -- secret set ldap --mode 0400
api GET /v1/cluster-secrets
[ "$(value '.secrets[] | select(.name == "ldap") | [.mode, .version, .path] | tojson')" = '["0400",2,"etc/sssd/secret"]' ] || fail "changed: $(cat "$body")"
expect 0 'would:' -- secret rotate munge --plan
expect 0 'new random bytes' -- secret rotate munge --yes
expect 0 'keep secret random' -- secret set random --generate 32 --path /etc/random
api GET /v1/cluster-secrets
[ "$(value '.secrets[] | select(.name == "munge") | .version')" = 2 ] || fail "rotated: $(cat "$body")"

# --- the canary is in no file of the daemon, no log, no answer, no event
stop_daemon TERM
start_daemon
for p in /v1/cluster-secrets /v1/events /v1/status /v1/site; do
    api GET $p
    grep -qF -e "$canary" -e "$b64" "$body" && fail "the secret is in the answer of $p"
done
grep -rqaF -e "$canary" -e "$b64" "$root" "$work/log" && fail "the secret is in $(grep -rlaF -e "$canary" -e "$b64" "$root" "$work/log")"
[ "$(stat -c %a "$root/var/lib/orthrus/pki/secrets.key")" = 600 ] || fail "the key of the secrets: mode $(stat -c %a "$root/var/lib/orthrus/pki/secrets.key")"
expect 0 '!' -- secret remove ldap --plan
expect 0 'forget secret ldap' -- secret remove ldap --yes
api GET /v1/cluster-secrets
[ "$(value '[.secrets[].name] | tojson')" = '["ldap2","munge","random"]' ] || fail "removed: $(cat "$body")"
exit $failed
