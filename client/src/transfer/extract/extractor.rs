//! From blocks of an archive to files: decompressed, read as tar, on blocking threads, a block at a time.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use netsocket_protocol::message::Compression;
use netsocket_settings::reason;
use tokio::task::spawn_blocking;

use crate::outcome::error::Error;
use crate::transfer::extract::directory::ExtractRoot;
use crate::transfer::extract::tar::{TarError, TarReader};
use crate::transfer::state::Source;
use crate::transfer::verify::VerifiedBlock;

/// The largest block that is unpacked, in bytes; this service's have 1 MiB.
pub(crate) const LARGEST_BLOCK: u64 = 16 << 20;

/// How long the end of a command waits for a block that is being unpacked, so that half a file is taken away before the
/// program ends.
const LAST_BLOCK: Duration = Duration::from_millis(500);

/// An archive that is unpacked on blocking threads, a block at a time.
#[derive(Debug)]
pub(crate) struct Extractor {
    /// None while a thread has it.
    unpacking: Option<Box<BlockExtractor>>,
    /// Closed when the thread has let go of it.
    busy: Option<mpsc::Receiver<()>>,
}

impl Extractor {
    /// Begins to unpack into the directory `path`.
    ///
    /// # Errors
    /// [`Error::Target`] where there is no such directory, [`Error::Unpack`] where it is no archive of blocks that can be
    /// unpacked.
    pub(crate) async fn open(
        path: &Path,
        source: &Source,
        overwrites: bool,
    ) -> Result<Self, Error> {
        let Source::Archive {
            compression,
            block_bytes,
            ..
        } = source
        else {
            return Err(Error::Unpack("a plain file is no archive".to_owned()));
        };
        let is_zstd = match compression {
            Compression::Zstd => true,
            Compression::None => false,
            Compression::Gzip => {
                return Err(Error::Unpack("it came as gzip, unasked".to_owned()));
            }
        };
        let block = usize::try_from(*block_bytes)
            .ok()
            .filter(|_| *block_bytes <= LARGEST_BLOCK)
            .ok_or_else(|| Error::Unpack(format!("its blocks have {block_bytes} bytes")))?;
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

    /// Begins anew: what is there by now may be made again.
    pub(crate) fn restart(&mut self) {
        if let Some(unpacking) = &mut self.unpacking {
            unpacking.restart();
        }
    }

    /// Puts the last things into their places.
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
            return Err(Error::Unpack("a block before it failed".to_owned()));
        };
        let (let_go, busy) = mpsc::channel();
        self.busy = Some(busy);
        let thread = move || {
            let result = work(&mut unpacking);
            // Dropped in this order: whoever waits for the channel wants what comes before it to be gone.
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
            // A disk that hangs must not keep a signal waiting.
            let _ = busy.recv_timeout(LAST_BLOCK);
        }
    }
}

/// An archive that is unpacked block by block.
pub(crate) struct BlockExtractor {
    tree: ExtractRoot,
    untar: TarReader,
    /// None where blocks come as they are.
    decompressor: Option<zstd::bulk::Decompressor<'static>>,
    block_bytes: usize,
}

impl BlockExtractor {
    /// Begins to unpack blocks of at most `block_bytes` bytes into `tree`.
    ///
    /// # Errors
    /// [`Error::Unpack`] where there is no room to decompress.
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
    /// [`Error::Unpack`] where it is no part of such an archive, [`Error::Target`] where a file cannot be written.
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

    /// Begins anew.
    pub(crate) fn restart(&mut self) {
        self.tree.restart();
        self.untar = TarReader::default();
    }

    /// All blocks have come.
    ///
    /// # Errors
    /// [`Error::Unpack`] where the archive does not end here, [`Error::Exists`] where files were in the way.
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

/// Runs what may wait on a blocking thread.
async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(Error::Unpack(error.to_string())))
}
