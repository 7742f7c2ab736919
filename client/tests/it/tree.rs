//! A small tree behind the fake server, for today's commands.

use bytes::{Bytes, BytesMut};
use netsocket_protocol::block::Block;
use netsocket_protocol::message::{ErrorKind, FileEntry, FileStart, Reply, Request, Trailer};
use netsocket_protocol::name::Name;
use netsocket_protocol::query::Query;

use crate::peer::Peer;

const BLOCK: usize = 1 << 20;

const DIRECTORIES: [&str; 3] = ["", "music", "music/covers"];
const FILES: [(&str, usize); 4] = [
    ("evil\x1b[2J", 7),
    ("music/song.mp3", 3_000_000),
    ("notes.txt", 49),
    ("with space.txt", 5),
];

/// What the file at that path holds.
pub(crate) fn contents_of(path: &str) -> Vec<u8> {
    let size = FILES
        .iter()
        .find(|(known, _)| *known == path)
        .map(|(_, size)| *size);
    let seed = path.len();
    (0..size.unwrap())
        .map(|at| u8::try_from((at * 31 + seed) % 251).unwrap())
        .collect()
}

fn entry(path: &str, size: usize, mode: u32) -> FileEntry {
    FileEntry {
        path: path.into(),
        size: size as u64,
        born: "2026-11-22T11:13:29.123456789+00:00".to_owned(),
        birth_known: true,
        modified: "2026-11-22T11:14:02.000000000+00:00".to_owned(),
        mode,
    }
}

/// Everything in the tree, by path.
fn all() -> Vec<FileEntry> {
    let directories = DIRECTORIES.map(|path| entry(path, 0, 0o040_755));
    let files = FILES.map(|(path, size)| entry(path, size, 0o100_644));
    let mut all: Vec<FileEntry> = directories.into_iter().chain(files).collect();
    all.sort_by(|a, b| a.path.cmp(&b.path));
    all
}

/// Whether a file of the tree, or something beside it that is missing, is meant: other paths are other tests'.
pub(crate) fn is_in_tree(path: &Name) -> bool {
    all().iter().any(|entry| entry.path == *path)
}

fn text(name: &Name) -> &str {
    std::str::from_utf8(name.as_bytes()).unwrap()
}

fn parent_and_name(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// Globs of stars and lists of characters are enough here; what stands behind a backslash stands for itself.
fn matches(glob: &str, name: &str) -> bool {
    let Some(first) = glob.chars().next() else {
        return name.is_empty();
    };
    let after = &glob[first.len_utf8()..];
    if let ('\\', Some(quoted)) = (first, after.chars().next()) {
        let rest = name.strip_prefix(quoted);
        return rest.is_some_and(|rest| matches(&after[quoted.len_utf8()..], rest));
    }
    if first == '*' {
        let mut ends = (0..=name.len()).filter(|at| name.is_char_boundary(*at));
        return ends.any(|at| matches(after, &name[at..]));
    }
    let Some(next) = name.chars().next() else {
        return false;
    };
    let rest = &name[next.len_utf8()..];
    match (first, after.split_once(']')) {
        ('[', Some((list, after))) => list.contains(next) && matches(after, rest),
        _ => first == next && matches(after, rest),
    }
}

fn is_found(file: &FileEntry, query: &Query) -> bool {
    let (_, name) = parent_and_name(text(&file.path));
    file.mode & 0o100_000 != 0
        && query.accepts_name(name.as_bytes())
        && query.accepts_size(file.size)
        && query.glob.as_ref().is_none_or(|glob| matches(glob, name))
        && query.below.as_ref().is_none_or(|below| {
            text(below).is_empty() || text(&file.path).starts_with(&format!("{}/", text(below)))
        })
}

/// A whole list of files with these names.
pub(crate) fn answering(names: &[&str]) -> Reply {
    let entries = names.iter().map(|name| entry(name, 1, 0o100_644));
    Reply::files(entries.collect(), false)
}

impl Peer {
    /// The right answer to a request about the tree.
    pub(crate) async fn answer_from_tree(&mut self, request: &Request) {
        match request {
            Request::Find { query, .. } => {
                let files = all().into_iter().filter(|file| is_found(file, query));
                let files = files.collect();
                self.send(&Reply::files(files, false)).await;
            }
            Request::List {
                path, glob, itself, ..
            } => {
                let Some(there) = all().into_iter().find(|entry| entry.path == *path) else {
                    return self.error(ErrorKind::NotFound, "nothing there").await;
                };
                let is_directory = there.mode & 0o040_000 != 0;
                let files = if *itself || !is_directory {
                    vec![there]
                } else {
                    let inside = all().into_iter().filter(|entry| {
                        let (parent, name) = parent_and_name(text(&entry.path));
                        !name.is_empty()
                            && parent == text(path)
                            && glob.as_ref().is_none_or(|glob| matches(glob, name))
                    });
                    inside.collect()
                };
                self.send(&Reply::files(files, false)).await;
            }
            Request::Get { path, offset, .. } => self.send_file(text(path), *offset).await,
            other => panic!("{other:?}"),
        }
    }

    async fn send_file(&mut self, path: &str, offset: u64) {
        if !FILES.iter().any(|(known, _)| *known == path) {
            return self.error(ErrorKind::NotFound, "no such file").await;
        }
        let contents = contents_of(path);
        let size = contents.len() as u64;
        let rest = contents[usize::try_from(offset).unwrap()..].to_vec();
        let start = FileStart {
            identity: format!("{size}-1.000000000"),
            size,
            offset,
            length: rest.len() as u64,
            modified: "2026-11-22T11:14:02.000000000+00:00".to_owned(),
            mode: 0o100_644,
        };
        self.send(&start).await;
        let mut blocks = 0;
        for (index, block) in (0..).zip(rest.chunks(BLOCK)) {
            let mut frame = BytesMut::new();
            let bytes = Bytes::copy_from_slice(block);
            Block { index, bytes }.put_frame(&mut frame).unwrap();
            self.raw(&frame).await;
            blocks += 1;
        }
        let trailer = Trailer {
            blocks,
            bytes: rest.len() as u64,
            digest: blake3::hash(&rest).to_hex().to_string(),
            warnings: vec![],
            unlisted: 0,
        };
        self.send(&trailer).await;
    }
}
