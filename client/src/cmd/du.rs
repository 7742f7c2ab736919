//! `du`: how much is in a directory, and in each of those below it.

use netsocket_protocol::message::FileEntry;
use netsocket_protocol::name::Name;

use super::context::{Context, Done};
use super::operands::{Directories, Meant};
use crate::command_line::command::DiskUsage;
use crate::outcome::error::Error;
use crate::outcome::exit::Exit;
use crate::output::colours::is_directory;
use crate::output::console::{Message, Stdout};
use crate::output::{entries, json};
use crate::session::remote_path;

impl Context {
    pub(crate) async fn du(&mut self, word: &str, du: &DiskUsage) -> Done {
        let here = [Vec::new()];
        let typed = if du.paths.is_empty() {
            &here[..]
        } else {
            &du.paths
        };
        let Meant { paths, mut exit } = self.meant(typed, Directories::Taken, Stdout::Free).await?;
        let mut broken = 0;
        for path in paths {
            let done = self.du_of(word, path.clone(), du.depth, &mut broken).await;
            exit = exit.worse(self.exit_of(done, &path)?);
        }
        self.console.warn_of_newlines(broken, "--json");
        Ok(exit)
    }

    /// Adds to `broken` the names that are printed as more than one line.
    async fn du_of(
        &mut self,
        word: &str,
        path: Vec<u8>,
        depth: Option<usize>,
        broken: &mut usize,
    ) -> Done {
        let entry = self.existing(&path).await?;
        if is_directory(&entry) {
            self.du_below(word, &path, depth, broken).await?;
        } else {
            let sum = Sum {
                path,
                files: 1,
                bytes: entry.size,
            };
            self.print_sum(word, &sum, broken)?;
        }
        Ok(Exit::Done)
    }

    async fn du_below(
        &mut self,
        word: &str,
        top: &[u8],
        depth: Option<usize>,
        broken: &mut usize,
    ) -> Result<(), Error> {
        let request = Self::all_below(top);
        let mut sums = Sums::of(top);
        let mut listing = self.session.list(&request, &mut self.console).await?;
        let mut parts = Vec::new();
        while let Some(part) = listing.next().await? {
            parts.extend(part.iter().flat_map(|file| sums.add(file)));
        }
        parts.extend(sums.finish());
        let is_shown = |sum: &&Sum| depth.is_none_or(|depth| sum.depth_below(top) <= depth);
        for sum in parts.iter().filter(is_shown) {
            self.print_sum(word, sum, broken)?;
        }
        self.tell_lacking(word)
    }

    fn print_sum(&mut self, word: &str, sum: &Sum, broken: &mut usize) -> Result<(), Error> {
        let name = remote_path::relative(&self.at.remote, &sum.path);
        // The root has no name to be shown by.
        let name = match &name.0[..] {
            b"" => Name::from("."),
            _ => name,
        };
        *broken += usize::from(self.console.splits(&name));
        let text = entries::sum_line(&name, sum.bytes, self.console.names());
        let json = json::sum_line(word, &Name::from(sum.path.as_slice()), sum.files, sum.bytes);
        self.console.print_message(&Message { text, json })
    }
}

/// What is in one directory, those below it included.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sum {
    path: Vec<u8>,
    files: u64,
    bytes: u64,
}

impl Sum {
    /// How many directories it is below `top`.
    fn depth_below(&self, top: &[u8]) -> usize {
        let slashes = |path: &[u8]| match path {
            b"" => 0,
            path => 1 + path.iter().filter(|byte| **byte == b'/').count(),
        };
        slashes(&self.path).saturating_sub(slashes(top))
    }
}

/// Adds up files that come sorted by path, so that only the directories above the latest one are open.
struct Sums {
    /// The outermost first; never empty.
    open: Vec<Sum>,
}

impl Sums {
    fn of(top: &[u8]) -> Self {
        let empty = Sum {
            path: top.to_vec(),
            files: 0,
            bytes: 0,
        };
        Self { open: vec![empty] }
    }

    /// Adds a file. Returns the directories that are complete by that.
    fn add(&mut self, file: &FileEntry) -> Vec<Sum> {
        let (directory, _) = remote_path::split(file.path.as_bytes());
        let mut complete = Vec::new();
        while self.open.len() > 1 && !self.is_in_latest(directory) {
            complete.extend(self.close());
        }
        // One for each directory between the latest one and that of the file.
        let known = self.open.last().map_or(0, |latest| latest.path.len());
        let ends = (known + 1..=directory.len())
            .filter(|end| directory.get(*end).is_none_or(|byte| *byte == b'/'));
        for end in ends {
            self.open.push(Sum {
                path: directory[..end].to_vec(),
                files: 0,
                bytes: 0,
            });
        }
        if let Some(latest) = self.open.last_mut() {
            latest.files += 1;
            latest.bytes = latest.bytes.saturating_add(file.size);
        }
        complete
    }

    fn is_in_latest(&self, directory: &[u8]) -> bool {
        self.open.last().is_some_and(|latest| {
            let rest = directory.strip_prefix(&latest.path[..]);
            latest.path.is_empty() || matches!(rest, Some([] | [b'/', ..]))
        })
    }

    /// Closes the latest directory, which counts for the one above.
    fn close(&mut self) -> Option<Sum> {
        let latest = self.open.pop()?;
        if let Some(above) = self.open.last_mut() {
            above.files += latest.files;
            above.bytes = above.bytes.saturating_add(latest.bytes);
        }
        Some(latest)
    }

    /// The directories that are still open, the outermost last.
    fn finish(mut self) -> Vec<Sum> {
        let mut complete = Vec::new();
        while let Some(sum) = self.close() {
            complete.push(sum);
        }
        complete
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(top: &str, files: &[(&str, u64)]) -> Vec<(String, u64, u64)> {
        let mut sums = Sums::of(top.as_bytes());
        let mut complete = Vec::new();
        for (path, size) in files {
            complete.extend(sums.add(&FileEntry {
                path: (*path).into(),
                size: *size,
                born: String::new(),
                birth_known: true,
                modified: String::new(),
                mode: 0o100_644,
            }));
        }
        complete.extend(sums.finish());
        let lines = complete.into_iter();
        lines
            .map(|sum| (String::from_utf8(sum.path).unwrap(), sum.files, sum.bytes))
            .collect()
    }

    #[test]
    fn each_directory_counts_what_is_below_it() {
        let files = [
            ("a/b/c/x", 1),
            ("a/b/y", 2),
            ("a/z", 4),
            ("ab/x", 8),
            ("x", 16),
        ];
        let line = |path: &str, files, bytes| (path.to_owned(), files, bytes);
        assert_eq!(
            sums("", &files),
            [
                line("a/b/c", 1, 1),
                line("a/b", 2, 3),
                line("a", 3, 7),
                line("ab", 1, 8),
                line("", 5, 31)
            ]
        );
        assert_eq!(
            sums("a", &files[..3]),
            [line("a/b/c", 1, 1), line("a/b", 2, 3), line("a", 3, 7)]
        );
        assert_eq!(sums("a", &[]), [line("a", 0, 0)]);
        let huge = [("a/x", u64::MAX), ("a/y", 1)];
        assert_eq!(sums("a", &huge), [line("a", 2, u64::MAX)]);
    }

    #[test]
    fn depth_is_counted_from_where_it_began() {
        let depth = |path: &str, top: &str| {
            let sum = Sum {
                path: path.as_bytes().to_vec(),
                files: 0,
                bytes: 0,
            };
            sum.depth_below(top.as_bytes())
        };
        assert_eq!((depth("", ""), depth("a", ""), depth("a/b", "")), (0, 1, 2));
        assert_eq!((depth("a/b", "a/b"), depth("a/b/c/d", "a/b")), (0, 2));
    }
}
