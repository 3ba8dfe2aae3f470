#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The pages of orthrus-setup on a machine as most are: each at 80x24 and in plain text against a golden one, its help, back and forth; how many
# keys it takes where defaults do; and that the site which comes of it is right.
set -u
export LC_ALL=C.UTF-8
command -v tmux >/dev/null || { echo "needs tmux"; exit 77; }
work=$(mktemp -d /tmp/pages.XXXXXX)
failed=0
fail() { echo "FAIL: $*" >&2; failed=1; }
die() { fail "$@"; exit 1; }
. "$TOP/tests/cli/tmux.bash"
trap 'screen_close; rm -rf "$work"' EXIT
mkdir "$work/bin"
cp "$BUILD/orthrus-setup" "$work/bin/" || die "orthrus-setup is not built"
cp "$TOP/tests/golden/setup/machine.json" "$work/machine.json"
# This machine is another one: what it has is in a file, and nothing is done to it.
cat >"$work/bin/orthrus" <<'SH'
#!/bin/bash
work=$(dirname "$(dirname "$0")")
echo "$*" >>"$work/calls"
case "$* " in
*'--probe '*) cat "$work/machine.json" ;;
*'--plan '*) echo '{"steps":[{"id":"site","text":"write the site","files":[],"destructive":false}]}' ;;
*'--yes '*) echo '{"step":"site","number":1,"of":1,"state":"done","text":"write the site"}' ;;
esac
SH
chmod +x "$work/bin/orthrus"
root=$work/root
site=$root/etc/orthrus/site.json
setup=("$work/bin/orthrus-setup" --root "$root")
pages=("This machine" Cluster Networks Head "Node image" "Node disks" Naming Keys)
keys=0
press() { screen_keys "$@"; keys=$((keys + $#)); }

# Each page as it is shown, with the help of its first field, and Esc: back, and nothing is lost.
screen_open 80x24 vt100 utf8 "${setup[@]}"
for ((i = 0; i < ${#pages[@]}; i++)); do
    name=${pages[i]// /-}
    name=${name,,}
    screen_shows "Orthrus setup: ${pages[i]} "; screen_still
    golden "setup/pages/$name"
    screen_keys F1; screen_shows "Help"; golden "setup/pages/$name.help"
    screen_keys Escape; screen_hides "Help"
    if [ $i -gt 0 ]; then
        screen_keys Escape; screen_shows "Orthrus setup: ${pages[i - 1]} "
        screen_keys F12; screen_shows "Orthrus setup: ${pages[i]} "; screen_still
        golden "setup/pages/$name"
    fi
    screen_keys F12
done
screen_shows "What next"
screen_close

# From the first page to the last with what is proposed.
rm -rf "$root"
screen_open 80x24 vt100 utf8 "${setup[@]}"
for page in "${pages[@]}"; do screen_shows "Orthrus setup: $page "; press F12; done
screen_shows "What next"; press F12; screen_shows "Type yes"; screen_type yes; keys=$((keys + 3)); press Enter
screen_shows "What comes next"; press Enter; screen_ended
echo "RESULT wizard_pages pages=${#pages[@]} keys=$keys"
[ $keys -le 60 ] || fail "$keys keys"
"$BUILD/orthrus" site check "$site" >"$work/out" 2>&1 || fail "site check: $(cat "$work/out")"
# In plain text.
rm -rf "$root"
yes '' | head -200 | "${setup[@]}" --plain >"$work/out" 2>"$work/err"
sed -i "s|$work|${work%.*}.golden|g" "$work/out"
[ -z "${UPDATE_GOLDEN:-}" ] || cp "$work/out" "$TOP/tests/golden/setup/pages/plain"
diff "$TOP/tests/golden/setup/pages/plain" "$work/out" >"$work/diff" || fail "in plain text: $(cat "$work/diff")"
exit $failed
