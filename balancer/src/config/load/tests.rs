use std::io::Write as _;

use netsocket_settings::LogFormat;

use super::super::backends::BackendAddress;
use super::*;
use crate::core::backend::Attributes;
use crate::core::balance::Policy;
use crate::core::health::{Close, Growth, HealthRules, Probe};

/// The settings of a file with this text.
pub(in crate::config) fn load_text(text: &str) -> Result<Config, Problems> {
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
        attributes: Attributes::default(),
    }
}

#[test]
fn what_backends_inherit_is_wrong_once() {
    let backends = "backends = [{name = 'a', address = 'h:1'}, {name = 'b', address = 'h:2', check_kind = 'tcp'}]\n";
    for text in [
        format!("{backends}[check]\ninterval = '5'\n"),
        format!(
            "listen = ':1'\n[[services]]\nname = 's'\nlisten = '127.0.0.1:1'\npool = 'p'\n[[pools]]\nname = 'p'\ncheck_interval = '5'\n{backends}"
        ),
    ] {
        let Problems(problems) = load_text(&text).unwrap_err();
        let keys = problems.iter().map(|it| it.key.as_str());
        let keys: Vec<_> = keys.filter(|key| key.ends_with("interval")).collect();
        assert_eq!(keys.len(), 1, "{keys:?}");
    }
}

#[test]
fn one_backend_is_all_that_is_needed() {
    let config = load_text("backends = ['server=localhost:9000']").unwrap();
    assert_eq!(config.listen.to_string(), "0.0.0.0:8081");
    assert_eq!(config.admin.to_string(), "127.0.0.1:8404");
    assert_eq!(config.backends, [backend("server", "localhost", 9000)]);
    assert_eq!(config.timeouts, Config::default().timeouts);
    assert_eq!(config.checks.intervals, Config::default().checks.intervals);
    assert_eq!(config.health, Config::default().health);
    assert_eq!(config.balance, Policy::RoundRobin);
    assert!(config.producer.is_none());
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
            config.listen.to_string().as_str(),
            config.admin.tcp().unwrap().port(),
            config.workers.get()
        ),
        ("[::1]:1", 2, 3)
    );
    assert_eq!(config.producer.unwrap().brokers, ["k:9092", "l:9092"]);
    assert_eq!(
        config.backends,
        [backend("a", "::1", 9000), backend("b", "host", 9001)]
    );
    let Timeouts {
        connect,
        route: _,
        idle,
        half_close,
        drain,
        ..
    } = config.timeouts;
    assert_eq!(
        [connect, idle, half_close, drain],
        [2, 3, 4, 0].map(seconds)
    );
    assert_eq!(
        [config.checks.intervals.normal, config.checks.timeout],
        [6, 5].map(seconds)
    );
    let thresholds = config.health.thresholds;
    assert_eq!((thresholds.rise.get(), thresholds.fall.get()), (7, 8));
    assert_eq!(
        (config.instance.as_deref(), config.log.as_str()),
        (Some("lb"), "warn")
    );
    assert_eq!(config.log_format, LogFormat::Json);
}

#[test]
fn a_short_interval_shortens_the_timeout_that_nobody_set() {
    let config = load_text("backends = ['a=h:1']\ncheck_interval = '50ms'").unwrap();
    assert_eq!(config.checks.timeout, Duration::from_millis(50));
    assert_eq!(
        config.checks.intervals,
        crate::core::health::Intervals::every(Duration::from_millis(50))
    );
}

/// Each line: a file, and what its only problem is called.
#[test]
fn wrong_settings_are_named() {
    let cases = [
        ("", "backends: at least one is needed"),
        ("backends = []", "backends: at least one is needed"),
        // No other is needed.
        (
            "[check]\nbackends = ['a=h:1']",
            "check.backends: a key of the top: it belongs before the first [table]",
        ),
        (
            "admin = '127.0.0.1'\nbackends = ['a=h:1']",
            "unix:/run/netsocket/balancer.sock; the port is missing",
        ),
        (
            "[[backends]]\nname = 'a'\naddress = 'h:1'\nresolve = 'DNS'",
            "once, dns or srv; did you mean dns?",
        ),
        (
            "[[backends]]\nname = 'a'\naddress = 'http://h:1'",
            "; did you mean h:1?",
        ),
        (
            "[[backends]]\nname = 'a'\naddress = 'h:1'\nserver = 'h:1'",
            "HAProxy's word; here it is address",
        ),
        ("backends = ''", "backends = \"\": NAME=HOST:PORT"),
        (
            "backends = ['a=h:1']\nlisten = '*:8081'",
            "did you mean 0.0.0.0:8081?",
        ),
        (
            "backends = ['a=h:1']\nadmin = 'http://localhost:8404/'",
            "did you mean 127.0.0.1:8404?",
        ),
        (
            "backends = ['server']",
            "backends[0] = \"server\": NAME=HOST:PORT",
        ),
        ("backends = ['a=h:1', 'b=h']", "backends[1] = \"b=h\""),
        ("backends = ['a=h:0']", "backends[0] = \"a=h:0\""),
        ("backends = ['a b=h:1']", "backends[0] = \"a b=h:1\""),
        (
            "backends = ['a=h:1', 'a=h:2']",
            "backends[1] = \"a\": a name may be used only once; backends[0] has it",
        ),
        ("backends = [[1]]", "backends[0]: NAME=HOST:PORT"),
        ("backends = 3", "backends = 3: NAME=HOST:PORT"),
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
            "[[backends]]\nname = 'a'\naddress = 'h:1'\nwait = 3",
            "backends[0].wait: unknown key; docs/configuration.md lists all",
        ),
        (
            "[[backends]]\nname = 'a'\naddress = 'h:1'\nweight = 257",
            "backends[0].weight = 257: a whole number from 0 to 256",
        ),
        (
            "[[backends]]\nname = 'a'\naddress = 'h:1'\nbackup = 'yes'",
            "backends[0].backup = \"yes\": true or false",
        ),
        (
            "backends = ['a=h:1']\n[check]\nintervall = '1s'",
            "check.intervall: unknown key; did you mean interval?",
        ),
        (
            "backends = ['a=h:1']\n[check]\ninterval = 'x'",
            "check.interval = \"x\": a duration",
        ),
        (
            "backends = ['a=h:1']\ncheck_interval = '1s'\n[check]\ninterval = '2s'",
            "check.interval = \"2s\": duplicates check_interval",
        ),
        (
            "backends = ['a=h:1']\nflap = 3",
            "flap: a table, [flap], with hold",
        ),
        (
            "backends = ['a=h:1']\ncheck_fast_interval = '3s'",
            "check_fast_interval = \"3s\": not longer than check_interval, 2s",
        ),
        (
            "backends = ['a=h:1']\n[check]\nkind = 'ping'",
            "check.kind = \"ping\": tcp, exchange, http or netsocket",
        ),
        (
            "backends = ['a=h:1']\n[check]\nkind = 'exchange'",
            "check_expect: is missing (or set check_expect_pattern)",
        ),
        (
            "backends = ['a=h:1']\n[check]\nsend = 'x'",
            "check.send = \"x\": only with check kind exchange",
        ),
        (
            "backends = ['a=h:1']\n[check]\nkind = 'exchange'\nexpect_pattern = '('",
            "check.expect_pattern = \"(\": a regular expression: unclosed group",
        ),
        (
            "backends = ['a=h:1']\n[check]\nkind = 'exchange'\nexpect = 'a'\nexpect_pattern = 'a'",
            "set either this or check_expect",
        ),
        (
            "backends = ['a=h:1']\n[check]\nkind = 'exchange'\nexpect = '\\q'",
            "with \\r, \\n",
        ),
        (
            "backends = ['a=h:1']\n[check]\nkind = 'http'\nstatus = '99'",
            "check.status = \"99\": HTTP statuses",
        ),
        (
            "backends = ['a=h:1']\n[check]\nkind = 'http'\npath = 'x'",
            "check.path = \"x\": a path",
        ),
        (
            "backends = ['a=h:1']\n[ejection]\ntime = '9s'\nmax_time = '8s'",
            "ejection.max_time = \"8s\": not shorter than ejection_time, 9s",
        ),
        (
            "backends = ['a=h:1']\nbalance = 'rr'",
            "balance = \"rr\": round-robin, least-connections, two-choices, source, maglev",
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
            "workers = 0: a whole number",
        ),
        (
            "idle_timeout = 10\nbackends = ['a=h:1']",
            "idle_timeout = 10: a duration from 1ms to 30d, such as 500ms, 2s or 10m; it needs a unit and quotes: \"10s\"",
        ),
        (
            "admin = 8404\nbackends = ['a=h:1']",
            "did you mean 127.0.0.1:8404? It is a text in quotes, not a number",
        ),
        (
            "instance = 5\nbackends = ['a=h:1']",
            "instance = 5: a text in quotes, not a number",
        ),
        (
            "backends = ['a=h:1']\n[check]\nkind = 'http'\nhost = 5",
            "check.host = 5: a text in quotes, not a number",
        ),
        (
            "[[backends]]\nname = 5\naddress = 'h:1'",
            "backends[0].name = 5: a text in quotes, not a number",
        ),
        (
            "backends = ['a=h:1']\n[[services]]\nname = true\nlisten = '127.0.0.1:1'",
            "services[0].name = true: a text in quotes, not true or false",
        ),
        (
            "backends = ['a=h:1']\n[[routes]]\nserver_name = [5]\nrefuse = true",
            "routes[0].server_name[0] = 5: a text in quotes, not a number",
        ),
        (
            "connect_timeout = '0'\nbackends = ['a=h:1']",
            "connect_timeout = \"0\": a duration",
        ),
        (
            "check_timeout = '3s'\nbackends = ['a=h:1']",
            "check_timeout = \"3s\": not longer than check_interval, 2s",
        ),
        ("check_rise = 0\nbackends = ['a=h:1']", "check_rise = 0"),
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
            "listn: unknown key; did you mean listen?",
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
fn what_has_commas_may_be_a_list() {
    let text = "allow = ['10.0.0.0/8', '::1']\nkafka = ['k:1', 'l:2']\ncheck_kind = 'http'\n\
                [proxy]\nfrom = ['192.0.2.1']\n[check]\nstatus = [200, '204-206']\n[dns]\nserver = ['10.0.0.2']\n\
                [[backends]]\nname = 'a'\naddress = 'h:1'\nsource = ['10.0.0.2', '10.0.0.3']\n\
                [[services]]\nname = 's'\nlisten = '127.0.0.1:1'\ndeny = ['10.1.0.0/16', '10.2.0.0/16']\n";
    let config = load_text(text).unwrap_or_else(|problems| panic!("{problems}"));
    let shown = |config: &Config, key| {
        let all = config.shown().into_iter();
        all.filter(|entry| entry.0 == key)
            .find_map(|entry| entry.1)
            .unwrap_or_default()
    };
    assert_eq!(shown(&config, "allow"), "10.0.0.0/8,::1/128");
    assert_eq!(shown(&config, "kafka"), "k:1,l:2");
    assert_eq!(shown(&config, "proxy_from"), "192.0.2.1/32");
    assert_eq!(shown(&config, "check_status"), "200,204-206");
    let service = &config.services[0].settings;
    assert_eq!(shown(service, "deny"), "10.1.0.0/16,10.2.0.0/16");
    for (text, told) in [
        (
            "allow = ['::1', '10.0.0.0/33']\nbackends = ['a=h:1']",
            "allow[1] = \"10.0.0.0/33\": addresses or networks",
        ),
        (
            "backends = ['a=h:1']\nallow = []",
            "allow: a single value, or a list of at least one, not an empty list",
        ),
        (
            "backends = ['a=h:1']\nrate = ['1/s']",
            "rate: a single value, not a list",
        ),
        (
            "backends = ['a=h:1']\n[check]\ninterval = ['1s']",
            "check.interval: a single value, not a list",
        ),
        (
            "backends = ['a=h:1']\n[check]\nintervall = ['1s']",
            "check.intervall: unknown key; did you mean interval?",
        ),
        (
            "[[backends]]\nname = 'a'\naddress = ['h:1']",
            "backends[0].address: a single value, not a list",
        ),
        (
            "[[backends]]\nname = ''\naddress = 'h:1'",
            "backends[0].name = \"\": ",
        ),
    ] {
        let said = load_text(text).unwrap_err();
        assert_eq!(said.0.len(), 1, "{said}");
        assert!(said.to_string().contains(told), "{said}");
    }
}

#[test]
fn problems_come_in_the_order_of_the_file() {
    let text = "[[backends]]\nname = 'a'\naddress = 'h:1'\n\n[[backends]]\nname = 'b'\naddress = 'nowhere'\n\n\
                [[backends]]\nname = 'a'\naddress = 'h:2'\n[dns]\nhold = 'x'\nfoo = 1\n[agent]\nport = 5\nsend = 5\n";
    let said = load_text(text).unwrap_err().to_string();
    let said: Vec<&str> = said
        .lines()
        .map(|line| line.split_once(':').map_or(line, |it| it.1))
        .collect();
    let starts = [
        "7:1: backends[1].address = \"nowhere\"",
        "10:1: backends[2].name = \"a\": a name may be used only once; backends[0] has it",
        "13:1: dns.hold = \"x\"",
        "14:1: dns.foo: unknown key",
        // It may be a password.
        "17:1: agent.send: a text in quotes, not a number",
    ];
    assert_eq!(said.len(), starts.len(), "{said:#?}");
    for (said, start) in said.iter().zip(starts) {
        assert!(said.starts_with(start), "{said}");
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
            "workers",
            "check_interval",
            "backends[1]",
            "backends[2]",
            "backends[3]"
        ]
    );
}

#[test]
fn tables_and_single_keys_are_the_same_keys() {
    let text = "backends = ['a=h:1']\nbalance = 'maglev'\nslow_start = '30s'\nfail_open = false\n\
        [check]\nkind = 'http'\ninterval = '3s'\nfast_interval = '1s'\ndown_interval = '9s'\nclose = 'fin'\n\
        path = '/up'\nhost = 'h'\nstatus = '204'\n\
        [ejection]\nconnects = 0\nearly_resets = 9\ntime = '1s'\nmax_time = '2s'\nforgive = '3s'\nmax_percent = 10\n\
        [flap]\nhold = '4s'\nmax_hold = '5s'\nforgive = '6s'\n";
    let config = load_text(text).unwrap();
    let seconds = Duration::from_secs;
    let intervals = config.checks.intervals;
    assert_eq!(
        [intervals.normal, intervals.fast, intervals.down],
        [3, 1, 9].map(seconds)
    );
    assert_eq!(
        (config.balance, config.checks.close),
        (Policy::Maglev, Close::Fin)
    );
    assert!(
        matches!(&config.checks.probe, Probe::Http { path, host: Some(host), .. } if path == "/up" && host == "h")
    );
    let HealthRules {
        ejection,
        hold_down,
        slow_start,
        fail_open,
        ..
    } = config.health;
    assert_eq!(
        (
            ejection.connects,
            ejection.early_resets.map(|n| n.get()),
            ejection.max_percent
        ),
        (None, Some(9), 10)
    );
    let growth = |base, cap, forgive| Growth {
        base: seconds(base),
        cap: seconds(cap),
        forgive: seconds(forgive),
    };
    assert_eq!(
        (ejection.time, hold_down),
        (growth(1, 2, 3), growth(4, 5, 6))
    );
    assert_eq!((slow_start, fail_open), (seconds(30), false));

    // The environment knows the single form, and beats the file's table without a complaint.
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let layers = Layers {
        file: Some(file.path()),
        flags: vec![],
    };
    let env = |name: &str| match name {
        "NETSOCKET_CHECK_INTERVAL" => Some("5s".to_owned()),
        "NETSOCKET_EJECTION_MAX_PERCENT" => Some("20".to_owned()),
        _ => None,
    };
    let config = Config::load(&layers, env).unwrap();
    assert_eq!(config.checks.intervals.normal, seconds(5));
    assert_eq!(config.health.ejection.max_percent, 20);
}

#[test]
fn a_backend_has_attributes() {
    let config = load_text(
        "[[backends]]\nname = 'a'\naddress = 'h:1'\nweight = 7\nbackup = true\nmax_connections = 8\ncheck_port = 9\n\
         [[backends]]\nname = 'b'\naddress = 'h:2'\nmax_connections = 0\n",
    )
    .unwrap();
    let Attributes {
        weight,
        backup,
        max_connections,
        check_port,
        own,
    } = config.backends[0].attributes.clone();
    assert_eq!(own, None);
    assert_eq!((weight, backup), (7, true));
    assert_eq!(
        (
            max_connections.map(|n| n.get()),
            check_port.map(|n| n.get())
        ),
        (Some(8), Some(9))
    );
    assert_eq!(config.backends[1].attributes, Attributes::default());
}

#[test]
fn a_key_of_the_top_behind_a_table_is_told_where_it_belongs() {
    let said = load_text("backends = ['a=h:1']\n[access_log]\nidle_timeout = '5s'\n");
    let said = said.unwrap_err().to_string();
    let expected = "access_log.idle_timeout: a key of the top: it belongs before the first [table]";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn other_programs_know_the_keys() {
    let mut keys: Vec<&str> = all_keys().iter().map(|key| key.name).collect();
    keys.sort_unstable();
    assert_eq!(keys, BALANCER.keys);
}

#[test]
fn a_wrong_element_of_a_list_is_named_once() {
    let said = load_text(
        "backends = ['a=h:1']\nlisten = '127.0.0.1:1'\ndeny = ['10.0.0.0/8,::1', 'x']\nkafka = 'k:1, k'\n[check]\nkind = 'http'\n\
         status = [\n  200,\n  7\n]\n[[services]]\nname = 's'\nlisten = '127.0.0.1:2'\nallow = 'y'\n[[services.routes]]\n\
         from = ['::1', 'z']\npool = 'default'\n",
    );
    let said = said.unwrap_err().to_string();
    let place = said.lines().map(|line| {
        let parts: Vec<&str> = line.splitn(4, ':').collect();
        format!("{}:{}:{}", parts[1], parts[2], parts[3])
    });
    let short = place.map(|it| it.rsplit_once(": ").unwrap().0.to_owned());
    assert_eq!(
        short.collect::<Vec<_>>(),
        [
            "3:27: deny[1] = \"x\"",
            "4:1: kafka[1] = \"k\"",
            "9:3: check.status[1] = 7",
            "14:1: services[0].allow = \"y\"",
            "16:16: services[0].routes[0].from[1] = \"z\"",
        ],
        "{said}"
    );
}
