use std::io::Write as _;

use super::*;

fn load_text(text: &str) -> Result<Config, Problems> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    Config::load(
        &Layers {
            file: Some(file.path()),
            flags: vec![],
        },
        |_| None,
    )
}

fn backend(name: &str, host: &str, port: u16) -> BackendAddress {
    BackendAddress {
        name: name.into(),
        host: host.into(),
        port,
    }
}

#[test]
fn one_backend_is_all_that_is_needed() {
    let config = load_text("backends = ['server=localhost:9000']").unwrap();
    assert_eq!(config.listen.to_string(), "0.0.0.0:8081");
    assert_eq!(config.admin.to_string(), "127.0.0.1:8404");
    assert_eq!(config.backends, [backend("server", "localhost", 9000)]);
    assert_eq!(config.timeouts, Config::default().timeouts);
    assert_eq!(config.checks, Config::default().checks);
    assert!(config.kafka.is_empty());
}

#[test]
fn every_key_is_read() {
    let config = load_text(
        "listen = '[::1]:1'\nadmin = '127.0.0.1:2'\nkafka = 'k:9092,l:9092'\nworkers = 3\n\
         connect_timeout = '2s'\nidle_timeout = '3s'\nhalf_close_timeout = '4s'\ndrain_timeout = '0'\n\
         check_interval = '6s'\ncheck_timeout = '5s'\ncheck_rise = 7\ncheck_fall = 8\n\
         instance = 'lb'\nlog = 'warn'\nlog_format = 'json'\n\
         [[backends]]\nname = 'a'\naddress = '[::1]:9000'\n[[backends]]\nname = 'b'\naddress = 'host:9001'\n",
    )
    .unwrap();
    let seconds = Duration::from_secs;
    assert_eq!(
        (
            config.listen.port(),
            config.admin.port(),
            config.workers.get()
        ),
        (1, 2, 3)
    );
    assert_eq!(config.kafka, ["k:9092", "l:9092"]);
    assert_eq!(
        config.backends,
        [backend("a", "::1", 9000), backend("b", "host", 9001)]
    );
    let Timeouts {
        connect,
        idle,
        half_close,
        drain,
    } = config.timeouts;
    assert_eq!(
        [connect, idle, half_close, drain],
        [2, 3, 4, 0].map(seconds)
    );
    let Checks {
        interval,
        timeout,
        thresholds,
    } = config.checks;
    assert_eq!([interval, timeout], [6, 5].map(seconds));
    assert_eq!((thresholds.rise.get(), thresholds.fall.get()), (7, 8));
    assert_eq!(
        (config.instance.as_deref(), config.log.as_str()),
        (Some("lb"), "warn")
    );
    assert_eq!(config.log_format, LogFormat::Json);
}

#[test]
fn flags_replace_the_file_and_the_environment_is_comma_separated() {
    let env = |name: &str| (name == "NETSOCKET_BACKENDS").then(|| "a=h:1, b=h:2".to_owned());
    let config = Config::load(&Flags::default().layers(), env).unwrap();
    assert_eq!(
        config.backends,
        [backend("a", "h", 1), backend("b", "h", 2)]
    );

    let flags = Flags {
        backends: vec!["c=h:3".into()],
        listen: Some("127.0.0.1:0".into()),
        ..Flags::default()
    };
    let config = Config::load(&flags.layers(), env).unwrap();
    assert_eq!(config.backends, [backend("c", "h", 3)]);
    assert_eq!(config.listen.to_string(), "127.0.0.1:0");
}

#[test]
fn a_short_interval_shortens_the_timeout_that_nobody_set() {
    let config = load_text("backends = ['a=h:1']\ncheck_interval = '50ms'").unwrap();
    assert_eq!(config.checks.timeout, Duration::from_millis(50));
}

/// Each line: a file, and what its only problem is called.
#[test]
fn wrong_settings_are_named() {
    let cases = [
        ("", "backends: at least one is needed"),
        ("backends = []", "backends: at least one is needed"),
        ("backends = ''", "backends[0]"),
        (
            "backends = ['server']",
            "backends[0] = \"server\": NAME=HOST:PORT",
        ),
        ("backends = ['a=h:1', 'b=h']", "backends[1] = \"b=h\""),
        ("backends = ['a=h:0']", "backends[0] = \"a=h:0\""),
        ("backends = ['a b=h:1']", "backends[0] = \"a b=h:1\""),
        (
            "backends = ['a=h:1', 'a=h:2']",
            "backends = \"a\": a name may be used once only",
        ),
        ("backends = [[1]]", "backends[0]: NAME=HOST:PORT"),
        ("backends = 3", "backends[0] = \"3\""),
        (
            "[backends]\na = 'h:1'",
            "backends: a list of NAME=HOST:PORT",
        ),
        (
            "[[backends]]\nname = 'a'",
            "backends[0].address: is missing",
        ),
        (
            "[[backends]]\nname = 'a'\naddress = 'h'",
            "backends[0].address = \"h\": HOST:PORT",
        ),
        (
            "[[backends]]\nname = '<a>'\naddress = 'h:1'",
            "backends[0].name = \"<a>\"",
        ),
        (
            "[[backends]]\nname = 'a'\naddress = 'h:1'\nweight = 3",
            "backends[0].weight: unknown key",
        ),
        (
            "listen = 'localhost'\nbackends = ['a=h:1']",
            "listen = \"localhost\": IP:PORT",
        ),
        (
            "admin = '1.2.3.4'\nbackends = ['a=h:1']",
            "admin = \"1.2.3.4\": IP:PORT",
        ),
        (
            "kafka = 'broker'\nbackends = ['a=h:1']",
            "kafka = \"broker\": HOST:PORT",
        ),
        (
            "workers = 0\nbackends = ['a=h:1']",
            "workers = \"0\": a whole number",
        ),
        (
            "idle_timeout = 10\nbackends = ['a=h:1']",
            "idle_timeout = \"10\": a duration",
        ),
        (
            "connect_timeout = '0'\nbackends = ['a=h:1']",
            "connect_timeout = \"0\": a duration",
        ),
        (
            "check_timeout = '3s'\nbackends = ['a=h:1']",
            "check_timeout = \"3s\": not longer than check_interval, 2s",
        ),
        ("check_rise = 0\nbackends = ['a=h:1']", "check_rise = \"0\""),
        (
            "check_fall = 'x'\nbackends = ['a=h:1']",
            "check_fall = \"x\"",
        ),
        (
            "instance = 'a b'\nbackends = ['a=h:1']",
            "instance = \"a b\"",
        ),
        (
            "log_format = 'xml'\nbackends = ['a=h:1']",
            "log_format = \"xml\": text or json",
        ),
        (
            "listn = 'x'\nbackends = ['a=h:1']",
            "listn: unknown key; known are listen, admin",
        ),
    ];
    for (text, expected) in cases {
        let problems = load_text(text).expect_err(text);
        assert_eq!(problems.0.len(), 1, "{text}: {problems}");
        assert!(
            problems.to_string().contains(expected),
            "{text}: {problems}"
        );
    }
}

#[test]
fn all_problems_at_once() {
    let problems = load_text(
        "listen = 'x'\nworkers = 'y'\ncheck_interval = 'z'\nbackends = ['a=h:1', 'b', 'a=h:2', 'c=[::1:4']",
    )
    .unwrap_err();
    let keys: Vec<&str> = problems
        .0
        .iter()
        .map(|problem| problem.key.as_str())
        .collect();
    assert_eq!(
        keys,
        [
            "listen",
            "backends[1]",
            "backends[3]",
            "backends",
            "workers",
            "check_interval"
        ]
    );
}
