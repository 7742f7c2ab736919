//! Any file, through plan and stream, comes out of GNU tar as it was.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use netsocket_fileserver::Root;
use netsocket_fileserver::archive::{ArchiveOptions, Blocks, Plan, Start};
use netsocket_fileserver::compress::Pool;
use netsocket_fileserver::query::Search;
use netsocket_protocol::query::Query;
use netsocket_settings::Supervisor;
use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

#[derive(Debug, Clone)]
struct File {
    content: Vec<u8>,
    mode: u32,
    modified: i64,
}

fn files() -> impl Strategy<Value = BTreeMap<Vec<u8>, File>> {
    let byte = any::<u8>().prop_filter("no name has it", |byte| !matches!(byte, 0 | b'/'));
    let text = "[a-zé☃ .'\"\n-]{1,60}".prop_map(String::into_bytes);
    let name = prop_oneof![
        proptest::collection::vec(byte.clone(), 1..40),
        proptest::collection::vec(byte, 95..=255),
        text,
    ]
    .prop_filter("hidden", |name| name[0] != b'.');
    let content = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..1_200),
        (0_usize..1_300_000).prop_map(|length| vec![b'z'; length]),
    ];
    // File systems keep at least these years; octal digits hold neither the first nor, by far, the last.
    let modified = prop_oneof![
        -2_000_000_000_i64..0,
        0_i64..2_000_000_000,
        8_000_000_000_i64..8_600_000_000
    ];
    let file = (content, 0o400_u32..=0o777, modified).prop_map(|(content, mode, modified)| File {
        content,
        mode: mode | 0o400,
        modified,
    });
    proptest::collection::btree_map(name, file, 1..12)
}

fn write(root: &std::path::Path, files: &BTreeMap<Vec<u8>, File>) {
    for (name, file) in files {
        let path = root.join(OsStr::from_bytes(name));
        fs::write(&path, &file.content).unwrap();
        let distance = Duration::from_secs(file.modified.unsigned_abs());
        let time = if file.modified < 0 {
            UNIX_EPOCH - distance
        } else {
            UNIX_EPOCH + distance
        };
        fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(time)
            .unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(file.mode)).unwrap();
    }
}

async fn archive(root: &std::path::Path) -> (Vec<u8>, u64) {
    let root = Arc::new(Root::open(root).unwrap());
    let search = Search {
        query: Query::default(),
        limit: usize::MAX,
        check_readable: true,
    };
    let found = search.run(&root, &CancellationToken::new()).unwrap();
    let plan = Arc::new(Plan::new(found.files, ArchiveOptions::default()).unwrap());
    let pool = Pool::start(2, 4, &Supervisor::default()).unwrap();
    let mut blocks = Blocks::start(&pool, root, Arc::clone(&plan), Start::default());
    let mut bytes = Vec::new();
    while let Some(block) = blocks.next().await.unwrap() {
        bytes.extend_from_slice(&block.bytes);
    }
    assert_eq!(blocks.finish(), []);
    (bytes, plan.tar_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn what_goes_in_comes_out(files in files()) {
        let (source, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write(source.path(), &files);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (bytes, planned) = runtime.block_on(archive(source.path()));

        let file = source.path().join(".archive.tar.gz");
        fs::write(&file, &bytes).unwrap();
        let tar = crate::tools::run("gzip", &["-dc".as_ref(), file.as_ref()]);
        prop_assert_eq!(tar.len() as u64, planned);
        crate::tools::run("tar", &["--same-permissions".as_ref(), "-xzf".as_ref(), file.as_ref(), "-C".as_ref(), target.path().as_ref()]);
        prop_assert_eq!(fs::read_dir(target.path()).unwrap().count(), files.len());
        for (name, file) in &files {
            let path = target.path().join(OsStr::from_bytes(name));
            let metadata = fs::metadata(&path).unwrap();
            prop_assert_eq!(metadata.mtime(), file.modified);
            prop_assert_eq!(metadata.mode() & 0o7777, file.mode);
            prop_assert!(fs::read(&path).unwrap() == file.content);
        }
    }
}
