"""completion: the script that teaches a shell to complete this program's command lines.

Each script only carries words to `haulier completion-words` and candidates back (tui/cli/completing.py), so it
stays right when commands and options change.
"""

from __future__ import annotations

from argparse import Namespace

from tui.cli.output import Output

# bash cuts words at ":" and "=" as well (COMP_WORDBREAKS), which stand in places and options: the line is cut
# here at blanks alone, and what bash has already taken is cut off the candidates again.
BASH = r"""# haulier completion for bash: eval "$(haulier completion bash)" in ~/.bashrc
_haulier() {
    local line=${COMP_LINE:0:COMP_POINT} kind word current mark
    local -a words=()
    IFS=$' \t\n' read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    current=${words[${#words[@]}-1]}
    COMPREPLY=()
    {
        IFS= read -r kind
        while IFS=$'\t' read -r word _; do COMPREPLY+=("$word"); done
    } < <("${words[0]}" completion-words -- "${words[@]:1}" 2>/dev/null)
    if [[ $kind == files || $kind == folders ]]; then
        local only=-f
        [[ $kind == folders ]] && only=-d
        if ((${#COMPREPLY[@]} == 0)); then
            compopt -o filenames 2>/dev/null
            while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen $only -- "$current")
        else
            while IFS= read -r word; do
                [[ -d $word ]] && word+=/
                COMPREPLY+=("$word")
            done < <(compgen $only -- "$current")
        fi
    fi
    if ((${#COMPREPLY[@]} == 1)) && [[ ${COMPREPLY[0]} == *[:=/] ]]; then
        compopt -o nospace 2>/dev/null
    fi
    for mark in : =; do
        if [[ $current == *$mark* && $COMP_WORDBREAKS == *$mark* ]]; then
            COMPREPLY=("${COMPREPLY[@]#"${current%"${current##*$mark}"}"}")
            current=${current##*$mark}
        fi
    done
}
complete -F _haulier haulier
"""

ZSH = r"""#compdef haulier
# haulier completion for zsh: eval "$(haulier completion zsh)" in ~/.zshrc, after compinit
_haulier() {
    local -a lines ends goes_on
    local line word text kind
    lines=("${(@f)$("${(Q)words[1]}" completion-words -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
    kind=$lines[1]
    for line in "${(@)lines[2,-1]}"; do
        word=${line%%$'\t'*}
        text=${line#*$'\t'}
        if [[ $word == *[:=] ]]; then
            goes_on+=("${word//:/\\:}:$text")
        else
            ends+=("${word//:/\\:}:$text")
        fi
    done
    (($#ends)) && _describe -t words 'haulier' ends
    (($#goes_on)) && _describe -t places 'place' goes_on -S ''
    case $kind in
        files) _files ;;
        folders) _files -/ ;;
    esac
}
compdef _haulier haulier
"""

FISH = r"""# haulier completion for fish: haulier completion fish > ~/.config/fish/completions/haulier.fish
function __haulier_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l lines ($words[1] completion-words -- $words[2..-1] "$current" 2>/dev/null)
    test (count $lines) -gt 1; and printf '%s\n' $lines[2..-1]
    switch "$lines[1]"
        case files
            __fish_complete_path "$current"
        case folders
            __fish_complete_directories "$current"
    end
end
complete -c haulier -f -a '(__haulier_complete)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


def print_script(chosen: Namespace, output: Output) -> int:
    output.out.write(SCRIPTS[chosen.shell])
    return 0
