# SPDX-License-Identifier: GPL-2.0-or-later
# What completion makes of each line of standard input, one a line: completion.zsh bash|zsh SCRIPT, run by zsh -f (cli/completion).
# The line is typed at a real shell on a pseudo terminal of its own, then the key that inserts all that completes it, then one that
# tells the line.
zmodload zsh/zpty || exit 1
shell=$1 script=$2
export TERM=dumb COLUMNS=10000 HISTFILE=
tell() { zpty -w -n typist "$1" }
heard() { # PATTERN: wait until the shell has said it; $said
    said=
    zpty -r -m typist said "$1" || { print -u2 -r -- "the $shell ended: $said"; exit 1 }
}
case $shell in
bash)
    zpty typist bash --norc --noprofile -i
    setup="PS1= PS2=; set +H; bind 'set bell-style none'; bind 'set enable-bracketed-paste off'; . ${(q)script}
show() { printf 'LI''NE<%s>\\n' \"\$READLINE_LINE\"; READLINE_LINE= READLINE_POINT=0; }
bind '\"\\e*\": insert-completions'; bind -x '\"\\C-xp\": show'; echo REA''DY
"
    ;;
zsh)
    zpty typist zsh -f -i
    setup="PS1= PS2=; setopt no_beep no_bang_hist; fpath=(${(q)script:h} \$fpath); autoload -Uz compinit; compinit -u -D
zle -C all complete-word _generic; zstyle ':completion:all:*' completer _all_matches _complete; zstyle ':completion:all:*' insert yes
show() { zle -I; print -r -- 'LI''NE<'\$BUFFER'>'; BUFFER= }; zle -N show; bindkey '\\e*' all; bindkey '^Xp' show; echo REA''DY
"
    ;;
esac
tell $setup
heard '*READY*'
while IFS= read -r line; do
    tell "$line"$'\e*\Cxp'
    heard '*LINE<*>*'
    said=${said##*LINE<}
    print -r -- "${said%>*}"
done
zpty -d typist
