//! `archive`: downloads all files that match a query as one archive, to a file, a pipe or an unpacked directory.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use netsocket_protocol::message::{Compression, Layout, Request};
use netsocket_protocol::name::Name;
use netsocket_protocol::query::Query;

use super::context::{Context, Done, Failure, below};
use super::overwrite::Overwriting;
use super::search::{Kind, Start, nothing_found};
use crate::command_line::archive_names::{Format, OURS, name};
use crate::command_line::command::{Archive, Search};
use crate::command_line::parse_search::takes_one;
use crate::command_line::quote::pasteable;
use crate::outcome::answer::Answer;
use crate::outcome::error::Error;
use crate::outcome::exit::Exit;
use crate::output::console::Stdout;
use crate::session::remote_path;
use crate::text::{directories, files, shown};
use crate::transfer::destination::{Destination, OutputOptions};

impl Context {
    pub(crate) async fn archive(&mut self, word: &str, archive: Archive) -> Done {
        let output = archive.save.output.clone().or_else(|| self.output.clone());
        let Some(query) = self.query_of(&archive.search, output.as_deref()).await? else {
            return Ok(Exit::NothingFound);
        };
        if let Some(directory) = &archive.extract {
            self.check_directory_name(directory, "-o")?;
        }
        if let (None, None, Some(output)) = (archive.format, &archive.extract, &output) {
            self.check_name(&query, output)?;
        }
        self.warn_of_name(&archive, output.as_deref());
        let has_place = output.is_some() || archive.extract.is_some();
        let compression = compression(&archive, output.as_deref());
        let level = level(archive.level, compression)?;
        let destination = match (&archive.extract, output) {
            (Some(directory), _) => Destination::Extract(self.local_path(directory)),
            (None, Some(output)) => self.destination(&output)?,
            (None, None) => {
                let path = self.local_path(&default_name(compression));
                let mut overwriting = Overwriting::of(archive.save.force, 1);
                self.may_replace(&path, None, &mut overwriting).await?;
                Destination::File(path)
            }
        };
        let stdout = destination.stdout();
        let request = Request::Archive {
            query: query.clone(),
            compression,
            level,
            names: archive.names,
            layout: Layout::default(),
            resume: None,
        };
        let options = OutputOptions {
            resume: archive.save.resume,
            force: archive.save.force,
            preserve_permissions: archive.preserve_permissions,
            ..OutputOptions::to(destination)
        };
        let performed = self
            .session
            .perform(&request, &options, &mut self.console)
            .await;
        let answer = performed.map_err(|error| Failure { error, stdout })?;
        match (&answer, &options.destination) {
            (Answer::Archive(Some(saved)), Destination::Extract(_)) => {
                self.console.unpacked(word, None, saved)
            }
            (Answer::Archive(None), _) => {
                self.tell_nothing_archived(word, &archive.search, &query, has_place, stdout)
                    .await
            }
            _ => self.console.answer(word, &answer, stdout),
        }
        .map_err(|error| Failure { error, stdout })?;
        Ok(answer.exit())
    }

    /// Says that there is nothing to archive, and what may have been meant.
    async fn tell_nothing_archived(
        &mut self,
        word: &str,
        search: &Search,
        query: &Query,
        has_place: bool,
        stdout: Stdout,
    ) -> Result<(), Error> {
        let lacking = std::mem::take(&mut self.session.lacking);
        let start = query.below.as_ref().map_or(&b""[..], Name::as_bytes);
        // As from `find`, it matters first whether the place is there.
        if !start.is_empty() {
            self.existing(start).await?;
        }
        let said = nothing_found(query, search.ignoring_case.as_deref(), start);
        self.console
            .nothing_archived(word, &said, &lacking, stdout)?;
        if let Some(name) = archive_named(query).filter(|_| !has_place) {
            let name = pasteable(name);
            self.console
                .notice_line(&format!("did you mean -o {name}?"));
        } else if let Some(directory) = self.directory_named(query).await {
            self.console.notice_line(&format!(
                "{directory} is a directory: archive {directory} takes what is in it"
            ));
        }
        Ok(())
    }

    /// Which files a search means, and below which directory. `None` if that has been reported as missing.
    async fn query_of(
        &mut self,
        search: &Search,
        output: Option<&Path>,
    ) -> Result<Option<Query>, Failure> {
        let stdout = output.map_or(Stdout::Free, |output| self.stdout_beside(output));
        let begun = self.begin(search.clone(), stdout).await?;
        let mut query = begun.query;
        let refused = |said: String| {
            let error = Error::Usage(said);
            Failure { error, stdout }
        };
        match (&begun.starts[..], begun.place) {
            _ if begun.exit != Exit::Done => return Ok(None),
            ([], _) => return Ok(None),
            ([_, _, ..], _) if search.places.len() > 1 => {
                return Err(refused(takes_one("archive")));
            }
            ([start], Some(name)) if start.kind == Kind::File => {
                query.name = Some(Name(name));
                query.below = below(&self.at.remote);
            }
            ([start], _) if start.kind == Kind::File => {
                let path = remote_path::from_root(&start.path);
                let typed = pasteable(path.as_bytes());
                return Err(refused(format!(
                    "{path} is a file: get {typed} downloads it"
                )));
            }
            ([start], _) => query.below = below(&start.path),
            (several, _) => {
                let typed = search.places.first().map_or(&b""[..], Vec::as_slice);
                return Err(refused(format!(
                    "archive takes one directory, not {}: {}",
                    files_and_directories(several),
                    instead_of_pattern(typed)
                )));
            }
        }
        Ok(Some(query))
    }

    /// Refuses a name that says a format which is not made.
    fn check_name(&self, query: &Query, output: &Path) -> Result<(), Error> {
        let Format::Other(format) = Format::of_name(output) else {
            return Ok(());
        };
        let name = shown(output);
        let by_http = match format {
            "zip" => {
                let file = pasteable(output.as_os_str().as_bytes());
                let curl = self.curl_of_zip(query, &file);
                format!("; the server makes a zip by HTTP: {curl}")
            }
            _ => String::new(),
        };
        Err(Error::Usage(format!(
            "{name} would be no {format}: an archive is {OURS}{by_http}"
        )))
    }
}

impl Context {
    /// Warns of a name that says another format than `--format`, which decides.
    fn warn_of_name(&mut self, archive: &Archive, output: Option<&Path>) {
        let (Some(output), None) = (output, &archive.extract) else {
            return;
        };
        let Some(format) = archive.format else {
            self.warn_of_no_archive(output);
            return;
        };
        let named = match Format::of_name(output) {
            Format::Ours(named) if named != format => name(named),
            Format::Other(named) => named,
            Format::Ours(_) | Format::Unknown => return,
        };
        let (output, format) = (shown(output), name(format));
        let warning = format!("{output} has the name of a {named}, and is a {format}");
        self.console.warning_line(&warning);
    }

    /// Warns of a name that ends like that of a file which is no archive.
    pub(super) fn warn_of_no_archive(&mut self, output: &Path) {
        if says_no_archive(&self.local_path(output)) {
            let (output, made) = (shown(output), name(Compression::Gzip));
            self.console
                .warning_line(&format!("{output} is a {made} under this name"));
        }
    }
}

/// Whether a name ends like that of a file which is no archive.
fn says_no_archive(output: &Path) -> bool {
    let is_special = output.exists() && !output.is_file();
    !is_special && output.extension().is_some() && Format::of_name(output) == Format::Unknown
}

/// What there is at several places: `3 files and 1 directory`.
fn files_and_directories(starts: &[Start]) -> String {
    let of_directories = starts
        .iter()
        .filter(|it| it.kind == Kind::Directory)
        .count();
    let said = directories(of_directories as u64);
    match starts.len() - of_directories {
        0 => said,
        count if of_directories == 0 => files(count as u64),
        count => format!("{} and {said}", files(count as u64)),
    }
}

/// What to type in place of an archive of what a pattern matches.
fn instead_of_pattern(typed: &[u8]) -> String {
    let save = format!("get -r {} . saves them", pasteable(typed));
    let (directory, glob) = remote_path::split(typed);
    if remote_path::glob(directory).is_some() {
        return save;
    }
    let below = match (directory, typed) {
        (b"", [b'/', ..]) => "/".to_owned(),
        (b"", _) => ".".to_owned(),
        (directory, _) => pasteable(directory),
    };
    match glob {
        b"*" | b"" => format!("archive {below} takes all that is there, {save}"),
        glob => {
            let glob = pasteable(glob);
            format!("archive {glob} --below {below} takes all files of such names there, {save}")
        }
    }
}

/// The operand, if it looks like the name of an archive to save rather than that of a file to find.
fn archive_named(query: &Query) -> Option<&[u8]> {
    let name = query.name.as_ref()?.as_bytes();
    let format = Format::of_name(Path::new(OsStr::from_bytes(name)));
    (format != Format::Unknown).then_some(name)
}

/// The format given with `--format`, else the one that the file name implies.
fn compression(archive: &Archive, output: Option<&Path>) -> Compression {
    if let Some(format) = archive.format {
        return format;
    }
    if archive.extract.is_some() {
        // Zstandard is the cheapest format for an archive that is unpacked right away.
        return Compression::Zstd;
    }
    match output.map(Format::of_name) {
        Some(Format::Ours(compression)) => compression,
        _ => Compression::Gzip,
    }
}

fn level(level: Option<u8>, compression: Compression) -> Result<Option<u8>, Error> {
    let Some(level) = level else {
        return Ok(None);
    };
    match compression.levels() {
        Some(levels) if levels.contains(&level) => Ok(Some(level)),
        Some(levels) => {
            let (least, most) = levels.into_inner();
            Err(Error::Usage(format!(
                "level {level} is out of range for this format: {least} to {most}"
            )))
        }
        None => Err(Error::Usage("an uncompressed tar has no level".to_owned())),
    }
}

fn default_name(compression: Compression) -> PathBuf {
    PathBuf::from(match compression {
        Compression::Gzip => "archive.tar.gz",
        Compression::Zstd => "archive.tar.zst",
        Compression::None => "archive.tar",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command_line::command::{Command, Invocation};

    fn archive(line: &str) -> Archive {
        let words = crate::command_line::shell_words::split(line.as_bytes()).unwrap();
        match Invocation::parse(&words).unwrap().command {
            Command::Archive(archive) => archive,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_name_says_the_format_unless_somebody_does() {
        for (line, expected) in [
            ("archive", Compression::Gzip),
            ("archive -o x", Compression::Gzip),
            ("archive -o x.tar.gz", Compression::Gzip),
            ("archive -o -", Compression::Gzip),
            ("archive -o x.tar.zst", Compression::Zstd),
            ("archive -o dir.tar/x.tzst", Compression::Zstd),
            ("archive -o x.tar", Compression::None),
            ("archive -o X.TAR.ZST", Compression::Zstd),
            ("archive -o x.tar --format gz", Compression::Gzip),
            ("archive --extract x.tar", Compression::Zstd),
        ] {
            let archive = archive(line);
            let output = archive.save.output.as_deref();
            assert_eq!(compression(&archive, output), expected, "{line}");
        }
    }

    #[test]
    fn a_name_that_says_something_else_is_warned_of() {
        for (name, is_warned) in [
            ("x.iso", true),
            ("a.pdf", true),
            ("x", false),
            (".hidden", false),
            ("x.tar", false),
            ("x.zip", false),
            ("-", false),
            ("/dev/null", false),
        ] {
            assert_eq!(says_no_archive(Path::new(name)), is_warned, "{name}");
        }
    }

    #[test]
    fn a_level_is_one_of_the_format() {
        assert_eq!(level(Some(12), Compression::Gzip).unwrap(), Some(12));
        assert_eq!(level(None, Compression::None).unwrap(), None);
        for (given, compression) in [
            (13, Compression::Gzip),
            (20, Compression::Zstd),
            (1, Compression::None),
        ] {
            assert!(level(Some(given), compression).is_err());
        }
    }
}
