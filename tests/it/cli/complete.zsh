# Prints the candidates that zsh has for the last word of a command line, one a line, in an interactive shell of its own.
zmodload zsh/zpty
setup=$(mktemp)
cat > $setup <<'END'
PROMPT=
autoload -U compinit && compinit -D -u
bindkey '^I' complete-word
zstyle ':completion:*' insert-tab false
source <(tsmedia completions zsh)
mark() { print -r -- "<mark>" }
compprefuncs=(mark)
comppostfuncs=(mark)
# Prints what is offered, and offers it.
compadd() {
    if [[ ${@[1,(i)(-|--)]} != *-(O|A|D)\ * ]]; then
        local -a offered
        builtin compadd -A offered "$@"
        print -rl -- ${offered/#/<offered>}
    fi
    builtin compadd "$@"
}
print '<ready>'
END
zpty shell zsh -f -i
zpty -w shell "source $setup"
while zpty -r shell line; do [[ $line == *'<ready>'* ]] && break; done
zpty -w -n shell "$1"$'\t'
integer marks=0
while (( marks < 2 )) && zpty -r shell line; do
    [[ $line == *'<mark>'* ]] && (( ++marks ))
    [[ $line == *'<offered>'* ]] && print -r -- ${${line##*"<offered>"}%%[$'\r\n']*}
done
zpty -d shell
rm -f $setup
