//! Decompresses blocks and unpacks the tar stream, one block at a time, on blocking threads.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use netsocket_protocol::message::{Compression, Layout};
use netsocket_settings::reason;
use tokio::task::spawn_blocking;

use crate::outcome::error::Error;
use crate::transfer::extract::directory::ExtractRoot;
use crate::transfer::extract::tar::{TarError, TarReader};
use crate::transfer::state::Source;
use crate::transfer::verify::VerifiedBlock;

/// The largest block accepted, in bytes; servers use 1 MiB.
pub(crate) const LARGEST_BLOCK: u64 = 16 << 20;

/// How long the end of a command waits for a block being unpacked, so that an incomplete file is removed before the
/// program ends.
const LAST_BLOCK: Duration = Duration::from_millis(500);

/// Unpacks an archive on blocking threads.
#[derive(Debug)]
pub(crate) struct Extractor {
    /// `None` while a thread uses it.
    unpacking: Option<Box<BlockExtractor>>,
    /// Closed when the thread is done with it.
    busy: Option<mpsc::Receiver<()>>,
}

impl Extractor {
    /// Starts unpacking into the directory `path`.
    ///
    /// # Errors
    /// [`Error::Target`] if the directory cannot be opened, [`Error::Unpack`] if the archive cannot be
    /// unpacked.
    pub(crate) async fn open(
        path: &Path,
        source: &Source,
        overwrites: bool,
    ) -> Result<Self, Error> {
        let Source::Archive {
            compression,
            layout,
            block_bytes,
            ..
        } = source
        else {
            return Err(Error::Unpack("a plain file is not an archive".to_owned()));
        };
        if *layout != Layout::Blocks {
            return Err(Error::Unpack(
                "the server sent one stream, which was not requested".to_owned(),
            ));
        }
        let is_zstd = match compression {
            Compression::Zstd => true,
            Compression::None => false,
            Compression::Gzip => {
                return Err(Error::Unpack(
                    "the server sent gzip, which was not requested".to_owned(),
                ));
            }
        };
        let block = usize::try_from(*block_bytes)
            .ok()
            .filter(|_| *block_bytes <= LARGEST_BLOCK)
            .ok_or_else(|| {
                Error::Unpack(format!("its blocks are too large: {block_bytes} bytes"))
            })?;
        let path = path.to_owned();
        let open =
            move || BlockExtractor::new(ExtractRoot::open(&path, overwrites)?, is_zstd, block);
        Ok(Self {
            unpacking: Some(Box::new(on_thread(open).await?)),
            busy: None,
        })
    }

    /// Unpacks the next block.
    ///
    /// # Errors
    /// Those of [`BlockExtractor::block`].
    pub(crate) async fn block(&mut self, block: VerifiedBlock) -> Result<(), Error> {
        self.run(move |unpacking| unpacking.block(&block.bytes))
            .await
    }

    /// Restarts: files created so far may be overwritten.
    pub(crate) fn restart(&mut self) {
        if let Some(unpacking) = &mut self.unpacking {
            unpacking.restart();
        }
    }

    /// Completes the archive.
    ///
    /// # Errors
    /// Those of [`BlockExtractor::finish`].
    pub(crate) async fn finish(&mut self) -> Result<(), Error> {
        self.run(BlockExtractor::finish).await
    }

    async fn run(
        &mut self,
        work: impl FnOnce(&mut BlockExtractor) -> Result<(), Error> + Send + 'static,
    ) -> Result<(), Error> {
        let Some(mut unpacking) = self.unpacking.take() else {
            return Err(Error::Unpack("an earlier block failed".to_owned()));
        };
        let (let_go, busy) = mpsc::channel();
        self.busy = Some(busy);
        let thread = move || {
            let result = work(&mut unpacking);
            // Dropped in this order: the channel closes after the extractor is dropped.
            Ok((unpacking, let_go, result))
        };
        let (unpacking, _, result) = on_thread(thread).await?;
        self.unpacking = Some(unpacking);
        self.busy = None;
        result
    }
}

impl Drop for Extractor {
    fn drop(&mut self) {
        if let Some(busy) = self.busy.take() {
            // A hanging disk must not delay a signal.
            let _ = busy.recv_timeout(LAST_BLOCK);
        }
    }
}

/// Unpacks an archive block by block.
pub(crate) struct BlockExtractor {
    tree: ExtractRoot,
    untar: TarReader,
    /// `None` if blocks are not compressed.
    decompressor: Option<zstd::bulk::Decompressor<'static>>,
    block_bytes: usize,
}

impl BlockExtractor {
    /// Starts unpacking blocks of at most `block_bytes` bytes into `tree`.
    ///
    /// # Errors
    /// [`Error::Unpack`] if there is no memory to decompress.
    pub(crate) fn new(tree: ExtractRoot, is_zstd: bool, block_bytes: usize) -> Result<Self, Error> {
        let decompressor = is_zstd.then(zstd::bulk::Decompressor::new).transpose();
        Ok(Self {
            tree,
            untar: TarReader::default(),
            decompressor: decompressor.map_err(|error| Error::Unpack(reason(&error)))?,
            block_bytes,
        })
    }

    /// The next block.
    ///
    /// # Errors
    /// [`Error::Unpack`] if it is not part of such an archive, [`Error::Target`] if a file cannot be written.
    pub(crate) fn block(&mut self, bytes: &[u8]) -> Result<(), Error> {
        match &mut self.decompressor {
            None => self.untar.feed(bytes, &mut self.tree),
            Some(decompressor) => {
                let plain = decompressor
                    .decompress(bytes, self.block_bytes)
                    .map_err(|error| Error::Unpack(reason(&error)))?;
                self.untar.feed(&plain, &mut self.tree)
            }
        }
    }

    /// Restarts.
    pub(crate) fn restart(&mut self) {
        self.tree.restart();
        self.untar = TarReader::default();
    }

    /// All blocks were received.
    ///
    /// # Errors
    /// [`Error::Unpack`] if the archive does not end here, [`Error::Exists`] if existing files were not overwritten.
    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        self.untar.finish()?;
        self.tree.finish()
    }
}

impl std::fmt::Debug for BlockExtractor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockExtractor")
            .field("tree", &self.tree)
            .finish_non_exhaustive()
    }
}

impl From<TarError> for Error {
    fn from(error: TarError) -> Self {
        Self::Unpack(error.to_string())
    }
}

/// Runs blocking work on a thread of its own.
async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(Error::Unpack(error.to_string())))
}
