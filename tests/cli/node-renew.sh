#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What an installed node runs to renew its certificate, taken from the golden files, with an answer of each kind: the old certificate
# stays until there is a whole new one.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
fail() { echo "FAIL: $*" >&2; failed=1; }

# The file before the script in the list has no newline at its end: the header stands on its line.
sed 's/^\(.*[^=].*\)\(=== \/\)/\1\n\2/' "$TOP/tests/golden/installer/raid1.files" >"$work/files"
part() { # PATH: that file as an installation writes it
    awk -v path="/$1" '/^=== \// { on = $2 == path; next } on' "$work/files"
}
part usr/lib/orthrus/orthrus-renew >"$work/renew"
grep -q '^#!/bin/sh' "$work/renew" || fail "the golden files have no orthrus-renew"

mkdir "$work/bin" "$work/etc" "$work/run"
cat >"$work/bin/curl" <<'END'
#!/bin/bash
# Keeps what it is told, and answers with $ANSWER and $STATUS.
[ "$*" = "--config -" ] || { echo "curl is called with $*" >&2; exit 99; }
cat >"$WORK/config"
out=$(sed -n 's/^output = "\(.*\)"$/\1/p' "$WORK/config")
[ "${CURL_FAILS:-0}" = 0 ] || { echo "curl: no route" >&2; exit "$CURL_FAILS"; }
cp "$ANSWER" "$out"
printf '%s' "$STATUS"
END
chmod +x "$work/bin/curl"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/etc/node.key" -out "$work/new.crt" -subj /CN=n01 2>"$work/log" ||
    fail "$(cat "$work/log")"

# renew CODE STATUS: run it with $work/answer; its exit code is CODE.
renew() {
    local rc
    printf 'old\n' >"$work/etc/node.crt"
    chmod 600 "$work/etc/node.crt"
    env -i PATH="$work/bin:$PATH" WORK="$work" ANSWER="$work/answer" STATUS="$2" CURL_FAILS="${3:-0}" ORTHRUS_DIR="$work/etc" \
        RUNTIME_DIRECTORY="$work/run" ORTHRUS_SERVER=https://10.77.0.1:8443 ORTHRUS_NODE=n01 sh "$work/renew" >"$work/out" 2>&1
    rc=$?
    [ $rc = "$1" ] || fail "status $2: exit $rc, not $1: $(cat "$work/out")"
    [ ! -e "$work/etc/.node.crt.new" ] || fail "status $2: a file is left behind"
}
old() { [ "$(cat "$work/etc/node.crt")" = old ] || fail "$1: the old certificate is gone"; }

jq -cn --rawfile c "$work/new.crt" '{state: "approved", node: "n01", certificate: $c, until: "2026-11-22T05:30:00Z"}' >"$work/answer"
renew 0 200
cmp "$work/new.crt" "$work/etc/node.crt" || fail "the new certificate is not the one that was given"
[ "$(stat -c %a "$work/etc/node.crt")" = 600 ] || fail "node.crt has mode $(stat -c %a "$work/etc/node.crt")"
grep -qx 'url = "https://10.77.0.1:8443/v1/enrol"' "$work/config" || fail "wrong address: $(cat "$work/config")"
grep -qx "cacert = \"$work/etc/ca.crt\"" "$work/config" || fail "the head need not prove itself"
grep -qx "data-binary = \"@$work/etc/node.enrol\"" "$work/config" || fail "it does not say who it is"
grep -q 'node.key' "$work/config" && fail "the private key is given to curl, which does not need it"
[ ! -e "$work/run/answer" ] || fail "the answer is left behind"

for status in 429 500 503; do renew 1 $status; old $status; done
for status in 400 401 403 404; do renew 3 $status; old $status; done
grep -q 'was removed' "$work/out" || fail "it does not say why: $(cat "$work/out")"
renew 7 200 7
old "no connection"
jq -cn '{state: "pending", fingerprint: "00", words: "A B"}' >"$work/answer"
renew 3 200
old pending
printf '{"state":"approved","certificate":"-----BEGIN CERTIFICATE-----\\nMII"; rm -rf $HOME\\n-----END CERTIFICATE-----\\n"}' >"$work/answer"
renew 3 200
old hostile
head -c 100 "$work/new.crt" | jq -cRs '{state: "approved", certificate: .}' >"$work/answer"
renew 3 200
old cut
: >"$work/answer"
renew 3 200
old empty

# Units that systemd understands, where it is there to ask.
if command -v systemd-analyze >/dev/null; then
    for unit in orthrus-renew.service orthrus-renew.timer orthrus-report.service; do
        part "etc/systemd/system/$unit" | sed 's|^ExecStart=.*|ExecStart=/bin/true|' >"$work/$unit"
    done
    (cd "$work" && SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --recursive-errors=no ./orthrus-renew.service ./orthrus-renew.timer ./orthrus-report.service) \
        >"$work/out" 2>&1
    grep -E 'orthrus-(renew|report)\.(service|timer):' "$work/out" && fail "systemd does not take a unit"
fi
exit $failed
