//! The word that somebody may have meant.

/// The known word nearest to the typed one, where it is near: at most a third of its letters, and always one, may be wrong,
/// missing, too many or swapped.
pub(crate) fn nearest<'a>(
    typed: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(typed, word), word))
        .filter(|(distance, word)| *distance <= (word.len() / 3).max(1))
        // Of equals the first one.
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_is_meant() {
        let known = ["dirlist", "find", "ls", "status", "stat", "archive"];
        for (typed, meant) in [
            ("dirlst", Some("dirlist")),
            ("fnid", Some("find")),
            ("l", Some("ls")),
            ("statt", Some("stat")),
            ("archiv", Some("archive")),
            ("nonsense", None),
            ("", None),
            ("rsync", None),
        ] {
            assert_eq!(nearest(typed, known), meant, "{typed}");
        }
    }
}
