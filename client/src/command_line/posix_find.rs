//! `find` as it is typed for find(1): `find . -name '*.pdf' -size +1M`.
//!
//! Owns: translating the primaries of find(1) that have an equal here, and naming what to use in place of the others. Does
//! not own: our own options ([`crate::command_line::commands`]).

use netsocket_protocol::name::Name;

use crate::command_line::habits::EITHER;

/// What is the case for all files here: nothing has to be asked.
const TRUE: [&[u8]; 3] = [b"-print", b"-a", b"-and"];

const NONE_EXCLUDES: &str =
    "no condition excludes; [!a-c]* in a pattern matches names that begin otherwise";

/// Operators that are names here unless a primary is among the words.
const OPERATORS: [(&[&str], &str); 2] = [(&["!"], NONE_EXCLUDES), (&["(", ")", ","], EITHER)];

/// Primaries without an equal, and what to use instead.
const OTHERS: [(&[&str], &str); 9] = [
    (
        &["-mtime", "-mmin", "-newer", "-atime", "-amin"],
        "use --modified-after WHEN or --modified-before WHEN",
    ),
    (
        &["-ctime", "-cmin"],
        "use --born-after WHEN or --born-before WHEN",
    ),
    (
        &["-maxdepth", "-mindepth", "-depth", "-prune"],
        "ls lists one directory, and tree -L N the first levels",
    ),
    (
        &["-path", "-wholename", "-ipath"],
        "use --below DIR to say where to look",
    ),
    (
        &["-regex", "-iregex"],
        "use -name with a pattern: *, ?, [a-z] or {a,b}",
    ),
    (&["-or"], EITHER),
    (&["-not"], NONE_EXCLUDES),
    (
        &["-exec", "-execdir", "-ok"],
        "get and archive take patterns as well",
    ),
    (&["-delete"], "this service is read-only"),
];

/// The words of find(1) in ours; those without any primary of find(1) are unchanged.
///
/// # Errors
/// What cannot be said here, and what to use instead.
pub(crate) fn translated(words: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, String> {
    let first = words.iter().position(|word| is_primary(word));
    let is_place = |word: &Vec<u8>| matches!(&word[..], b"." | b"..") || word.ends_with(b"/");
    let names_place = words.iter().take_while(|word| !word.starts_with(b"-"));
    if first.is_none() && !names_place.clone().any(is_place) {
        return Ok(words.to_vec());
    }
    let mut translation = Translation::default();
    let mut words = words.iter().peekable();
    // As in find(1), directories come first.
    while let Some(word) = words.next_if(|word| !word.starts_with(b"-")) {
        translation.place(word)?;
    }
    while let Some(word) = words.next() {
        if &word[..] == b"--" {
            translation.names.extend(words.cloned());
            break;
        }
        translation.primary(word, &mut words)?;
    }
    let Translation {
        mut options, names, ..
    } = translation;
    options.push(b"--".to_vec());
    options.extend(names);
    Ok(options)
}

fn is_primary(word: &[u8]) -> bool {
    const EQUAL: [&[u8]; 8] = [
        b"-name",
        b"-iname",
        b"-type",
        b"-size",
        b"-empty",
        b"-newermt",
        b"-print0",
        b"-ls",
    ];
    EQUAL.contains(&word) || TRUE.contains(&word) || other(word).is_some()
}

fn other(word: &[u8]) -> Option<&'static str> {
    instead(&OTHERS, word)
}

fn instead(table: &[(&[&str], &'static str)], word: &[u8]) -> Option<&'static str> {
    table
        .iter()
        .find(|(names, _)| names.iter().any(|name| name.as_bytes() == word))
        .map(|(_, instead)| *instead)
}

#[derive(Default)]
struct Translation {
    options: Vec<Vec<u8>>,
    names: Vec<Vec<u8>>,
    sizes: Sizes,
}

/// All conditions about the size, which are one option here.
#[derive(Default)]
struct Sizes {
    /// As typed.
    typed: Vec<String>,
    least: Option<u64>,
    most: Option<u64>,
    /// Which of the options it is.
    at: Option<usize>,
}

impl Translation {
    fn place(&mut self, word: &[u8]) -> Result<(), String> {
        no_operator(word)?;
        if word.iter().any(|byte| b"*?[{".contains(byte)) {
            self.names.push(word.to_vec());
            return Ok(());
        }
        if !self.options.is_empty() {
            return Err("find searches one directory at a time".to_owned());
        }
        self.options.push([b"--below=", word].concat());
        Ok(())
    }

    fn primary<'a>(
        &mut self,
        word: &[u8],
        words: &mut impl Iterator<Item = &'a Vec<u8>>,
    ) -> Result<(), String> {
        no_operator(word)?;
        let shown = Name::from(word);
        let mut value = || words.next().ok_or_else(|| format!("{shown} needs a value"));
        match word {
            b"-name" => self.names.push(value()?.clone()),
            b"-iname" => self.names.push(in_any_case(value()?)),
            b"-type" => is_file(value()?)?,
            b"-size" => {
                let value = value()?;
                self.size(format!("-size {}", Name::from(&value[..])), size(value)?)?;
            }
            b"-newermt" => self
                .options
                .push([b"--modified-after=", &value()?[..]].concat()),
            b"-empty" => self.size("-empty".to_owned(), (Some(0), Some(0)))?,
            b"-print0" => self.options.push(b"--null".to_vec()),
            b"-ls" => self.options.push(b"--long".to_vec()),
            word if TRUE.contains(&word) => {}
            word => match other(word) {
                Some(instead) => return Err(format!("{shown} is not possible here: {instead}")),
                // One of ours, or wrong: the parser of options knows.
                None => self.options.push(word.to_vec()),
            },
        }
        Ok(())
    }
}

impl Translation {
    /// Adds a condition about the size to those before.
    fn size(&mut self, typed: String, (least, most): Range) -> Result<(), String> {
        let sizes = &mut self.sizes;
        sizes.typed.push(typed);
        sizes.least = sizes.least.max(least);
        sizes.most = match (sizes.most, most) {
            (Some(before), Some(most)) => Some(before.min(most)),
            (before, most) => before.or(most),
        };
        let option = match (sizes.least, sizes.most) {
            (Some(least), Some(most)) if least > most => {
                return Err(format!(
                    "no file is {}: as in find(1), a size is rounded up to whole units; \
                     --larger 10k --smaller 1M counts bytes",
                    sizes.typed.join(" and ")
                ));
            }
            (Some(least), Some(most)) => format!("--size={least}..{most}"),
            (Some(least), None) => format!("--size={least}.."),
            (None, Some(most)) => format!("--size=..{most}"),
            (None, None) => return Ok(()),
        };
        match sizes.at.and_then(|at| self.options.get_mut(at)) {
            Some(before) => *before = option.into_bytes(),
            None => {
                sizes.at = Some(self.options.len());
                self.options.push(option.into_bytes());
            }
        }
        Ok(())
    }
}

fn no_operator(word: &[u8]) -> Result<(), String> {
    match instead(&OPERATORS, word) {
        Some(instead) => Err(format!(
            "{} is not possible here: {instead}",
            Name::from(word)
        )),
        None => Ok(()),
    }
}

/// A pattern for names that differ only in the case of ASCII letters.
fn in_any_case(pattern: &[u8]) -> Vec<u8> {
    let mut any = Vec::with_capacity(pattern.len() * 4);
    let mut rest = pattern;
    while let Some(byte) = rest.first() {
        let taken = match byte {
            b'\\' => {
                let taken = rest.len().min(2);
                any.extend(&rest[..taken]);
                taken
            }
            b'[' => class_in_any_case(rest, &mut any),
            byte if byte.is_ascii_alphabetic() => {
                any.extend([
                    b'[',
                    byte.to_ascii_lowercase(),
                    byte.to_ascii_uppercase(),
                    b']',
                ]);
                1
            }
            byte => {
                any.push(*byte);
                1
            }
        };
        rest = &rest[taken..];
    }
    any
}

/// `[a-c]` becomes `[a-cA-C]`. Returns how many bytes it had.
fn class_in_any_case(rest: &[u8], any: &mut Vec<u8>) -> usize {
    // There is at least one character in it.
    let Some(length) = rest.iter().skip(2).position(|byte| *byte == b']') else {
        any.push(b'[');
        return 1;
    };
    let inside = &rest[1..length + 2];
    let negation = usize::from(matches!(inside[0], b'!' | b'^') && inside.len() > 1);
    any.push(b'[');
    any.extend(&inside[..negation]);
    any.extend(inside[negation..].to_ascii_lowercase());
    any.extend(inside[negation..].to_ascii_uppercase());
    any.push(b']');
    inside.len() + 2
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

/// The least and the largest size.
type Range = (Option<u64>, Option<u64>);

/// `+10k`, `-10k` or `10k`: as find(1) counts, in whole units, rounded up.
fn size(value: &[u8]) -> Result<Range, String> {
    let wrong = || {
        format!(
            "'{}' is not a size for -size: +N, -N or N with c (bytes), k, M or G",
            Name::from(value)
        )
    };
    let text = std::str::from_utf8(value).map_err(|_| wrong())?;
    let (sign, text) = match text.as_bytes().first() {
        Some(sign @ (b'+' | b'-')) => (Some(*sign), &text[1..]),
        _ => (None, text),
    };
    let (digits, unit) = match text.as_bytes().last() {
        Some(b'c') => (&text[..text.len() - 1], 1),
        Some(b'w') => (&text[..text.len() - 1], 2),
        Some(b'b') => (&text[..text.len() - 1], 512),
        Some(b'k') => (&text[..text.len() - 1], 1 << 10),
        Some(b'M') => (&text[..text.len() - 1], 1 << 20),
        Some(b'G') => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 512_u64),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let count: u64 = digits.parse().map_err(|_| wrong())?;
    let most = count.checked_mul(unit).ok_or_else(wrong)?;
    let below = count.checked_sub(1).map(|below| below * unit);
    Ok(match (sign, below) {
        (Some(b'+'), _) => (Some(most.saturating_add(1)), None),
        (Some(_), Some(below)) => (None, Some(below)),
        (None, Some(below)) => (Some(below + 1), Some(most)),
        (None, None) => (Some(0), Some(0)),
        // Nothing is smaller than nothing.
        (Some(_), None) => return Err("no file is smaller than 0".to_owned()),
    })
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
            (". -name *.pdf", "--below=. -- *.pdf"),
            (
                "music -type f -name a.mp3 --sort size",
                "--below=music --sort size -- a.mp3",
            ),
            ("-iname *.Jp?", "-- *.[jJ][pP]?"),
            ("-iname \\[a[b-d]", "-- \\[[aA][b-dB-D]"),
            ("-iname [!ab][x", "-- [!abAB][[xX]"),
            (". -size +10k -print0", "--below=. --size=10241.. --null --"),
            ("/ -empty -ls", "--below=/ --size=0..0 --long --"),
            ("-size +1k -ls -size -3k", "--size=1025..2048 --long --"),
            (
                "documents/ -newermt 2024-01-01",
                "--below=documents/ --modified-after=2024-01-01 --",
            ),
            ("*.c -size -2", "--size=..512 -- *.c"),
            ("..", "--below=.. --"),
            ("-name -- x", "x -- --"),
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
            "( --ext pdf",
        ] {
            assert_eq!(find(typed).as_deref(), Ok(typed));
        }
    }

    #[test]
    fn sizes_are_counted_as_find_does() {
        for (typed, ours) in [
            ("+1M", "1048577.."),
            ("-1M", "..0"),
            ("1M", "1..1048576"),
            ("2", "513..1024"),
            ("3c", "3..3"),
            ("0", "0..0"),
        ] {
            assert_eq!(
                find(&format!("-size {typed}")),
                Ok(format!("--size={ours} --"))
            );
        }
        for typed in [
            "",
            "M",
            "+",
            "1kB",
            "-0",
            "99999999999999999999",
            "18446744073709551615G",
        ] {
            assert!(find(&format!("-size {typed}")).is_err(), "{typed}");
        }
    }

    #[test]
    fn what_has_none_names_another_way() {
        for (typed, said) in [
            ("-type d", "tree -d shows the directories"),
            ("-type l", "only files and directories are shared"),
            (". -mtime -7", "--modified-after WHEN"),
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
            ("a/ b/ -name x", "one directory at a time"),
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
            let _ = translated(&with(b"-iname"));
        }
    }
}
