//! Beside another program that leaves transactions open and sends null headers, on brokers that soon delete what they have, while
//! everything is killed in turn: each record that was in Kafka is stored, or lost for a reason that a counter has.

mod ledger;
mod others;

use e2e::influx::Influx;
use e2e::kafka::witness::Witness;
use e2e::kafka::{Kafka, Release};
use e2e::process::Process;
use e2e::{PATIENCE, eventually, within};

use netsocket_telemetry::Security;

use crate::exactly_once::offered::{Account, Offered, Plan};
use crate::exactly_once::{CATCH_UP, admin, metrics, seconds};
use crate::influxdb::{collector, points};
use crate::world::World;
use ledger::{Counted, Ledger};
use others::{Done, Others};

crate::tests![
    #[needs(Kafka4AndInflux)]
    beside_transactions_of_others,
];

const PARTITIONS: i32 = 3;
/// How long Kafka keeps records.
const RETENTION: &str = "retention.ms=120000";
/// From one absence of the collector to the next, if the run is that long, and the time before the first.
const ABSENCES: (u64, u64) = (400, 200);
/// The records that come during one: longer than Kafka keeps them and than it takes to look.
const ABSENCE: u64 = 160 * PER_SECOND;
/// Of all producers.
const PER_SECOND: u64 = 50;

/// What happens, each for some seconds.
#[derive(Debug, Clone, Copy)]
enum Trouble {
    CollectorKilled,
    /// One of the brokers, counted from 0.
    BrokerKilled(usize),
    InfluxKilled,
    /// An operator deletes records that the collector has not read.
    RecordsDeleted,
    /// The collector is away for longer than Kafka keeps records.
    CollectorAway,
}

const TROUBLES: [Trouble; 6] = [
    Trouble::CollectorKilled,
    Trouble::BrokerKilled(1),
    Trouble::InfluxKilled,
    Trouble::RecordsDeleted,
    Trouble::CollectorKilled,
    Trouble::BrokerKilled(2),
];

struct Stage {
    kafka: Kafka,
    influx: Influx,
    witness: Witness,
    collector: Process,
    /// By the collectors before this one.
    counted: Counted,
}

fn beside_transactions_of_others(_: &World) {
    let seconds = seconds();
    let influx = Influx::start();
    let kafka = Kafka::start_configured(Release::V4, 3, others::SETTINGS);
    kafka.create_topic_with(PARTITIONS.unsigned_abs(), &[RETENTION, "segment.ms=10000"]);
    let others = Others::start(&kafka);
    let mut stage = Stage {
        witness: Witness::start(&kafka),
        collector: collector(&kafka, &influx),
        kafka,
        influx,
        counted: Counted::default(),
    };
    let producers = 5;
    let offered = Offered::start(&Plan {
        brokers: stage.kafka.brokers(),
        security: Security::default(),
        producers,
        forgetful: 0,
        per_second: u32::try_from(PER_SECOND).unwrap() / u32::try_from(producers).unwrap(),
    });
    let mut troubles = TROUBLES.into_iter().cycle();
    let (mut suffered, mut absences, mut next_absence) = (0, 0, ABSENCES.1);
    // On a slow machine each of them once.
    while offered.seconds() < seconds || suffered < TROUBLES.len() {
        let trouble = if offered.seconds() >= next_absence {
            next_absence += ABSENCES.0;
            absences += 1;
            Trouble::CollectorAway
        } else {
            troubles.next().expect("they never end")
        };
        println!("{:>4} s: {trouble:?}", offered.seconds());
        stage.suffer(trouble, &offered);
        suffered += 1;
    }
    let sent = offered.finish(CATCH_UP);
    let others = others.finish();
    let ledger = stage.close(&sent, others);
    println!("{sent}; {others:?}; {absences} long absences; {ledger:?}");
    assert!(ledger.deleted > 0, "{ledger:?}");
    assert_eq!(stage.collector.terminate(), Some(0));
}

impl Stage {
    fn suffer(&mut self, trouble: Trouble, offered: &Offered) {
        let some_seconds = || offered.offers_more(2 * PER_SECOND);
        match trouble {
            Trouble::CollectorKilled => {
                self.counted.add(&mut self.collector, Process::kill);
                self.start_collector();
                some_seconds();
            }
            Trouble::BrokerKilled(index) => {
                self.kafka.kill_node(index);
                some_seconds();
                self.kafka.restart_node(index);
            }
            Trouble::InfluxKilled => {
                self.influx.kill();
                some_seconds();
                self.influx.restart();
            }
            Trouble::RecordsDeleted => {
                self.stop_collector();
                self.delete_what_comes();
                self.start_collector();
                some_seconds();
            }
            Trouble::CollectorAway => {
                self.stop_collector();
                (0..ABSENCE / PER_SECOND).for_each(|_| offered.offers_more(PER_SECOND));
                self.start_collector();
                some_seconds();
            }
        }
    }

    /// In an orderly way, so that it has said how far it has come.
    fn stop_collector(&mut self) {
        self.counted.add(&mut self.collector, |collector| {
            assert_eq!(collector.terminate(), Some(0));
        });
    }

    fn start_collector(&mut self) {
        self.collector = collector(&self.kafka, &self.influx);
    }

    /// Of the partition with the most records, as soon as there are some.
    fn delete_what_comes(&mut self) {
        let partition = (0..PARTITIONS).max_by_key(|partition| self.witness.last(*partition));
        let partition = partition.expect("a partition");
        let before = self.witness.last(partition);
        let last = eventually(PATIENCE, "records that nobody reads", || {
            Some(self.witness.last(partition)).filter(|last| *last >= before + 10)
        });
        let offset = u64::try_from(last).unwrap() + 1;
        self.kafka.delete_records(partition.unsigned_abs(), offset);
    }

    /// Waits until everything has its place, and judges it.
    fn close(&mut self, sent: &Account, others: Done) -> Ledger {
        let admin = admin(&mut self.collector);
        eventually(CATCH_UP, "every record that was sent", || {
            let seen = ledger::records(self.witness.seen());
            let ours = ledger::ours(&seen);
            let whole = sent.missing(&ours) == 0 && ledger::has_all_of(&seen, others);
            whole.then(|| sent.assert_no_more_than(&ours))
        });
        let seen = ledger::records(self.witness.seen());
        // A collector that is behind the last records does not know of them yet, and says that it has no lag.
        let (mut counted, mut ledger) = (Counted::default(), Ledger::default());
        let settled = within(CATCH_UP, || {
            let metrics = metrics(admin);
            let lag = metrics.sum("netsocket_collector_lag", &[]);
            counted = self.counted.with(&self.collector, &metrics);
            let stored = points(&self.influx, "system_stats", "client_count");
            ledger = Ledger::of(&seen, &stored, &counted);
            (lag == 0.0 && ledger.is_settled()).then_some(())
        });
        ledger.judge(&counted, others);
        assert!(settled.is_some(), "the lag stays: {ledger:?}");
        ledger
    }
}
