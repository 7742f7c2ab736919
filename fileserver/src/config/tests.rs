use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use netsocket_credentials::authority::Authority;
use netsocket_settings::{Flag, Layers, LogFilter, LogFormat};
use netsocket_telemetry::{Compression, NewTopic, ProducerConfig, Sasl, SaslMechanism};

use super::keys::KEYS;
use super::load::ENV_HOME;
use super::settings::{Config, Wires};
use crate::security::credential_store::CredentialStore;
use crate::security::credentials::CredentialFiles;
use crate::security::sandbox::SandboxMode;

fn home(name: &str) -> Option<String> {
    (name == ENV_HOME).then(|| "/home/someone".to_owned())
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

/// A connection's protection cannot be compared, but shown.
#[track_caller]
fn assert_same(config: &Config, expected: &Config) {
    assert_eq!(format!("{config:#?}"), format!("{expected:#?}"));
}

#[test]
fn nothing_given_is_the_home_on_port_9000() {
    let config = Config::load(&Layers::default(), home).unwrap();
    assert_same(&config, &Config::new("/home/someone"));
    assert_eq!(config.listen.to_string(), "0.0.0.0:9000");
    assert_eq!(
        (config.advertise_port, config.spool_limit),
        (8081, (1 << 31) - 1)
    );
    assert!(!config.name.is_empty() && config.kafka.is_none());
}

#[test]
fn the_example_file_has_every_key() {
    let text = include_str!("../../../infra/config/fileserver.toml");
    let is_entry = |line: &str, name: &str| {
        let line = line.strip_prefix('#').unwrap_or(line);
        line.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with(" = "))
    };
    for key in &KEYS {
        let count = text.lines().filter(|line| is_entry(line, key.name)).count();
        assert_eq!(count, 1, "{}", key.name);
    }
    // All but those that name files, or that have no default.
    let file_keys = ["tls_certificate", "tls_key", "tls_client_ca", "token_file"];
    let left_out = |line: &str| {
        let keys = file_keys
            .iter()
            .chain(&["kafka_tls_ca", "kafka_tls_cert", "kafka_tls_key"]);
        keys.into_iter().any(|key| is_entry(line, key))
    };
    let lines = text.lines().map(|line| {
        let bare = line.strip_prefix('#').filter(|it| !it.starts_with(' '));
        bare.filter(|_| !left_out(line)).unwrap_or(line)
    });
    let all: Vec<&str> = lines.collect();
    let file = file(&all.join("\n"));
    let layers = Layers {
        file: Some(file.path()),
        flags: Vec::new(),
    };
    Config::load(&layers, home).unwrap_or_else(|problems| panic!("{problems}"));
}

#[test]
fn every_key_of_a_file_is_taken() {
    let place = tempfile::tempdir().unwrap();
    let credentials = credentials_in(place.path());
    let CredentialFiles {
        certificate: Some(certificate),
        key: Some(key),
        client_ca: Some(client_ca),
        tokens: Some(tokens),
    } = credentials.clone()
    else {
        panic!("{credentials:?}");
    };
    let file = file(&format!(
        "tls_certificate = {certificate:?}\ntls_key = {key:?}\ntls_client_ca = {client_ca:?}\n\
         token_file = {tokens:?}\nlisten = '[::1]:0'\nproxy_protocol = true\nroot = '/srv'\nname = 'mirror1'\nadvertise_port = 80\n\
         kafka = 'a:1,b:2'\nkafka_topic = 't'\nkafka_create_topic = false\nkafka_partitions = 6\n\
         kafka_replication = 2\nkafka_compression = 'zstd'\nkafka_linger = '50ms'\nkafka_queue = 6000\n\
         kafka_sasl = 'plain'\nkafka_user = 'u'\nkafka_password = 'p'\nadmin = '127.0.0.1:0'\nindex = false\nindex_batch = '1s'\n\
         rescan_interval = '1m'\nmax_watches = 7\nallow_hidden = true\nidle_timeout = '1m'\nprogress_timeout = '500ms'\n\
         max_sessions = 3\nmax_sessions_per_address = 2\nmax_request = '4K'\nmax_archives = 2\n\
         max_planned_files = 7\narchive_threads = 5\narchive_blocks = 6\nold_wire = false\nwires = ['new', 'http']\n\
         cors_origins = 'https://a, http://b:1'\nindex_html = true\ntls_required = true\n\
         spool_dir = '/var/tmp'\nspool_limit = '1G'\nspool_reserve = '1M'\nconfinement = 'off'\n\
         drain_timeout = '0'\nlog = 'warn'\nlog_format = 'json'\n",
    ));
    let layers = Layers {
        file: Some(file.path()),
        flags: vec![("root", Flag::One("/other".to_owned()))],
    };
    let config = Config::load(&layers, |_| None).unwrap();
    let mut kafka = ProducerConfig::new(vec!["a:1".into(), "b:2".into()]);
    kafka.topic = "t".into();
    kafka.new_topic = NewTopic {
        create: false,
        partitions: Some(6),
        replication: Some(2),
    };
    kafka.compression = Compression::Zstd;
    kafka.linger = Duration::from_millis(50);
    // The bytes go with the records; how far is the telemetry crate's.
    kafka.limits = config.kafka.as_ref().unwrap().limits;
    assert_eq!(kafka.limits.records, 6_000);
    kafka.security = kafka.security.with_sasl(Sasl {
        user: "u".into(),
        password: "p".into(),
        mechanism: SaslMechanism::Plain,
    });
    let expected = Config {
        listen: "[::1]:0".parse().unwrap(),
        proxy_protocol: true,
        credentials,
        credentials_read: config.credentials_read.clone(),
        root: "/other".into(),
        name: "mirror1".into(),
        advertise_port: 80,
        kafka: Some(kafka),
        admin: "127.0.0.1:0".parse().ok(),
        index: false,
        index_batch: Duration::from_secs(1),
        rescan_interval: Duration::from_secs(60),
        max_watches: 7,
        allow_hidden: true,
        idle_timeout: Duration::from_secs(60),
        progress_timeout: Duration::from_millis(500),
        max_sessions: 3,
        max_sessions_per_address: 2,
        max_request: 4096,
        max_archives: 2,
        max_planned_files: 7,
        archive_threads: 5,
        archive_blocks: 6,
        wires: Wires {
            old: false,
            ..Wires::ALL
        },
        cors_origins: vec!["https://a".into(), "http://b:1".into()],
        index_html: true,
        tls_required: true,
        old_wire: false,
        spool_dir: "/var/tmp".into(),
        spool_limit: 1 << 30,
        spool_reserve: 1 << 20,
        confinement: SandboxMode::Off,
        drain_timeout: Duration::ZERO,
        log: LogFilter::by_default("warn"),
        log_format: LogFormat::Json,
    };
    assert_same(&config, &expected);
}

/// A certificate, an authority and a token that are right.
fn credentials_in(dir: &Path) -> CredentialFiles {
    let authority = Authority::new("test");
    let own = authority.issue(&["localhost"]).write(dir, "server");
    let tokens = dir.join("tokens");
    std::fs::write(&tokens, "a-token-0123456789\n").unwrap();
    CredentialFiles {
        certificate: Some(own.certificate),
        key: Some(own.key),
        client_ca: Some(authority.write(dir, "ca")),
        tokens: Some(tokens),
    }
}

#[test]
fn the_old_wire_goes_where_tls_or_tokens_come() {
    let place = tempfile::tempdir().unwrap();
    let tokens = credentials_in(place.path()).tokens.unwrap();
    let load = |settings: &str| {
        let file = file(&format!("token_file = {tokens:?}\n{settings}"));
        let layers = Layers {
            file: Some(file.path()),
            flags: vec![],
        };
        Config::load(&layers, home)
    };
    assert!(!load("").unwrap().old_wire);
    assert!(!load("old_wire = false\n").unwrap().old_wire);
    let problems = load("old_wire = true\n").unwrap_err();
    let said = problems.to_string();
    assert!(
        said.contains("old_wire = true: false with tls_certificate or token_file"),
        "{said}"
    );
}

#[test]
fn a_client_that_must_show_a_certificate_must_use_tls() {
    let place = tempfile::tempdir().unwrap();
    let CredentialFiles {
        certificate,
        key,
        client_ca,
        ..
    } = credentials_in(place.path());
    let load = |settings: &str| {
        let (certificate, key) = (certificate.as_ref().unwrap(), key.as_ref().unwrap());
        let file = file(&format!(
            "tls_certificate = {certificate:?}\ntls_key = {key:?}\n{settings}"
        ));
        let layers = Layers {
            file: Some(file.path()),
            flags: vec![],
        };
        Config::load(&layers, home)
    };
    assert!(!load("tls_required = false\n").unwrap().tls_required);
    let both = format!(
        "tls_required = false\ntls_client_ca = {:?}\n",
        client_ca.unwrap()
    );
    assert!(
        load(&both)
            .unwrap_err()
            .to_string()
            .contains("true with tls_client_ca")
    );
}

#[test]
fn every_wrong_value_is_named_at_once() {
    let file = file(
        "listen = 'here'\nproxy_protocol = 'v2'\nroot = ''\nname = \"a\\nb\"\nadvertise_port = 0\nkafka = 'x'\n\
         kafka_topic = 'a b'\nkafka_create_topic = 'perhaps'\nkafka_partitions = 0\nkafka_replication = 0\n\
         kafka_compression = 'rar'\nkafka_linger = '1h'\nkafka_queue = 0\nkafka_tls_ca = '/nonexistent/ca'\n\
         kafka_tls_key = '/nonexistent/key'\nkafka_sasl = 'magic'\nkafka_password = 'secret'\n\
         idle_timeout = '5'\nprogress_timeout = '0'\nmax_sessions = 0\nmax_archives = 257\n\
         max_sessions_per_address = 0\nmax_request = 1\nmax_planned_files = 0\narchive_threads = 0\n\
         archive_blocks = 0\nold_wire = 'maybe'\nwires = 'all'\ncors_origins = 'here'\nindex_html = 'maybe'\ntls_required = 'maybe'\nspool_reserve = 'much'\nconfinement = 'some'\n\
         spool_dir = ''\nspool_limit = '2G'\ndrain_timeout = 'soon'\nlog_format = 'xml'\n\
         tls_certificate = '/nonexistent/cert'\ntls_key = '/nonexistent/key'\ntls_client_ca = '/nonexistent/ca'\n\
         token_file = '/nonexistent/tokens'\nadmin = 'here'\nindex = 'maybe'\nindex_batch = '2s'\nrescan_interval = '0'\n\
         max_watches = 0\nallow_hidden = 1\n",
    );
    let layers = Layers {
        file: Some(file.path()),
        flags: vec![],
    };
    let problems = Config::load(&layers, home).unwrap_err();
    let mut keys: Vec<&str> = problems.0.iter().map(|p| p.key.as_str()).collect();
    // A filter for log lines is judged where the log begins; of what belongs together the missing part is named.
    let not_wrong = ["log", "kafka_tls_key", "kafka_password"];
    let mut all: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
    all.retain(|key| !not_wrong.contains(key));
    keys.sort_unstable();
    all.sort_unstable();
    assert_eq!(keys, all);
    assert!(!problems.to_string().contains("secret"), "{problems}");
}

#[test]
fn the_page_of_limits_names_every_bound() {
    let page = include_str!("../../../docs/limits.md");
    for bound in [
        "max_request",
        "idle_timeout",
        "progress_timeout",
        "max_sessions",
        "max_sessions_per_address",
        "max_archives",
        "max_planned_files",
        "archive_blocks",
        "archive_threads",
        "spool_limit",
        "spool_reserve",
    ] {
        assert!(KEYS.iter().any(|key| key.name == bound), "{bound}");
        assert!(page.contains(&format!("| `{bound}` |")), "{bound}");
    }
}

#[test]
fn no_home_and_no_root_is_a_problem() {
    let problems = Config::load(&Layers::default(), |_| None).unwrap_err();
    assert_eq!(problems.0[0].key, "root");
}

#[test]
fn clients_and_the_admin_http_need_an_address_each() {
    let load = |admin: &str| {
        let flags = [("listen", "0.0.0.0:9000"), ("admin", admin)];
        let flags = flags.map(|(key, value)| (key, Flag::One(value.to_owned())));
        let layers = Layers {
            file: None,
            flags: flags.to_vec(),
        };
        Config::load(&layers, home)
    };
    let said = load("127.0.0.1:9000").unwrap_err().to_string();
    let expected = "another address: this file server listens for clients on 0.0.0.0:9000";
    assert!(said.contains(expected), "{said}");
    assert!(load("127.0.0.1:9404").is_ok());
}

#[test]
fn other_programs_know_the_keys() {
    let mut keys: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
    keys.sort_unstable();
    assert_eq!(keys, netsocket_settings::FILE_SERVER.keys);
}

#[test]
fn a_certificate_that_clients_refuse_is_doubted_and_files_are_read_once() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new("test");
    let files = authority.as_server().write(dir.path(), "ca");
    let tokens = dir.path().join("tokens");
    std::fs::write(&tokens, "0123456789abcdef\n").unwrap();
    let flags = [
        ("root", dir.path()),
        ("tls_certificate", &files.certificate),
        ("tls_key", &files.key),
        ("token_file", &tokens),
    ];
    let flags = flags.map(|(key, path)| (key, Flag::One(path.display().to_string())));
    let layers = Layers {
        file: None,
        flags: flags.to_vec(),
    };
    let judged = Config::judge_to_serve(&layers, |_| None).unwrap();
    let doubts = judged.doubts();
    let begin = format!(
        "--tls-certificate: tls_certificate = {:?}: is that of an authority (CA:TRUE)",
        files.certificate
    );
    assert!(doubts[0].starts_with(&begin), "{doubts:?}");
    let config = judged.finish().unwrap();
    std::fs::remove_file(&tokens).unwrap();
    CredentialStore::open(config.credentials, config.credentials_read).unwrap();
}

/// A default stands in for a wrong value until all are judged: nothing is said of it.
#[test]
fn what_stands_in_for_a_wrong_value_is_not_judged() {
    let said = |flags: &[(&'static str, &str)]| {
        let flags = flags
            .iter()
            .map(|(key, value)| (*key, Flag::One((*value).to_owned())));
        let layers = Layers {
            file: None,
            flags: flags.collect(),
        };
        let judged = Config::judge_to_serve(&layers, home).unwrap();
        let doubts = judged.doubts();
        let problems = judged.finish().map_or_else(|it| it.0.len(), |_| 0);
        (doubts, problems)
    };
    let (doubts, problems) = said(&[("root", "/")]);
    assert_eq!((doubts.len(), problems), (1, 0));
    assert!(
        doubts[0].contains("listen = \"0.0.0.0:9000\": anyone"),
        "{doubts:?}"
    );
    let (doubts, _) = said(&[("root", "/"), ("listen", "192.0.2.1:1")]);
    assert!(doubts[0].contains("192.0.2.1:1"), "{doubts:?}");
    for (flags, count) in [
        (&[("root", "/"), ("listen", "127.0.0.1:9000")][..], 0),
        (&[("root", "/"), ("listen", "9000")], 1),
        (
            &[
                ("root", "/"),
                ("listen", "*:9000"),
                ("admin", "127.0.0.1:9000"),
            ],
            1,
        ),
        // The home, which would be shared otherwise, is not there either.
        (&[("root", ""), ("listen", "127.0.0.1:9000")], 1),
    ] {
        assert_eq!(said(flags), (vec![], count), "{flags:?}");
    }
}

/// What is said of where a key stands is enough.
#[test]
fn the_default_of_a_key_in_a_wrong_place_is_not_judged() {
    let file = file("[fileserver]\nlisten = '127.0.0.1:1'\nroot = '/'\n");
    let layers = Layers {
        file: Some(file.path()),
        flags: vec![],
    };
    let judged = Config::judge_to_serve(&layers, |_| None).unwrap();
    assert_eq!(judged.doubts(), [""; 0]);
    let said = judged.finish().unwrap_err().to_string();
    assert_eq!(said.lines().count(), 3, "{said}");
    assert_eq!(said.matches("a key of the top").count(), 2, "{said}");
}
