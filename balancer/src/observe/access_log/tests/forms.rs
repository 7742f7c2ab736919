//! What lines look like, and which there are.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::observe::access_log::date::{Dates, JSON_DATE, SYSLOG_DATE, TEXT_DATE, Zone};
use crate::observe::access_log::json::JsonForm;
use crate::observe::access_log::selection::Sampler;
use crate::observe::access_log::text::TextForm;

fn text(line: &Line<'_>) -> String {
    let mut out = Vec::new();
    TextForm::new(Zone::Utc).write(&mut out, line);
    String::from_utf8(out).unwrap()
}

fn json(line: &Line<'_>) -> String {
    let mut out = Vec::new();
    JsonForm::new().write(&mut out, line);
    String::from_utf8(out).unwrap()
}

/// The block behind `<!-- example: NAME -->`.
fn example(name: &str) -> &'static str {
    let marker = format!("<!-- example: {name} -->\n```");
    let (_, behind) = DOCS.split_once(&marker).expect(name);
    let (_, block) = behind.split_once('\n').unwrap();
    block.split_once("```").unwrap().0
}

#[test]
fn the_documented_lines_are_the_code() {
    assert_eq!(text(&normal()), example("text"));
    assert_eq!(text(&refused()), example("text-refused"));
    assert_eq!(json(&refused()), example("json"));
}

#[test]
fn the_documented_keys_are_the_code() {
    let (_, table) = DOCS.split_once("| key | meaning |\n").unwrap();
    let rows = table.lines().skip(1).take_while(|row| row.starts_with('|'));
    let keys = rows.map(|row| row.split('|').nth(1).unwrap());
    let documented: Vec<&str> = keys
        .flat_map(|keys| keys.split('`').skip(1).step_by(2))
        .collect();
    let line = json(&normal());
    // The order as well, which a parsed object would not show.
    let mut rest = line.as_str();
    for key in &documented {
        (_, rest) = rest.split_once(&format!("\"{key}\":")).expect(key);
    }
    let parsed: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(parsed.as_object().unwrap().len(), documented.len());
}

#[test]
fn the_documented_codes_are_the_code() {
    let rows = |text: &'static str, prefix| {
        let rows = text
            .lines()
            .filter_map(move |line| line.strip_prefix(prefix));
        rows.collect::<Vec<&str>>()
    };
    let (_, table) = DOCS.split_once("| code | meaning |\n").unwrap();
    let code = rows(include_str!("../../../core/termination.rs"), "//! | `");
    assert_eq!(rows(table, "| `"), code);
    assert_eq!(code.len(), Termination::ALL.len());
}

#[test]
fn what_did_not_come_to_be() {
    let line = Line {
        backend: None,
        queue: None,
        connect: None,
        termination: Termination::Denied,
        ..normal()
    };
    let said = text(&line);
    assert!(said.contains(" files/<NOSRV> -1/-1/5007 "), "{said}");
    let parsed: Value = serde_json::from_str(&json(&line)).unwrap();
    for key in ["backend", "backend_address", "queue_ms", "connect_ms"] {
        assert_eq!(parsed[key], Value::Null, "{key}");
    }
    assert_eq!(parsed["termination"], "PR");
}

#[test]
fn a_client_that_waited_can_be_told_from_one_that_did_not() {
    let line = |waited, queued_behind| Line {
        waited,
        queued_behind,
        ..normal()
    };
    for (line, queues) in [
        (line(false, 0), " 0/0\n"),
        (line(true, 0), " 0/1\n"),
        (line(true, 4), " 0/5\n"),
    ] {
        assert!(text(&line).ends_with(queues), "{}", text(&line));
    }
}

#[test]
fn numbers_at_their_ends() {
    let line = Line {
        client: address("0.0.0.0:0"),
        accepted: UNIX_EPOCH - Duration::from_secs(1),
        total: Duration::MAX,
        bytes_down: u64::MAX,
        retries: u32::MAX,
        ..normal()
    };
    let said = text(&line);
    assert!(
        said.starts_with("0.0.0.0:0 [01/Jan/1970:00:00:00.000] "),
        "{said}"
    );
    assert!(
        said.contains("/18446744073709551615999 18446744073709551615 "),
        "{said}"
    );
    assert!(said.contains("/+4294967295 "), "{said}");
    assert!(serde_json::from_str::<Value>(&json(&line)).is_ok());
}

#[test]
fn dates_of_one_second_are_kept_and_of_another_are_not() {
    let mut dates = Dates::new(TEXT_DATE, Zone::Utc);
    let at = |ms| UNIX_EPOCH + Duration::from_millis(ms);
    for (ms, date, millis) in [
        (1_770_379_971_443, "06/Feb/2026:12:12:51", 443),
        (1_770_379_971_000, "06/Feb/2026:12:12:51", 0),
        (1_770_379_972_999, "06/Feb/2026:12:12:52", 999),
        (1_770_379_971_001, "06/Feb/2026:12:12:51", 1),
    ] {
        assert_eq!(dates.of(at(ms)), (date, millis));
    }
    assert_eq!(
        Dates::new(SYSLOG_DATE, Zone::Utc).of(accepted()).0,
        "Feb  6 12:12:51"
    );
    // The machine's zone is whatever it is: the same minute and second in any whole-minute zone.
    let mut local = Dates::new(JSON_DATE, Zone::Local);
    assert!(local.of(accepted()).0.ends_with(":51"));
}

#[test]
fn errors_only_and_one_in_so_many() {
    let with = |termination, retries| Line {
        termination,
        retries,
        ..normal()
    };
    let kinds = [
        with(Termination::Normal, 0),
        with(Termination::Normal, 1),
        with(Termination::ServerData, 0),
        with(Termination::Rate, 0),
    ];
    let counts = |scope, n: u32| {
        let sample = sample(n);
        let mut sampler = Sampler::new(Selection { scope, sample });
        let mut counts = [0; 4];
        for _ in 0..10 {
            for (count, line) in counts.iter_mut().zip(&kinds) {
                *count += usize::from(sampler.wants(line));
            }
        }
        counts
    };
    assert_eq!(counts(Scope::All, 1), [10, 10, 10, 10]);
    assert_eq!(counts(Scope::All, 4), [3, 10, 10, 3]);
    assert_eq!(counts(Scope::Errors, 1), [0, 10, 10, 10]);
    assert_eq!(counts(Scope::Errors, 5), [0, 10, 10, 2]);
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9.]{1,9}",
        ".{0,12}",
        "[ \"\\\\#/\r\n\u{0}\u{7f}é]{1,9}"
    ]
}

proptest! {
    /// Whatever names there are, a line is one line with the same fields, and JSON gives back what went in.
    #[test]
    fn no_name_breaks_a_line(
        names in (any_name(), any_name(), any_name(), any_name()),
        figures in any::<(u64, u64, u32, u32, u16)>(),
        micros in proptest::option::of(0..100_000_000_000_u64),
        kind in 0..Termination::ALL.len(),
        ip in prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(Into::into)],
    ) {
        let (frontend, pool, backend, reason) = &names;
        let failures = [Failure { backend, reason }];
        let line = Line {
            client: (ip, figures.4).into(),
            frontend,
            pool,
            backend: Some((backend, &address("[::1]:9000").into())),
            queue: micros.map(Duration::from_micros),
            bytes_up: figures.0,
            bytes_down: figures.1,
            retries: figures.2,
            queued_behind: figures.3,
            waited: true,
            termination: Termination::ALL[kind],
            failures: &failures,
            ..normal()
        };
        let said = text(&line);
        prop_assert!(said.ends_with('\n') && said.bytes().filter(|b| *b < b' ').count() == 1, "{said}");
        prop_assert!(said.is_ascii());
        let fields: Vec<&str> = said.trim_end().split(' ').collect();
        prop_assert_eq!(fields.len(), 9);
        let (client_ip, client_port) = fields[0].rsplit_once(':').unwrap();
        prop_assert_eq!((client_ip.parse(), client_port.parse()), (Ok(ip), Ok(figures.4)));
        prop_assert_eq!(fields[5].parse(), Ok(line.bytes_down));
        prop_assert_eq!(fields[6], line.termination.code());
        prop_assert!(fields[3].split('/').count() >= 2);
        prop_assert_eq!(fields[4].split('/').count(), 3);
        prop_assert_eq!(fields[7].split('/').count(), 5);
        let object = json(&line);
        prop_assert_eq!(object.lines().count(), 1);
        let parsed: Value = serde_json::from_str(&object).unwrap();
        prop_assert_eq!(parsed["frontend"].as_str(), Some(frontend.as_str()));
        prop_assert_eq!(parsed["failures"][0]["reason"].as_str(), Some(reason.as_str()));
        prop_assert_eq!(parsed["bytes_up"].as_u64(), Some(figures.0));
        prop_assert_eq!(&parsed["client_ip"], &Value::from(ip.to_string()));
        prop_assert_eq!(parsed["queue_ms"].as_f64(), micros.map(|it| it as f64 / 1e3));
    }
}

/// Distinct names stay distinct.
#[test]
fn names_are_written_as_haproxy_does() {
    let names = ["a b", "a#20b", "a\nb", "a/b", "é", "a"];
    let said = names.map(|frontend| {
        text(&Line {
            frontend,
            ..normal()
        })
    });
    let fields: BTreeSet<&str> = said
        .iter()
        .map(|line| line.split(' ').nth(2).unwrap())
        .collect();
    assert_eq!(
        fields,
        BTreeSet::from(["a#20b", "a#2320b", "a#0Ab", "a/b", "#C3#A9", "a"])
    );
}
