use std::process::Command;

use netsocket_protocol::message::{Compression, EntryNames, Layout};
use netsocket_settings::Supervisor;
use proptest::prelude::*;

use super::*;
use crate::archive::{ArchiveOptions, Blocks, Codec, Start, plan};
use crate::compress::{BLOCK_BYTES, Pool};
use crate::query::search::FoundFile;
use crate::tree::root::Root;

fn planned(files: Vec<FoundFile>) -> Arc<Plan> {
    let codec = Codec::new(Compression::None, None, Layout::Stream).unwrap();
    let names = EntryNames::Path;
    Arc::new(Plan::new(files, ArchiveOptions { codec, names }).unwrap())
}

/// A file whose time is that of [`zipped`].
fn file(path: &str, size: u64) -> FoundFile {
    let mut file = plan::tests::file(path, size);
    file.modified.nanos = 0;
    file
}

/// Makes a zip of files with these sizes, and returns it with the length that was promised.
fn zipped(files: &[(String, usize)]) -> (u64, Vec<u8>) {
    let tree = tempfile::tempdir().unwrap();
    for (path, size) in files {
        let byte = |at| u8::try_from(at * 7 % 251).unwrap();
        let content: Vec<u8> = (0..*size).map(byte).collect();
        let path = tree.path().join(path);
        std::fs::write(&path, content).unwrap();
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
        let opened = std::fs::File::options().append(true).open(path).unwrap();
        opened.set_modified(time).unwrap();
    }
    let found = files.iter().map(|(path, size)| file(path, *size as u64));
    let plan = planned(found.collect());
    let root = Arc::new(Root::open(tree.path()).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let pool = Pool::start(2, 4, &Supervisor::default()).unwrap();
        let mut zip = ZipStream::new(Arc::clone(&plan)).unwrap();
        let length = zip.length();
        let mut blocks = Blocks::start(&pool, root, plan, Start::default());
        let mut bytes = Vec::new();
        while let Some(block) = blocks.next().await.unwrap() {
            let block = zip.put(block);
            assert_eq!(block.checksum, crc32fast::hash(&block.bytes));
            bytes.extend_from_slice(&block.bytes);
        }
        assert_eq!(blocks.finish(), []);
        for piece in zip.finish() {
            bytes.extend_from_slice(&piece);
        }
        (length, bytes)
    })
}

/// What Python's zipfile says of an archive: names and sizes, after it has checked all contents.
fn read_by_python(zip: &[u8]) -> String {
    let script = "import sys, zipfile\n\
                  archive = zipfile.ZipFile(sys.argv[1])\n\
                  assert archive.testzip() is None\n\
                  print([(i.filename, i.file_size, i.date_time, oct(i.external_attr >> 16)) for i in archive.infolist()])";
    let place = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(place.path(), zip).unwrap();
    let output = Command::new("python3")
        .args(["-c", script])
        .arg(place.path())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8(output.stdout)
        .unwrap()
        .trim_end()
        .to_owned()
}

#[test]
fn contents_that_end_at_any_place_of_a_block_are_kept() {
    let header = 512;
    for size in [
        BLOCK_BYTES - header,
        BLOCK_BYTES - header - 1,
        BLOCK_BYTES,
        3 * BLOCK_BYTES - header,
        1,
    ] {
        let files = [
            ("a".to_owned(), size),
            ("b".to_owned(), 0),
            ("ä".to_owned(), 2 * BLOCK_BYTES + 5),
        ];
        let (length, bytes) = zipped(&files);
        assert_eq!(bytes.len() as u64, length, "{size}");
        let rest = "(2023, 11, 14, 22, 13, 20), '0o100640')";
        assert_eq!(
            read_by_python(&bytes),
            format!("[('a', {size}, {rest}, ('b', 0, {rest}, ('ä', 2097157, {rest}]")
        );
    }
}

#[test]
fn the_length_of_large_archives_is_known_without_reading_them() {
    let limit = u64::from(u32::MAX);
    let length = |files| ZipStream::new(planned(files)).unwrap().length();
    // Local header, descriptor, header in the directory and end, each with a name of one byte.
    let small = (30 + 1 + 9) + 16 + (46 + 1 + 9) + 22;
    assert_eq!(length(vec![file("a", limit - 1 - small)]), limit - 1);
    // The directory begins beyond 32 bits.
    assert_eq!(length(vec![file("a", limit - 1)]), limit - 1 + small + 76);
    // So do both sizes: 20 bytes in either header, 8 in the descriptor.
    assert_eq!(
        length(vec![file("a", limit)]),
        limit + small + 76 + 20 + 8 + 20
    );
    // The second begins beyond 32 bits.
    let two = vec![file("a", limit - 1), file("b", 0)];
    assert_eq!(length(two), limit - 1 + 2 * (small - 22) + 12 + 98);
    let many = |count: u64| {
        (0..count)
            .map(|number| file(&format!("{number:05}"), 0))
            .collect()
    };
    let each = small - 22 + 2 * 4;
    assert_eq!(length(many(65_534)), 65_534 * each + 22);
    assert_eq!(length(many(65_535)), 65_535 * each + 98);
}

#[test]
fn as_many_files_as_do_not_fit_into_16_bits_are_read() {
    let named = |count| -> Vec<_> { (0..count).map(|at| (format!("{at:05}"), 0)).collect() };
    // Other archivers promise another end record than they write at one of these.
    for count in [2_000, 65_535] {
        let (length, bytes) = zipped(&named(count));
        assert_eq!(bytes.len() as u64, length, "{count}");
    }
    let files = named(65_536);
    let (length, bytes) = zipped(&files);
    assert_eq!(bytes.len() as u64, length);
    let listed = read_by_python(&bytes);
    assert_eq!(listed.matches("('").count(), files.len());
    assert!(listed.contains("('65535', 0, "));
}

#[test]
fn what_a_zip_cannot_hold_is_refused() {
    let refused = |files| ZipStream::new(planned(files)).unwrap_err();
    let long = file(&"n".repeat(NAME_MAX + 1), 1);
    assert_eq!(refused(vec![long]), PlanError::LongName { most: NAME_MAX });
    assert!(ZipStream::new(planned(vec![file(&"n".repeat(NAME_MAX), 1)])).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn as_many_bytes_are_made_as_were_promised(sizes in proptest::collection::vec(0..700_000_usize, 1..8), long in 1..200_usize) {
        let named = |(number, size)| (format!("{number}{}", "n".repeat(long)), size);
        let files: Vec<(String, usize)> = sizes.into_iter().enumerate().map(named).collect();
        let (length, bytes) = zipped(&files);
        prop_assert_eq!(bytes.len() as u64, length);
        prop_assert!(bytes.ends_with(&[0, 0]));
    }
}
