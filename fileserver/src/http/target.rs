//! What a URL names: a path below the root, and pairs of options.

use http::Uri;
use netsocket_protocol::find;
use netsocket_protocol::message::Request;
use netsocket_protocol::name::Name;
use netsocket_protocol::query::{Query, Sort};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};

use crate::service::request_error::RequestError;
use crate::tree::path_order;

/// The longest path with its options, in bytes.
pub(super) const MAX_URL: usize = 8 * 1024;

/// What is escaped in a path: everything but what no parser of links stumbles over.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// The options for the name of what is searched for.
pub(super) const PATTERNS: [&str; 2] = ["find", "q"];

/// A parsed URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// Below the root, without a slash at either end; empty for the root.
    pub(super) path: Vec<u8>,
    /// Whether it ended with a slash.
    pub(super) is_directory: bool,
    pairs: Vec<(String, Vec<u8>)>,
}

/// A search, as on the other wires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Search {
    pub(super) query: Query,
    pub(super) limit: u64,
    pub(super) sort: Sort,
    pub(super) reverse: bool,
}

impl Target {
    pub(super) fn parse(uri: &Uri) -> Result<Self, RequestError> {
        let bad = |problem: &str| RequestError::BadRequest(problem.to_owned());
        let path: Vec<u8> = percent_decode(uri.path().as_bytes()).collect();
        let Some(path) = path.strip_prefix(b"/") else {
            return Err(bad("a path begins with a slash"));
        };
        if path.contains(&0) {
            return Err(bad("a path contains no zero byte"));
        }
        let (path, is_directory) = match path.strip_suffix(b"/") {
            Some(path) => (path, true),
            None => (path, path.is_empty()),
        };
        Ok(Self {
            path: path.to_vec(),
            is_directory,
            pairs: uri.query().map_or_else(Vec::new, pairs),
        })
    }

    /// A file of this directory.
    pub(super) fn child(&self, name: &[u8]) -> Self {
        Self {
            path: path_order::join(&self.path, name),
            is_directory: false,
            pairs: Vec::new(),
        }
    }

    /// The value of an option, if it is given and not empty.
    pub(super) fn option(&self, name: &str) -> Option<&[u8]> {
        let values = self.pairs.iter().filter(|(key, _)| key == name);
        values
            .map(|(_, value)| value.as_slice())
            .find(|value| !value.is_empty())
    }

    /// Whether an option is given, with any value but one that says no.
    pub(super) fn has(&self, name: &str) -> bool {
        let mut values = self.pairs.iter().filter(|(key, _)| key == name);
        values.any(|(_, value)| !matches!(value.as_slice(), b"0" | b"no" | b"false" | b"off"))
    }

    /// Whether an option is there, with or without a value.
    pub(super) fn is_given(&self, name: &str) -> bool {
        self.pairs.iter().any(|(key, _)| key == name)
    }

    /// All options with their values, as they are given.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let pairs = self.pairs.iter();
        pairs.map(|(key, value)| (key.as_str(), value.as_slice()))
    }

    /// The value of an option as text, for display.
    pub(super) fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(self.option(name).unwrap_or_default()).into_owned()
    }

    /// Whether files are searched for.
    pub(super) fn is_search(&self) -> bool {
        PATTERNS.into_iter().any(|name| self.option(name).is_some())
            || self.conditions().next().is_some()
    }

    /// The conditions of a search, each as often as it is given.
    pub(super) fn conditions(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.pairs.iter().filter_map(|(key, value)| {
            let known = find::CONDITIONS.iter().find(|option| option.name == key)?;
            match known.value {
                // It says all by being there.
                None => self.has(key).then_some((known.name, &b"1"[..])),
                Some(_) => (!value.is_empty()).then_some((known.name, value.as_slice())),
            }
        })
    }

    /// The search that the options describe, below this directory. The words mean what they mean for the command `find`;
    /// `q` is for people: a part of a name, in any case.
    pub(super) fn search(&self) -> Result<Search, RequestError> {
        let mut words: Vec<Vec<u8>> = Vec::new();
        for (key, value) in &self.pairs {
            let known = find::CONDITIONS
                .iter()
                .chain(&find::ORDER)
                .find(|option| option.name == key);
            match known {
                Some(option) if option.value.is_none() && !self.has(key) => {}
                Some(option) if option.value.is_none() => {
                    words.push(format!("--{key}").into_bytes());
                }
                Some(_) if value.is_empty() || key == "below" => {}
                Some(_) if key == "sort" => {
                    let (key, reverse) = match value.strip_prefix(b"-") {
                        Some(key) => (key, true),
                        None => (value.as_slice(), false),
                    };
                    words.push([b"--sort=", key].concat());
                    if reverse {
                        words.push(b"--reverse".to_vec());
                    }
                }
                Some(_) => words.push([b"--", key.as_bytes(), b"=", value].concat()),
                None => {}
            }
        }
        if let Some(below) = self.below() {
            words.push([b"--below=", &below[..]].concat());
        }
        words.push(b"--".to_vec());
        match (self.option("find"), self.option("q")) {
            (Some(_), Some(_)) => {
                return Err(RequestError::BadRequest(
                    "give find or q, not both".to_owned(),
                ));
            }
            (Some(pattern), None) => words.push(one_name("find", pattern)?.to_vec()),
            (None, Some(part)) => words.push(contains(one_name("q", part)?)),
            (None, None) => {}
        }
        match find::parse(&words) {
            Ok(Request::Find {
                query,
                limit,
                sort,
                reverse,
            }) => Ok(Search {
                query,
                limit,
                sort,
                reverse,
            }),
            Ok(_) => Err(RequestError::BadRequest("this is not a search".to_owned())),
            Err(error) => Err(RequestError::BadRequest(blamed(&words, error.problem))),
        }
    }

    /// The directory to search: this one, or one that is named below it.
    fn below(&self) -> Option<Vec<u8>> {
        let named = self.option("below").unwrap_or_default();
        let named = named.strip_prefix(b"/").unwrap_or(named);
        let named = named.strip_suffix(b"/").unwrap_or(named);
        match (self.path.is_empty(), named.is_empty()) {
            (true, true) => None,
            (false, true) => Some(self.path.clone()),
            _ => Some(path_order::join(&self.path, named)),
        }
    }

    /// What is named, for messages.
    pub(super) fn shown(&self) -> Name {
        Name::from(self.path.as_slice())
    }
}

/// A pattern for names: files are found by the last part of their path.
fn one_name<'a>(option: &str, pattern: &'a [u8]) -> Result<&'a [u8], RequestError> {
    match pattern.contains(&b'/') {
        true => Err(RequestError::BadRequest(format!(
            "{option}: a name or glob is without directories; below=DIR says where to look"
        ))),
        false => Ok(pattern),
    }
}

/// What is wrong with the words of a search, with the name of the option that it is about, if it is one alone.
fn blamed(words: &[Vec<u8>], problem: String) -> String {
    let mut options = words.iter().take_while(|word| *word != b"--");
    let wrong = options.find(|word| find::parse(&[word]).is_err());
    let option =
        wrong.and_then(|word| word.strip_prefix(b"--")?.split(|byte| *byte == b'=').next());
    match option.and_then(|option| std::str::from_utf8(option).ok()) {
        Some(option) => format!("{option}: {problem}"),
        None => problem,
    }
}

/// The pairs of a query: `a=b&c`, with `+` for a space. A name that is no text is nobody's, but it is there.
fn pairs(query: &str) -> Vec<(String, Vec<u8>)> {
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode(spaced.as_bytes()).collect::<Vec<u8>>()
    };
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let text = |key| String::from_utf8_lossy(&decode(key)).into_owned();
    pairs
        .map(|(key, value)| (text(key), decode(value)))
        .collect()
}

/// The glob for names that contain a text. Lower-case letters match either case; a glob stays as it is.
fn contains(part: &[u8]) -> Vec<u8> {
    if part.iter().any(|byte| b"*?[{".contains(byte)) {
        return part.to_vec();
    }
    let any_case = !part.iter().any(u8::is_ascii_uppercase);
    let mut glob = b"*".to_vec();
    for byte in part {
        match byte {
            b'a'..=b'z' if any_case => {
                glob.extend_from_slice(&[b'[', *byte, byte.to_ascii_uppercase(), b']']);
            }
            b'\\' | b']' | b'}' => glob.extend_from_slice(&[b'\\', *byte]),
            byte => glob.push(*byte),
        }
    }
    glob.push(b'*');
    glob
}

/// One component of a path as it stands in a URL.
pub(super) fn escaped_name(name: &[u8]) -> String {
    percent_encode(name, IN_PATH).to_string()
}

/// The URL of a path below the root: absolute, with a slash at the end for a directory.
pub(super) fn url(path: &[u8], is_directory: bool) -> String {
    let mut url = String::from("/");
    if path.is_empty() {
        return url;
    }
    let components: Vec<String> = path.split(|byte| *byte == b'/').map(escaped_name).collect();
    url.push_str(&components.join("/"));
    if is_directory {
        url.push('/');
    }
    url
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn target(uri: &str) -> Target {
        Target::parse(&uri.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_path_is_bytes() {
        for (uri, path, is_directory) in [
            ("/", &b""[..], true),
            ("/a/b", b"a/b", false),
            ("/a/b/", b"a/b", true),
            ("/caf%C3%A9%20%25.txt", "café %.txt".as_bytes(), false),
            ("/%ff", b"\xff", false),
            ("http://example.com/x", b"x", false),
            ("//x", b"/x", false),
        ] {
            let target = target(uri);
            assert_eq!(
                (target.path.as_slice(), target.is_directory),
                (path, is_directory),
                "{uri}"
            );
        }
        for bad in ["/a%00", "*"] {
            assert!(Target::parse(&bad.parse().unwrap()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_search_is_that_of_the_command() {
        let search = target("/docs/?find=*.pdf&larger=1M&smaller=&born-after=2024-01-01&below=new/&sort=-size&limit=5")
            .search()
            .unwrap();
        assert_eq!(search.query.glob.as_deref(), Some("*.pdf"));
        assert_eq!(
            (search.query.size_min, search.query.size_max),
            (Some(1 << 20), None)
        );
        assert_eq!(search.query.below, Some(Name::from("docs/new")));
        assert_eq!(
            (search.sort, search.reverse, search.limit),
            (Sort::Size, true, 5)
        );
        assert_eq!(
            target("/?find=a+b").search().unwrap().query.name,
            Some(Name::from("a b"))
        );
        assert_eq!(
            target("/?find=%ff").search().unwrap().query.name,
            Some(Name(vec![0xff]))
        );
        for (uri, said) in [
            ("/?find=a&larger=much", "larger: 'much' is not a size"),
            ("/?sort=luck&find=a&limit=5", "sort: "),
            (
                "/?find=a/b",
                "find: a name or glob is without directories; below=DIR says where to look",
            ),
            ("/?find=a&larger=5&smaller=3", "the size 5 is larger than 3"),
        ] {
            let error = target(uri).search().unwrap_err().to_string();
            assert!(error.starts_with(said), "{uri}: {error}");
        }
        assert!(target("/?find=a&q=b").search().is_err());
        assert!(
            target("/?find=--larger")
                .search()
                .unwrap()
                .query
                .size_min
                .is_none()
        );
    }

    #[test]
    fn people_search_for_parts_in_any_case() {
        let glob = |uri: &str| target(uri).search().unwrap().query.glob;
        assert_eq!(glob("/?q=ab1").as_deref(), Some("*[aA][bB]1*"));
        assert_eq!(glob("/?q=Ab").as_deref(), Some("*Ab*"));
        assert_eq!(glob("/?q=*.rs").as_deref(), Some("*.rs"));
        assert_eq!(glob("/?q=%5D").as_deref(), Some("*\\]*"));
    }

    #[test]
    fn a_form_with_nothing_filled_in_is_no_search() {
        assert!(!target("/?ext=&larger=&q=").is_search());
        assert!(!target("/?sort=size&format=json").is_search());
        assert!(target("/?hidden").is_search() && target("/?ext=pdf").is_search());
    }

    proptest! {
        #[test]
        fn every_path_survives_its_url(path in proptest::collection::vec(1_u8.., 1..40), is_directory: bool) {
            prop_assume!(!path.starts_with(b"/") && !path.ends_with(b"/"));
            let parsed = target(&url(&path, is_directory));
            prop_assert_eq!((parsed.path, parsed.is_directory), (path, is_directory));
        }

        #[test]
        fn no_url_panics(path in "/\\PC{0,40}") {
            if let Ok(uri) = path.parse::<Uri>() && let Ok(target) = Target::parse(&uri) {
                let _ = target.search();
            }
        }
    }
}
