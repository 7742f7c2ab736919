//! What find(1) has, of GNU, BSD and macOS, and `find` has not, with what to use in its place.
//!
//! Does not own: what is taken ([`crate::command_line::posix_find`]), nor options of fd and others
//! ([`crate::command_line::habits`]).

use crate::command_line::habits::habit::EITHER;

pub(super) const NONE_EXCLUDES: &str =
    "no condition excludes; [!a-c]* in a pattern matches names that begin otherwise";

/// Words of find(1), and what to use instead.
const REFUSED: [(&[&str], &str); 23] = [
    (
        &[
            "-newer", "-mnewer", "-anewer", "-cnewer", "-Bnewer", "-newermm", "-newerma",
            "-newermB", "-newermc", "-newerBB", "-newerBa", "-newerBc", "-newerBm", "-neweraa",
            "-neweraB", "-newerac", "-neweram", "-newerca", "-newercB", "-newercc", "-newercm",
        ],
        "stat FILE shows a time, and --modified-after 'TIME' takes it",
    ),
    (
        &["-atime", "-ctime", "-used"],
        "only other times are told: use -mtime N, or -Btime N for births",
    ),
    (
        &["-amin", "-cmin"],
        "only other times are told: use -mmin N, or -Bmin N for births",
    ),
    (
        &["-newerat", "-newerct"],
        "only other times are told: use -newermt WHEN, or -newerBt WHEN for births",
    ),
    (
        &["-daystart"],
        "a date begins at midnight: --modified-after 2024-01-31",
    ),
    (
        &["-maxdepth", "-mindepth", "-depth", "-prune"],
        "ls lists one directory, and tree -L N the first levels",
    ),
    (
        &["-path", "-wholename", "-ipath", "-iwholename"],
        "use --below DIR to say where to look",
    ),
    (
        &["-regex", "-iregex", "-regextype"],
        "use -name with a pattern: *, ?, [a-z] or {a,b}",
    ),
    (&["-or"], EITHER),
    (&["-not", "-false"], NONE_EXCLUDES),
    (
        &["-exec", "-execdir", "-ok", "-okdir"],
        "get and archive take patterns as well",
    ),
    (&["-delete"], "this service is read-only"),
    (&["-writable"], "this service is read-only: leave it out"),
    (
        &["-readable"],
        "only what can be read is served: leave it out",
    ),
    (
        &["-perm", "-executable"],
        "no condition asks for permissions; -l and stat PATH show them",
    ),
    (
        &["-user", "-group", "-nouser", "-nogroup", "-uid", "-gid"],
        "files have no owners: leave it out",
    ),
    (
        &[
            "-xdev",
            "-mount",
            "-fstype",
            "-follow",
            "-samefile",
            "-links",
            "-inum",
            "-lname",
            "-ilname",
        ],
        "there is one tree, and no links are followed: leave it out",
    ),
    (
        &["-xtype"],
        "only files and directories are shared: use -type f",
    ),
    (
        &[
            "-context",
            "-acl",
            "-flags",
            "-xattr",
            "-xattrname",
            "-sparse",
        ],
        "only name, size and times are asked for: stat PATH shows what is told of a file",
    ),
    (&["-printf"], "use -l, or --json for programs"),
    (
        &["-fprint", "-fprint0", "-fprintf", "-fls"],
        "a shell's > FILE saves what is printed; -l, -0 and --json say in which form",
    ),
    (&["-quit", "-exit"], "use --limit N"),
    (
        &["-files0-from"],
        "places to begin at are words: find DIR DIR, or xargs -0 netsocket find",
    ),
];

/// What to use in place of a word of find(1).
pub(super) fn instead(word: &[u8]) -> Option<&'static str> {
    REFUSED
        .iter()
        .find(|(names, _)| names.iter().any(|name| name.as_bytes() == word))
        .map(|(_, instead)| *instead)
}

#[cfg(test)]
mod tests {
    use crate::command_line::command::Invocation;
    use crate::command_line::shell_words;

    /// All that find(1) lists, with what follows it: GNU's first, then that of BSD and macOS.
    const ALL: [&str; 116] = [
        "-daystart",
        "-follow",
        "-nowarn",
        "-regextype egrep",
        "-warn",
        "-depth",
        "-files0-from x",
        "-maxdepth 1",
        "-mindepth 1",
        "-mount",
        "-noleaf",
        "-xdev",
        "-ignore_readdir_race",
        "-noignore_readdir_race",
        "-amin 1",
        "-anewer x",
        "-atime 1",
        "-cmin 1",
        "-cnewer x",
        "-context x",
        "-ctime 1",
        "-empty",
        "-false",
        "-fstype ext4",
        "-gid 1",
        "-group x",
        "-ilname x",
        "-iname x",
        "-inum 1",
        "-iwholename x",
        "-iregex x",
        "-links 1",
        "-lname x",
        "-mmin 1",
        "-mtime 1",
        "-name x",
        "-newer x",
        "-nouser",
        "-nogroup",
        "-path x",
        "-perm 644",
        "-perm -u+w",
        "-perm /222",
        "-regex x",
        "-readable",
        "-writable",
        "-executable",
        "-wholename x",
        "-size 1k",
        "-true",
        "-type f",
        "-type d",
        "-type b,c",
        "-type l",
        "-uid 1",
        "-used 1",
        "-user root",
        "-xtype f",
        "-samefile x",
        "-ipath x",
        "-delete",
        "-print0",
        "-printf '%p\\n'",
        "-fprintf x '%p'",
        "-print",
        "-fprint0 x",
        "-fprint x",
        "-ls",
        "-fls x",
        "-prune",
        "-quit",
        "-exec ls '{}' ';'",
        "-exec ls '{}' +",
        "-ok ls ';'",
        "-execdir ls ';'",
        "-execdir ls '{}' +",
        "-okdir ls ';'",
        "-name x -a -name y",
        "-name x -and -name y",
        "-name x -o -name y",
        "-name x -or -name y",
        "-not -name x",
        "'!' -name x",
        "'(' -name x ')'",
        "-name x , -name y",
        "-D search",
        "-O3",
        "-H",
        "-L",
        "-P",
        "-help",
        "-version",
        "-acl",
        "-Bmin 1",
        "-Bnewer x",
        "-Btime 1",
        "-flags x",
        "-mnewer x",
        "-sparse",
        "-xattr",
        "-xattrname x",
        "-newermt 2024-01-01",
        "-newerBt 2024-01-01",
        "-newerat 2024-01-01",
        "-newerct 2024-01-01",
        "-newermm x",
        "-neweraa x",
        "-newerBB x",
        "-newercB x",
        "-exit",
        "-E",
        "-X",
        "-d",
        "-f x",
        "-s",
        "-x",
    ];

    #[test]
    fn each_word_of_find_is_taken_or_refused_with_its_own_name() {
        for typed in ALL {
            let words = shell_words::split(format!("find . {typed}").as_bytes()).unwrap();
            let Err(error) = Invocation::parse(&words) else {
                continue;
            };
            let said = error.to_string();
            let (said, _) = said.split_once("Usage:").unwrap();
            let own = words[2..].iter().map(|word| String::from_utf8_lossy(word));
            let is_named = |word: &str| {
                let after = said.split_once(word).map(|(_, after)| after);
                after.is_some_and(|after| !after.starts_with(|next: char| next.is_alphanumeric()))
            };
            assert!(
                own.into_iter().any(|word| is_named(&word)),
                "{typed}: {said}"
            );
            let is_word = typed.split(' ').next().is_some_and(|word| word.len() > 3);
            let says_what_to_use = said.contains(": ") || said.contains("did you mean");
            assert!(!is_word || says_what_to_use, "{typed}: {said}");
        }
    }
}
