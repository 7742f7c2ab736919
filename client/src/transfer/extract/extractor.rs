//! Decompresses blocks and unpacks the tar stream, one block at a time, on blocking threads, while the next one arrives.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use netsocket_protocol::message::{Compression, Layout};
use netsocket_settings::reason;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::outcome::answer::Unpacked;
use crate::outcome::error::Error;
use crate::transfer::extract::directory::{ExtractOptions, ExtractRoot};
use crate::transfer::extract::tar::{TarError, TarReader};
use crate::transfer::state::Source;
use crate::transfer::verify::VerifiedBlock;

/// The largest block accepted, in bytes; servers use 1 MiB.
pub(crate) const LARGEST_BLOCK: u64 = 16 << 20;

/// How long the end of a command waits for a block being unpacked, so that an incomplete file is removed before the
/// program ends.
const LAST_BLOCK: Duration = Duration::from_millis(500);

/// What a thread gives back: the extractor, the end of the channel that closes after it is dropped, and the result.
type FromThread = (Box<BlockExtractor>, mpsc::Sender<()>, Result<(), Error>);

/// Unpacks an archive on blocking threads.
#[derive(Debug)]
pub(crate) struct Extractor {
    /// `None` while a thread uses it.
    unpacking: Option<Box<BlockExtractor>>,
    /// The thread that unpacks a block.
    running: Option<JoinHandle<FromThread>>,
    /// Closed when the thread is done with it.
    busy: Option<mpsc::Receiver<()>>,
    /// Whether the next block is the first of another archive.
    has_restarted: bool,
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
        options: ExtractOptions,
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
        let open = move || BlockExtractor::new(ExtractRoot::open(&path, options)?, is_zstd, block);
        Ok(Self {
            unpacking: Some(Box::new(on_thread(open).await?)),
            running: None,
            busy: None,
            has_restarted: false,
        })
    }

    /// Starts to unpack the next block, once the one before is unpacked.
    ///
    /// # Errors
    /// Those of [`BlockExtractor::block`], of the block before.
    pub(crate) async fn block(&mut self, block: VerifiedBlock) -> Result<(), Error> {
        let mut unpacking = self.unpacked().await?;
        let (let_go, busy) = mpsc::channel();
        self.busy = Some(busy);
        self.running = Some(spawn_blocking(move || {
            let result = unpacking.block(&block.bytes);
            (unpacking, let_go, result)
        }));
        Ok(())
    }

    /// Restarts: files created so far may be overwritten.
    pub(crate) fn restart(&mut self) {
        self.has_restarted = true;
    }

    /// Completes the archive. Returns what was done.
    ///
    /// # Errors
    /// Those of [`BlockExtractor::block`] and [`BlockExtractor::finish`].
    pub(crate) async fn finish(&mut self) -> Result<Unpacked, Error> {
        let mut unpacking = self.unpacked().await?;
        on_thread(move || unpacking.finish()).await
    }

    /// Waits until the last block is unpacked.
    async fn unpacked(&mut self) -> Result<Box<BlockExtractor>, Error> {
        if let Some(running) = self.running.take() {
            let (unpacking, _, result) = running
                .await
                .map_err(|error| Error::Unpack(error.to_string()))?;
            self.busy = None;
            result?;
            self.unpacking = Some(unpacking);
        }
        let Some(mut unpacking) = self.unpacking.take() else {
            return Err(Error::Unpack("an earlier block failed".to_owned()));
        };
        if std::mem::take(&mut self.has_restarted) {
            unpacking.restart();
        }
        Ok(unpacking)
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
    /// A decompressed block; its capacity is the largest size accepted.
    plain: Vec<u8>,
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
            plain: Vec::with_capacity(if is_zstd { block_bytes } else { 0 }),
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
                decompressor
                    .decompress_to_buffer(bytes, &mut self.plain)
                    .map_err(|error| Error::Unpack(reason(&error)))?;
                self.untar.feed(&self.plain, &mut self.tree)
            }
        }
    }

    /// Restarts.
    pub(crate) fn restart(&mut self) {
        self.tree.restart();
        self.untar = TarReader::default();
    }

    /// All blocks were received. Returns what was done.
    ///
    /// # Errors
    /// [`Error::Unpack`] if the archive does not end here, [`Error::Exists`] if existing files were not overwritten.
    pub(crate) fn finish(&mut self) -> Result<Unpacked, Error> {
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

/// Creates directories below `root` where they are missing, and `root` itself; what `options` strips is left out of each
/// path. Each directory comes after the one that it is in.
///
/// # Errors
/// [`Error::Target`] if one cannot be created, [`Error::Unpack`] if a path leads elsewhere.
pub(crate) async fn make_directories(
    root: &Path,
    options: ExtractOptions,
    paths: Vec<Vec<u8>>,
) -> Result<(), Error> {
    let root = root.to_owned();
    on_thread(move || {
        let mut root = ExtractRoot::open(&root, options)?;
        paths.iter().try_for_each(|path| root.make_directory(path))
    })
    .await
}

/// Runs blocking work on a thread of its own.
async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(Error::Unpack(error.to_string())))
}
