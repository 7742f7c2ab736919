//! Settings of health checks, ejection, hold-down and slow start.

use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use netsocket_settings::Check;

use super::bounds::{DAY, HOUR, SHORTEST};
use super::keys::{Entries, Entry};
use crate::core::health::{
    AgentCheck, Checks, Close, EjectionRules, Expect, Growth, HealthRules, Intervals, Probe,
    Statuses, Thresholds, unescape,
};
use crate::core::proxy_protocol::ProxySend;

/// Interval between checks of a backend.
pub const DEFAULT_CHECK_INTERVAL: Duration = Duration::from_secs(2);
/// Interval between checks while the state is changing.
pub const DEFAULT_CHECK_FAST_INTERVAL: Duration = Duration::from_millis(500);
/// Timeout of one check.
pub const DEFAULT_CHECK_TIMEOUT: Duration = Duration::from_secs(1);
/// Consecutive passed checks after which a backend is up again.
pub const DEFAULT_CHECK_RISE: NonZeroU32 = NonZeroU32::new(2).unwrap();
/// Consecutive failed checks after which a backend is down.
pub const DEFAULT_CHECK_FALL: NonZeroU32 = NonZeroU32::new(3).unwrap();
/// Path of an HTTP check.
pub const DEFAULT_CHECK_PATH: &str = "/";
/// Consecutive failed connects of sessions that eject a backend.
pub const DEFAULT_EJECTION_CONNECTS: NonZeroU32 = NonZeroU32::new(3).unwrap();
/// Consecutive early resets of sessions that eject a backend.
pub const DEFAULT_EJECTION_EARLY_RESETS: NonZeroU32 = NonZeroU32::new(5).unwrap();
/// How long a backend is ejected, for each ejection that counts.
pub const DEFAULT_EJECTION_TIME: Growth = Growth {
    base: Duration::from_secs(5),
    cap: Duration::from_secs(60),
    forgive: Duration::from_secs(60),
};
/// Maximum percentage of backends that may be ejected at the same time.
pub const DEFAULT_EJECTION_MAX_PERCENT: u32 = 50;
/// How long a backend that goes down repeatedly stays down at least, for each time after the first.
pub const DEFAULT_FLAP_HOLD: Growth = Growth {
    base: Duration::from_secs(5),
    cap: Duration::from_secs(60),
    forgive: Duration::from_secs(60),
};
/// No slow start.
pub const DEFAULT_SLOW_START: Duration = Duration::ZERO;
/// Use all backends when none is healthy.
pub const DEFAULT_FAIL_OPEN: bool = true;

/// The most checks or sessions in a row that can be asked for.
const MAX_IN_A_ROW: u64 = 100;
const ONLY_EXCHANGE: &str = "only with check kind exchange";
const ESCAPES: &str = r#"text, with \r, \n, \t, \0, \\, \" and \xHH for bytes"#;
const ONLY_HTTP: &str = "only with check kind http";

pub(super) fn default_checks() -> Checks {
    Checks {
        intervals: Intervals {
            normal: DEFAULT_CHECK_INTERVAL,
            fast: DEFAULT_CHECK_FAST_INTERVAL,
            down: DEFAULT_CHECK_INTERVAL,
        },
        timeout: DEFAULT_CHECK_TIMEOUT,
        probe: Probe::Connect,
        close: Close::default(),
        proxy: ProxySend::default(),
        agent: None,
    }
}

pub(super) fn default_rules() -> HealthRules {
    HealthRules {
        thresholds: Thresholds {
            rise: DEFAULT_CHECK_RISE,
            fall: DEFAULT_CHECK_FALL,
        },
        ejection: EjectionRules {
            connects: Some(DEFAULT_EJECTION_CONNECTS),
            early_resets: Some(DEFAULT_EJECTION_EARLY_RESETS),
            time: DEFAULT_EJECTION_TIME,
            max_percent: DEFAULT_EJECTION_MAX_PERCENT,
        },
        hold_down: DEFAULT_FLAP_HOLD,
        slow_start: DEFAULT_SLOW_START,
        fail_open: DEFAULT_FAIL_OPEN,
    }
}

pub(super) fn checks(check: &mut Check, entries: &Entries, proxy: ProxySend) -> Checks {
    let defaults = default_checks();
    let mut time = |key, default, shortest| {
        let Entry { key, value } = entries.get(key);
        check.duration(&key, value, default, shortest..=HOUR)
    };
    let interval = time("check_interval", defaults.intervals.normal, 10 * SHORTEST);
    // A shorter interval shortens with it what nobody set.
    let fast = time(
        "check_fast_interval",
        defaults.intervals.fast.min(interval),
        10 * SHORTEST,
    );
    let down = time("check_down_interval", interval, 10 * SHORTEST);
    let timeout = time("check_timeout", defaults.timeout.min(interval), SHORTEST);
    for (key, time) in [("check_fast_interval", fast), ("check_timeout", timeout)] {
        let entry = entries.get(key);
        if let (Some(given), true) = (entry.value, time > interval) {
            let longest = entries.get("check_interval").key;
            let allowed = format!("not longer than {longest}, {interval:?}");
            check.problem(&entry.key, given.as_str(), allowed);
        }
    }
    let Entry { key, value } = entries.get("check_close");
    let close = check.read_with(
        &key,
        value,
        defaults.close,
        "reset or fin",
        |text| match text {
            "reset" => Some(Close::Reset),
            "fin" => Some(Close::Fin),
            _ => None,
        },
    );
    Checks {
        intervals: Intervals {
            normal: interval,
            fast,
            down,
        },
        timeout,
        probe: probe(check, entries),
        close,
        proxy,
        agent: agent(check, entries, interval, timeout),
    }
}

/// The agent, where one is asked. How often and for how long is as for checks, unless something else is said.
fn agent(
    check: &mut Check,
    entries: &Entries,
    interval: Duration,
    timeout: Duration,
) -> Option<AgentCheck> {
    let Entry { key, value } = entries.get("agent_interval");
    let interval = check.duration(&key, value, interval, 100 * SHORTEST..=HOUR);
    let Entry { key, value } = entries.get("agent_send");
    let send = check.read_with(&key, value, Vec::new(), ESCAPES, unescape);
    let Entry { key, value } = entries.get("agent_port");
    let port = check.count(&key, value, 0, 1..=u16::MAX.into());
    Some(AgentCheck {
        port: u16::try_from(port).ok().and_then(NonZeroU16::new)?,
        address: None,
        interval,
        timeout,
        send,
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Tcp,
    Exchange,
    Http,
    Netsocket,
}

fn probe(check: &mut Check, entries: &Entries) -> Probe {
    let Entry { key, value } = entries.get("check_kind");
    let kind = check.read_with(
        &key,
        value,
        Kind::Tcp,
        "tcp, exchange, http or netsocket",
        |text| match text {
            "tcp" => Some(Kind::Tcp),
            "exchange" => Some(Kind::Exchange),
            "http" => Some(Kind::Http),
            "netsocket" => Some(Kind::Netsocket),
            _ => None,
        },
    );
    let mut strangers = Vec::new();
    if kind != Kind::Exchange {
        strangers.extend(
            ["check_send", "check_expect", "check_expect_pattern"].map(|key| (key, ONLY_EXCHANGE)),
        );
    }
    if kind != Kind::Http {
        strangers.extend(["check_path", "check_host", "check_status"].map(|key| (key, ONLY_HTTP)));
    }
    for (key, allowed) in strangers {
        if let Entry {
            key,
            value: Some(given),
        } = entries.get(key)
        {
            check.problem(&key, given.as_str(), allowed);
        }
    }
    match kind {
        Kind::Tcp => Probe::Connect,
        Kind::Netsocket => Probe::netsocket(),
        Kind::Exchange => exchange(check, entries),
        Kind::Http => http(check, entries),
    }
}

fn exchange(check: &mut Check, entries: &Entries) -> Probe {
    let Entry { key, value } = entries.get("check_send");
    let send = check.read_with(&key, value, Vec::new(), ESCAPES, unescape);
    let (bytes, pattern) = (
        entries.get("check_expect"),
        entries.get("check_expect_pattern"),
    );
    let any = Expect::Bytes(Vec::new());
    let expect = match (bytes.value, pattern.value) {
        (Some(_), None) => {
            let some = |text: &str| {
                unescape(text)
                    .filter(|bytes| !bytes.is_empty())
                    .map(Expect::Bytes)
            };
            check.read_with(
                &bytes.key,
                bytes.value,
                any,
                &format!("{ESCAPES}; not empty"),
                some,
            )
        }
        (None, Some(given)) => Expect::pattern(given.as_str()).unwrap_or_else(|error| {
            check.problem(
                &pattern.key,
                given.as_str(),
                format!("a regular expression: {error}"),
            );
            any
        }),
        (None, None) => {
            check.problem_at(&bytes.key, "is missing (or set check_expect_pattern)");
            any
        }
        (Some(_), Some(given)) => {
            check.problem(
                &pattern.key,
                given.as_str(),
                "set either this or check_expect",
            );
            any
        }
    };
    Probe::Exchange { send, expect }
}

fn http(check: &mut Check, entries: &Entries) -> Probe {
    let visible = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    let Entry { key, value } = entries.get("check_path");
    let path = check.read_with(
        &key,
        value,
        DEFAULT_CHECK_PATH.to_owned(),
        "a path such as /healthz",
        |text| (text.starts_with('/') && visible(text)).then(|| text.to_owned()),
    );
    let Entry { key, value } = entries.get("check_host");
    let host = check.read_with(
        &key,
        value,
        None,
        "a host, with or without a port",
        |text| visible(text).then(|| Some(text.to_owned())),
    );
    let Entry { key, value } = entries.get("check_status");
    let form = "HTTP statuses such as 200-399 or 200,204,301-302";
    check.not_text(&key);
    let read = |text: &str| text.parse().ok();
    let statuses = check.read_list(&key, value, Statuses::default(), form, read);
    Probe::Http {
        path,
        host,
        statuses,
    }
}

/// How many checks in a row change the state.
pub(super) fn thresholds(check: &mut Check, entries: &Entries) -> Thresholds {
    let defaults = default_rules().thresholds;
    let mut count = |key, default: NonZeroU32| {
        in_a_row(check, entries.get(key), Some(default), 1).unwrap_or(default)
    };
    Thresholds {
        rise: count("check_rise", defaults.rise),
        fall: count("check_fall", defaults.fall),
    }
}

pub(super) fn rules(check: &mut Check, entries: &Entries) -> HealthRules {
    let defaults = default_rules();
    let thresholds = thresholds(check, entries);
    let hold_down = growth(
        check,
        entries,
        ["flap_hold", "flap_max_hold", "flap_forgive"],
        defaults.hold_down,
        Duration::ZERO,
    );
    let Entry { key, value } = entries.get("slow_start");
    let slow_start = check.duration(&key, value, defaults.slow_start, Duration::ZERO..=HOUR);
    let Entry { key, value } = entries.get("fail_open");
    let fail_open = check.parse(&key, value, defaults.fail_open, "true or false");
    HealthRules {
        thresholds,
        ejection: ejection(check, entries, defaults.ejection),
        hold_down,
        slow_start,
        fail_open,
    }
}

fn ejection(check: &mut Check, entries: &Entries, defaults: EjectionRules) -> EjectionRules {
    EjectionRules {
        connects: in_a_row(
            check,
            entries.get("ejection_connects"),
            defaults.connects,
            0,
        ),
        early_resets: in_a_row(
            check,
            entries.get("ejection_early_resets"),
            defaults.early_resets,
            0,
        ),
        time: growth(
            check,
            entries,
            ["ejection_time", "ejection_max_time", "ejection_forgive"],
            defaults.time,
            SHORTEST,
        ),
        max_percent: {
            let Entry { key, value } = entries.get("ejection_max_percent");
            let percent = check.count(&key, value, defaults.max_percent.into(), 1..=100);
            u32::try_from(percent).unwrap_or(defaults.max_percent)
        },
    }
}

/// A count of events in a row; 0, where it is allowed, is `None`.
fn in_a_row(
    check: &mut Check,
    entry: Entry<'_>,
    default: Option<NonZeroU32>,
    least: u64,
) -> Option<NonZeroU32> {
    let number = default.map_or(0, |default| default.get().into());
    let count = check.count(&entry.key, entry.value, number, least..=MAX_IN_A_ROW);
    u32::try_from(count).ok().and_then(NonZeroU32::new)
}

fn growth(
    check: &mut Check,
    entries: &Entries,
    keys: [&'static str; 3],
    default: Growth,
    shortest: Duration,
) -> Growth {
    let [base_key, cap_key, forgive_key] = keys;
    let mut time = |key, default, shortest| {
        let Entry { key, value } = entries.get(key);
        check.duration(&key, value, default, shortest..=DAY)
    };
    let base = time(base_key, default.base, shortest);
    let cap = time(cap_key, default.cap.max(base), shortest);
    let forgive = time(forgive_key, default.forgive, Duration::from_secs(1));
    let entry = entries.get(cap_key);
    if let (Some(given), true) = (entry.value, cap < base) {
        check.problem(
            &entry.key,
            given.as_str(),
            format!("not shorter than {base_key}, {base:?}"),
        );
    }
    Growth { base, cap, forgive }
}
