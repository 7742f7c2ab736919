//! Which parameters of a URL a directory takes.
//!
//! Owns: what a request for a directory asks for (an archive, a search, a listing), and the refusal of parameters that would
//! have no effect on it, since who is given more than was asked for does not notice. Does not own: what the parameters mean
//! (`target`). On a plain file every parameter but `download` is without effect, and none is refused.

use netsocket_protocol::find;
use netsocket_protocol::name::Name;
use netsocket_settings::nearest;

use super::archive;
use super::target::Target;
use crate::service::request_error::RequestError;

/// What a request for a directory asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Archive,
    Search,
    Listing,
}

/// Parameters of our own that are no condition of a search.
const OTHERS: [&str; 9] = [
    "archive", "plan", "download", "find", "q", "format", "sort", "reverse", "limit",
];

/// What other servers call some of them, and what `find` does.
const HABITS: [(&str, &str); 15] = [
    ("tar", "archive=tar"),
    ("tar.gz", "archive=tar.gz"),
    ("tgz", "archive=tar.gz"),
    ("tar.zst", "archive=tar.zst"),
    ("zip", "archive=zip"),
    ("json", "format=json"),
    ("search", "q"),
    ("query", "q"),
    ("filter", "q"),
    ("name", "find"),
    ("glob", "find"),
    ("pattern", "find"),
    ("extension", "ext"),
    ("min-size", "larger"),
    ("max-size", "smaller"),
];

/// Longer names are not compared with ours, nor shown in full.
const LONGEST: usize = 32;

impl Asked {
    /// What `target` asks for, if it is a directory.
    pub(super) fn of(target: &Target) -> Self {
        if target.is_given("archive") {
            Self::Archive
        } else if target.is_search() {
            Self::Search
        } else {
            Self::Listing
        }
    }

    /// Refuses parameters that would have no effect: all of them with an archive or a search; with a listing those that are
    /// ours, or nearly so. What else a link to a page has (`?utm_source=`, `?v=3`) is for others.
    pub(super) fn check(self, target: &Target) -> Result<(), RequestError> {
        // The form of a page sends what was not filled in as well.
        let is_form = self != Self::Archive && target.is_given("q");
        for (at, (name, value)) in target.pairs().enumerate() {
            if is_form && value.is_empty() && is_field(name) {
                continue;
            }
            let judged = match is_own(name) {
                true => self.applies(name).and_then(|()| {
                    let before = target.pairs().take(at);
                    once(name, before.map(|(name, _)| name))?;
                    has_value(name, value)
                }),
                false => self.foreign(name),
            };
            judged.map_err(|problem| {
                RequestError::BadRequest(format!("{}: {problem}", shown(name)))
            })?;
        }
        Ok(())
    }

    /// Whether a parameter of our own has a meaning here.
    fn applies(self, name: &str) -> Result<(), String> {
        let problem = match (self, name) {
            (Self::Archive, "limit") => {
                "an archive has no limit: it is all of the files that match"
            }
            (Self::Archive, "sort" | "reverse") => "an archive is in the order of paths",
            (Self::Archive, "format") => "not with an archive, whose format is that of archive=",
            (Self::Search | Self::Listing, "plan") => "only with archive",
            (Self::Search | Self::Listing, "download") => {
                "only of a file, or with archive, as in archive=tar.gz"
            }
            (Self::Listing, "limit") => "only with find, q or another condition",
            _ => return Ok(()),
        };
        Err(problem.to_owned())
    }

    fn foreign(self, name: &str) -> Result<(), String> {
        match (meant(name), self) {
            (Some(meant), _) => Err(format!("no such parameter; did you mean {meant}?")),
            (None, Self::Listing) => Ok(()),
            (None, Self::Archive | Self::Search) => {
                let applies = own().filter(|name| self.applies(name).is_ok());
                let known: Vec<_> = applies.collect();
                Err(format!("no such parameter; there are {}", known.join(", ")))
            }
        }
    }
}

fn own() -> impl Iterator<Item = &'static str> {
    let conditions = find::CONDITIONS.iter().map(|option| option.name);
    OTHERS.into_iter().chain(conditions)
}

fn is_own(name: &str) -> bool {
    own().any(|known| known == name)
}

/// The parameter that is probably meant: one that differs in a third of its letters at most.
fn meant(name: &str) -> Option<&'static str> {
    if name.len() > LONGEST {
        return None;
    }
    let name = name.to_ascii_lowercase().replace('_', "-");
    if let Some((_, meant)) = HABITS.iter().find(|(habit, _)| *habit == name) {
        return Some(meant);
    }
    nearest(&name, own())
}

/// Extensions add up; of everything else only one could count.
fn once<'a>(name: &str, mut before: impl Iterator<Item = &'a str>) -> Result<(), String> {
    match name != "ext" && before.any(|earlier| earlier == name) {
        true => Err("given more than once".to_owned()),
        false => Ok(()),
    }
}

/// Whether the form of a page has it.
fn is_field(name: &str) -> bool {
    ["q", "limit"].contains(&name) || find::CONDITIONS.iter().any(|it| it.name == name)
}

/// A parameter with a value has one, a flag says yes or no.
fn has_value(name: &str, value: &[u8]) -> Result<(), String> {
    let is_flag = ["download", "reverse", "hidden"].contains(&name);
    if is_flag {
        return match value {
            b"" | b"1" | b"yes" | b"true" | b"on" | b"0" | b"no" | b"false" | b"off" => Ok(()),
            _ => Err(format!(
                "must be 1 or 0, or without a value, got {}",
                shown(&String::from_utf8_lossy(value))
            )),
        };
    }
    if !value.is_empty() {
        return Ok(());
    }
    match name {
        "archive" => Err(format!("must be {}", archive::allowed())),
        "format" => Err("must be html, json or jsonl".to_owned()),
        _ => Err("needs a value".to_owned()),
    }
}

/// Nothing in it that a terminal would obey, and not too much of it.
fn shown(name: &str) -> String {
    let cut: String = name.chars().take(LONGEST).collect();
    let dots = if cut.len() < name.len() { "…" } else { "" };
    format!("{}{dots}", Name::from(cut.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(query: &str) -> Result<Asked, String> {
        let target = Target::parse(&format!("/docs/?{query}").parse().unwrap()).unwrap();
        let asked = Asked::of(&target);
        asked
            .check(&target)
            .map(|()| asked)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn what_would_have_no_effect_is_refused() {
        for (query, said) in [
            (
                "archive=tar&exts=txt",
                "exts: no such parameter; did you mean ext?",
            ),
            (
                "find=*.pdf&large=1M",
                "large: no such parameter; did you mean larger?",
            ),
            (
                "q=a&modified_after=2024-01-01",
                "modified_after: no such parameter; did you mean modified-after?",
            ),
            (
                "archive=tar&Ext=txt",
                "Ext: no such parameter; did you mean ext?",
            ),
            (
                "archive=tar&%ff=1",
                "\u{fffd}: no such parameter; there are archive, plan, download, find, q, ext, larger, smaller, size, born-after, born-before, modified-after, modified-before, below, hidden",
            ),
            (
                "archve=tar",
                "archve: no such parameter; did you mean archive?",
            ),
            ("exts=txt", "exts: no such parameter; did you mean ext?"),
            ("zip", "zip: no such parameter; did you mean archive=zip?"),
            ("search=a", "search: no such parameter; did you mean q?"),
            ("archive", "archive: must be tar.gz, tar.zst, tar or zip"),
            ("archive=", "archive: must be tar.gz, tar.zst, tar or zip"),
            (
                "archive&format=zip",
                "archive: must be tar.gz, tar.zst, tar or zip",
            ),
            ("archive=tar&archive=zip", "archive: given more than once"),
            ("find=a&find=b", "find: given more than once"),
            (
                "archive=tar&format=json",
                "format: not with an archive, whose format is that of archive=",
            ),
            ("archive=tar&ext=", "ext: needs a value"),
            ("archive=tar&q=&ext=", "q: needs a value"),
            ("find=", "find: needs a value"),
            ("find=&q=", "find: needs a value"),
            ("q=&format=", "format: must be html, json or jsonl"),
            ("find=a&larger=", "larger: needs a value"),
            ("format=", "format: must be html, json or jsonl"),
            (
                "archive=tar&sort=size",
                "sort: an archive is in the order of paths",
            ),
            ("limit=5", "limit: only with find, q or another condition"),
            ("find=a&plan=x", "plan: only with archive"),
            (
                "download",
                "download: only of a file, or with archive, as in archive=tar.gz",
            ),
            (
                "ext=a&hidden=perhaps",
                "hidden: must be 1 or 0, or without a value, got perhaps",
            ),
        ] {
            assert_eq!(checked(query), Err(said.to_owned()), "{query}");
        }
        let long = checked(&format!("archive=tar&{}=1", "%1b".repeat(2000))).unwrap_err();
        assert!(!long.contains('\x1b') && long.len() < 500, "{long}");
    }

    #[test]
    fn what_is_for_others_does_no_harm_to_a_listing() {
        for query in [
            "",
            "v=3",
            "utm_source=mail&utm_medium=x",
            "C=N;O=D",
            "C=M&O=A",
            "_=1700000000",
            "fbclid=x",
            "order=asc",
            "q=&ext=&larger=&smaller=&modified-after=&modified-before=&born-after=&born-before=&limit=",
            "sort=size&v=3",
            "format=json&t=1",
            "reverse&sort=name",
            "hidden=0",
        ] {
            assert_eq!(checked(query), Ok(Asked::Listing), "{query}");
        }
        for (query, asked) in [
            ("q=a&ext=&limit=", Asked::Search),
            (
                "ext=pdf&ext=txt&limit=5&sort=-size&format=jsonl",
                Asked::Search,
            ),
            (
                "archive=tar&ext=pdf&ext=txt&plan=x&download",
                Asked::Archive,
            ),
            ("find=a&hidden=no", Asked::Search),
        ] {
            assert_eq!(checked(query), Ok(asked), "{query}");
        }
    }

    #[test]
    fn every_option_of_find_is_a_parameter() {
        for option in find::CONDITIONS.iter().chain(&find::ORDER) {
            assert!(is_own(option.name), "{}", option.name);
        }
    }
}
