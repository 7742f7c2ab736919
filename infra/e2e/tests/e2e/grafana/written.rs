//! Rules followed over points that were written for them: what must fire does, in its time, and what must not does not.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::time::Duration;

use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use e2e::grafana::alerts::{self, rule};
use e2e::grafana::evaluate::State::{self, Firing, Normal, Pending};
use e2e::grafana::flux::parse_duration;
use e2e::influx::Influx;

use crate::world::World;

/// Between two points of a series.
const STEP: usize = 5;

pub(super) fn rules_over_written_points(_: &World) {
    let story = Story::begin();
    hosts(&story);
    limits(&story);
    backends(&story);
    sessions(&story);
    silence(&story);
    collector(&story);
}

/// A database, and a moment some minutes ago from which seconds are counted.
struct Story {
    influx: Influx,
    start: DateTime<Utc>,
    interval: Duration,
}

/// How the states of one series went: when, and what from then on.
type Course = Vec<(i64, State)>;

impl Story {
    fn begin() -> Self {
        let minute = Utc::now().duration_trunc(TimeDelta::minutes(1)).unwrap();
        let groups = alerts::load().groups;
        Self {
            influx: Influx::start(),
            start: minute - TimeDelta::minutes(60),
            interval: parse_duration(&groups[0].interval),
        }
    }

    /// Points of a series in `seconds`; fields by the second.
    fn write(&self, series: &str, seconds: Range<i64>, fields: impl Fn(i64) -> String) {
        let mut lines = String::new();
        for second in seconds.step_by(STEP) {
            let time = (self.start + TimeDelta::seconds(second)).timestamp_millis();
            writeln!(lines, "{series} {} {time}", fields(second)).unwrap();
        }
        self.influx.write(&lines);
    }

    /// The course of each series in `seconds`, by one of its labels.
    fn follow(&self, uid: &str, label: &str, seconds: Range<i64>) -> BTreeMap<String, Course> {
        let [from, to] = [seconds.start, seconds.end].map(TimeDelta::seconds);
        let (from, to) = (self.start + from, self.start + to);
        let changes = rule(uid).follow(&self.influx, from, to, self.interval);
        let mut courses: BTreeMap<String, Course> = BTreeMap::new();
        for (at, labels, state) in changes {
            let name = labels.get(label).cloned().unwrap_or_default();
            let second = (at - self.start).num_seconds();
            courses.entry(name).or_default().push((second, state));
        }
        courses
    }
}

/// Alone in `courses`: pending from `begin`, firing from `fire`, normal from `end`, each at most `late` seconds after.
fn assert_fired(course: &Course, [begin, fire, end]: [i64; 3], late: i64) {
    let states: Vec<State> = course.iter().map(|(_, state)| *state).collect();
    let expected: &[State] = match begin == fire {
        true => &[Firing, Normal],
        false => &[Pending, Firing, Normal],
    };
    assert_eq!(states, expected, "{course:?}");
    let mut times = vec![begin, fire, end];
    times.dedup();
    for ((at, _), wanted) in course.iter().zip(times) {
        assert!(
            (wanted..=wanted + late).contains(at),
            "{wanted}: {course:?}"
        );
    }
}

fn system(host: &str, role: &str, instance: &str) -> String {
    format!("system_stats,host={host},role={role},instance={instance}")
}

/// 95 percent for seven minutes is told after five; for four it is not. Two processes on a host say the same.
fn hosts(story: &Story) {
    for (uid, field) in [
        ("netsocket-cpu-high", "cpu_percent"),
        ("netsocket-memory-high", "memory_percent"),
    ] {
        for (host, until) in [("hot", 420), ("brief", 240), ("cool", 0)] {
            for role in ["balancer", "fileserver"] {
                story.write(&system(host, role, "a"), 0..900, |second| {
                    let percent = if second < until { 95.0 } else { 30.0 };
                    format!("{field}={percent}")
                });
            }
        }
        let courses = story.follow(uid, "host", 0..900);
        assert_eq!(courses.len(), 2, "{courses:?}");
        // The average of a minute holds it for some seconds more.
        assert_fired(&courses["hot"], [10, 310, 420], 30);
        let brief: Vec<State> = courses["brief"].iter().map(|(_, state)| *state).collect();
        assert_eq!(brief, [Pending, Normal]);
    }
}

fn limits(story: &Story) {
    for (instance, role, open) in [("full", "balancer", 95), ("half", "fileserver", 50)] {
        story.write(&system("box", role, instance), 0..600, |second| {
            let open = if (100..300).contains(&second) {
                open
            } else {
                1
            };
            format!("active_clients={open}i,session_limit=100i")
        });
    }
    let courses = story.follow("netsocket-connections-near-limit", "instance", 0..600);
    assert_eq!(courses.len(), 1, "{courses:?}");
    assert_fired(&courses["full"], [100, 160, 300], 20);

    for (instance, waiting) in [("crowded", 600), ("quiet", 400)] {
        story.write(&system("box", "balancer", instance), 0..600, |second| {
            let waiting = if (100..200).contains(&second) {
                waiting
            } else {
                0
            };
            format!("queued={waiting}i,queue_limit=1024i")
        });
    }
    let courses = story.follow("netsocket-queue-filling", "instance", 0..600);
    assert_eq!(courses.len(), 1, "{courses:?}");
    // The fullest of a minute.
    assert_fired(&courses["crowded"], [100, 110, 260], 20);
}

/// Down for a minute is told after twenty seconds, for ten it is not; nor is one that an operator drains.
fn backends(story: &Story) {
    for (backend, out, wanted) in [
        ("dead", 60, false),
        ("flap", 10, false),
        ("drained", 60, true),
    ] {
        let series = format!("backend_stats,host=box,role=balancer,instance=lb,backend={backend}");
        story.write(&series, 0..300, |second| {
            let is_out = (100..100 + out).contains(&second);
            let down = i32::from(is_out && !wanted);
            format!("up={}i,down={down}i", i32::from(!is_out))
        });
    }
    let courses = story.follow("netsocket-backend-down", "backend", 0..300);
    assert_fired(&courses["dead"], [100, 120, 160], 10);
    assert!(!courses["flap"].iter().any(|(_, state)| *state == Firing));
    assert_eq!(courses.len(), 2, "{courses:?}");

    story.write(&system("box", "balancer", "alone"), 0..300, |second| {
        format!(
            "backends_up={}i",
            if (100..160).contains(&second) { 0 } else { 3 }
        )
    });
    let courses = story.follow("netsocket-no-healthy-backend", "instance", 0..300);
    assert_eq!(courses.len(), 1, "{courses:?}");
    assert_fired(&courses["alone"], [100, 110, 160], 10);

    for (service, least) in [("mail", 0), ("files", 1)] {
        let series = format!("service_stats,host=box,role=balancer,instance=lb,service={service}");
        story.write(&series, 0..300, |second| {
            let up = if (100..160).contains(&second) {
                least
            } else {
                3
            };
            format!("backends_up={up}i")
        });
    }
    let courses = story.follow("netsocket-service-without-backend", "frontend", 0..300);
    assert_eq!(courses.len(), 1, "{courses:?}");
    assert_fired(&courses["mail"], [100, 110, 160], 10);
}

/// Two of a hundred failed are told, one of two hundred are not, and a counter that begins anew is no failure.
fn sessions(story: &Story) {
    for (backend, of_thousand, restart) in
        [("bad", 20, 9_999), ("good", 5, 9_999), ("anew", 5, 300)]
    {
        // As old as the balancer, so that the beginning is no increase.
        let series = format!("backend_stats,host=box,role=balancer,instance=lb,backend={backend}");
        story.write(&series, 0..600, |second| {
            let since = if second >= restart {
                second - restart
            } else {
                second + 10_000
            };
            let total = since * 20;
            let errors = total * of_thousand / 1_000;
            format!("total={total}i,errors={errors}i")
        });
    }
    let courses = story.follow("netsocket-connect-errors", "backend", 0..600);
    let states = |name: &str| {
        courses
            .get(name)
            .map(|c| c.iter().map(|(_, s)| *s).collect())
    };
    assert_eq!(states("bad"), Some(vec![Pending, Firing]), "{courses:?}");
    assert_eq!(courses.len(), 1, "{courses:?}");
}

/// Killed is told half a minute later; stopped as it was told is not. When nobody says anything any more, that is told.
fn silence(story: &Story) {
    for (instance, last) in [("killed", 300), ("stopped", 300), ("alive", 1_200)] {
        story.write(&system("box", "fileserver", instance), 0..last, |_| {
            "client_count=1i".to_owned()
        });
    }
    let stop = "events,host=box,role=fileserver,instance=stopped,event=stop";
    story.write(stop, 301..302, |_| "text=\"told to\"".to_owned());
    let courses = story.follow("netsocket-telemetry-silent", "instance", 20..1_190);
    assert_eq!(courses.len(), 1, "{courses:?}");
    // Forgotten after ten minutes.
    assert_fired(&courses["killed"], [330, 340, 900], 15);

    // Each alone for ten minutes, then no data at all.
    let courses = story.follow("netsocket-telemetry-silent", "instance", 20..2_000);
    assert_fired(&courses["alive"], [1_230, 1_240, 1_800], 15);
    assert_eq!(courses[""].last().map(|(_, state)| *state), Some(Firing));
}

fn collector(story: &Story) {
    story.write(
        "collector_stats,host=box,instance=127.0.0.1:8405,topic=system_stats",
        0..600,
        |second| {
            let lag = if (100..300).contains(&second) { 800 } else { 4 };
            let kafka = i32::from(!(400..500).contains(&second));
            format!("lag={lag}i,records={second}i,bad=0i,kafka_up={kafka}i")
        },
    );
    let courses = story.follow("netsocket-collector-lagging", "host", 0..750);
    assert_fired(&courses["box"], [100, 160, 300], 10);
    // It says nothing any more, which is told as well.
    let silent: Vec<State> = courses[""].iter().map(|(_, state)| *state).collect();
    assert!(silent.ends_with(&[Pending, Firing]), "{courses:?}");

    let courses = story.follow("netsocket-collector-without-kafka", "host", 0..600);
    assert_eq!(courses.len(), 1, "{courses:?}");
    assert_fired(&courses["box"], [400, 460, 500], 10);
}
