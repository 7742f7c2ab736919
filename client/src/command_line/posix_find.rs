//! `find` as it is typed for find(1): `find . -name '*.pdf' -size +1M`.
//!
//! Owns: translating the primaries of find(1) that have an equal here. Does not own: what to use in place of the others
//! ([`crate::command_line::find_refusals`]), our own options ([`crate::command_line::commands`]), nor what the other words are
//! ([`crate::command_line::parse_search`]).

use netsocket_protocol::name::Name;

use crate::command_line::find_refusals::{self, NONE_EXCLUDES};
use crate::command_line::find_sizes::{self, Range, Sizes};
use crate::command_line::find_times;
use crate::command_line::habits::habit::EITHER;

/// What is the case for all files here, or changes nothing: nothing has to be asked.
const TRUE: [&[u8]; 9] = [
    b"-print",
    b"-a",
    b"-and",
    b"-true",
    b"-noleaf",
    b"-warn",
    b"-nowarn",
    b"-ignore_readdir_race",
    b"-noignore_readdir_race",
];

/// What has an equal here.
pub(crate) const EQUAL: [&str; 13] = [
    "-name", "-iname", "-type", "-size", "-empty", "-mtime", "-mmin", "-Btime", "-Bmin",
    "-newermt", "-newerBt", "-print0", "-ls",
];

/// Those of them that stand alone.
const WITHOUT_VALUE: [&str; 3] = ["-empty", "-print0", "-ls"];

/// The words of find(1) in ours; those without any primary of find(1) are unchanged.
///
/// # Errors
/// What cannot be said here, and what to use instead.
pub(crate) fn translated(words: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, String> {
    if !words.iter().any(|word| is_primary(word)) {
        return Ok(words.to_vec());
    }
    let mut translation = Translation::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if &word[..] == b"--" {
            translation.options.push(word.clone());
            translation.options.extend(words.cloned());
            break;
        }
        translation.primary(word, &mut words)?;
    }
    Ok(translation.options)
}

/// Whether a command has conditions, which may be typed in this way.
pub(crate) fn is_taken_by(command: &str) -> bool {
    matches!(command, "find" | "archive")
}

/// Whether find(1) has it, and we know.
pub(crate) fn is_primary(word: &[u8]) -> bool {
    let is_equal = EQUAL.iter().any(|equal| equal.as_bytes() == word);
    is_equal || TRUE.contains(&word) || find_refusals::instead(word).is_some()
}

/// Whether a value follows the primary.
pub(crate) fn takes_value(word: &[u8]) -> bool {
    let is_it = |known: &&str| known.as_bytes() == word;
    EQUAL.iter().any(is_it) && !WITHOUT_VALUE.iter().any(is_it)
}

/// What to use in place of what is a name here unless a primary is among the words.
fn operator(word: &[u8]) -> Option<&'static str> {
    match word {
        b"!" => Some(NONE_EXCLUDES),
        b"(" | b")" | b"," => Some(EITHER),
        _ => None,
    }
}

#[derive(Default)]
struct Translation {
    options: Vec<Vec<u8>>,
    has_name: bool,
    sizes: Sizes,
    /// Which of the options says them.
    size_at: Option<usize>,
}

impl Translation {
    fn primary<'a>(
        &mut self,
        word: &[u8],
        words: &mut impl Iterator<Item = &'a Vec<u8>>,
    ) -> Result<(), String> {
        no_operator(word)?;
        let shown = Name::from(word);
        let mut value = || words.next().ok_or_else(|| format!("{shown} needs a value"));
        match word {
            b"-name" => self.name("name", value()?)?,
            b"-iname" => self.name("iname", value()?)?,
            b"-type" => is_file(value()?)?,
            b"-size" => {
                let value = value()?;
                let typed = format!("-size {}", Name::from(&value[..]));
                self.size(typed, find_sizes::range(value)?)?;
            }
            b"-newermt" => self
                .options
                .push([b"--modified-after=", &value()?[..]].concat()),
            b"-newerBt" => self
                .options
                .push([b"--born-after=", &value()?[..]].concat()),
            b"-mtime" | b"-mmin" | b"-Btime" | b"-Bmin" => {
                let options = find_times::options(word, value()?);
                self.options
                    .extend(options.transpose()?.unwrap_or_default());
            }
            b"-empty" => self.size("-empty".to_owned(), (Some(0), Some(0)))?,
            b"-print0" => self.options.push(b"--null".to_vec()),
            b"-ls" => self.options.push(b"--long".to_vec()),
            word if TRUE.contains(&word) => {}
            word => match find_refusals::instead(word) {
                Some(instead) => return Err(format!("{shown} is not possible here: {instead}")),
                // One of ours, or wrong: the parser of options knows.
                None => self.options.push(word.to_vec()),
            },
        }
        Ok(())
    }
}

impl Translation {
    fn name(&mut self, option: &str, pattern: &[u8]) -> Result<(), String> {
        if std::mem::replace(&mut self.has_name, true) {
            return Err(format!("-{option} is one name too many: {EITHER}"));
        }
        let option = format!("--{option}=");
        self.options.push([option.as_bytes(), pattern].concat());
        Ok(())
    }

    fn size(&mut self, typed: String, range: Range) -> Result<(), String> {
        let option = self.sizes.and(typed, range)?;
        let at = *self.size_at.get_or_insert(self.options.len());
        match self.options.get_mut(at) {
            Some(before) => *before = option,
            None => self.options.push(option),
        }
        Ok(())
    }
}

fn no_operator(word: &[u8]) -> Result<(), String> {
    match operator(word) {
        Some(instead) => Err(format!(
            "{} is not possible here: {instead}",
            Name::from(word)
        )),
        None => Ok(()),
    }
}

fn is_file(kind: &[u8]) -> Result<(), String> {
    match kind {
        b"f" => Ok(()),
        b"d" => Err("find finds files: tree -d shows the directories".to_owned()),
        other => Err(format!(
            "'-type {}' is not possible here: only files and directories are shared",
            Name::from(other)
        )),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn find(line: &str) -> Result<String, String> {
        let words: Vec<Vec<u8>> = line
            .split(' ')
            .map(|word| word.as_bytes().to_vec())
            .collect();
        let words = translated(&words)?;
        Ok(String::from_utf8(words.join(&b' ')).unwrap())
    }

    #[test]
    fn what_has_an_equal_is_translated() {
        for (typed, ours) in [
            (". -name *.pdf", ". --name=*.pdf"),
            (
                "music -type f -name a.mp3 --sort size",
                "music --name=a.mp3 --sort size",
            ),
            ("a/ b/ -name x", "a/ b/ --name=x"),
            ("-iname *.Jp?", "--iname=*.Jp?"),
            (". -size +10k -print0", ". --size=10241.. --null"),
            ("/ -empty -ls", "/ --size=0..0 --long"),
            ("-size +1k -ls -size -3k", "--size=1025..2048 --long"),
            (
                "documents/ -newermt 2024-01-01",
                "documents/ --modified-after=2024-01-01",
            ),
            ("*.c -size -2", "*.c --size=..512"),
            (
                ". -mtime +7 -mtime -30",
                ". --modified-before=8d --modified-after=30d",
            ),
            ("-newerBt 2026-01-01", "--born-after=2026-01-01"),
            ("-name -- x", "--name=-- x"),
            ("-type f -- -x", "-- -x"),
        ] {
            assert_eq!(find(typed).as_deref(), Ok(ours), "{typed}");
        }
    }

    #[test]
    fn our_own_form_is_left_alone() {
        for typed in [
            "*.pdf --larger 1M",
            "report",
            "--ext pdf -l",
            "-- -name",
            "-o x",
            "!",
            "..",
            "music/",
            "( --ext pdf",
        ] {
            assert_eq!(find(typed).as_deref(), Ok(typed));
        }
    }

    #[test]
    fn what_has_none_names_another_way() {
        for (typed, said) in [
            ("-type d", "tree -d shows the directories"),
            ("-type l", "only files and directories are shared"),
            (". -ctime -7", "use -mtime N, or -Btime N for births"),
            (". -newer x", "--modified-after 'TIME' takes it"),
            (". -mtime", "-mtime needs a value"),
            (". -maxdepth 1", "ls lists one directory"),
            ("-name a -or -name b", "{a,b} in a pattern matches either"),
            (". -delete", "this service is read-only"),
            ("! -name a", "! is not possible here: no condition excludes"),
            (
                ". ! -name a",
                "! is not possible here: no condition excludes",
            ),
            (". -not -name a", "no condition excludes"),
            ("( -name a -o -name b )", "( is not possible here"),
            (
                "-name a -iname b",
                "-iname is one name too many: all conditions must match",
            ),
            ("-name", "-name needs a value"),
            (
                "-size +10k -size -1M",
                "no file is -size +10k and -size -1M: as in find(1)",
            ),
        ] {
            let error = find(typed).unwrap_err();
            assert!(
                error.ends_with(said) || error.contains(said),
                "{typed}: {error}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_words_panic(words in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..8), 0..6)) {
            let _ = translated(&words);
            let with = |first: &[u8]| [&[first.to_vec()][..], &words].concat();
            let _ = translated(&with(b"-size"));
        }
    }
}
