//! Reads a tar stream that comes in pieces of any length: the entries of regular files, without any I/O.
//!
//! The format is GNU tar's (its manual, "Basic Tar Format"): headers of 512 bytes, contents filled up to a multiple of
//! that, names of more than 100 bytes in an entry of type `L` before the header, numbers that octal digits cannot hold in
//! base 256. Everything that is no regular file is refused: this service shares nothing else, so whoever sends it wants
//! something else.

/// Bytes of a header, and what contents are filled up to a multiple of.
const RECORD: usize = 512;
/// The longest name that is read.
const LONGEST_NAME: u64 = 4096;

/// What an entry says of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The path, as it stands there.
    pub(crate) path: Vec<u8>,
    /// Permission bits and those above them.
    pub(crate) mode: u32,
    /// Bytes of content.
    pub(crate) size: u64,
    /// Seconds since 1970-01-01 00:00 UTC.
    pub(crate) modified: i64,
}

/// What entries are handed to.
pub(crate) trait EntryHandler {
    /// Why a file cannot be taken.
    type Error;
    /// A file begins.
    ///
    /// # Errors
    /// Where it cannot be taken.
    fn begin(&mut self, entry: Entry) -> Result<(), Self::Error>;
    /// The next bytes of it.
    ///
    /// # Errors
    /// Where they cannot be taken.
    fn content(&mut self, bytes: &[u8]) -> Result<(), Self::Error>;
    /// It has come whole.
    ///
    /// # Errors
    /// Where it cannot be put into its place.
    fn end(&mut self) -> Result<(), Self::Error>;
}

/// Why bytes are not such a stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TarError {
    /// A header is damaged, or of another format.
    #[error("a header is not that of a GNU tar archive")]
    Header,
    /// An entry is no regular file.
    #[error("an entry is of type '{}', which is no regular file", char::from(*.0).escape_default())]
    Type(u8),
    /// A name is too long.
    #[error("a name has {0} bytes")]
    Name(u64),
    /// The stream ends in the middle.
    #[error("it ends in the middle")]
    CutShort,
}

#[derive(Debug)]
enum State {
    /// Within a header.
    Header,
    /// Within the name of the next entry.
    Name { left: u64, fill: u64 },
    /// Within the content of a file.
    Content { left: u64, fill: u64 },
    /// Within the zeros behind something.
    Fill { left: u64 },
    /// Behind the first header of zeros.
    End,
}

/// The reader.
#[derive(Debug)]
pub(crate) struct TarReader {
    state: State,
    header: Vec<u8>,
    /// The long name that stands before its header.
    name: Option<Vec<u8>>,
}

impl Default for TarReader {
    fn default() -> Self {
        Self {
            state: State::Header,
            header: Vec::with_capacity(RECORD),
            name: None,
        }
    }
}

impl TarReader {
    /// Reads the next piece.
    ///
    /// # Errors
    /// What `files` says, or [`TarError`].
    pub(crate) fn feed<F: EntryHandler>(
        &mut self,
        mut bytes: &[u8],
        files: &mut F,
    ) -> Result<(), F::Error>
    where
        F::Error: From<TarError>,
    {
        while !bytes.is_empty() {
            match &mut self.state {
                State::End => return Ok(()),
                State::Header => {
                    let (now, rest) = bytes.split_at(bytes.len().min(RECORD - self.header.len()));
                    self.header.extend_from_slice(now);
                    bytes = rest;
                    if self.header.len() == RECORD {
                        self.header(files)?;
                    }
                }
                State::Name { left, fill } => {
                    let (now, rest) = split(bytes, left);
                    bytes = rest;
                    self.name.get_or_insert_default().extend_from_slice(now);
                    if *left == 0 {
                        self.state = State::Fill { left: *fill };
                    }
                }
                State::Content { left, fill } => {
                    let (now, rest) = split(bytes, left);
                    bytes = rest;
                    files.content(now)?;
                    if *left == 0 {
                        self.state = State::Fill { left: *fill };
                        files.end()?;
                    }
                }
                State::Fill { left } => bytes = split(bytes, left).1,
            }
            if matches!(self.state, State::Fill { left: 0 }) {
                self.state = State::Header;
            }
        }
        Ok(())
    }

    /// Whether the stream has come to its end.
    ///
    /// # Errors
    /// [`TarError::CutShort`] where it has not.
    pub(crate) fn finish(&self) -> Result<(), TarError> {
        match self.state {
            State::End => Ok(()),
            _ => Err(TarError::CutShort),
        }
    }

    fn header<F: EntryHandler>(&mut self, files: &mut F) -> Result<(), F::Error>
    where
        F::Error: From<TarError>,
    {
        let header = Header::read(&self.header)?;
        self.header.clear();
        let Some(header) = header else {
            self.state = State::End;
            return Ok(());
        };
        let fill = (RECORD as u64 - header.size % RECORD as u64) % RECORD as u64;
        match header.kind {
            b'L' if header.size > LONGEST_NAME => Err(TarError::Name(header.size).into()),
            b'L' => {
                let left = header.size;
                self.state = State::Name { left, fill };
                if left == 0 {
                    self.state = State::Header;
                }
                Ok(())
            }
            b'0' | 0 => {
                let mut path = self.name.take().unwrap_or(header.name);
                // A long name ends with a zero byte, a short one is filled up with them.
                path.truncate(
                    path.iter()
                        .position(|byte| *byte == 0)
                        .unwrap_or(path.len()),
                );
                files.begin(Entry {
                    path,
                    mode: header.mode,
                    size: header.size,
                    modified: header.modified,
                })?;
                if header.size > 0 {
                    let left = header.size;
                    self.state = State::Content { left, fill };
                    Ok(())
                } else {
                    files.end()
                }
            }
            other => Err(TarError::Type(other).into()),
        }
    }
}

/// As many bytes as are left to come, and the rest.
fn split<'a>(bytes: &'a [u8], left: &mut u64) -> (&'a [u8], &'a [u8]) {
    let now = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
    *left -= now as u64;
    bytes.split_at(now)
}

struct Header {
    name: Vec<u8>,
    mode: u32,
    size: u64,
    modified: i64,
    kind: u8,
}

impl Header {
    /// None for a header of zeros, which ends an archive.
    fn read(record: &[u8]) -> Result<Option<Self>, TarError> {
        if record.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let field = |from: usize, to: usize| record.get(from..to).ok_or(TarError::Header);
        let sum = number(field(148, 156)?)?;
        // The checksum is made with spaces in its own place.
        let bytes = record.iter().enumerate();
        let counted = bytes.map(|(at, byte)| match at {
            148..156 => i128::from(b' '),
            _ => i128::from(*byte),
        });
        if counted.sum::<i128>() != sum || field(257, 265)? != b"ustar  \0" {
            return Err(TarError::Header);
        }
        let kind = field(156, 157)?.first().copied().unwrap_or_default();
        Ok(Some(Self {
            name: field(0, 100)?.to_vec(),
            mode: in_range(number(field(100, 108)?)?)?,
            size: in_range(number(field(124, 136)?)?)?,
            modified: in_range(number(field(136, 148)?)?)?,
            kind,
        }))
    }
}

fn in_range<T: TryFrom<i128>>(number: i128) -> Result<T, TarError> {
    T::try_from(number).map_err(|_| TarError::Header)
}

/// A numeric field: octal digits up to a zero byte or a space, or base 256 in two's complement behind a highest bit.
fn number(field: &[u8]) -> Result<i128, TarError> {
    let (Some(first), true) = (field.first(), field.len() <= 12) else {
        return Err(TarError::Header);
    };
    if first & 0x80 != 0 {
        // The bit itself is no part of the number; the next one is its sign.
        let sign = if first & 0x40 == 0 { 0 } else { -1 };
        let begin = (sign << 7) | i128::from(first & 0x7f);
        let rest = field.iter().skip(1);
        return Ok(rest.fold(begin, |number, byte| (number << 8) | i128::from(*byte)));
    }
    let digits = field
        .split(|byte| matches!(byte, 0 | b' '))
        .find(|digits| !digits.is_empty())
        .unwrap_or_default();
    digits.iter().try_fold(0, |number, digit| match digit {
        b'0'..=b'7' => Ok((number << 3) | i128::from(digit - b'0')),
        _ => Err(TarError::Header),
    })
}

#[cfg(test)]
mod tests;
