use std::fs;
use std::os::unix::fs::symlink;

use netsocket_credentials::authority::Authority;

use super::*;

fn said(files: &CredentialFiles) -> Vec<String> {
    let error = Credentials::read(files).unwrap_err();
    error.0.iter().map(ToString::to_string).collect()
}

#[test]
fn a_token_is_one_of_them_or_it_is_not() {
    let known = ["alice-0123456789".to_owned(), "bob-0123456789ab".to_owned()];
    let tokens = Tokens::new(&known);
    let accept = |token: &str| tokens.accept(&Token(token.to_owned()));
    assert!(known.iter().all(|token| accept(token)));
    for other in [
        "",
        "alice-012345678",
        "alice-01234567890",
        "carol-0123456789",
    ] {
        assert!(!accept(other), "{other}");
    }
    assert_eq!(tokens.count(), 2);
    let shown = format!("{tokens:?}");
    assert!(!shown.contains("alice"), "{shown}");
}

#[test]
fn without_files_there_is_nothing() {
    let none = Credentials::read(&CredentialFiles::default()).unwrap();
    assert!(none.tls.is_none() && none.tokens.is_none());
    assert!(!CredentialFiles::default().exclude_old_wire());
}

#[test]
fn a_certificate_its_key_and_the_authority_of_clients_fit_together() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new("test");
    let own = authority.issue_until(&["localhost"], 2051);
    let own = own.write(dir.path(), "server");
    let files = CredentialFiles {
        certificate: Some(own.certificate),
        key: Some(own.key),
        client_ca: Some(authority.write(dir.path(), "ca")),
        tokens: None,
    };
    let tls = Credentials::read(&files).unwrap().tls.unwrap();
    assert_eq!(tls.expires.unwrap().to_string(), "2051-01-01T00:00:00Z");
    assert!(files.exclude_old_wire());
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new("test");
    let one = authority.issue(&["localhost"]).write(dir.path(), "one");
    let other = authority.issue(&["localhost"]).write(dir.path(), "other");
    let missing = |name: &str| Some(dir.path().join(name));
    let files = CredentialFiles {
        certificate: missing("a"),
        key: missing("b"),
        client_ca: missing("c"),
        tokens: missing("d"),
    };
    let all = said(&files);
    let keys = [CERTIFICATE, KEY, CLIENT_CA, TOKENS];
    assert_eq!(all.len(), keys.len(), "{all:?}");
    for (said, key) in all.iter().zip(keys) {
        assert!(
            said.starts_with(key) && said.ends_with("no such file or directory"),
            "{said}"
        );
    }

    let pair = |certificate: Option<&PathBuf>, key: Option<&PathBuf>| CredentialFiles {
        certificate: certificate.cloned(),
        key: key.cloned(),
        ..CredentialFiles::default()
    };
    assert_eq!(
        said(&pair(Some(&one.certificate), None)),
        ["tls_key: must be set together with tls_certificate"]
    );
    assert_eq!(
        said(&pair(None, Some(&one.key))),
        ["tls_certificate: must be set together with tls_key"]
    );
    let unfit = said(&pair(Some(&one.certificate), Some(&other.key)));
    assert!(
        unfit[0].ends_with("other.key: is not the key of tls_certificate"),
        "{unfit:?}"
    );
    let alone = CredentialFiles {
        client_ca: Some(authority.write(dir.path(), "ca")),
        ..CredentialFiles::default()
    };
    assert_eq!(
        said(&alone),
        ["tls_certificate: must be set together with tls_client_ca"]
    );
}

#[test]
fn links_lead_to_directories_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().canonicalize().unwrap();
    let (live, archive) = (place.join("live"), place.join("archive"));
    for dir in [&live, &archive] {
        fs::create_dir(dir).unwrap();
    }
    fs::write(archive.join("key1"), "x").unwrap();
    symlink("../archive/key1", live.join("key")).unwrap();
    let files = CredentialFiles {
        key: Some(live.join("key")),
        tokens: Some("tokens".into()),
        ..CredentialFiles::default()
    };
    assert_eq!(files.directories(), [live, archive, PathBuf::from(".")]);
}
