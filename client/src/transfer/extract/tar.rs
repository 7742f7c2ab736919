//! Reads a tar stream that arrives in pieces of any length; regular files only; no I/O.
//!
//! The format is GNU tar's (see its manual, "Basic Tar Format"): 512-byte headers, contents padded to a multiple of
//! 512, names longer than 100 bytes in an entry of type `L` before the header, numbers too large for octal digits in
//! base 256. Anything but regular files is refused: servers send nothing else, so it would be an
//! attack.

/// The size of a header, and the unit of padding.
const RECORD: usize = 512;
/// The longest name accepted.
const LONGEST_NAME: u64 = 4096;

/// The header of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The path in the header.
    pub(crate) path: Vec<u8>,
    /// The mode bits.
    pub(crate) mode: u32,
    /// Bytes of content.
    pub(crate) size: u64,
    /// Seconds since 1970-01-01 00:00 UTC.
    pub(crate) modified: i64,
}

/// Receives the entries of an archive.
pub(crate) trait EntryHandler {
    /// The error of the handler.
    type Error;
    /// A file begins.
    ///
    /// # Errors
    /// If it cannot be accepted.
    fn begin(&mut self, entry: Entry) -> Result<(), Self::Error>;
    /// The next bytes of the file.
    ///
    /// # Errors
    /// If they cannot be accepted.
    fn content(&mut self, bytes: &[u8]) -> Result<(), Self::Error>;
    /// The file is complete.
    ///
    /// # Errors
    /// If it cannot be completed.
    fn end(&mut self) -> Result<(), Self::Error>;
}

/// Why the bytes are not a valid tar stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TarError {
    /// A header is damaged, or of another format.
    #[error("a header is not a GNU tar header")]
    Header,
    /// An entry is not a regular file.
    #[error("an entry has type '{}', which is not a regular file", char::from(*.0).escape_default())]
    Type(u8),
    /// A name is too long.
    #[error("a name is too long: {0} bytes")]
    Name(u64),
    /// The stream ends prematurely.
    #[error("it ends prematurely")]
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
    /// Within the padding.
    Fill { left: u64 },
    /// After the first header of zeros.
    End,
}

/// Reads a tar stream.
#[derive(Debug)]
pub(crate) struct TarReader {
    state: State,
    header: Vec<u8>,
    /// The long name for the next header.
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
    /// The error of `files`, or [`TarError`].
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

    /// Whether the stream is complete.
    ///
    /// # Errors
    /// [`TarError::CutShort`] if it is not.
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
                // A long name ends with a NUL byte, a short one is padded with them.
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

/// Splits off as many bytes as are left to read.
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
    /// `None` for a header of zeros, which ends an archive.
    fn read(record: &[u8]) -> Result<Option<Self>, TarError> {
        if record.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let field = |from: usize, to: usize| record.get(from..to).ok_or(TarError::Header);
        let sum = number(field(148, 156)?)?;
        // The checksum field itself counts as spaces.
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
        // The bit is not part of the number; the next one is the sign.
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
