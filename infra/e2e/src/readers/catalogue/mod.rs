//! The table of readers.
//!
//! A reader that does not read everything says so here, and the run fails where it does something else, better or worse.

mod command_line;
mod go;
mod java;
mod node;
mod others;
mod python;
mod rust;
mod web;

use crate::readers::reader::Reader;

/// All of them.
pub fn all() -> impl Iterator<Item = &'static Reader> {
    [
        command_line::READERS,
        python::READERS,
        node::READERS,
        java::READERS,
        go::READERS,
        rust::READERS,
        others::READERS,
        web::READERS,
    ]
    .into_iter()
    .flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::readers::reader::Expected;

    #[test]
    fn every_reader_has_a_name_of_its_own_for_each_format() {
        let mut seen = BTreeSet::new();
        for reader in all() {
            assert!(!reader.formats.is_empty(), "{}", reader.name);
            assert!(!reader.version.is_empty(), "{}", reader.name);
            for format in reader.formats {
                assert!(seen.insert((reader.name, format)), "{}", reader.name);
            }
        }
        assert!(seen.len() > 100, "{}", seen.len());
    }

    /// The comparison needs faults in order.
    #[test]
    fn known_limits_are_sorted() {
        for reader in all() {
            if let Expected::Except(faults, _) = reader.expected {
                assert!(!faults.is_empty(), "{}", reader.name);
                assert!(faults.is_sorted(), "{}", reader.name);
            }
            assert!(reader.wrong_times.is_sorted(), "{}", reader.name);
        }
    }
}
