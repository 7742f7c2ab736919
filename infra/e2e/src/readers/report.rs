//! What is printed of a reader: a line for each archive, and the table of `docs/archives.md`.

use std::fmt;

use crate::readers::archives::{Archives, Maker};
use crate::readers::catalogue;
use crate::readers::format::Format;
use crate::readers::reader::{Expected, Gives, NO_TIMES, Reader};
use crate::readers::run;
use crate::readers::sample::Sample;
use crate::readers::toolbox::Toolbox;
use crate::readers::verdict::{Shown, Verdict};

/// A reader and an archive.
#[derive(Debug)]
pub struct Line {
    reader: &'static Reader,
    version: String,
    format: Format,
    ours: Verdict,
    /// Of the archive that GNU tar made, where that was read as well.
    ordinary: Option<Verdict>,
}

impl Line {
    /// Lets the reader read ours.
    ///
    /// # Panics
    /// Where it cannot be started.
    #[must_use]
    pub fn of(
        reader: &'static Reader,
        format: Format,
        (sample, archives): (&Sample, &Archives),
        toolbox: &Toolbox,
    ) -> Self {
        let archive = archives.path(Maker::Ours, format);
        Self {
            reader,
            version: String::new(),
            format,
            ours: run::verdict(reader, &archive, sample, toolbox),
            ordinary: None,
        }
    }

    /// Lets it read the one of GNU tar as well, and tell its version.
    ///
    /// # Panics
    /// Where it cannot be started.
    #[must_use]
    pub fn beside_ordinary(
        mut self,
        (sample, archives): (&Sample, &Archives),
        toolbox: &Toolbox,
    ) -> Self {
        let archive = archives.path(Maker::GnuTar, self.format);
        self.version = run::version(self.reader, toolbox);
        self.ordinary = Some(run::verdict(self.reader, &archive, sample, toolbox));
        self
    }

    /// Why this fails the run: another outcome than the table says, or an ordinary archive that is read whole where ours is not.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let worse = self.ordinary.as_ref().is_some_and(Verdict::is_whole) && !self.ours.is_whole();
        if worse {
            return Some("it reads the archive of GNU tar whole".to_owned());
        }
        self.ours.surprise(self.reader)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let extension = self.format.extension();
        let Self {
            reader,
            version,
            ours,
            ..
        } = self;
        write!(f, "{} {version} {extension}: {ours}", reader.name)?;
        let wrong = ours
            .wrong_times
            .iter()
            .filter(|_| reader.gives != Gives::Tar);
        let wrong: Vec<&str> = wrong.flatten().map(|kind| kind.label()).collect();
        if !wrong.is_empty() {
            write!(f, "; other times: {}", wrong.join(", "))?;
        }
        let differs = |ordinary: &&Verdict| ordinary.to_string() != ours.to_string();
        if let Some(ordinary) = self.ordinary.as_ref().filter(differs) {
            write!(f, "; of GNU tar's archive: {ordinary}")?;
        }
        match self.problem() {
            Some(problem) => write!(f, "  <-- {problem}"),
            None => Ok(()),
        }
    }
}

/// What the table of `docs/archives.md` has to say of the readers of that name, behind name and version: a cell for each
/// format, and which times are lost.
#[must_use]
pub fn cells(name: &str) -> [String; 4] {
    let named = || catalogue::all().filter(|reader| reader.name == name);
    let given = |format: Format| {
        let reader = named().find(|reader| reader.formats.contains(&format));
        match reader.map(|reader| reader.expected) {
            None => "–".to_owned(),
            Some(Expected::Whole) => "whole".to_owned(),
            Some(Expected::Except(faults, strange)) => Shown(faults, strange).to_string(),
            Some(Expected::Refuses(words)) => format!("error: {words}"),
        }
    };
    let [tar, gz, zst] = Format::ALL.map(given);
    [
        tar,
        gz,
        zst,
        named().next().map_or_else(String::new, lost_times),
    ]
}

fn lost_times(reader: &Reader) -> String {
    let tells = reader.gives != Gives::Tar && !matches!(reader.expected, Expected::Refuses(_));
    match reader.wrong_times {
        _ if !tells => "–".to_owned(),
        [] => "none".to_owned(),
        NO_TIMES => "all".to_owned(),
        kinds => {
            let labels: Vec<&str> = kinds.iter().map(|kind| kind.label()).collect();
            labels.join(", ")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The page for users has the same table, with the versions that were run.
    #[test]
    fn the_page_says_what_the_table_says() {
        let page = crate::files::text("docs/archives.md");
        let rows: Vec<Vec<&str>> = page
            .lines()
            .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
            .map(|row| row.split(" | ").collect())
            .collect();
        let names: BTreeSet<&str> = catalogue::all().map(|reader| reader.name).collect();
        for name in names {
            let mut found = rows.iter().filter(|row| row[0] == name);
            let row = found.next().unwrap_or_else(|| panic!("no row of {name}"));
            assert_eq!(found.next(), None, "{name}");
            assert_eq!(row[2..], cells(name), "{name}");
        }
    }
}
