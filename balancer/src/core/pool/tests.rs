use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::num::NonZeroU32;
use std::time::Duration;

use super::*;
use crate::config::Config;
use crate::core::backend::Attributes;
use crate::core::connect_failure::ConnectFailure;
use crate::core::health::{SessionSignal, State};

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const REFUSED: SessionSignal = SessionSignal::ConnectFailed(ConnectFailure::Refused);

fn spec(name: &str, port: u16) -> BackendSpec {
    BackendSpec {
        name: name.into(),
        address: ([127, 0, 0, 1], port).into(),
        attributes: Attributes::default(),
    }
}

fn pool(names: &[&str]) -> Pool {
    let specs = (1..)
        .zip(names)
        .map(|(port, name)| spec(name, port))
        .collect();
    Pool::new(specs, Policy::RoundRobin, Config::default().health, 0)
}

fn check(pool: &Pool, index: usize, passed: bool) {
    let outcome = if passed {
        Ok(())
    } else {
        Err(ConnectFailure::Refused.into())
    };
    let report = CheckReport::new(outcome, Duration::ZERO);
    pool.observe_check(&pool.backends()[index], report, Instant::now());
}

fn up(names: &[&str]) -> Pool {
    let pool = pool(names);
    (0..names.len()).for_each(|index| check(&pool, index, true));
    pool
}

fn picked(pool: &Pool, times: usize) -> Vec<String> {
    let name = |_| Some(pool.pick(CLIENT, &[]).ok()?.backend().name().to_owned());
    (0..times).filter_map(name).collect()
}

/// How often a backend entered each state, by the label of the reason.
fn transitions(backend: &Backend) -> BTreeMap<(State, &'static str), u64> {
    let mut all = BTreeMap::new();
    backend.each_transition(|state, reason, count| {
        all.insert((state, reason), count);
    });
    all
}

#[test]
fn only_what_is_up_is_picked() {
    let pool = pool(&["a", "b", "c"]);
    assert_eq!(pool.pick(CLIENT, &[]).map(|_| ()), Err(NoBackend::NoneUp));
    check(&pool, 2, true);
    check(&pool, 0, true);
    assert_eq!(pool.up_count(), 2);
    assert_eq!(picked(&pool, 4), ["a", "c", "a", "c"]);
    let all: Vec<_> = pool.backends().iter().map(|backend| backend.id()).collect();
    assert_eq!(
        pool.pick(CLIENT, &all).map(|_| ()),
        Err(NoBackend::AllTried)
    );
}

#[test]
fn a_hold_counts_as_active_until_it_is_dropped_and_places_are_limited() {
    let pool = up(&["a", "b"]);
    let mut limited = spec("a", 1);
    limited.attributes.max_connections = NonZeroU32::new(1);
    pool.replace(vec![limited]);
    let hold = pool.pick(CLIENT, &[]).unwrap();
    assert_eq!(hold.backend().figures().active, 1);
    assert_eq!(pool.pick(CLIENT, &[]).map(|_| ()), Err(NoBackend::AllFull));
    drop(hold);
    assert_eq!(pool.backends()[0].figures().active, 0);
    assert!(pool.pick(CLIENT, &[]).is_ok());
}

#[test]
fn places_are_never_more_than_there_are_over_many_threads() {
    let pool = up(&["a"]);
    let mut limited = spec("a", 1);
    limited.attributes.max_connections = NonZeroU32::new(3);
    pool.replace(vec![limited]);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..2000 {
                    let holds = [pool.pick(CLIENT, &[]), pool.pick(CLIENT, &[])];
                    assert!(pool.backends()[0].figures().active <= 3);
                    drop(holds);
                }
            });
        }
    });
    assert_eq!(pool.backends()[0].figures().active, 0);
}

#[test]
fn a_session_that_tried_all_primaries_goes_to_a_backup() {
    let mut backup = spec("z", 9);
    backup.attributes.backup = true;
    let pool = Pool::new(
        vec![spec("a", 1), backup],
        Policy::RoundRobin,
        Config::default().health,
        0,
    );
    (0..2).for_each(|index| check(&pool, index, true));
    assert_eq!(picked(&pool, 2), ["a", "a"]);
    let tried = [pool.backends()[0].id()];
    assert_eq!(pool.pick(CLIENT, &tried).unwrap().backend().name(), "z");
}

#[test]
fn the_unhealthy_are_the_last_resort_of_a_session() {
    let mut backup = spec("z", 9);
    backup.attributes.backup = true;
    let mut limited = spec("c", 3);
    limited.attributes.max_connections = NonZeroU32::new(1);
    let specs = vec![spec("a", 1), spec("b", 2), limited, backup];
    let pool = Pool::new(specs, Policy::RoundRobin, Config::default().health, 0);
    (0..4).for_each(|index| check(&pool, index, true));
    for index in [1, 2] {
        (0..3).for_each(|_| check(&pool, index, false));
    }
    let ids: Vec<_> = pool.backends().iter().map(|backend| backend.id()).collect();
    let pick = |tried: &[usize]| {
        let tried: Vec<_> = tried.iter().map(|&index| ids[index]).collect();
        pool.pick(CLIENT, &tried)
    };
    let name = |hold: &Assigned| (hold.backend().name().to_owned(), hold.is_last_resort());
    // The usable come first, backups included.
    assert_eq!(name(&pick(&[]).unwrap()), ("a".to_owned(), false));
    assert_eq!(name(&pick(&[0]).unwrap()), ("z".to_owned(), false));
    // Then the others, in turn, each once, and within their limits.
    let holds = [(); 4].map(|()| pick(&[0, 3]).unwrap());
    let mut names = holds.each_ref().map(name);
    names.sort();
    assert_eq!(names.iter().filter(|(name, _)| name == "c").count(), 1);
    assert!(names.iter().all(|&(_, last_resort)| last_resort));
    assert_eq!(
        pick(&[0, 1, 3]).map(|_| ()),
        Err(NoBackend::AllTried),
        "c is full"
    );
    drop(holds);
    assert_eq!(name(&pick(&[0, 1, 3]).unwrap()).0, "c");
    assert_eq!(
        pick(&[0, 1, 2, 3]).map(|_| ()),
        Err(NoBackend::AllTried),
        "nobody twice"
    );
}

#[test]
fn a_full_backend_is_waited_for_and_an_unhealthy_one_is_spared() {
    let mut limited = spec("a", 1);
    limited.attributes.max_connections = NonZeroU32::new(1);
    let specs = vec![limited, spec("b", 2)];
    let pool = Pool::new(specs, Policy::RoundRobin, Config::default().health, 0);
    check(&pool, 0, true);
    check(&pool, 1, false);
    let hold = pool.pick(CLIENT, &[]).unwrap();
    assert_eq!(hold.backend().name(), "a");
    assert_eq!(pool.pick(CLIENT, &[]).map(|_| ()), Err(NoBackend::AllFull));
}

#[test]
fn before_all_are_asked_those_that_were_are_the_last_resort() {
    let pool = pool(&["a", "b"]);
    assert_eq!(pool.pick(CLIENT, &[]).map(|_| ()), Err(NoBackend::NoneUp));
    check(&pool, 1, false);
    assert!(!pool.is_failing_open());
    let hold = pool.pick(CLIENT, &[]).unwrap();
    assert!(hold.is_last_resort() && hold.backend().name() == "b");
}

#[test]
fn sessions_that_cannot_connect_eject_a_backend() {
    let pool = up(&["a", "b"]);
    let now = Instant::now();
    let bad = &pool.backends()[0];
    for signal in [REFUSED, REFUSED, SessionSignal::Connected, REFUSED, REFUSED] {
        bad.observe_session(signal);
        assert_eq!(pool.attend(now), None);
    }
    bad.observe_session(REFUSED);
    assert_eq!(pool.attend(now), Some(now + Duration::from_secs(5)));
    assert_eq!(
        (bad.report().state, bad.weight_tenths()),
        (State::Ejected, 0)
    );
    assert_eq!(picked(&pool, 2), ["b", "b"]);
    assert_eq!(pool.attend(now + Duration::from_secs(5)), None);
    assert_eq!((bad.report().state, bad.weight_tenths()), (State::Up, 10));
    let told: Vec<String> = pool
        .transitions()
        .iter()
        .map(|past| past.transition.reason.to_string())
        .collect();
    assert_eq!(
        told[2..],
        [
            "3 sessions could not connect: connection refused; ejected for 5s",
            "ejection of 5s ended"
        ]
    );
    assert_eq!(transitions(bad)[&(State::Ejected, "connects-failed")], 1);
}

#[test]
fn an_operator_is_obeyed_and_named() {
    let pool = up(&["a", "b"]);
    let id = pool.backends()[0].id();
    assert_eq!(
        pool.set_admin_state(id, AdminState::Drain, "by ops"),
        Ok(())
    );
    let report = pool.backends()[0].report();
    assert_eq!(
        (report.state, report.admin),
        (State::Draining, AdminState::Drain)
    );
    assert_eq!(report.reason.to_string(), "set to drain by ops");
    assert_eq!(picked(&pool, 2), ["b", "b"]);
    pool.set_admin_state(id, AdminState::Ready, "by ops")
        .unwrap();
    assert_eq!(pool.up_count(), 2);
    assert_eq!(
        pool.set_admin_state(BackendId(99), AdminState::Ready, "by ops"),
        Err(UnknownBackend)
    );
}

#[test]
fn one_that_stays_keeps_health_counters_and_sessions() {
    let pool = up(&["a", "b"]);
    let before = pool.backends();
    let hold = pool.pick(CLIENT, &[before[1].id()]).unwrap();
    let mut heavier = spec("a", 1);
    heavier.attributes.weight = 3;
    pool.replace(vec![spec("c", 3), heavier]);
    let after = pool.backends();
    assert!(Arc::ptr_eq(&before[0], &after[1]));
    assert_eq!(
        (after[1].attributes().weight, after[1].figures().active),
        (3, 1)
    );
    assert!(after[0].id().0 > 1, "a number is never given twice");
    assert_eq!(picked(&pool, 2), ["a", "a"]);
    // Another address is another backend; and who has left may still be held.
    pool.replace(vec![spec("a", 7)]);
    assert_eq!(pool.up_count(), 0);
    assert_eq!(pool.pick(CLIENT, &[]).map(|_| ()), Err(NoBackend::NoneUp));
    drop(hold);
    assert_eq!(before[0].figures().active, 0);
}

#[test]
fn round_robin_is_exact_over_all_threads() {
    let pool = up(&["a", "b", "c"]);
    let mut heavy = spec("c", 3);
    heavy.attributes.weight = 4;
    pool.replace(vec![spec("a", 1), spec("b", 2), heavy]);
    let served = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for name in picked(&pool, 600) {
                    *served.lock().unwrap().entry(name).or_insert(0) += 1;
                }
            });
        }
    });
    let expected =
        [("a", 400), ("b", 400), ("c", 1600)].map(|(name, count)| (name.to_owned(), count));
    assert_eq!(served.into_inner().unwrap(), expected.into());
}

/// Of backends that are found in DNS.
fn group(name: &str) -> GroupReport {
    GroupReport {
        name: name.to_owned(),
        resolve: "dns",
        question: "files.example:9".to_owned(),
        members: 1,
        last: Some(Outcome::Answered),
        named: Instant::now(),
        failures: 0,
        problem: None,
        failed_query: None,
        outcomes: [1, 0, 0, 0],
    }
}

#[test]
fn what_was_found_in_dns_is_said_to_be_gone_from_there() {
    let pool = up(&["files-10-0-0-7", "spare"]);
    pool.report_groups(vec![group("files")]);
    let [member, spare] = [0, 1].map(|index| Arc::clone(&pool.backends()[index]));
    pool.replace_at(vec![spec("c", 3)], Instant::now());
    let reason = |backend: &Backend| backend.report().reason.to_string();
    assert_eq!(reason(&member), "no longer in DNS or in the settings");
    assert_eq!(reason(&spare), "no longer in the settings");
    assert_eq!(transitions(&member)[&(State::Leaving, "not-named")], 1);
}

#[test]
fn a_removed_backend_is_listed_until_its_last_session_has_ended() {
    let pool = up(&["a", "b"]);
    let [a, b] = [0, 1].map(|index| Arc::clone(&pool.backends()[index]));
    let hold = pool.pick(CLIENT, &[b.id()]).unwrap();
    let now = Instant::now();
    pool.replace_at(vec![spec("c", 3)], now);
    // Only who has sessions is shown; the other is kept for a moment, should a worker still pick it.
    let shown: Vec<_> = pool.leaving().iter().map(|l| l.backend.id()).collect();
    assert_eq!(shown, [a.id()]);
    assert_eq!(pool.leaving()[0].since, now);
    let late = Assigned::acquired(&b);
    assert!(b.acquire());
    assert_eq!(pool.leaving().len(), 2);
    drop(late);
    assert_eq!(a.report().state, State::Leaving);
    assert_eq!(a.report().reason.to_string(), "no longer in the settings");
    assert_eq!(transitions(&a)[&(State::Leaving, "not-named")], 1);
    assert_eq!(
        pool.transitions().last().unwrap().transition.from,
        State::Up
    );
    // It cannot be picked, nor set, and time alone does not take it away.
    check(&pool, 0, true);
    assert_eq!(picked(&pool, 2), ["c", "c"]);
    assert_eq!(
        pool.set_admin_state(a.id(), AdminState::Ready, "by ops"),
        Err(UnknownBackend)
    );
    let later = now + Duration::from_secs(3600);
    assert_eq!(pool.attend(later), Some(later + Duration::from_secs(1)));
    assert_eq!(pool.leaving().len(), 1);
    drop(hold);
    assert!(pool.leaving().is_empty());
    assert_eq!(pool.attend(later), None);
}

#[test]
fn a_backend_that_returns_in_time_is_the_same_one_and_starts_afresh() {
    let pool = up(&["a", "b"]);
    let a = Arc::clone(&pool.backends()[0]);
    let hold = pool.pick(CLIENT, &[pool.backends()[1].id()]).unwrap();
    pool.replace(vec![spec("b", 2)]);
    let mut again = spec("a", 1);
    again.attributes.weight = 5;
    pool.replace(vec![again, spec("b", 2)]);
    assert!(Arc::ptr_eq(&a, &pool.backends()[0]) && pool.leaving().is_empty());
    assert_eq!((a.figures().active, a.attributes().weight), (1, 5));
    assert_eq!(a.report().state, State::Down, "not before it was checked");
    assert_eq!(picked(&pool, 2), ["b", "b"]);
    check(&pool, 0, true);
    assert_eq!(pool.up_count(), 2);
    drop(hold);
    assert_eq!(a.figures().active, 0);
}

#[test]
fn by_name_each_is_shown_once() {
    let pool = up(&["a", "b"]);
    let holds = [pool.pick(CLIENT, &[]), pool.pick(CLIENT, &[])];
    pool.replace(vec![spec("a", 7)]);
    let shown: Vec<_> = pool
        .shown()
        .iter()
        .map(|backend| {
            (
                backend.name().to_owned(),
                backend.address().tcp().unwrap().port(),
            )
        })
        .collect();
    assert_eq!(shown, [("a".to_owned(), 7), ("b".to_owned(), 2)]);
    assert_eq!(pool.leaving().len(), 2);
    drop(holds);
}

#[test]
fn weights_and_new_backends_are_among_the_changes() {
    let pool = up(&["a"]);
    let id = pool.backends()[0].id();
    // Those of the start are no news.
    assert_eq!(pool.latest_changes(9).len(), 1);
    pool.set_weight(id, 0, "by ops").unwrap();
    let out = pool.outage_since().unwrap();
    let mut heavier = spec("a", 1);
    heavier.attributes.weight = 3;
    pool.report_groups(vec![group("files")]);
    let rules = Config::default().health;
    let all = vec![heavier, spec("b", 2), spec("files-10-0-0-7", 3)];
    pool.forget_weights(None);
    pool.reconfigure(all, Policy::RoundRobin, rules, None);
    assert_eq!(pool.outage_since(), None);
    let told = pool.latest_changes(4).into_iter();
    let told: Vec<_> = told
        .map(|past| (past.backend, format!("{:?}", past.change)))
        .collect();
    let expected = [
        ("a", r#"Weight { from: 1, to: 0, who: "by ops" }"#),
        ("a", r#"Weight { from: 0, to: 3, who: "in the settings" }"#),
        ("b", "Added { is_resolved: false, who: None }"),
        ("files-10-0-0-7", "Added { is_resolved: true, who: None }"),
    ]
    .map(|(name, change)| (name.to_owned(), change.to_owned()));
    assert_eq!(told, expected);
    // Later than before: each outage has its own time.
    pool.set_weight(id, 0, "by ops").unwrap();
    assert!(pool.outage_since().unwrap() >= out);
}

/// What an operator has set stays until the settings are read again, also where DNS names other backends meanwhile.
#[test]
fn a_weight_set_by_an_operator_outlives_an_answer_of_dns() {
    let pool = up(&["a", "files-10-0-0-7"]);
    pool.report_groups(vec![group("files")]);
    assert!(!pool.is_set_otherwise());
    let id = pool.backends()[1].id();
    pool.set_weight(id, 5, "by ops").unwrap();
    assert!(pool.is_set_otherwise());
    let named = || vec![spec("a", 1), spec("files-10-0-0-7", 2), spec("c", 3)];
    pool.replace(named());
    let weights = || -> Vec<u32> {
        let backends = pool.backends();
        backends.iter().map(|it| it.attributes().weight).collect()
    };
    assert_eq!(weights(), [1, 5, 1]);
    assert!(pool.is_set_otherwise());
    // As configured it is like any other, whoever has set it so.
    pool.set_weight(id, 1, "by ops").unwrap();
    assert!(!pool.is_set_otherwise());
    pool.set_weight(id, 5, "by ops").unwrap();
    // Other settings change nothing about that, until they are read again.
    let again = || pool.reconfigure(named(), Policy::RoundRobin, Config::default().health, None);
    pool.forget_weights(Some("a"));
    again();
    assert_eq!(weights(), [1, 5, 1]);
    assert!(pool.is_set_otherwise());
    pool.forget_weights(None);
    again();
    assert_eq!(weights(), [1, 1, 1]);
    assert!(!pool.is_set_otherwise());
}
