//! Unique names for the files in an archive that stores base names.
//!
//! The first file with a base name keeps it; each further one gets a number before its extension, as browsers do, so
//! that no two files of the archive have the same name.

use std::collections::{HashMap, HashSet};

/// The longest file name, in bytes.
const NAME_MAX: usize = 255;

/// Longer text after the last dot is not treated as an extension.
const EXTENSION_MAX: usize = 32;

/// For each base name, in order, its replacement, if it needs one.
pub(super) fn unique_names<'a>(
    bases: impl Iterator<Item = &'a [u8]> + Clone,
) -> Vec<Option<Vec<u8>>> {
    let real: HashSet<&[u8]> = bases.clone().collect();
    let mut seen: HashMap<&[u8], u64> = HashMap::with_capacity(real.len());
    let mut given: HashSet<Vec<u8>> = HashSet::new();
    bases
        .map(|base| {
            let Some(number) = seen.get_mut(base) else {
                seen.insert(base, 0);
                return None;
            };
            loop {
                *number += 1;
                let name = numbered(base, *number);
                if !real.contains(name.as_slice()) && given.insert(name.clone()) {
                    return Some(name);
                }
            }
        })
        .collect()
}

/// `report.pdf` and 2 become `report (2).pdf`. If the name becomes too long, its stem is shortened.
fn numbered(base: &[u8], number: u64) -> Vec<u8> {
    let (stem, extension) = split(base);
    let number = format!(" ({number})");
    let room = NAME_MAX.saturating_sub(number.len() + extension.len());
    [shortened(stem, room), number.as_bytes(), extension].concat()
}

/// The stem, and the extension with its dot; `.tar.gz` counts as one extension.
fn split(base: &[u8]) -> (&[u8], &[u8]) {
    let dot = |name: &[u8]| {
        name.iter()
            .rposition(|byte| *byte == b'.')
            .filter(|dot| *dot > 0)
    };
    let Some(at) = dot(base).filter(|at| base.len() - at <= EXTENSION_MAX) else {
        return (base, b"");
    };
    let at = match dot(&base[..at]) {
        Some(before) if base[before..at] == *b".tar" => before,
        _ => at,
    };
    base.split_at(at)
}

/// At most `room` bytes of a stem, cut at a character boundary.
fn shortened(stem: &[u8], room: usize) -> &[u8] {
    if stem.len() <= room {
        return stem;
    }
    let continues = |at: usize| stem[at] & 0b1100_0000 == 0b1000_0000;
    let start = (room.saturating_sub(3)..=room)
        .rev()
        .find(|at| !continues(*at));
    &stem[..start.unwrap_or(room)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(bases: &[&str]) -> Vec<String> {
        let renamed = unique_names(bases.iter().map(|base| base.as_bytes()));
        bases
            .iter()
            .zip(renamed)
            .map(|(base, renamed)| {
                renamed.map_or_else(
                    || (*base).to_owned(),
                    |name| String::from_utf8(name).unwrap(),
                )
            })
            .collect()
    }

    #[test]
    fn a_second_file_of_a_name_gets_a_number() {
        assert_eq!(
            names(&["report.pdf", "a", "report.pdf", "a", "report.pdf"]),
            [
                "report.pdf",
                "a",
                "report (1).pdf",
                "a (1)",
                "report (2).pdf"
            ]
        );
        assert_eq!(
            names(&["x.tar.gz", "x.tar.gz", "v1.2", "v1.2", "a.", "a."]),
            [
                "x.tar.gz",
                "x (1).tar.gz",
                "v1.2",
                "v1 (1).2",
                "a.",
                "a (1)."
            ]
        );
    }

    #[test]
    fn a_number_never_takes_the_name_of_a_real_file() {
        assert_eq!(
            names(&["r.pdf", "r.pdf", "r (1).pdf", "r (1).pdf"]),
            ["r.pdf", "r (2).pdf", "r (1).pdf", "r (1) (1).pdf"]
        );
    }

    #[test]
    fn a_longest_name_stays_a_name() {
        let long = format!("{}é.txt", "x".repeat(249));
        assert_eq!(long.len(), 255);
        let renamed = &names(&[&long, &long])[1];
        assert_eq!(renamed, &format!("{} (1).txt", "x".repeat(247)));
        let umlauts = "ä".repeat(127);
        assert_eq!(
            names(&[&umlauts, &umlauts])[1],
            format!("{} (1)", "ä".repeat(125))
        );
        let no_extension = format!("a.{}", "x".repeat(253));
        assert_eq!(names(&[&no_extension, &no_extension])[1].len(), 255);
    }

    proptest! {
        #[test]
        fn all_names_differ_and_fit(bases in proptest::collection::vec("[ab](\\.[ab])?( \\([12]\\))?(\\.c)?|x{250,255}", 0..40)) {
            let bases: Vec<&str> = bases.iter().map(String::as_str).collect();
            let names = names(&bases);
            prop_assert!(names.iter().all(|name| name.len() <= NAME_MAX));
            prop_assert_eq!(names.iter().collect::<HashSet<_>>().len(), bases.len());
        }
    }
}
