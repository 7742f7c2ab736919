//! The HTTP address of an archive in a format that only the server's HTTP has.

use netsocket_protocol::query::Query;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use super::context::Context;

/// What is encoded: all but slashes and what RFC 3986 calls unreserved.
const OTHERS: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

impl Context {
    /// The command that downloads a zip of the files that match a query to `file`, a word for a shell.
    pub(super) fn curl_of_zip(&self, query: &Query, file: &str) -> String {
        let security = &self.session.service().security;
        let scheme = if security.tls.is_some() {
            "https"
        } else {
            "http"
        };
        let server = self.session.server().map(ToString::to_string);
        let server = server.unwrap_or_default();
        // It asks for the token as the password.
        let user = match security.token() {
            Some(_) => "-u anybody ",
            None => "",
        };
        let target = target_of_zip(query);
        format!("curl {user}-o {file} '{scheme}://{server}{target}'")
    }
}

/// The path and the options of the URL.
fn target_of_zip(query: &Query) -> String {
    let Query {
        name,
        glob,
        size_min,
        size_max,
        extensions,
        born_from,
        born_before,
        modified_from,
        modified_before,
        below,
        hidden,
    } = query;
    let mut target = String::from("/");
    if let Some(below) = below {
        target.push_str(&encoded(below.as_bytes()));
        target.push('/');
    }
    target.push_str("?archive=zip");
    let mut add = |option: &str, value: &[u8]| {
        let value = encoded(value);
        target.push_str(&format!("&{option}={value}"));
    };
    if let Some(name) = name {
        add("find", name.as_bytes());
    }
    if let Some(glob) = glob {
        add("find", glob.as_bytes());
    }
    if !extensions.is_empty() {
        let extensions: Vec<&[u8]> = extensions.iter().map(|ext| ext.as_bytes()).collect();
        add("ext", &extensions.join(&b','));
    }
    let sizes = [("larger", size_min), ("smaller", size_max)];
    for (option, size) in sizes {
        if let Some(size) = size {
            add(option, size.to_string().as_bytes());
        }
    }
    let times = [
        ("born-after", born_from),
        ("born-before", born_before),
        ("modified-after", modified_from),
        ("modified-before", modified_before),
    ];
    for (option, time) in times {
        if let Some(time) = time {
            add(option, time.to_string().as_bytes());
        }
    }
    if *hidden {
        target.push_str("&hidden");
    }
    target
}

/// Bytes as a part of a URL, slashes as they are.
fn encoded(bytes: &[u8]) -> String {
    percent_encode(bytes, OTHERS).to_string()
}

#[cfg(test)]
mod tests {
    use netsocket_protocol::find;
    use netsocket_protocol::message::Request;

    use super::*;

    fn target(words: &[&str]) -> String {
        match find::parse(words).unwrap() {
            Request::Find { query, .. } => target_of_zip(&query),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_condition_is_an_option_of_the_address() {
        for (words, expected) in [
            (&[][..], "/?archive=zip"),
            (&["--below", "documents"], "/documents/?archive=zip"),
            (
                &["--below", "a b/c'd", "*.pdf", "--hidden"],
                "/a%20b/c%27d/?archive=zip&find=%2A.pdf&hidden",
            ),
            (&["a&b"], "/?archive=zip&find=a%26b"),
            (
                &["--ext=pdf,txt", "--size=1k..2k"],
                "/?archive=zip&ext=pdf%2Ctxt&larger=1024&smaller=2048",
            ),
            (
                &[
                    "--born-after=2024-01-31",
                    "--born-before=2024-02-01T12:30",
                    "--modified-after=2024-01-01T00:00:00+02:00",
                    "--modified-before=2025-01-01",
                ],
                "/?archive=zip&born-after=2024-01-31&born-before=2024-02-01T12%3A30%3A00\
                 &modified-after=2024-01-01T00%3A00%3A00%2B02%3A00&modified-before=2025-01-01",
            ),
        ] {
            assert_eq!(target(words), expected);
        }
    }
}
