//! Colours of names on a terminal, from `LS_COLORS`; none if `NO_COLOR` is set.
//!
//! `LS_COLORS` is a list `KEY=CODE:…` as printed by `dircolors`. Only the keys that apply to a server's entries are used: `di`,
//! `ex`, `fi` and `*SUFFIX`. Codes with anything but digits and semicolons are ignored, as they could drive the terminal.

use std::collections::HashMap;

use netsocket_protocol::message::FileEntry;

/// Type bits of a directory in `st_mode`.
const DIRECTORY: u32 = 0o040_000;
/// The type bits in `st_mode`.
const TYPE: u32 = 0o170_000;

/// The default of `ls`.
const DEFAULT_DIRECTORY: &str = "01;34";
const DEFAULT_EXECUTABLE: &str = "01;32";

/// Whether that entry is a directory.
#[must_use]
pub(crate) fn is_directory(entry: &FileEntry) -> bool {
    entry.mode & TYPE == DIRECTORY
}

/// The codes of each kind of entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Colours {
    directory: String,
    executable: String,
    file: Option<String>,
    /// Codes by suffix; the keys are lower case.
    suffixes: HashMap<Vec<u8>, String>,
}

impl Colours {
    /// The colours set by the environment, which `variable` reads; `None` if disabled.
    pub fn new(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let is_set = |name| variable(name).is_some_and(|value| !value.is_empty());
        if is_set("NO_COLOR") || variable("TERM").is_none_or(|term| term == "dumb") {
            return None;
        }
        let mut colours = Self {
            directory: DEFAULT_DIRECTORY.to_owned(),
            executable: DEFAULT_EXECUTABLE.to_owned(),
            file: None,
            suffixes: HashMap::new(),
        };
        let list = variable("LS_COLORS").unwrap_or_default();
        for (key, code) in list.split(':').filter_map(|entry| entry.split_once('=')) {
            if code.is_empty() || !code.bytes().all(|b| b.is_ascii_digit() || b == b';') {
                continue;
            }
            let code = code.to_owned();
            match key {
                "di" => colours.directory = code,
                "ex" => colours.executable = code,
                "fi" => colours.file = Some(code),
                key => {
                    if let Some(suffix) = key.strip_prefix('*').filter(|suffix| !suffix.is_empty())
                    {
                        let suffix = suffix.to_ascii_lowercase().into_bytes();
                        colours.suffixes.insert(suffix, code);
                    }
                }
            }
        }
        Some(colours)
    }

    /// The code for a directory.
    #[must_use]
    pub(crate) fn directory_code(&self) -> Option<&str> {
        Self::visible(&self.directory)
    }

    /// The code for an entry; `None` for the default colour.
    #[must_use]
    pub fn code(&self, entry: &FileEntry) -> Option<&str> {
        let code = if is_directory(entry) {
            Some(&self.directory)
        } else if entry.mode & 0o111 != 0 {
            Some(&self.executable)
        } else {
            self.by_suffix(entry.path.as_bytes()).or(self.file.as_ref())
        };
        code.and_then(|code| Self::visible(code))
    }

    /// `0` and `00` remove a colour.
    fn visible(code: &str) -> Option<&str> {
        let sets_any = code.bytes().any(|byte| !matches!(byte, b'0' | b';'));
        sets_any.then_some(code)
    }

    /// The code of the longest matching suffix.
    fn by_suffix(&self, path: &[u8]) -> Option<&String> {
        if self.suffixes.is_empty() {
            return None;
        }
        let name = path
            .rsplit(|byte| *byte == b'/')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        (0..name.len()).find_map(|from| self.suffixes.get(&name[from..]))
    }
}

/// Wraps text in a colour code.
#[must_use]
pub(crate) fn painted(text: &str, code: Option<&str>) -> String {
    match code {
        Some(code) => format!("\x1b[{code}m{text}\x1b[0m"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn colours(set: &[(&str, &str)]) -> Option<Colours> {
        Colours::new(|name| {
            let found = set.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    /// A file or directory of which only this matters.
    pub(crate) fn entry(path: &str, mode: u32) -> FileEntry {
        FileEntry {
            path: path.into(),
            size: 0,
            born: String::new(),
            birth_known: true,
            modified: String::new(),
            mode,
        }
    }

    #[test]
    fn the_environment_decides_whether_there_are_any() {
        assert!(colours(&[("TERM", "xterm")]).is_some());
        assert!(colours(&[("TERM", "xterm"), ("NO_COLOR", "")]).is_some());
        assert!(colours(&[("TERM", "xterm"), ("NO_COLOR", "1")]).is_none());
        assert!(colours(&[("TERM", "dumb")]).is_none());
        assert!(colours(&[]).is_none());
    }

    #[test]
    fn each_kind_has_its_colour() {
        let list = "di=01;35:*.tar.gz=31:*.gz=32:*README=33:fi=00:ex=evil\x1b[2J:*=7:bad:*.x=";
        let colours = colours(&[("TERM", "xterm"), ("LS_COLORS", list)]).unwrap();
        for (path, mode, code) in [
            ("d", 0o040_755, Some("01;35")),
            ("run", 0o100_755, Some("01;32")),
            ("a.tar.gz", 0o100_644, Some("31")),
            ("A.GZ", 0o100_644, Some("32")),
            ("x/README", 0o100_644, Some("33")),
            ("plain", 0o100_644, None),
        ] {
            assert_eq!(colours.code(&entry(path, mode)), code, "{path}");
        }
        assert_eq!(painted("a", Some("31")), "\x1b[31ma\x1b[0m");
    }
}
