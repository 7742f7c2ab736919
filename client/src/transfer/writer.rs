//! Writes received data: into a partial file, a stream, or unpacked into a directory.
//!
//! Writes run on the runtime's blocking threads, so that a full disk, a slow pipe or a FIFO without a reader never
//! delays a signal.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use netsocket_protocol::message::Request;

use crate::outcome::answer::Unpacked;
use crate::outcome::error::Error;
use crate::transfer::blocking::blocking;
use crate::transfer::comparison::Comparison;
use crate::transfer::descriptor;
use crate::transfer::destination::Attributes;
use crate::transfer::extract::directory::ExtractOptions;
use crate::transfer::extract::extractor::Extractor;
use crate::transfer::output_path::directory_of;
use crate::transfer::partial_file::PartialFile;
use crate::transfer::state::Source;
use crate::transfer::target::Target;
use crate::transfer::verify::VerifiedBlock;

/// Where received data is written.
#[derive(Debug)]
pub(crate) enum Writer {
    /// A partial file.
    PartialFile {
        /// The file.
        part: Box<PartialFile>,
        /// The target as given.
        given: PathBuf,
    },
    /// A stream, which cannot be rewound.
    Stream(Stream),
    /// A directory.
    Directory(Extractor),
    /// A file that stays.
    Existing(Comparison),
}

impl Writer {
    /// Opens the target for the answer to `request`.
    ///
    /// # Errors
    /// [`Error::Target`] or [`Error::Output`] if it cannot be opened, [`Error::Unpack`] if the archive cannot be
    /// unpacked.
    pub(crate) async fn open(
        target: &Target,
        request: &Request,
        source: &Source,
        options: ExtractOptions,
    ) -> Result<Self, Error> {
        match target {
            Target::Stdout => {
                Stream::descriptor(descriptor::STDOUT, None, request).map(Self::Stream)
            }
            Target::Descriptor { number, given } => {
                Stream::descriptor(*number, Some(given), request).map(Self::Stream)
            }
            Target::Stream(path) => Stream::open(path, request).await.map(Self::Stream),
            Target::Directory(path) => Extractor::open(path, source, options)
                .await
                .map(Self::Directory),
            Target::Existing(path) => Comparison::open(path).await.map(Self::Existing),
            Target::File {
                path,
                given,
                make_directory,
            } => {
                let (path, makes) = (path.clone(), *make_directory);
                let (request, source) = (request.clone(), source.clone());
                let create = move || {
                    if makes {
                        fs::create_dir_all(directory_of(&path))?;
                    }
                    PartialFile::create(&path, &request, &source)
                };
                let part = blocking(create).await;
                Ok(Self::PartialFile {
                    part: Box::new(part.map_err(|error| Error::target(given, &error))?),
                    given: given.clone(),
                })
            }
        }
    }

    /// An answer begins that continues what is written.
    pub(crate) fn answer_begins(&mut self) {
        match self {
            Self::PartialFile { part, .. } => part.answer_begins(),
            Self::Existing(comparison) => comparison.answer_begins(),
            Self::Stream(_) | Self::Directory(_) => {}
        }
    }

    /// Writes the next block.
    ///
    /// # Errors
    /// [`Error::Target`] or [`Error::Output`] if it cannot be written, [`Error::ReaderGone`] if the reader of a
    /// pipe closed it, [`Error::Unpack`] if the block cannot be unpacked, [`Error::AlreadyThere`] if a file that stays is
    /// another one.
    pub(crate) async fn write(&mut self, block: VerifiedBlock) -> Result<(), Error> {
        match self {
            Self::PartialFile { part, given } => {
                let length = block.bytes.len() as u64;
                let line = blocking(part.writing(block))
                    .await
                    .map_err(|error| Error::target(&*given, &error))?;
                part.wrote(length, line);
                Ok(())
            }
            Self::Stream(stream) => stream.write(block).await,
            Self::Directory(unpacker) => unpacker.block(block).await,
            Self::Existing(comparison) => comparison.compare(block).await,
        }
    }

    /// Rewinds to where the current answer began. Returns false if the written data cannot be taken back.
    ///
    /// # Errors
    /// [`Error::Target`] if truncating fails.
    pub(crate) fn rewind(&mut self) -> Result<bool, Error> {
        match self {
            Self::PartialFile { part, given } => match part.rewind() {
                Ok(()) => Ok(true),
                Err(error) => Err(Error::target(&*given, &error)),
            },
            Self::Existing(comparison) => {
                comparison.rewind();
                Ok(true)
            }
            Self::Stream(_) | Self::Directory(_) => Ok(false),
        }
    }

    /// Restarts for a different source. Returns the writer to use, or `None` if it must be opened
    /// again.
    ///
    /// # Errors
    /// The writer itself if the written data cannot be taken back.
    pub(crate) fn restart(self) -> Result<Option<Self>, Self> {
        match self {
            Self::PartialFile { .. } => Ok(None),
            Self::Stream(stream) if stream.is_begun => Err(Self::Stream(stream)),
            Self::Stream(stream) => Ok(Some(Self::Stream(stream))),
            Self::Directory(mut unpacker) => {
                unpacker.restart();
                Ok(Some(Self::Directory(unpacker)))
            }
            Self::Existing(mut comparison) => {
                comparison.restart();
                Ok(Some(Self::Existing(comparison)))
            }
        }
    }

    /// Gives a file what it keeps of the one on the server; nothing else can keep it.
    ///
    /// # Errors
    /// [`Error::Target`] if the system refuses.
    pub(crate) async fn apply(&self, attributes: Attributes) -> Result<(), Error> {
        match self {
            Self::PartialFile { part, given } => blocking(part.applying(attributes))
                .await
                .map_err(|error| Error::target(given, &error)),
            Self::Stream(_) | Self::Directory(_) | Self::Existing(_) => Ok(()),
        }
    }

    /// Completes the download. Returns what unpacking an archive did.
    ///
    /// # Errors
    /// [`Error::Target`] if the target cannot be replaced; the partial file is kept then. [`Error::Exists`] if existing
    /// files were not overwritten, [`Error::AlreadyThere`] if a file that stays is another one.
    pub(crate) async fn commit(self) -> Result<Option<Unpacked>, Error> {
        match self {
            Self::PartialFile { part, given } => blocking(move || part.commit())
                .await
                .map(|()| None)
                .map_err(|error| Error::target(given, &error)),
            Self::Stream(_) => Ok(None),
            Self::Directory(mut unpacker) => unpacker.finish().await.map(Some),
            Self::Existing(comparison) => comparison.finish().map(|()| None),
        }
    }
}

/// A pipe, a terminal, a device.
#[derive(Debug)]
pub(crate) struct Stream {
    // Shared with a write that may still run when the command is dropped.
    file: Arc<File>,
    destination: StreamDestination,
    is_begun: bool,
    /// Whether it is a terminal, on which only text makes sense.
    is_terminal: bool,
}

/// What errors say about a stream.
#[derive(Debug)]
struct StreamDestination {
    /// `None` for standard output.
    path: Option<PathBuf>,
    /// Whether text is printed to the same place.
    is_stdout: bool,
    is_archive: bool,
}

impl StreamDestination {
    fn failed(&self, error: &io::Error) -> Error {
        match &self.path {
            _ if error.kind() == io::ErrorKind::BrokenPipe => Error::ReaderGone {
                archive: self.is_archive,
                stdout: self.is_stdout,
            },
            None => Error::output(error),
            Some(path) => Error::target(path, error),
        }
    }
}

impl Stream {
    fn descriptor(number: RawFd, path: Option<&Path>, request: &Request) -> Result<Self, Error> {
        let destination = StreamDestination {
            path: path.map(Path::to_owned),
            is_stdout: descriptor::is_stdout(number),
            is_archive: matches!(request, Request::Archive { .. }),
        };
        let file = descriptor::open(number).map_err(|error| destination.failed(&error))?;
        Ok(Self {
            is_terminal: file.is_terminal(),
            file: Arc::new(file),
            destination,
            is_begun: false,
        })
    }

    async fn open(path: &Path, request: &Request) -> Result<Self, Error> {
        let opened = path.to_owned();
        let destination = StreamDestination {
            path: Some(path.to_owned()),
            is_stdout: false,
            is_archive: matches!(request, Request::Archive { .. }),
        };
        // Opening a FIFO blocks until it has a reader. The file of another program is emptied, as by a shell.
        let open = move || OpenOptions::new().write(true).truncate(true).open(opened);
        let file = blocking(open)
            .await
            .map_err(|error| destination.failed(&error))?;
        Ok(Self {
            is_terminal: false,
            file: Arc::new(file),
            destination,
            is_begun: false,
        })
    }

    async fn write(&mut self, block: VerifiedBlock) -> Result<(), Error> {
        // As curl does: no text has a zero byte, and a terminal may be unusable after one.
        if self.is_terminal && !self.is_begun && block.bytes.contains(&0) {
            return Err(Error::Usage(
                "not writing a file that is not text to a terminal: save it with get -o FILE, or use a pipe"
                    .to_owned(),
            ));
        }
        self.is_begun = true;
        let file = Arc::clone(&self.file);
        blocking(move || (&*file).write_all(&block.bytes))
            .await
            .map_err(|error| self.destination.failed(&error))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use netsocket_protocol::message::{Compression, Layout};
    use netsocket_protocol::query::Query;

    use super::*;
    use crate::transfer::destination::{Destination, OutputOptions};

    fn block(bytes: &'static [u8]) -> VerifiedBlock {
        VerifiedBlock {
            bytes: Bytes::from_static(bytes),
            checksum: crc32fast::hash(bytes),
            state: None,
        }
    }

    fn source(compression: Compression, block_bytes: u64) -> Source {
        Source::Archive {
            plan: "p".to_owned(),
            files: 1,
            blocks: 1,
            block_bytes,
            compression,
            layout: Layout::Blocks,
            sketch: String::new(),
        }
    }

    async fn open(destination: Destination, source: &Source) -> Result<Writer, Error> {
        let target = Target::of(&OutputOptions::to(destination)).unwrap();
        let request = Request::archive(Query::default());
        Writer::open(&target, &request, source, ExtractOptions::default()).await
    }

    #[tokio::test]
    async fn a_target_that_becomes_a_directory_is_said_and_the_part_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let source = source(Compression::Gzip, 1);
        let mut sink = open(Destination::File(path.clone()), &source)
            .await
            .unwrap();
        sink.write(block(b"new")).await.unwrap();
        fs::create_dir(&path).unwrap();
        let said = sink.commit().await.unwrap_err().to_string();
        assert!(said.ends_with("x: is a directory"), "{said}");
        assert_eq!(crate::transfer::partial_file::kept(&path).unwrap().bytes, 3);
    }

    #[tokio::test]
    async fn a_full_device_is_one_sentence() {
        let full = Destination::File("/dev/full".into());
        let mut sink = open(full, &source(Compression::Gzip, 1)).await.unwrap();
        let error = sink.write(block(b"x")).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot write /dev/full: no space left on device"
        );
    }

    #[tokio::test]
    async fn only_what_can_be_taken_back_begins_anew() {
        let dir = tempfile::tempdir().unwrap();
        let source = source(Compression::Zstd, 1 << 20);
        let null = || open(Destination::File("/dev/null".into()), &source);
        assert!(null().await.unwrap().restart().unwrap().is_some());
        let mut begun = null().await.unwrap();
        begun.write(block(b"x")).await.unwrap();
        assert!(!begun.rewind().unwrap());
        assert!(begun.restart().is_err());
        let path = dir.path().join("x");
        let part = open(Destination::File(path), &source).await.unwrap();
        assert!(part.restart().unwrap().is_none());
        let into = Destination::Extract(dir.path().join("d"));
        let tree = open(into, &source).await.unwrap();
        assert!(tree.restart().unwrap().is_some());
    }

    #[tokio::test]
    async fn only_blocks_of_a_sane_size_are_unpacked() {
        let dir = tempfile::tempdir().unwrap();
        for source in [
            source(Compression::Gzip, 1),
            source(
                Compression::Zstd,
                crate::transfer::extract::extractor::LARGEST_BLOCK + 1,
            ),
            Source::File {
                identity: String::new(),
                size: 1,
            },
        ] {
            let into = Destination::Extract(dir.path().join("d"));
            let opened = open(into, &source).await;
            assert!(matches!(opened, Err(Error::Unpack(_))), "{source:?}");
        }
    }
}
