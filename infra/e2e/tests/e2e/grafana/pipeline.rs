//! The board and the rules over what programs, Kafka and collector have really put into the database.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use e2e::fleet::{Fleet, NAMES, Plan};
use e2e::grafana::alerts::{self, rule};
use e2e::grafana::board::Board;
use e2e::grafana::evaluate::Verdict;
use e2e::grafana::flux::Choices;
use e2e::influx::Influx;
use e2e::kafka::Kafka;
use e2e::old_client::OldClient;
use e2e::{PATIENCE, eventually, files};

use super::shows::{picture, shown, the_board_shows_it};
use crate::exactly_once::admin;
use crate::influxdb::collector_at;
use crate::telemetry::open;
use crate::world::World;

/// Names the file that the board is drawn into, by its path from the top of the project.
const PICTURE: &str = "NETSOCKET_BOARD_PICTURE";

/// Sessions that stay open.
pub(super) const HELD: usize = 6;

/// For a rule's condition after what it tells of: the checks of the balancer, a record, Kafka, the collector.
const SOON: Duration = Duration::from_secs(15);

pub(super) fn board_and_rules_over_the_real_pipeline(world: &World) {
    let influx = Influx::start();
    let kafka = Kafka::start();
    let mut collector = collector_at(&kafka, influx.address);
    let mut fleet = Plan {
        kafka: Some(kafka.broker),
        ..Plan::over(&world.few_files())
    }
    .start();
    let held: Vec<OldClient> = (0..HELD).map(|_| open(&fleet)).collect();
    let board = Board::load();
    eventually(PATIENCE, "figures of every kind", || {
        // Rates need counters that grow from one window to the next.
        work(&fleet);
        let enough = |id| !shown(&board, id, &influx, &Choices::new()).is_empty();
        [33, 41, 50, 53, 62].into_iter().all(enough).then_some(())
    });
    nothing_fires(&influx);
    a_dead_server_is_told(&influx, &mut fleet);
    nobody_left_is_told(&influx, &mut fleet);
    drop(held);
    let metrics = admin(&mut collector);
    the_board_shows_it(&board, &influx, &fleet, metrics);
    if let Ok(file) = std::env::var(PICTURE) {
        std::fs::write(files::path(&file), picture(&board, &influx, &fleet)).unwrap();
    }
    silence_is_told(&influx, &mut fleet);
    collector.kill();
    a_silent_collector_is_told(&influx);
}

/// Requests of several kinds to every file server, one of them for nothing, so that there is something to see.
pub(super) fn work(fleet: &Fleet) {
    for _ in 0..3 * NAMES.len() {
        let mut session = open(fleet);
        let archive = session.archive("w24fz 0 10000000").unwrap();
        assert!(archive.is_some_and(|archive| !archive.is_empty()));
        assert_eq!(session.archive("w24ft nothing").unwrap(), None);
        session.quit().unwrap();
    }
}

/// Every rule can be evaluated, sees what it is about, and is content.
fn nothing_fires(influx: &Influx) {
    for rule in alerts::load().groups.iter().flat_map(|group| &group.rules) {
        // The machine's own load is not ours to judge.
        let of_machine = ["netsocket-cpu-high", "netsocket-memory-high"];
        let judged = !of_machine.contains(&rule.uid.as_str());
        // At the very start there were no checks yet, and no topic.
        let verdict = eventually(PATIENCE, &rule.title, || {
            let verdict = rule.evaluate(influx, Utc::now());
            let content = verdict != Verdict::NoData && !(judged && verdict.is_true());
            content.then_some(verdict)
        });
        assert_templates_have_labels(rule, &verdict);
    }
}

/// Each label that a message names is one that the series have.
fn assert_templates_have_labels(rule: &alerts::Rule, verdict: &Verdict) {
    let Verdict::Series(series) = verdict else {
        panic!("{}: no data", rule.title)
    };
    for text in rule.annotations.values() {
        for rest in text.split("$labels.").skip(1) {
            let label: String = rest.chars().take_while(|c| c.is_alphanumeric()).collect();
            let has = |labels: &BTreeMap<String, String>| labels.contains_key(&label);
            assert!(series.keys().all(has), "{}: {label}", rule.title);
        }
    }
}

fn a_dead_server_is_told(influx: &Influx, fleet: &mut Fleet) {
    let down = rule("netsocket-backend-down");
    let dead = |verdict: &Verdict| verdict.beyond("backend");
    fleet.server("mirror1").process.kill();
    let killed = Utc::now();
    // Until its checks have failed, connects to it do; clients are served by another one.
    work(fleet);
    eventually(SOON, "the dead server told", || {
        let verdict = down.evaluate(influx, Utc::now());
        (dead(&verdict) == ["mirror1"]).then(|| {
            assert_eq!(verdict.within("backend"), ["mirror2", "server"]);
        })
    });
    println!("a dead server is told after {} ms", since(killed));
    let errors = rule("netsocket-connect-errors");
    eventually(SOON, "failed connects told", || {
        let verdict = errors.evaluate(influx, Utc::now());
        (dead(&verdict) == ["mirror1"]).then_some(())
    });
    fleet.server("mirror1").restart();
    let restarted = Utc::now();
    eventually(SOON, "its return told", || {
        let verdict = down.evaluate(influx, Utc::now());
        dead(&verdict).is_empty().then_some(())
    });
    println!("its return is told after {} ms", since(restarted));
}

/// Milliseconds.
fn since(moment: DateTime<Utc>) -> i64 {
    (Utc::now() - moment).num_milliseconds()
}

fn nobody_left_is_told(influx: &Influx, fleet: &mut Fleet) {
    let nobody = rule("netsocket-no-healthy-backend");
    fleet
        .servers
        .iter_mut()
        .for_each(|server| server.process.kill());
    eventually(SOON, "the last server's death told", || {
        nobody.evaluate(influx, Utc::now()).is_true().then_some(())
    });
    fleet.servers.iter_mut().for_each(|server| server.restart());
    eventually(SOON, "their return told", || {
        (!nobody.evaluate(influx, Utc::now()).is_true()).then_some(())
    });
    let count = NAMES.len();
    eventually(PATIENCE, "every backend up", || {
        (fleet.balancer.admin.up() == count).then_some(())
    });
    work(fleet);
}

/// One that was killed is missed, one that was told to stop is not.
fn silence_is_told(influx: &Influx, fleet: &mut Fleet) {
    let silent = rule("netsocket-telemetry-silent");
    assert!(!silent.evaluate(influx, Utc::now()).is_true());
    fleet.server("mirror1").process.kill();
    assert_eq!(fleet.server("mirror2").process.terminate(), Some(0));
    // The rule asks for no clock but its own: what it will say in a minute can be known now.
    let later = || Utc::now() + TimeDelta::minutes(1);
    eventually(SOON, "the end of a server in the database", || {
        let missed = silent.evaluate(influx, later()).beyond("instance");
        (!missed.contains(&"mirror2".to_owned())).then(|| {
            assert!(missed.contains(&"mirror1".to_owned()), "{missed:?}");
        })
    });
}

fn a_silent_collector_is_told(influx: &Influx) {
    let lagging = rule("netsocket-collector-lagging");
    assert!(matches!(
        lagging.evaluate(influx, Utc::now()),
        Verdict::Series(_)
    ));
    let later = Utc::now() + TimeDelta::minutes(2);
    assert_eq!(lagging.evaluate(influx, later), Verdict::NoData);
    assert_eq!(lagging.no_data_state, "Alerting");
}
