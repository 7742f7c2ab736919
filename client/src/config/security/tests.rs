use std::fs;

use netsocket_credentials::authority::Authority;
use netsocket_settings::{CLIENT, Layers, Problems, load};

use super::*;

#[derive(Debug, Deserialize)]
struct Raw {
    #[serde(flatten)]
    security: RawSecurity,
}

fn with(pairs: &[(&'static str, &str)]) -> Result<Security, Problems> {
    let layers = Layers {
        file: None,
        flags: pairs
            .iter()
            .map(|(key, value)| (*key, Flag::One((*value).to_owned())))
            .collect(),
    };
    let (raw, mut check) = load::<Raw>(&SECURITY_KEYS, &CLIENT, &layers, |_| None)?.into_check();
    let security = security(&mut check, &raw.security, &UserDirectories::default());
    check.finish(security)
}

fn wrong(pairs: &[(&'static str, &str)]) -> Vec<String> {
    let problems = with(pairs).unwrap_err();
    problems.0.into_iter().map(|problem| problem.key).collect()
}

#[test]
fn nothing_given_is_nothing_protected() {
    let plain = Security::default();
    assert_eq!(with(&[]).unwrap(), plain);
    assert_eq!(with(&[("tls", "off")]).unwrap(), plain);
}

#[test]
fn a_file_may_say_true_or_false_without_quotes() {
    for (text, right) in [
        ("tls = false", true),
        ("tls = 'off'", true),
        ("tls = 5", false),
    ] {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        let layers = Layers {
            file: Some(file.path()),
            flags: vec![],
        };
        let (raw, mut check) = load::<Raw>(&SECURITY_KEYS, &CLIENT, &layers, |_| None)
            .unwrap()
            .into_check();
        let security = security(&mut check, &raw.security, &UserDirectories::default());
        match check.finish(security) {
            Ok(security) => assert!(right && security == Security::default(), "{text}"),
            Err(problems) => assert!(!right && problems.to_string().ends_with("on or off")),
        }
    }
}

#[test]
fn a_key_of_tls_switches_it_on_and_off_switches_it_off() {
    let dir = tempfile::tempdir().unwrap();
    let ca = Authority::new("test").write(dir.path(), "ca");
    let ca = ca.to_str().unwrap();
    assert!(with(&[("ca_file", ca)]).unwrap().tls.is_some());
    let off = with(&[("ca_file", ca), ("tls", "off")]).unwrap();
    assert!(off.tls.is_none());
}

#[test]
fn the_first_token_of_a_file_is_shown_to_servers_and_to_nobody_else() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "# mine\nfirst-0123456789\nsecond-0123456789\n").unwrap();
    let security = with(&[("token_file", file.path().to_str().unwrap())]).unwrap();
    assert_eq!(security.token(), Some(&Token("first-0123456789".into())));
    let shown = format!("{security:?}");
    assert!(!shown.contains("first"), "{shown}");
}

#[test]
fn everything_wrong_is_told_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new("test");
    let ca = authority.write(dir.path(), "ca");
    let ca = ca.to_str().unwrap();
    let one = authority.issue(&["me"]).write(dir.path(), "one");
    let other = authority.issue(&["me"]).write(dir.path(), "other");
    let (chain, key) = (
        one.certificate.to_str().unwrap(),
        other.key.to_str().unwrap(),
    );
    assert_eq!(
        wrong(&[
            ("tls", "perhaps"),
            ("ca_file", "/nonexistent/ca"),
            ("client_certificate", chain),
            ("tls_name", "no name"),
            ("token_file", "/nonexistent/token"),
        ]),
        [
            "token_file",
            "tls",
            "tls_name",
            "ca_file",
            "client_certificate"
        ]
    );
    let ca = ("ca_file", ca);
    assert_eq!(wrong(&[ca, ("client_key", key)]), ["client_key"]);
    let chain = ("client_certificate", chain);
    assert_eq!(wrong(&[ca, chain, ("client_key", key)]), ["client_key"]);
    let own = one.key.to_str().unwrap();
    assert!(with(&[ca, chain, ("client_key", own)]).is_ok());
}

#[test]
fn a_tilde_is_the_home_directory_in_each_path() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("token"), "secret-0123456789\n").unwrap();
    let directories = UserDirectories {
        home: Some(home.path().to_owned()),
        ..UserDirectories::default()
    };
    let judged = |key: &'static str, path: &str| {
        let layers = Layers {
            file: None,
            flags: [
                (key, path),
                ("client_key", "~/k"),
                ("client_certificate", "~/c"),
            ]
            .into_iter()
            .take(if key == "token_file" { 1 } else { 3 })
            .map(|(key, value)| (key, Flag::One(value.to_owned())))
            .collect(),
        };
        let loaded = load::<Raw>(&SECURITY_KEYS, &CLIENT, &layers, |_| None);
        let (raw, mut check) = loaded.unwrap().into_check();
        let security = security(&mut check, &raw.security, &directories);
        check.finish(security)
    };
    assert!(judged("token_file", "~/token").is_ok());
    let said = judged("ca_file", "~/ca").unwrap_err().to_string();
    let place = home.path().display().to_string();
    for name in ["ca", "c"] {
        assert!(said.contains(&format!("{place}/{name}")), "{said}");
    }
    let said = judged("token_file", "~token").unwrap_err().to_string();
    assert!(!said.contains(&place), "{said}");
    // In what can be pasted it stays.
    let args = SecurityArgs {
        token_file: Some("~/token".to_owned()),
        ..SecurityArgs::default()
    };
    assert_eq!(repeated(&args), [&b"--token-file"[..], b"~/token"]);
}
