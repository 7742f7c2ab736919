use proptest::prelude::*;

use super::*;

/// Everything that was handed over, in its order.
#[derive(Debug, Default, PartialEq, Eq)]
struct Heap {
    files: Vec<(Entry, Vec<u8>)>,
    ended: usize,
}

impl EntryHandler for Heap {
    type Error = TarError;

    fn begin(&mut self, entry: Entry) -> Result<(), TarError> {
        assert_eq!(self.ended, self.files.len());
        self.files.push((entry, vec![]));
        Ok(())
    }

    fn content(&mut self, bytes: &[u8]) -> Result<(), TarError> {
        self.files.last_mut().unwrap().1.extend_from_slice(bytes);
        Ok(())
    }

    fn end(&mut self) -> Result<(), TarError> {
        self.ended += 1;
        let (entry, content) = self.files.last().unwrap();
        assert_eq!(entry.size, content.len() as u64);
        Ok(())
    }
}

/// What GNU tar makes of a directory with these files.
fn tar(files: &[(&str, usize)]) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new("tar");
    command
        .args(["--format=gnu", "--mtime=@1700000000", "-C"])
        .arg(dir.path())
        .args(["-cf", "-"]);
    for (name, size) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, vec![b'x'; *size]).unwrap();
        command.arg(name);
    }
    let output = command.output().unwrap();
    assert!(output.status.success());
    output.stdout
}

fn read(archive: &[u8], piece: usize) -> Result<Heap, TarError> {
    let (mut untar, mut heap) = (TarReader::default(), Heap::default());
    for piece in archive.chunks(piece.max(1)) {
        untar.feed(piece, &mut heap)?;
    }
    untar.finish()?;
    Ok(heap)
}

#[test]
fn what_gnu_tar_writes_is_read_in_pieces_of_any_length() {
    let long = format!("d/{}", "n".repeat(200));
    let files = [
        ("a", 0),
        ("d/b", 1),
        (long.as_str(), 511),
        ("e", 512),
        ("f", 70_000),
    ];
    let archive = tar(&files);
    for piece in [1, 7, 511, 512, 513, archive.len()] {
        let heap = read(&archive, piece).unwrap();
        let read: Vec<(&[u8], usize)> = heap
            .files
            .iter()
            .map(|(entry, content)| (entry.path.as_slice(), content.len()))
            .collect();
        assert_eq!(read, files.map(|(name, size)| (name.as_bytes(), size)));
        assert!(
            heap.files
                .iter()
                .all(|(entry, _)| entry.modified == 1_700_000_000)
        );
        assert_eq!(heap.ended, files.len());
    }
}

#[test]
fn an_archive_that_is_cut_or_damaged_is_refused() {
    let archive = tar(&[("a", 600)]);
    for length in [0, 1, 511, 512, 1000, 1535] {
        assert_eq!(
            read(&archive[..length], 100),
            Err(TarError::CutShort),
            "{length}"
        );
    }
    let mut damaged = archive.clone();
    damaged[3] ^= 1;
    assert_eq!(read(&damaged, 512), Err(TarError::Header));
}

#[test]
fn what_is_no_regular_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/etc", dir.path().join("link")).unwrap();
    for (entry, kind) in [("link", b'2'), (".", b'5')] {
        let output = std::process::Command::new("tar")
            .args(["--format=gnu", "-cf", "-", "-C"])
            .arg(dir.path())
            .arg(entry)
            .output()
            .unwrap();
        assert_eq!(read(&output.stdout, 512), Err(TarError::Type(kind)));
    }
}

#[test]
fn numbers_are_octal_or_base_256() {
    assert_eq!(number(b"0000644\0"), Ok(0o644));
    assert_eq!(number(b" 644 \0"), Ok(0o644));
    assert_eq!(number(b"\0\0"), Ok(0));
    assert_eq!(number(&[0x80, 0, 0, 2, 0, 0, 0, 0]), Ok(8 << 30));
    assert_eq!(number(&[0xff; 12]), Ok(-1));
    assert_eq!(number(b"8"), Err(TarError::Header));
}

proptest! {
    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..2000), at in 0_usize..3000, piece in 1_usize..600) {
        let mut archive = tar_once().to_vec();
        let at = at.min(archive.len());
        let end = (at + bytes.len()).min(archive.len());
        archive[at..end].copy_from_slice(&bytes[..end - at]);
        let (mut untar, mut heap) = (TarReader::default(), Heap::default());
        for piece in archive.chunks(piece) {
            if untar.feed(piece, &mut heap).is_err() {
                break;
            }
        }
    }
}

fn tar_once() -> &'static [u8] {
    static ARCHIVE: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    ARCHIVE.get_or_init(|| tar(&[("a", 3), ("b", 700)]))
}
