#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# site plan, apply and show against a daemon: what is shown is what is done, and only once.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root: the daemon lets only root in"; exit 77; }
orthrus=$BUILD/orthrus
work=$(mktemp -d)
export ORTHRUS_ROOT=$work/root
daemon=
cleanup() { [ -z "$daemon" ] || { kill "$daemon" && wait "$daemon"; } 2>/dev/null; rm -rf "$work"; }
trap cleanup EXIT
. "$TOP/tests/cli/says.bash"

run 0 site init --interface lo0x --subnet 10.77.0.0/24 --head-name alpha --cluster packs
# A port of the kernel's choice: the site's would be taken when tests run side by side.
"$BUILD/orthrusd" --root "$ORTHRUS_ROOT" --no-dnsmasq --listen 127.0.0.1:0 --netboot-dir "$TOP/netboot/initramfs" 2>"$work/log" &
daemon=$!
for _ in $(seq 600); do
    [ -S "$ORTHRUS_ROOT/run/orthrus/api.sock" ] && break
    kill -0 $daemon 2>/dev/null || { cat "$work/log" >&2; exit 1; }
    sleep 0.1
done

# Nothing applied yet: show says so and shows the file; plan and --plan change nothing.
run 0 site show
says "nothing is applied yet"
run 0 site plan
says "Applying $ORTHRUS_ROOT/etc/orthrus/site.json would:"
[ "$(grep -cE '^  .  *[0-9]+\. ' "$work/out")" -ge 1 ] || fail "site plan shows no step: $(cat "$work/out")"
grep -E '^  ' "$work/out" >"$work/planned"
run 0 site apply --plan
run 0 site show
says "nothing is applied yet"

# Applied: what was planned is what is said to be done, and show has it from the daemon.
run 0 site apply
grep -E '^  ' "$work/out" | cmp -s - "$work/planned" || fail "planned $(cat "$work/planned") but did $(cat "$work/out")"
says "Applied."
run 0 site show
says "the site as applied"
says "Cluster packs"

# Again: nothing to do. A change of the file alone is not the applied site.
run 0 site plan
says "nothing to do"
sed -i 's/"10.77.0.1"/"10.77.0.3"/' "$ORTHRUS_ROOT/etc/orthrus/site.json"
run 0 site show
says "10.77.0.1"
run 0 site plan
says "10.77.0.3"
if command -v jq >/dev/null; then
    run 0 site plan --json
    [ "$(jq -s length "$work/out")" = 1 ] || fail "site plan --json: $(cat "$work/out")"
    run 3 site apply --json
    run 0 site apply --json --yes
    [ "$(jq -s length "$work/out")" = 1 ] || fail "site apply --json: $(cat "$work/out")"
    run 0 site show --json
    [ "$(jq -r '.source + " " + .site.heads[0].ipv4' "$work/out")" = "applied 10.77.0.3" ] || fail "site show --json: $(cat "$work/out")"
fi

# A wrong file never reaches the daemon.
run 2 site apply --site "$TOP/tests/golden/site/group-cycle.json"
says "a > b > c > a"

# A site with two heads of which none is this machine can't be served from here: the plan says so as apply does, and ends as it does.
cp "$ORTHRUS_ROOT/etc/orthrus/site.json" "$work/good.json"
two_heads() { # NAME OF THE SECOND
    jq --arg n "$1" '.heads += [.heads[0] | .name = $n | .ipv4 = "10.77.0.99" | del(.ipv6)]' "$work/good.json" >"$ORTHRUS_ROOT/etc/orthrus/site.json"
}
two_heads somebody-else
for words in plan 'apply --plan' 'apply --yes'; do
    # shellcheck disable=SC2086
    run 3 site $words
    says "none of the site's heads has this machine's name '$(hostname -s)'"
    cp "$work/err" "$work/err-$(echo "$words" | tr -d ' ')"
done
cmp -s "$work/err-plan" "$work/err-apply--yes" || fail "plan says $(cat "$work/err-plan") but apply $(cat "$work/err-apply--yes")"
run 0 site show --json
[ "$(jq '.site.heads | length' "$work/out")" = 1 ] || fail "a site that was refused is applied"
two_heads "$(hostname -s)"
run 0 site plan
run 0 site apply --yes

# The daemon ends in order when told to.
kill $daemon
wait $daemon
rc=$?
daemon=
[ $rc = 0 ] || fail "orthrusd ended with $rc: $(tail -n 20 "$work/log")"
exit $failed
