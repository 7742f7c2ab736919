//! `Repr-Digest` for who asks for it with `Want-Repr-Digest` (RFC 9530): the SHA-256 of a whole file, whichever part of it is
//! sent, so that who resumes a download on another server can check all of it.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::download::text;
use super::file::Opened;
use super::link::Link;
use crate::tree::version::Version;

pub(super) const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");
const WANT_REPR_DIGEST: HeaderName = HeaderName::from_static("want-repr-digest");

/// Larger files get none: nobody waits that long for a first byte.
const MAX_BYTES: u64 = 1 << 30;

/// Files that are read for this at a time; further requests wait.
static READING: Semaphore = Semaphore::const_new(2);

/// Bytes that are read at once.
const BLOCK: usize = 256 * 1024;

/// Bytes that a digest takes in the cache, with its path.
const KEPT_BYTES: usize = 256;

/// The digest of a version of a file.
#[derive(Debug)]
struct Kept {
    version: Version,
    header: HeaderValue,
}

/// Whether the client asks for a digest that there may be.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    let values = headers.get_all(WANT_REPR_DIGEST).into_iter();
    let members = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    let mut preferences = members.filter_map(|member| {
        let (name, value) = member.split(';').next()?.split_once('=')?;
        (name.trim() == "sha-256").then(|| value.trim().parse::<u8>().ok())
    });
    // The last one counts; 0 is for those that are not wanted.
    preferences
        .next_back()
        .flatten()
        .is_some_and(|wanted| (1..=10).contains(&wanted))
}

/// The header; nothing if the file is too large, or changes meanwhile.
pub(super) async fn of(link: &Link, path: &[u8], opened: &Opened) -> Option<HeaderValue> {
    let (service, version) = (&link.service, opened.version);
    if version.size > MAX_BYTES {
        return None;
    }
    let key = [b"sha-256 ", path].concat();
    let revision = service.index.revision();
    let known = || {
        let kept = service.answer_cache.get::<Kept>(&key, revision?)?;
        (kept.version == version).then(|| kept.header.clone())
    };
    if let Some(header) = known() {
        return Some(header);
    }
    let reading = READING.acquire().await.ok()?;
    // Another request may have read it meanwhile.
    if let Some(header) = known() {
        return Some(header);
    }
    let file = Arc::clone(&opened.file);
    let digest = spawn_blocking(move || {
        // Held until it is read, also where the client has gone: nothing stops the reading.
        let _reading = reading;
        digest(&file, version)
    });
    let digest = digest.await.ok()??;
    let header = text(&format!("sha-256=:{}:", BASE64_STANDARD.encode(digest)));
    if let Some(revision) = revision {
        let kept = Kept {
            version,
            header: header.clone(),
        };
        service
            .answer_cache
            .put(key, revision, KEPT_BYTES, Arc::new(kept));
    }
    Some(header)
}

/// Reads all of a version of a file. Blocks the thread.
fn digest(file: &File, version: Version) -> Option<[u8; 32]> {
    let (mut hasher, mut block, mut at) = (Sha256::new(), vec![0; BLOCK], 0);
    while at < version.size {
        let count = file
            .read_at(&mut block, at)
            .ok()
            .filter(|count| *count > 0)?;
        hasher.update(&block[..count]);
        at += count as u64;
    }
    version.check(file).ok()?;
    Some(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use rustix::fs::fstat;

    use super::*;

    #[test]
    fn only_what_there_is_is_wanted() {
        for (value, expected) in [
            ("sha-256=1", true),
            ("sha-512=10, sha-256=3", true),
            ("sha-256=10;a=b", true),
            ("sha-256=0", false),
            ("sha-256=11", false),
            ("sha-256", false),
            ("sha-512=1, md5=1", false),
            ("sha-256=5, sha-256=0", false),
            ("", false),
        ] {
            let value = value.parse().unwrap();
            let headers = [(WANT_REPR_DIGEST, value)].into_iter().collect();
            assert_eq!(is_wanted(&headers), expected, "{headers:?}");
        }
        assert!(!is_wanted(&HeaderMap::new()));
    }

    #[test]
    fn a_digest_is_of_one_version() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(b"abc", 0).unwrap();
        let version = Version::of(&fstat(&file).unwrap());
        // The example of FIPS 180-2.
        let known = [0xba, 0x78, 0x16, 0xbf];
        assert_eq!(digest(&file, version).unwrap()[..4], known);
        let before = Version { size: 2, ..version };
        assert_eq!(digest(&file, before), None);
        file.set_len(1).unwrap();
        assert_eq!(digest(&file, version), None);
    }
}
