//! The parts of completion scripts that ask the program itself. What it prints may come from elsewhere: no shell evaluates it.

/// Before clap's part, whose function it calls.
pub(super) const BASH: &str = r#"_live_NAME() {
    _NAME "$@" || return
    local found name
    [[ $2 == -* ]] && return
    found=$(command "$1" complete-words -- "${COMP_WORDS[@]:1:COMP_CWORD-1}" 2>/dev/null) || return
    COMPREPLY=()
    while IFS= read -r name; do
        [[ -n $name && $name == "$2"* ]] && COMPREPLY+=("$(printf %q "$name")")
    done <<< "$found"
}
"#;

/// Behind clap's part.
pub(super) const FISH: &str = "function __fish_FUNCTION_live
    set -l words (commandline -opc)
    set -l program $words[1]
    set -e words[1]
    command $program complete-words -- $words 2>/dev/null
end
complete -c NAME -a '(__fish_FUNCTION_live)'
complete -c NAME -n '__fish_seen_subcommand_from sessions kill' -l backend -r -f -a '(__fish_FUNCTION_live)'
";

/// The function for what clap would complete as a file, or not at all.
const ZSH: &str = r#"(( $+functions[_NAME_live] )) ||
_NAME_live() {
    local -a found
    found=(${(f)"$(command ${(Q)live_words[1]} complete-words -- "${(@Q)live_words[2,-1]}" 2>/dev/null)"})
    (( $#found )) && compadd "$@" -a found
}

"#;

/// clap's script with calls of that function.
pub(super) fn in_zsh(name: &str, script: &str) -> String {
    let begin = format!("_{name}() {{\n");
    // Deeper down, the words are cut.
    let saved = format!("{begin}    local -a live_words=(\"${{(@)words[1,CURRENT-1]}}\")\n");
    let live = format!(":_{name}_live' \\");
    let line = |line: &str| {
        let is_positional = ["':", "'*:"].iter().any(|it| line.starts_with(it));
        if let Some(before) = line.strip_suffix(":_default' \\").filter(|_| is_positional) {
            return format!("{before}{live}\n");
        }
        match line.strip_suffix(":NAME:' \\") {
            Some(before) => format!("{before}:NAME{live}\n"),
            None => format!("{line}\n"),
        }
    };
    let script: String = script.lines().map(line).collect();
    let (head, body) = script.split_once(&begin).unwrap_or(("", &script));
    format!("{head}{}{saved}{body}", ZSH.replace("NAME", name))
}
