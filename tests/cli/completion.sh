#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Completion in real bash and zsh: words of the table of commands, and the nodes, images and whatever else there is.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root: the daemon lets only root in"; exit 77; }
command -v zsh >/dev/null || { echo "zsh is not installed"; exit 77; }
. "$TOP/tests/cli/daemon.bash"
make_site
start_daemon
"$orthrus" site apply --yes >/dev/null || die "site apply"
"$orthrus" node add 'n[01-02]' --group compute --mac 52:54:00:00:00:01,52:54:00:00:00:02 >/dev/null || die "node add"
"$orthrus" secret set token --path /etc/token --generate 32 >/dev/null || die "secret set"
mkdir "$work/tree" "$work/files" "$work/files/some-dir"
echo x >"$work/tree/x"
touch "$work/files/some-file" "$work/files/some-file with blanks"
"$orthrus" image build compute --from "$work/tree" >/dev/null 2>"$work/err" || die "image build: $(cat "$work/err")"
id=$("$orthrus" image list --json | jq -r '.images[0].id')

# The lists by themselves.
run 0 completion words nodes
[ "$(cat "$work/out")" = "n01
n02
@compute" ] || fail "words nodes: $(cat "$work/out")"
run 0 completion words images
[ "$(cat "$work/out")" = "compute
compute/$id" ] || fail "words images: $(cat "$work/out")"
run 0 completion words layouts --json
[ "$(jq -c .words "$work/out")" = '["raid1"]' ] || fail "words layouts --json: $(cat "$work/out")"
for kind in groups networks heads secrets interfaces; do
    run 0 completion words $kind
    [ -s "$work/out" ] || fail "there are no $kind"
done
run 2 completion words nonsense
says 'there are nodes, groups'
for shell in bash zsh; do
    run 2 completion $shell extra
    run 2 completion $shell --json
done

# LINE as it is typed | what must be among the words that complete it | what must not
cat >"$work/cases" <<CASES
orthrus no|node|
orthrus node |add list install|image --json
orthrus --root $root node |add|
orthrus --root=$root node |add|
orthrus node add --m|--mac|--image
orthrus node list --|--json --root|--mac
orthrus node inst|install|
orthrus node list n|n01 n02|
orthrus node list '|n01|
orthrus node list @|@compute|
orthrus node show |n01 n02|
orthrus node install n01 |--none--|n02
orthrus node install --json n|n01 n02|
orthrus node install --image co|compute compute/$id|
orthrus node install --image=co|--image=compute|
orthrus node boot --stagger 3 n0|n01 n02|
orthrus node add n03 --group |compute|raid1
orthrus node set n01 --layout |raid1|
orthrus cast send --to |n01|
orthrus cast send --interface |lo|
orthrus disk plan |raid1|compute
orthrus image show |compute/$id|
orthrus image diff compute |compute/$id|
orthrus image export compute $work/files/some-f|$work/files/some-file|
orthrus image build |compute|
orthrus cast send comp|compute/$id|
orthrus cast send $work/files/some-f|$work/files/some-file|
orthrus cast relay |provision|
orthrus head fenced |head1|
orthrus secret rotate |token|
orthrus head certificate |--none--|token compute
orthrus site check $work/files/some-f|$work/files/some-file|
orthrus site check --site $work/files/some-f|$work/files/some-file|
orthrus site check --site $work/files/some-fi|$work/files/some-file\\ with\\ blanks|
orthrus head certificate anna --out $work/files/some|$work/files/some-dir|$work/files/some-file
orthrus audit verify a $work/files/some-f|$work/files/some-file|
orthrus node exec n01 -- cat $work/files/some-f|$work/files/some-file|
orthrus node exec -- n|n01|
orthrus completion |bash zsh words|
orthrus nonsense |--none--|add
orthrus node nonsense |--none--|n01
orthrus --root $work/nowhere node list |--none--|n01
orthrus --root $work/nowhere image show |--none--|compute
CASES
"$orthrus" --help | awk '/^  [a-z]+ [a-z]+ /{print "orthrus " $1 " " $2 "|" $2 "|"}' >>"$work/cases"
[ "$(wc -l <"$work/cases")" -gt 80 ] || fail "the verbs of the help were not found"

mkdir "$work/zsh"
"$orthrus" completion bash >"$work/orthrus" || fail "completion bash"
"$orthrus" completion zsh >"$work/zsh/_orthrus" || fail "completion zsh"
bash -n "$work/orthrus" || fail "the script for bash has a syntax error"
zsh -n "$work/zsh/_orthrus" || fail "the script for zsh has a syntax error"
for shell in bash zsh; do
    [ $shell = bash ] && script=$work/orthrus || script=$work/zsh/_orthrus
    (cd "$work/files" && cut -d'|' -f1 "$work/cases" | PATH=$BUILD:$PATH zsh -f "$TOP/tests/cli/completion.zsh" $shell "$script") >"$work/lines" ||
        fail "$shell did not go to the end"
    [ "$(wc -l <"$work/lines")" = "$(wc -l <"$work/cases")" ] || fail "$shell: $(wc -l <"$work/lines") answers to $(wc -l <"$work/cases") lines"
    while IFS='|' read -r typed want no; do
        IFS= read -r line <&3
        # What was typed may be replaced by its completion, never by something else.
        case $line in "${typed% *} "*|"$typed"*) ;; *) fail "$shell: '$typed' becomes '$line'" ;; esac
        added=" ${line#"${typed% *} "} "
        added=${added//\/ / } # zsh marks directories
        [ "$want" = --none-- ] && [ "${line%% }" != "${typed%% }" ] && fail "$shell: '$typed' is completed to '$line'"
        [ "$want" = --none-- ] || case $want in
        *\\*) [[ $added == *"$want"* ]] || fail "$shell: '$typed' offers no '$want': $line" ;;
        *) for word in $want; do [[ $added == *[\ \']"$word"[\ \']* ]] || fail "$shell: '$typed' offers no '$word': $line"; done ;;
        esac
        for word in $no; do [[ $added != *" $word "* ]] || fail "$shell: '$typed' offers '$word': $line"; done
    done <"$work/cases" 3<"$work/lines"
done
# The names of a list, one after the other.
for shell in bash zsh; do
    [ $shell = bash ] && script=$work/orthrus || script=$work/zsh/_orthrus
    line=$(echo 'orthrus node list n02,n01' | PATH=$BUILD:$PATH zsh -f "$TOP/tests/cli/completion.zsh" $shell "$script")
    [ "${line% }" = 'orthrus node list n02,n01' ] || fail "$shell: the second of a list becomes '$line'"
    line=$(echo 'orthrus node list n02,@c' | PATH=$BUILD:$PATH zsh -f "$TOP/tests/cli/completion.zsh" $shell "$script")
    [ "${line% }" = 'orthrus node list n02,@compute' ] || fail "$shell: a group behind a node becomes '$line'"
done
exit $failed
