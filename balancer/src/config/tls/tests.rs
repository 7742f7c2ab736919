use std::fs;
use std::path::Path;

use netsocket_credentials::authority::Authority;
use netsocket_settings::{Layers, Problems};

use crate::config::Config;

fn load(dir: &Path, text: &str) -> Result<Config, Problems> {
    let file = dir.join("balancer.toml");
    fs::write(&file, text.replace("DIR", &dir.display().to_string())).unwrap();
    let layers = Layers {
        file: Some(&file),
        flags: vec![],
    };
    Config::load(&layers, |_| None)
}

fn problems(dir: &Path, text: &str) -> Vec<String> {
    let problems = load(dir, text).unwrap_err().0.into_iter();
    let shown = problems.map(|problem| problem.to_string());
    shown
        .map(|text| text.replace(&dir.display().to_string(), "DIR"))
        .collect()
}

/// `a.pem` and `a.key`, `b.pem` and `b.key`, `both.pem` with certificate and key, and `ca.pem`.
fn files() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new("test");
    let _ = authority.write(dir.path(), "ca");
    for (file, name) in [("a", "a.test"), ("b", "*.b.test")] {
        let _ = authority.issue(&[name]).write(dir.path(), file);
    }
    let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
    fs::write(dir.path().join("both.pem"), read("a.pem") + &read("a.key")).unwrap();
    dir
}

/// What the settings have wrong is told so, and nothing else.
fn is_the_only_problem(dir: &Path, text: &str, told: &str) {
    let said = problems(dir, &format!("backends = ['a=h:1']\n{text}\n"));
    assert!(
        said.len() == 1 && said[0].contains(told),
        "{told}\n{said:#?}"
    );
}

#[test]
fn tls_is_read_for_the_top_and_for_services_and_not_inherited() {
    let dir = files();
    let config = load(
        dir.path(),
        "listen = '127.0.0.1:1'\nbackends = ['a=h:1']\ntls = { certificates = 'DIR/both.pem' }\n\
         [[services]]\nname = 's'\nlisten = '127.0.0.1:2'\n\
         [services.tls]\nclient_authorities = 'DIR/ca.pem'\nclient_certificate = 'optional'\n\
         alpn = ['h2', 'http/1.1']\nhandshake_timeout = '2s'\nmax_handshakes = 7\n\
         [[services.tls.certificates]]\ncertificate = 'DIR/a.pem'\nkey = 'DIR/a.key'\nnames = ['other.test']\n\
         [[services.tls.certificates]]\ncertificate = 'DIR/b.pem'\nkey = 'DIR/b.key'\n\
         [[services]]\nname = 'plain'\nlisten = '127.0.0.1:3'\n",
    )
    .unwrap_or_else(|problems| panic!("{problems}"));
    let top = config.tls.as_ref().unwrap();
    assert_eq!(top.certificates.len(), 1);
    assert!(config.services[1].settings.tls.is_none());
    let tls = config.services[0].settings.tls.as_ref().unwrap();
    assert_eq!((tls.certificates.len(), tls.max_handshakes), (2, 7));
    assert_eq!(tls.handshake_timeout, std::time::Duration::from_secs(2));
    assert_eq!(tls.config.alpn_protocols, [&b"h2"[..], b"http/1.1"]);
    let expires = tls.certificates[0].expires.unwrap().to_string();
    assert_eq!(expires, "2100-01-01T00:00:00Z");
}

#[test]
fn the_same_files_are_the_same_and_another_certificate_is_not() {
    let dir = files();
    let text = "backends = ['a=h:1']\ntls = { certificates = 'DIR/both.pem' }\n";
    let read = || load(dir.path(), text).unwrap().tls;
    let (first, again) = (read(), read());
    assert_eq!(first, again);
    let authority = Authority::new("test");
    let files = authority.issue(&["a.test"]).write(dir.path(), "new");
    let both =
        fs::read_to_string(files.certificate).unwrap() + &fs::read_to_string(files.key).unwrap();
    fs::write(dir.path().join("both.pem"), both).unwrap();
    assert_ne!(first, read());
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let dir = files();
    let said = problems(
        dir.path(),
        "backends = ['a=h:1']\n[tls]\nalpn = ['']\nhandshake_timeout = 'soon'\nmax_handshakes = 0\n\
         client_certificate = 'maybe'\ncertificate = 'x'\n\
         [[tls.certificates]]\ncertificate = 'DIR/a.pem'\nkey = 'DIR/b.key'\nnames = '10.0.0.1'\n\
         [[tls.certificates]]\ncertificate = 'DIR/none.pem'\n\
         [[tls.certificates]]\nkey = 'DIR/b.key'\n",
    );
    let expected = [
        "DIR/balancer.toml:7:1: tls.certificate: unknown key; did you mean certificates?",
        "DIR/balancer.toml:11:9: tls.certificates[0].names = \"10.0.0.1\": a host name",
        "tls.certificates[0].key = \"DIR/b.key\": is not the key of DIR/a.pem",
        "tls.certificates[1].certificate = \"DIR/none.pem\": no such file or directory",
        "tls.certificates[2].certificate: is missing",
        "tls.alpn = \"\": names of protocols",
        "tls.client_certificate = \"maybe\": required or optional",
        "tls.client_certificate = \"maybe\": only with client_authorities",
        "tls.handshake_timeout = \"soon\": a duration",
        "tls.max_handshakes = 0: a whole number",
    ];
    for part in expected {
        let part = part.trim_start_matches("DIR/balancer.toml:7:1: ");
        let part = part.trim_start_matches("DIR/balancer.toml:11:9: ");
        assert!(
            said.iter().any(|line| line.contains(part)),
            "{part}\n{said:#?}"
        );
    }
    assert_eq!(said.len(), expected.len(), "{said:#?}");
    for (text, told) in [
        ("tls = 'on'", "tls: a table with certificates"),
        ("tls = {}", "tls.certificates: is missing"),
        ("tls = { certificates = [] }", "tls.certificates: a list of"),
        (
            "tls = { certificates = [1] }",
            "a text in quotes, not a number",
        ),
        (
            "tls = { certificates = 'DIR/a.pem' }",
            "tls.certificates[0] = \"DIR/a.pem\": no private key",
        ),
        (
            "tls = { certificates = 'DIR/both.pem', client_authorities = 'DIR/a.key' }",
            "tls.client_authorities = \"DIR/a.key\": no certificate in it",
        ),
    ] {
        is_the_only_problem(dir.path(), text, told);
    }
}

#[test]
fn backends_are_reached_within_tls_where_their_pool_says_so() {
    let dir = files();
    let config = load(
        dir.path(),
        "listen = '127.0.0.1:1'\nbackends = ['a=a.test:1', 'b=10.0.0.1:1']\nbackend_tls = { authorities = 'DIR/ca.pem' }\n\
         [[pools]]\nname = 'p'\nbackends = ['c=c.test:1']\n[pools.backend_tls]\nverify = false\nchecks = false\n\
         server_name = '10.0.0.9'\nalpn = 'h2'\ncertificate = 'DIR/both.pem'\n\
         [[services]]\nname = 'own'\nlisten = '127.0.0.1:2'\nbackends = ['d=d.test:1']\n\
         backend_tls = { authorities = 'DIR/ca.pem' }\n\
         [[services]]\nname = 'other'\nlisten = '127.0.0.1:3'\npool = 'p'\n\
         [[services]]\nname = 'top'\nlisten = '127.0.0.1:4'\nbackend_tls = { authorities = 'DIR/ca.pem', server_name = 'x.test' }\n\
         [[services]]\nname = 'plain'\nlisten = '127.0.0.1:5'\nbackends = ['e=e.test:1']\n\
         [[services]]\nname = 'rare'\nlisten = '127.0.0.1:6'\ncheck_interval = '1m'\n",
    )
    .unwrap_or_else(|problems| panic!("{problems}"));
    let address: netsocket_settings::AdminAddress = "10.0.0.1:1".parse().unwrap();
    let told: Vec<_> = config
        .pool_plans()
        .iter()
        .map(|plan| {
            let tls = plan.settings.backend_tls.as_ref();
            let first = &plan.settings.backends[0].name;
            let name = tls.map(|tls| tls.name_of(first, &address).to_str().into_owned());
            (
                plan.name.to_owned(),
                name,
                tls.is_some_and(|tls| tls.checks),
            )
        })
        .collect();
    let told: Vec<_> = told
        .iter()
        .map(|(pool, name, checks)| (pool.as_str(), name.as_deref(), *checks))
        .collect();
    assert_eq!(
        told,
        [
            ("default", Some("a.test"), true),
            ("p", Some("10.0.0.9"), false),
            ("own", Some("d.test"), true),
            ("top", Some("x.test"), true),
            ("plain", None, false),
            // The backends of the top are what they are.
            ("rare", Some("a.test"), true),
        ]
    );
    for (text, told) in [
        (
            "backend_tls = 'on'",
            "backend_tls: a table with authorities",
        ),
        (
            "backend_tls = {}",
            "backend_tls.authorities: is missing (or set verify = false)",
        ),
        (
            "backend_tls = { authorities = 'DIR/ca.pem', verify = false }",
            "backend_tls.authorities = \"DIR/ca.pem\": not with verify = false",
        ),
        (
            "backend_tls = { verify = false, key = 'DIR/a.key' }",
            "backend_tls.certificate: must be set together with key",
        ),
        (
            "backend_tls = { verify = false, certificate = 'DIR/a.pem' }",
            "backend_tls.key = \"DIR/a.pem\": no private key",
        ),
        (
            "backend_tls = { verify = false, server_name = 'a b' }",
            "backend_tls.server_name = \"a b\": a host name or an IP address",
        ),
    ] {
        is_the_only_problem(dir.path(), text, told);
    }
}

#[test]
fn the_admin_address_has_tls_of_its_own() {
    let dir = files();
    let config = load(
        dir.path(),
        "backends = ['a=h:1']\nadmin_tls = { certificates = 'DIR/both.pem' }\n",
    )
    .unwrap_or_else(|problems| panic!("{problems}"));
    assert!(config.admin_tls.is_some() && config.tls.is_none());
    let said = problems(
        dir.path(),
        "backends = ['a=h:1']\nadmin = 'unix:/x'\nadmin_tls = { certificates = 'DIR/both.pem', alpn = 'h2' }\n",
    );
    assert_eq!(said.len(), 2, "{said:#?}");
    assert!(
        said[0].contains("admin_tls: not with a unix socket"),
        "{said:#?}"
    );
    assert!(said[1].contains("admin_tls.alpn: unknown key"), "{said:#?}");
}

#[test]
fn a_certificate_that_clients_refuse_is_doubted_wherever_it_is_given() {
    let dir = files();
    let _ = Authority::new("own").as_server().write(dir.path(), "own");
    let file = dir.path().join("balancer.toml");
    let text = "listen = '127.0.0.1:1'\nbackends = ['a=h:1']\n\
         [tls]\ncertificates = [{ certificate = 'DIR/own.pem', key = 'DIR/own.key' }]\n\
         [admin_tls]\ncertificates = ['DIR/both.pem', { certificate = 'DIR/own.pem', key = 'DIR/own.key' }]\n\
         [[services]]\nname = 's'\nlisten = '127.0.0.1:2'\n\
         [services.tls]\ncertificates = { certificate = 'DIR/own.pem', key = 'DIR/own.key' }\n";
    fs::write(
        &file,
        text.replace("DIR", &dir.path().display().to_string()),
    )
    .unwrap();
    let layers = Layers {
        file: Some(&file),
        flags: vec![],
    };
    let judged = Config::judge(&layers, |_| None).unwrap();
    let said = judged.doubts();
    judged.finish().unwrap();
    let about: Vec<&str> = said
        .iter()
        .filter(|it| it.contains("(CA:TRUE)"))
        .filter_map(|it| it.split(": ").nth(1)?.split(" = ").next())
        .collect();
    assert_eq!(
        about,
        [
            "tls.certificates[0].certificate",
            "admin_tls.certificates[1].certificate",
            "services[0].tls.certificates[0].certificate",
        ],
        "{said:#?}"
    );
}
