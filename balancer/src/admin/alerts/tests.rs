use std::sync::LazyLock;

use super::*;
use crate::admin::api::{CheckView, Checks, GroupView};
use crate::admin::commands::Reach;
use crate::config::DEFAULT_ADMIN;

/// Those for a balancer that is where `ctl` looks, and has no file.
static PLAIN: LazyLock<Commands> = LazyLock::new(|| {
    Commands::of(&Reach {
        address: &DEFAULT_ADMIN,
        tls: false,
        settings_file: None,
        token_file: None,
    })
});
const NOW: &str = "2026-01-02T03:04:05.000Z";

fn backend(name: &str, state: &'static str, failed: Option<&'static str>) -> BackendView {
    let last = CheckView {
        result: failed.unwrap_or("passed"),
        said: failed.map(|failed| format!("it was {failed}")),
        took_ms: 0.1,
        at: NOW.to_owned(),
    };
    BackendView {
        name: name.to_owned(),
        address: format!("10.0.0.1:{name}"),
        state,
        reason: "because".to_owned(),
        since: NOW.to_owned(),
        weight: 1,
        admin: match state {
            "draining" => "drain",
            "maintenance" => "maintenance",
            _ => "ready",
        },
        checks: Checks {
            last: Some(last),
            ..Checks::default()
        },
        ..BackendView::default()
    }
}

fn pool(name: &str, backends: Vec<BackendView>) -> PoolView {
    PoolView {
        name: name.to_owned(),
        balance: "round_robin",
        failing_open: false,
        last_resort: 0,
        outage_since: Some(NOW.to_owned()),
        queued: 0,
        queue_limit: 100,
        backends,
        groups: Vec::new(),
    }
}

fn condition(pools: &[PoolView]) -> Condition {
    Condition::of(&facts(pools))
}

fn facts(pools: &[PoolView]) -> Facts<'_> {
    Facts {
        draining: false,
        trouble: None,
        active: 1,
        limit: 100,
        descriptors: None,
        now: Moment(0),
        certificates: &[],
        refused: None,
        failed_restart: None,
        commands: &PLAIN,
        pools,
        services: &[],
    }
}

#[test]
fn all_is_well() {
    let well = condition(&[pool(
        "default",
        vec![backend("1", "up", None), backend("2", "up", None)],
    )]);
    assert_eq!(
        (well.state, well.headline.as_str()),
        ("ready", "All 2 backends are up")
    );
    assert!(well.alerts.is_empty());
    // What an operator wants is no alert.
    let drained = [backend("1", "up", None), backend("2", "draining", None)];
    let drained = condition(&[pool("default", drained.into())]);
    assert_eq!(drained.state, "ready");
    assert_eq!(
        drained.headline,
        "1 of 2 backends are up, 1 taken out by an operator"
    );
}

#[test]
fn some_down_is_a_warning_and_tells_who_serves() {
    let down = || backend("2", "down", Some("refused"));
    let other = backend("3", "down", Some("timeout"));
    let two = condition(&[pool("files", vec![backend("1", "up", None), down(), other])]);
    assert_eq!(two.state, "warning");
    assert_eq!(two.headline, "2 of 3 backends are down of pool files");
    let alert = &two.alerts[0];
    assert_eq!(alert.clients, "are served by 1 backend");
    assert_eq!(alert.since.as_deref(), Some(NOW));
    assert!(alert.todo[0].contains("Nothing listens at 2 (10.0.0.1:2): start the server there."));
    assert!(alert.todo[1].contains("3 (10.0.0.1:3) cannot be reached: is the machine on"));
    let backup = BackendView {
        backup: true,
        ..backend("1", "up", None)
    };
    let one = condition(&[pool("default", vec![backup, down()])]);
    assert_eq!(one.headline, "2 is down: because");
    assert_eq!(one.alerts[0].clients, "are served by 1 backup");
}

#[test]
fn all_down_is_an_emergency_and_tells_what_clients_get() {
    let down = || {
        vec![
            backend("1", "down", Some("refused")),
            backend("2", "down", Some("refused")),
        ]
    };
    let told = |pool: PoolView| {
        let all = condition(&[pool]);
        assert_eq!(all.state, "emergency");
        let alert = all.alerts.into_iter().next().unwrap();
        (alert.what, alert.clients, alert.todo)
    };
    let (what, clients, todo) = told(pool("default", down()));
    assert_eq!(
        (what.as_str(), clients.as_str()),
        ("No backend is up", "are refused (SC)")
    );
    assert!(
        todo[0].contains(
            "Nothing listens at 1 (10.0.0.1:1), 2 (10.0.0.1:2): start the servers there."
        ),
        "{todo:?}"
    );
    let open = PoolView {
        failing_open: true,
        ..pool("default", down())
    };
    let (_, clients, todo) = told(open);
    assert_eq!(
        clients,
        "are refused unless a backend works despite failing its checks"
    );
    assert!(
        todo[1].starts_with("Nothing else is needed after that: "),
        "{todo:?}"
    );
    let last = PoolView {
        last_resort: 2,
        ..pool("default", down())
    };
    assert!(told(last).1.starts_with("are offered to each backend"));
    let (what, clients, todo) = told(pool("files", vec![backend("1", "maintenance", None)]));
    assert_eq!(what, "Operators have taken out every backend of pool files");
    assert_eq!(clients, "are refused (SC)");
    assert_eq!(
        todo,
        ["Put back what is meant to serve: `netsocket-balancer ctl ready 1`."]
    );
    let drained = (1..=5).map(|name| backend(&name.to_string(), "draining", None));
    let (_, _, todo) = told(pool("default", drained.collect()));
    assert_eq!(
        todo,
        ["Put back what is meant to serve: `netsocket-balancer ctl ready 1 2 3` and 2 more."]
    );
    for (name, command) in [("default", "add"), ("p", "add p")] {
        let (what, _, todo) = told(pool(name, Vec::new()));
        assert!(what.starts_with("There is no backend"), "{what}");
        let expected = format!("Add one: `netsocket-balancer ctl {command} NAME=HOST:PORT`.");
        assert_eq!(todo, [expected]);
    }
}

#[test]
fn a_start_is_no_emergency() {
    let mut new = backend("1", "down", None);
    new.checks.last = None;
    let start = condition(&[pool("default", vec![new])]);
    assert_eq!(
        (start.state, start.headline.as_str()),
        ("warning", "No backend has been checked yet")
    );
    assert_eq!(start.alerts[0].clients, "are refused (SC)");
    assert_eq!(
        start.alerts[0].todo,
        ["Wait: sessions begin as soon as a check passes."]
    );
}

#[test]
fn the_worst_comes_first_and_names_its_service() {
    let service = ServiceView {
        name: "mail".to_owned(),
        pool: "m".to_owned(),
        ..ServiceView::default()
    };
    let mut files = pool("files", vec![backend("1", "up", None)]);
    files.queued = 3;
    let pools = [
        files,
        pool("m", vec![backend("1", "down", Some("wrong-answer"))]),
    ];
    let refused = Refused {
        at: NOW.to_owned(),
        problems: ["one", "two", "three"].map(str::to_owned).to_vec(),
        unresolved: Vec::new(),
    };
    let all = Condition::of(&Facts {
        services: &[service],
        refused: Some(&refused),
        ..facts(&pools)
    });
    assert_eq!(all.headline, "No backend of pool m (for mail) is up");
    let told: Vec<_> = all.alerts.iter().map(|alert| alert.what.as_str()).collect();
    assert_eq!(
        told[1..],
        [
            "The last reload was refused: one, and 2 more",
            "3 clients wait for a free place of pool files"
        ]
    );
    assert_eq!(all.alerts[1].since.as_deref(), Some(NOW));
    assert!(
        all.alerts[0].todo[0]
            .contains("does not answer as `check_kind` expects (it was wrong-answer)")
    );
}

#[test]
fn the_limit_of_sessions_is_told_before_it_is_reached() {
    let pools = [pool("default", vec![backend("1", "up", None)])];
    let at = |active| {
        Condition::of(&Facts {
            active,
            ..facts(&pools)
        })
        .state
    };
    assert_eq!([at(89), at(90), at(100)], ["ready", "warning", "emergency"]);
}

/// Backends of this weight and state.
fn weighed(backends: &[(&str, &'static str, u32)]) -> Vec<BackendView> {
    let failed = |state| (state == "down").then_some("refused");
    let each = backends.iter().map(|&(name, state, weight)| BackendView {
        weight,
        ..backend(name, state, failed(state))
    });
    each.collect()
}

#[test]
fn the_sentence_about_backends_tells_those_without_a_weight() {
    for (backends, said) in [
        (&[("a", "up", 0)][..], "The backend is up, with weight 0"),
        (
            &[("a", "up", 1), ("b", "up", 0), ("c", "up", 1)],
            "All 3 backends are up, 1 with weight 0",
        ),
        (
            &[("a", "up", 1), ("b", "up", 0), ("c", "draining", 1)],
            "2 of 3 backends are up, 1 with weight 0, 1 taken out by an operator",
        ),
        (
            &[("a", "up", 1), ("b", "down", 0)],
            "1 of 2 backends are up",
        ),
        (
            &[("a", "draining", 1)],
            "The backend is not up, 1 taken out by an operator",
        ),
    ] {
        assert_eq!(
            condition(&[pool("default", weighed(backends))]).backends_up,
            said
        );
    }
}

#[test]
fn backends_without_a_weight_serve_nobody() {
    let out = condition(&[pool("default", weighed(&[("a", "up", 0), ("b", "up", 0)]))]);
    assert_eq!(out.state, "emergency");
    assert_eq!(
        out.headline,
        "No backend takes sessions: those that are up have weight 0"
    );
    assert_eq!(out.alerts[0].clients, "are refused (SC)");
    assert_eq!(
        out.alerts[0].todo,
        ["Give a weight to what is meant to serve: `netsocket-balancer ctl weight a b 1`."]
    );

    // One that is down may come back, or work although its checks fail.
    let mut pool_of = pool("default", weighed(&[("a", "down", 1), ("b", "up", 0)]));
    pool_of.failing_open = true;
    let out = condition(&[pool_of]);
    assert_eq!(out.state, "emergency");
    assert_eq!(
        out.alerts[0].clients,
        "are refused unless a backend works despite failing its checks"
    );
    assert_eq!(out.alerts[0].todo.len(), 3);

    // One beside others is what an operator wanted.
    let out = condition(&[pool("default", weighed(&[("a", "up", 1), ("b", "up", 0)]))]);
    assert_eq!(out.state, "ready");
    let mixed = [("a", "up", 1), ("b", "up", 0), ("c", "down", 1)];
    let out = condition(&[pool("default", weighed(&mixed))]);
    assert_eq!(out.alerts[0].clients, "are served by 1 backend");
}

/// What, clients and the advice of the only alert.
fn only(facts: &Facts<'_>) -> (Severity, String, String, String) {
    let mut alerts = Condition::of(facts).alerts;
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    let alert = alerts.remove(0);
    (
        alert.severity,
        alert.what,
        alert.clients,
        alert.todo.join(" "),
    )
}

#[test]
fn clients_wait_where_descriptors_are_short_and_are_refused_where_the_settings_say_so() {
    let pools = [pool("default", vec![backend("1", "up", None)])];
    let mut facts = facts(&pools);
    facts.active = 100;
    let (severity, what, clients, todo) = only(&facts);
    assert_eq!(severity, Severity::Emergency);
    assert_eq!(what, "100 of at most 100 sessions are open");
    assert!(clients.contains("(RR)") && todo.contains("`max_connections`"));
    facts.descriptors = Some(300);
    let (_, what, clients, todo) = only(&facts);
    assert_eq!(
        what,
        "100 of at most 100 sessions are open, as there are 300 descriptors"
    );
    assert!(clients.starts_with("wait in the queue"), "{clients}");
    assert!(todo.contains("LimitNOFILE") && !todo.contains("max_connections"));
    facts.active = 90;
    assert_eq!(only(&facts).0, Severity::Warning);
}

#[test]
fn certificates_are_told_before_and_after_their_end() {
    let pools = [pool("default", vec![backend("1", "up", None)])];
    let told = |service: Option<&str>, days_left: i64| {
        let now: u64 = 20_000 * 24 * 3600;
        let certificate = Certificate {
            service: service.map(str::to_owned),
            file: "/etc/web.pem".to_owned(),
            expires: Moment(now.checked_add_signed(days_left * 24 * 3600).unwrap()),
        };
        let facts = Facts {
            now: Moment(now),
            certificates: &[certificate],
            ..facts(&pools)
        };
        match Condition::of(&facts).alerts.is_empty() {
            true => None,
            false => Some(only(&facts)),
        }
    };
    assert!(told(Some("web"), 15).is_none());
    let (severity, what, _, todo) = told(Some("web"), 13).unwrap();
    assert_eq!(severity, Severity::Warning);
    assert_eq!(
        what,
        "The certificate of service web expires in 13 days: /etc/web.pem"
    );
    assert!(todo.contains("ctl reload"), "{todo}");
    let (severity, what, ..) = told(Some("web"), -1).unwrap();
    assert!(severity == Severity::Emergency && what.contains("has expired"));
    let (severity, what, ..) = told(None, 0).unwrap();
    assert!(severity == Severity::Warning && what.contains("the admin address has expired"));
}

#[test]
fn which_query_of_dns_failed_is_told_with_a_command_that_works() {
    let group = |outcome, members, failed_query| GroupView {
        name: "files".to_owned(),
        resolve: "dns",
        question: "files.lan:29100".to_owned(),
        members,
        outcome: Some(outcome),
        problem: Some("it was refused".to_owned()),
        failed_query,
        dns_server: Some("10.0.0.2:5353".to_owned()),
        failures: 0,
        age_seconds: 0.0,
    };
    let told = |group| {
        let mut pools = [pool("default", vec![backend("1", "up", None)])];
        pools[0].groups.push(group);
        only(&facts(&pools))
    };
    let (_, what, clients, todo) = told(group("partial", 1, Some("AAAA")));
    assert_eq!(what, "DNS answers only in part for files: it was refused");
    assert_eq!(clients, "are served by 1 server");
    for expected in [
        "`dig @10.0.0.2 -p 5353 files.lan AAAA`",
        "`ip_family = \"ipv4\"`",
        "`local=/files.lan/`",
    ] {
        assert!(todo.contains(expected), "{todo}");
    }
    let (_, _, clients, todo) = told(group("failed", 2, None));
    assert_eq!(clients, "are served by 2 servers found before");
    assert!(todo.contains("files.lan AAAA`") && !todo.contains("ip_family"));
    let (_, _, clients, _) = told(group("failed", 0, None));
    assert_eq!(clients, "are served by the other backends");
}

#[test]
fn a_restart_that_failed_is_told_with_what_to_mend() {
    use crate::control::handover::RestartCause as Cause;

    let pools = [pool("default", vec![backend("1", "up", None)])];
    for (cause, advice) in [
        (Cause::Settings, "Correct the settings, then restart again."),
        (
            Cause::Program("/opt/it is".to_owned()),
            "See to it that `'/opt/it is' --version` works, then restart again.",
        ),
        (Cause::Time, "set a longer `restart_timeout`"),
        (Cause::Room, "room for another process, then restart again."),
        (Cause::Unknown, "Stop the balancer and start it."),
        (
            Cause::Internal,
            "See the log of the balancer, then restart again.",
        ),
    ] {
        let failed = NotRestarted {
            at: NOW.to_owned(),
            problem: "the new process gave up: x".to_owned(),
            cause,
        };
        let facts = Facts {
            failed_restart: Some(&failed),
            ..facts(&pools)
        };
        let (_, what, clients, todo) = only(&facts);
        assert_eq!(what, "The last restart failed: the new process gave up: x");
        assert_eq!(clients, "are served by the process of before");
        assert!(todo.contains(advice), "{todo}");
    }
}

/// Settings that are right are not to be corrected until a check says OK, which it says already.
#[test]
fn a_reload_that_only_lacks_an_address_advises_that() {
    let todo = |hosts: &[&str]| {
        let refused = Refused {
            at: NOW.to_owned(),
            problems: vec!["one".to_owned()],
            unresolved: hosts.iter().map(|&host| host.to_owned()).collect(),
        };
        let condition = Condition::of(&Facts {
            refused: Some(&refused),
            ..facts(&[pool("default", vec![backend("1", "up", None)])])
        });
        condition.alerts[0].todo[0].clone()
    };
    let then = "then `netsocket-balancer ctl reload`.";
    assert_eq!(todo(&[]), format!("Correct the settings, {then}"));
    assert_eq!(
        todo(&["a.example"]),
        format!(
            "Correct the name a.example, or see to it that it has an address on this machine (`getent hosts a.example`), {then}"
        )
    );
    assert!(todo(&["a.example", "b.example"]).contains("the names a.example, b.example, or"));
}
