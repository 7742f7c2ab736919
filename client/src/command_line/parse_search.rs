//! Parses the commands that search: `find`, and `archive`, which takes what `find` would list.
//!
//! Owns: which of their words are names, and which are places to search. Does not own: whether there is anything at such a
//! place (`cmd`), nor what is typed for find(1) ([`crate::command_line::posix_find`]).

use netsocket_protocol::find as protocol;
use netsocket_protocol::message::{Compression, EntryNames, Request};
use netsocket_protocol::name::Name;
use netsocket_protocol::query::Sort;

use crate::command_line::age::{self, Age, Ages};
use crate::command_line::any_case::in_any_case;
use crate::command_line::archive_names::Format;
use crate::command_line::command::{Archive, Find, Search};
use crate::command_line::command_options::{CONDITION_OPTIONS, ORDER_OPTIONS};
use crate::command_line::commands::FORMATS;
use crate::command_line::option_values::{list_format, number, path, save};
use crate::command_line::options::ParsedOptions;
use crate::command_line::quote::pasteable;
use crate::command_line::stat_times;

/// What `archive` searches.
const TAKES_ONE: &str = "takes one directory, and one name or glob";

/// Says so, with a way out.
pub(crate) fn takes_one(typed: &str) -> String {
    format!("{typed} {TAKES_ONE}: make one archive of each, or of a directory with all of them")
}

/// A search, and the order of what it finds.
struct Ordered {
    search: Search,
    sort: Sort,
    reverse: bool,
    limit: u64,
}

/// Whether a word without a slash is a pattern for the names of files.
#[must_use]
pub(crate) fn is_glob_of_names(word: &[u8]) -> bool {
    !word.contains(&b'/') && word.iter().any(|byte| b"*?[{".contains(byte))
}

/// Whether a word that could be a place may also be the name of a file.
#[must_use]
pub(crate) fn may_be_name(word: &[u8]) -> bool {
    !word.contains(&b'/') && !matches!(word, b"." | b"..")
}

/// The options that have a name.
const NAMES: [&str; 2] = ["name", "iname"];

/// Whether an option says the name.
pub(crate) fn has_name(parsed: &ParsedOptions) -> bool {
    NAMES.iter().any(|option| parsed.has(option))
}

/// The words that are names or globs, and those that are places, of which the last one may yet be a name.
pub(crate) fn names_and_places(parsed: &ParsedOptions) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let words = || parsed.operands.iter().cloned();
    match (parsed.has("below"), has_name(parsed)) {
        // It is said where to look.
        (true, _) => (words().collect(), Vec::new()),
        (false, true) => (Vec::new(), words().collect()),
        (false, false) => words().partition(|word| is_glob_of_names(word)),
    }
}

fn ordered(typed: &str, parsed: &ParsedOptions) -> Result<Ordered, String> {
    let mut ages = Ages::default();
    for option in Ages::OPTIONS {
        let age = parsed.value(option).map(Age::parse).transpose()?;
        if let Some(age) = age.flatten() {
            ages.set(option, age);
        }
    }
    let is_known = |name: &str| {
        name != "below"
            && !ages.has(name)
            && CONDITION_OPTIONS
                .iter()
                .chain(&ORDER_OPTIONS)
                .any(|spec| spec.long == name)
    };
    let (words, places) = names_and_places(parsed);
    let ignoring_case = parsed.value("iname").map(<[u8]>::to_vec);
    let mut names: Vec<Vec<u8>> = parsed
        .value("name")
        .map(<[u8]>::to_vec)
        .into_iter()
        .collect();
    names.extend(ignoring_case.as_deref().map(in_any_case));
    names.extend(words);
    if names.iter().any(|name| matches!(&name[..], b"." | b"..")) {
        return Err("a name or glob has no directories; --below DIR says where to look".to_owned());
    }
    let words = parsed.words(is_known).into_iter();
    let mut words: Vec<Vec<u8>> = words.map(stat_times::as_sent).collect();
    words.push(b"--".to_vec());
    words.extend(names);
    match protocol::parse(&words).map_err(|error| of_query(typed, parsed, &error.problem))? {
        Request::Find {
            query,
            limit,
            sort,
            reverse,
        } => Ok(Ordered {
            search: Search {
                query,
                ages,
                below: parsed.value("below").map(<[u8]>::to_vec),
                ignoring_case,
                places,
            },
            sort,
            reverse,
            limit,
        }),
        _ => Err("this is not a search for files".to_owned()),
    }
}

/// What is wrong with a query, in the words that were typed.
fn of_query(typed: &str, parsed: &ParsedOptions, problem: &str) -> String {
    if let Some(takes) = problem.strip_prefix("find takes ") {
        return format!("{typed} takes {takes}");
    }
    if problem.contains("is not a date or time: use ") {
        return format!("{problem}; or {}", age::FORM);
    }
    if !problem.starts_with("the size ") {
        return problem.replacen("A name ", "a name ", 1);
    }
    let sizes = parsed.words(|name| matches!(name, "larger" | "smaller" | "size"));
    format!("no file is {}: {problem}", Name::from(sizes.join(&b' ')))
}

/// Whether a word is the name of an archive.
fn is_archive(word: &[u8]) -> bool {
    Format::of_name(&path(word.to_vec())) != Format::Unknown
}

/// What was meant where the name of an archive stands for that of a file.
fn meant_output(parsed: &ParsedOptions) -> Option<String> {
    let last = parsed.operands.last().filter(|_| parsed.operands.len() > 1);
    let name = last.filter(|word| is_archive(word) && !parsed.has("output"))?;
    Some(format!("; did you mean -o {}?", pasteable(name)))
}

pub(super) fn find(typed: &str, parsed: &ParsedOptions) -> Result<Find, String> {
    let Ordered {
        search,
        sort,
        reverse,
        limit,
    } = ordered(typed, parsed)?;
    Ok(Find {
        search,
        sort: parsed.has("sort").then_some(sort),
        reverse,
        limit: parsed.value("limit").map(|_| limit),
        format: list_format(parsed),
    })
}

pub(super) fn archive(typed: &str, parsed: &ParsedOptions) -> Result<Archive, String> {
    let Ordered { search, .. } = ordered(typed, parsed)
        .map_err(|problem| problem + &meant_output(parsed).unwrap_or_default())?;
    // Of two words, the second may be a name.
    let is_too_many = match &search.places[..] {
        [] | [_] => false,
        [_, last] => is_archive(last) || !may_be_name(last) || has_name(parsed),
        _ => true,
    };
    if is_too_many {
        return Err(match meant_output(parsed) {
            Some(meant) => format!("{typed} {TAKES_ONE}{meant}"),
            None => takes_one(typed),
        });
    }
    let save = save(parsed);
    let extract = parsed.value("extract").map(|value| path(value.to_vec()));
    if extract.is_some() && save.output.is_some() {
        let (extract, output) = (parsed.typed("extract"), parsed.typed("output"));
        return Err(format!(
            "{extract} unpacks the archive, {output} keeps it: use only one of them"
        ));
    }
    let preserve_permissions = parsed.has("preserve-permissions");
    if preserve_permissions && extract.is_none() {
        let option = parsed.typed("preserve-permissions");
        return Err(format!("{option} works only with --extract"));
    }
    let format = match parsed.value("format") {
        None => None,
        Some(word) => Some(compression(word).ok_or_else(|| {
            let by_http = match word {
                b"zip" => "; the server makes a zip by HTTP: its address with ?archive=zip",
                _ => "",
            };
            let word = Name::from(word);
            format!("'{word}' is not a format: {}{by_http}", FORMATS.join(", "))
        })?),
    };
    let level = match parsed.value("level") {
        None => None,
        Some(word) => Some(
            number(word)
                .and_then(|level| u8::try_from(level.get()).ok())
                .ok_or_else(|| {
                    format!(
                        "--level takes a number, 1 or more, not '{}'",
                        Name::from(word)
                    )
                })?,
        ),
    };
    Ok(Archive {
        search,
        format,
        level,
        names: if parsed.has("flat") {
            EntryNames::Base
        } else {
            EntryNames::Path
        },
        extract,
        preserve_permissions,
        save,
    })
}

/// The compression named by a word of [`FORMATS`] or by a common synonym.
fn compression(word: &[u8]) -> Option<Compression> {
    match word {
        b"gz" | b"gzip" | b"tar.gz" | b"tgz" => Some(Compression::Gzip),
        b"zst" | b"zstd" | b"tar.zst" => Some(Compression::Zstd),
        b"tar" | b"none" => Some(Compression::None),
        _ => None,
    }
}
