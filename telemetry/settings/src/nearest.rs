//! The word that was probably meant, where one was mistyped: a key, a command, an option, a parameter.

/// The known word closest to the typed one, if it is close: up to a third of its letters, and at least one, may be wrong,
/// missing, surplus or swapped, but not all of them.
///
/// # Examples
///
/// ```
/// use netsocket_settings::nearest;
///
/// assert_eq!(nearest("max_connection", ["listen", "max_connections"]), Some("max_connections"));
/// assert_eq!(nearest("zeal", ["listen", "max_connections"]), None);
/// ```
#[must_use]
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(typed, word), word))
        .filter(|(distance, word)| *distance <= (word.len() / 3).max(1) && *distance < word.len())
        // The first of several equally close words.
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// The known words that go on behind this one, as `token_file` does behind `token`.
pub(crate) fn longer<'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> impl Iterator<Item = &'a str> {
    let goes_on = move |word: &&str| {
        word.strip_prefix(name)
            .is_some_and(|it| it.starts_with('_'))
    };
    known.into_iter().filter(goes_on)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_is_meant() {
        let known = [
            "dirlist", "!", "find", "ls", "status", "stat", "archive", "?",
        ];
        for (typed, meant) in [
            ("dirlst", Some("dirlist")),
            ("fnid", Some("find")),
            ("l", Some("ls")),
            ("statt", Some("stat")),
            ("archiv", Some("archive")),
            ("nonsense", None),
            ("", None),
            ("y", None),
            ("s", Some("ls")),
            ("rsync", None),
        ] {
            assert_eq!(nearest(typed, known), meant, "{typed}");
        }
    }
}
