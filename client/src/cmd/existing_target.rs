//! A file that is there already where a download would go: whether it is the same, kept or replaced.
//!
//! Owns: that a file of the same size and time, or of the same content, is what was asked for. Does not own: asking
//! ([`super::overwrite`]), comparing content (`transfer`).

use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use chrono::DateTime;
use netsocket_protocol::message::{FileEntry, Request};
use netsocket_protocol::name::Name;

use super::context::{Context, missing};
use super::operands::is_no_file;
use super::overwrite::Overwriting;
use crate::outcome::answer::{Answer, Saved};
use crate::outcome::error::Error;
use crate::output::colours::is_directory;
use crate::transfer::blocking::blocking;
use crate::transfer::destination::{Destination, OutputOptions};

/// So much is compared before somebody is asked, who should not wait for it.
const SMALL: u64 = 1 << 20;

/// What is done about a file that was asked for.
#[derive(Debug)]
pub(super) enum Saving {
    /// It is downloaded.
    To(Destination),
    /// It was there already.
    Done(Box<Saved>),
}

impl Context {
    /// How a file of the server is saved at `target`.
    ///
    /// # Errors
    /// That of the server about `path`, those of [`Self::may_replace`].
    pub(super) async fn saving(
        &mut self,
        path: &[u8],
        target: PathBuf,
        overwriting: &mut Overwriting,
    ) -> Result<Saving, Error> {
        let there = std::fs::metadata(&target);
        let replaces = *overwriting == Overwriting::Allowed;
        let in_the_way = there
            .ok()
            .filter(|there| there.is_dir() || (there.is_file() && !replaces));
        let Some(there) = in_the_way else {
            return Ok(Saving::To(Destination::File(target)));
        };
        let entry = self.entry(path).await?.ok_or_else(|| missing(path))?;
        if is_directory(&entry) {
            return Err(is_no_file(path));
        }
        if there.is_file() && there.len() == entry.size {
            if has_time(&there, &entry)
                && let Ok(saved) = saved_before(&target, entry.size).await
            {
                return Ok(Saving::Done(Box::new(saved)));
            }
            if !self.console.can_ask {
                return Ok(Saving::To(Destination::Existing(target)));
            }
            if entry.size <= SMALL
                && let Some(saved) = self.compared(path, &target).await?
            {
                return Ok(Saving::Done(Box::new(saved)));
            }
        }
        self.may_replace(&target, Some(&entry), overwriting).await?;
        Ok(Saving::To(Destination::File(target)))
    }

    /// What is said of a file whose content is that of the server; `None` if it differs.
    async fn compared(&mut self, path: &[u8], target: &Path) -> Result<Option<Saved>, Error> {
        let request = Request::get(Name::from(path));
        let options = OutputOptions::to(Destination::Existing(target.to_owned()));
        let compared = self
            .session
            .perform(&request, &options, &mut self.console)
            .await;
        match compared {
            Ok(Answer::Saved(saved)) => Ok(saved),
            Ok(_) | Err(Error::AlreadyThere(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Whether a file has the time of the one on the server, as `-p` and `-r` leave it; archives have whole seconds.
fn has_time(there: &Metadata, entry: &FileEntry) -> bool {
    let modified = DateTime::parse_from_rfc3339(&entry.modified);
    modified.is_ok_and(|modified| modified.timestamp() == there.mtime())
}

/// What is said of a file that an earlier run has saved.
async fn saved_before(target: &Path, bytes: u64) -> Result<Saved, Error> {
    let path = target.to_owned();
    let digest = move || {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(File::open(path)?)?;
        Ok(hasher.finalize().to_hex().to_string())
    };
    let digest = blocking(digest).await;
    Ok(Saved {
        path: target.to_owned(),
        files: 1,
        bytes,
        was_there: true,
        digest: digest.map_err(|error| Error::target(target, &error))?,
        ..Saved::default()
    })
}
