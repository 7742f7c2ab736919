//! From partitions in memory to an InfluxDB that misbehaves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::try_join_all;
use netsocket_telemetry::KafkaError;
use netsocket_telemetry::collector::{Collector, Influx, InfluxUrl, Positions, Token};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::eventually::{PATIENCE, eventually};
use crate::peers::{Answer, FakeInflux, MemoryLog};

/// A record whose sessions since the start are `number`.
fn record(number: usize) -> String {
    format!(
        r#"{{"ts":"2026-08-04T12:00:{:02}.000Z","host":"box","role":"fileserver","instance":"a","cpu_percent":1.5,
            "memory_percent":2,"client_count":{number},"active_clients":0}}"#,
        number % 60
    )
}

fn records(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(record).collect()
}

/// The sessions that the lines stored tell, in their order.
fn stored(influx: &FakeInflux) -> Vec<usize> {
    let number = |line: &String| {
        line.split("client_count=")
            .nth(1)?
            .split('i')
            .next()?
            .parse()
            .ok()
    };
    influx
        .stored()
        .iter()
        .map(|line| number(line).unwrap_or_else(|| panic!("{line}")))
        .collect()
}

fn client(influx: &FakeInflux) -> Influx {
    let url = InfluxUrl::parse(&format!("http://{}", influx.address)).unwrap();
    Influx::new(&url, "an org", Token::new("secret").unwrap()).unwrap()
}

fn collector_with(client: Influx) -> Collector {
    Collector::new(client, "a bucket", Positions::new("t", "positions"))
}

fn collector(influx: &FakeInflux) -> Collector {
    collector_with(client(influx))
}

async fn read(
    collector: &Collector,
    logs: &[MemoryLog],
    shutdown: &CancellationToken,
) -> Result<(), KafkaError> {
    let readers = (0..).zip(logs);
    let readers = readers.map(async |(index, log)| collector.read(index, &log, shutdown).await);
    try_join_all(readers).await.map(drop)
}

/// Collects until `enough`, then stops and expects a good end.
async fn collect_until(
    collector: &Collector,
    logs: &[MemoryLog],
    what: &str,
    enough: impl FnMut() -> bool,
) {
    let shutdown = CancellationToken::new();
    let (ended, ()) = tokio::join!(read(collector, logs, &shutdown), async {
        eventually(what, enough).await;
        shutdown.cancel();
    });
    ended.unwrap();
}

#[tokio::test]
async fn every_partition_is_read_in_order_and_what_is_no_record_is_left_out() {
    let influx = FakeInflux::start(|_, _| Answer::Status(204)).await;
    let mut second = records(100..140);
    second.insert(7, "hello".into());
    second.insert(20, "{}".into());
    second.insert(21, "?".into());
    second.insert(22, "?".into());
    let logs = [
        MemoryLog::new(0, 7, records(0..30)),
        MemoryLog::new(1_000, 9, second),
        MemoryLog::new(0, 9, vec![]),
        MemoryLog::new(5, 1, vec!["?".into()]),
    ];
    let collector = collector(&influx);
    let enough =
        || collector.status().totals().records == 70 && collector.status().totals().bad() == 5;
    collect_until(&collector, &logs, "all is stored", enough).await;

    let (first, second): (Vec<_>, Vec<_>) = stored(&influx)
        .into_iter()
        .partition(|number| *number < 100);
    assert_eq!((first, second), ((0..30).collect(), (100..140).collect()));
    assert_eq!(
        (
            collector.status().totals().points,
            collector.status().totals().bad(),
            collector.status().totals().refused,
            collector.status().totals().missed
        ),
        (70, 5, 0, 0)
    );
    let next: Vec<_> = (0..4)
        .map(|index| collector.positions().next(index))
        .collect();
    assert_eq!(next, [Some(30), Some(1_044), None, Some(6)]);

    let head = influx.first_head();
    assert!(
        head.starts_with("POST /api/v2/write?bucket=a+bucket&org=an+org&precision=ms HTTP/1.1"),
        "{head}"
    );
    assert!(
        head.to_lowercase().contains("authorization: token secret"),
        "{head}"
    );
}

/// The fault is over once `mended`; until then nothing more may be read than the batch that waits.
async fn outage(fault: Answer) {
    let mended = Arc::new(AtomicBool::new(false));
    let influx = FakeInflux::start({
        let mended = Arc::clone(&mended);
        move |_, _| {
            if mended.load(Ordering::SeqCst) {
                Answer::Status(204)
            } else {
                fault
            }
        }
    })
    .await;
    let logs = [MemoryLog::new(0, 10, records(0..50))];
    let collector = collector_with(client(&influx).with_timeout(Duration::from_millis(500)));
    let enough = || {
        if !mended.load(Ordering::SeqCst) && influx.writes() >= 3 {
            assert_eq!(
                (logs[0].fetches(), collector.status().totals().points),
                (1, 0),
                "reading must stop"
            );
            mended.store(true, Ordering::SeqCst);
        }
        collector.status().totals().records == 50
    };
    collect_until(&collector, &logs, "all is stored after the outage", enough).await;
    assert_eq!(stored(&influx), (0..50).collect::<Vec<_>>());
    assert_eq!(
        (
            collector.status().totals().refused,
            collector.status().totals().bad()
        ),
        (0, 0)
    );
}

#[tokio::test]
async fn influxdb_is_overloaded() {
    outage(Answer::Status(503)).await;
}

#[tokio::test]
async fn influxdb_knows_no_such_token() {
    outage(Answer::Status(401)).await;
}

#[tokio::test]
async fn influxdb_stalls() {
    outage(Answer::Stall).await;
}

#[tokio::test]
async fn influxdb_closes_connections() {
    outage(Answer::Close).await;
}

#[tokio::test]
async fn only_the_points_at_fault_are_left_out() {
    let influx = FakeInflux::start(|_, lines| {
        let poison = ["client_count=3i", "client_count=17i"]
            .iter()
            .any(|bad| lines.contains(bad));
        Answer::Status(if poison { 400 } else { 204 })
    })
    .await;
    let logs = [MemoryLog::new(0, 100, records(0..40))];
    let collector = collector(&influx);
    let enough = || collector.status().totals().records == 38;
    collect_until(&collector, &logs, "the batch is through", enough).await;
    assert_eq!(
        stored(&influx),
        (0..40)
            .filter(|number| ![3, 17].contains(number))
            .collect::<Vec<_>>()
    );
    assert_eq!(
        (
            collector.status().totals().points,
            collector.status().totals().refused
        ),
        (38, 2)
    );
}

/// As InfluxDB 2.7 words it, with the points that it repeats.
const TOO_OLD: &str = concat!(
    r#"{"code":"unprocessable entity","message":"failure writing points to database: partial write: dropped 4 points outside "#,
    "retention policy of duration 1h0m0s - oldest point system_stats,host=dropped=9,instance=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    r#"aaaaaaaaaa dropped because it violates a Retention Policy Lower Bound dropped=4"}"#,
);

#[tokio::test]
async fn points_that_are_too_old_are_counted_from_one_answer() {
    let influx = FakeInflux::start(|number, _| match number {
        0 => Answer::Explained(TOO_OLD),
        _ => Answer::Status(204),
    })
    .await;
    let logs = [MemoryLog::new(0, 10, records(0..20))];
    let collector = collector(&influx);
    let through = || collector.positions().next(0) == Some(20);
    collect_until(&collector, &logs, "both batches are through", through).await;
    assert_eq!(stored(&influx), (10..20).collect::<Vec<_>>());
    let totals = collector.status().totals();
    assert_eq!((totals.points, totals.refused, totals.records), (16, 4, 16));
    assert_eq!(influx.writes(), 2, "the answer says it all");
}

/// InfluxDB tells of a wrong type in one shard and not of what else was wrong: it is asked again in halves.
#[tokio::test]
async fn points_of_a_wrong_type_are_found_in_halves() {
    let influx = FakeInflux::start(|_, lines| {
        let wrong = ["client_count=3i", "client_count=4i"];
        match wrong.iter().any(|wrong| lines.contains(wrong)) {
            true => Answer::Explained("partial write: field type conflict: input field dropped=1"),
            false => Answer::Status(204),
        }
    })
    .await;
    let logs = [MemoryLog::new(0, 16, records(0..16))];
    let collector = collector(&influx);
    let through = || collector.positions().next(0) == Some(16);
    collect_until(&collector, &logs, "the batch is through", through).await;
    let expected = (0..16).filter(|number| ![3, 4].contains(number));
    assert_eq!(stored(&influx), expected.collect::<Vec<_>>());
    let totals = collector.status().totals();
    assert_eq!((totals.points, totals.refused, totals.records), (14, 2, 14));
}

/// A whole topic of them is not asked about for ever.
#[tokio::test]
async fn points_of_a_wrong_type_are_not_looked_for_without_end() {
    // Less than the half of every part that is asked about: there could be more.
    let conflict = "partial write: field type conflict: input field dropped=2";
    let influx = FakeInflux::start(move |_, _| Answer::Explained(conflict)).await;
    let logs = [MemoryLog::new(0, 1_000, records(0..1_000))];
    let collector = collector(&influx);
    let through = || collector.positions().next(0) == Some(1_000);
    collect_until(&collector, &logs, "the batch is through", through).await;
    let totals = collector.status().totals();
    assert!(influx.writes() < 200, "{} writes", influx.writes());
    assert!(totals.refused >= 64, "{totals:?}");
    assert_eq!(totals.points + totals.refused, 1_000);
}

#[tokio::test]
async fn a_record_of_which_nothing_is_stored_is_not_counted() {
    let influx = FakeInflux::start(|_, _| Answer::Status(400)).await;
    let logs = [MemoryLog::new(0, 10, records(0..5))];
    let collector = collector(&influx);
    let through = || collector.positions().next(0) == Some(5);
    collect_until(&collector, &logs, "the batch is through", through).await;
    let totals = collector.status().totals();
    assert_eq!((totals.records, totals.points, totals.refused), (0, 0, 5));
}

#[tokio::test]
async fn a_lost_connection_goes_on_where_it_was() {
    let influx = FakeInflux::start(|_, _| Answer::Status(204)).await;
    let logs = [MemoryLog::new(0, 10, records(0..30)).failing_at(20)];
    let collector = collector(&influx);
    let shutdown = CancellationToken::new();
    let lost = read(&collector, &logs, &shutdown).await;
    assert_eq!(
        lost.unwrap_err().to_string(),
        "fetch: the client library panicked"
    );
    assert_eq!(collector.positions().next(0), Some(20));
    let enough = || collector.status().totals().records == 30;
    collect_until(&collector, &logs, "the rest is stored", enough).await;
    assert_eq!(stored(&influx), (0..30).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_retention_took_is_counted() {
    let influx = FakeInflux::start(|_, _| Answer::Status(204)).await;
    let collector = collector(&influx);
    let before = [MemoryLog::new(0, 10, records(0..10))];
    collect_until(&collector, &before, "the first are stored", || {
        collector.status().totals().records == 10
    })
    .await;
    let after = [MemoryLog::new(25, 10, records(25..30))];
    collect_until(&collector, &after, "the last are stored", || {
        collector.status().totals().records == 15
    })
    .await;
    assert_eq!(collector.status().totals().missed, 15);
    assert_eq!(stored(&influx), (0..10).chain(25..30).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_stop_during_an_outage_is_prompt_and_forgets_nothing() {
    let influx = FakeInflux::start(|_, _| Answer::Status(503)).await;
    let logs = [MemoryLog::new(0, 10, records(0..50))];
    let collector = collector(&influx);
    let failed = || influx.writes() >= 2;
    let stopped = collect_until(&collector, &logs, "a write failed", failed);
    timeout(PATIENCE * 2, stopped).await.unwrap();
    assert_eq!(
        collector.positions().next(0),
        None,
        "nothing was stored, so nothing is behind us"
    );
}

#[tokio::test]
async fn the_next_collector_goes_on_where_this_one_was() {
    let influx = FakeInflux::start(|_, _| Answer::Status(204)).await;
    let first = collector(&influx);
    assert_eq!(first.positions().load(first.influx()).await, Ok(0));
    let logs = [
        MemoryLog::new(0, 10, records(0..30)),
        MemoryLog::new(5, 10, records(100..110)),
    ];
    let stored_all = || first.status().totals().records == 40;
    collect_until(&first, &logs, "all is stored", stored_all).await;
    assert_eq!(
        [0, 1].map(|index| influx.position(index)),
        [Some(30), Some(15)]
    );

    let second = collector(&influx);
    assert_eq!(second.positions().load(second.influx()).await, Ok(2));
    let logs = [MemoryLog::new(0, 10, records(0..35))];
    let rest = || second.status().totals().records == 5;
    collect_until(&second, &logs, "the rest is stored", rest).await;
    let expected = (0..30).chain(30..35);
    let stored: Vec<_> = stored(&influx).into_iter().filter(|n| *n < 100).collect();
    assert_eq!(
        stored,
        expected.collect::<Vec<_>>(),
        "nothing was read twice"
    );
    assert_eq!(influx.position(0), Some(35));
}

/// A position that were saved before its points would lose them in a crash.
#[tokio::test]
async fn no_position_is_saved_before_its_points() {
    let influx =
        FakeInflux::start(|number, _| Answer::Status(if number < 2 { 204 } else { 503 })).await;
    let collector = collector(&influx);
    let logs = [MemoryLog::new(0, 10, records(0..50))];
    let failing = || influx.writes() >= 4;
    collect_until(&collector, &logs, "a write failed", failing).await;
    assert_eq!(influx.position(0), Some(20));
    assert_eq!(stored(&influx), (0..20).collect::<Vec<_>>());
}

/// The database cannot tell: everything is read again, and nothing waits for an answer that will not come.
#[tokio::test]
async fn a_position_that_may_not_be_read_is_a_denial() {
    let influx = FakeInflux::start(|_, _| Answer::Status(204)).await;
    let collector = collector(&influx);
    for status in [401, 403, 404, 500] {
        influx.query_status.store(status, Ordering::SeqCst);
        let error = collector.positions().load(collector.influx()).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains(&status.to_string()), "{error}");
    }
    assert_eq!((influx.queries(), collector.positions().next(0)), (4, None));
}

#[tokio::test]
async fn influxdb_asks_for_patience_and_gets_it() {
    let influx = FakeInflux::start(|number, _| {
        if number == 0 {
            Answer::Later(2)
        } else {
            Answer::Status(204)
        }
    })
    .await;
    let collector = collector(&influx);
    let logs = [MemoryLog::new(0, 10, records(0..10))];
    let began = Instant::now();
    let all = || collector.status().totals().records == 10;
    collect_until(&collector, &logs, "all is stored", all).await;
    assert!(
        began.elapsed() >= Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(influx.writes(), 2, "not once more than asked for");
}

#[tokio::test]
async fn two_collectors_of_one_partition_do_no_harm() {
    let influx = FakeInflux::start(|_, _| Answer::Status(204)).await;
    let (one, other) = (collector(&influx), collector(&influx));
    let logs = [MemoryLog::new(0, 7, records(0..60))];
    let done = |collector: &Collector| collector.status().totals().records == 60;
    tokio::join!(
        collect_until(&one, &logs, "one is through", || done(&one)),
        collect_until(&other, &logs, "the other is through", || done(&other)),
    );
    let mut lines = influx.stored();
    assert_eq!(lines.len(), 120);
    lines.sort();
    lines.dedup();
    assert_eq!(
        lines.len(),
        60,
        "the same points, which overwrite each other"
    );
    assert_eq!(influx.position(0), Some(60));
}

/// Transactions of other producers leave marks in the log that no reader gets to see, and records that none may see.
#[tokio::test]
async fn marks_of_kafka_and_aborted_entries_are_passed_over() {
    let influx = FakeInflux::start(|_, _| Answer::Status(204)).await;
    let collector = collector(&influx);
    let mut values = records(0..4);
    values.splice(2..2, ["-", "x", "x", "-"].map(str::to_owned));
    values.push("-".into());
    let logs = [MemoryLog::new(0, 10, values)];
    let through = || collector.positions().next(0) == Some(9);
    collect_until(&collector, &logs, "both marks are behind it", through).await;
    assert_eq!(stored(&influx), [0, 1, 2, 3]);
    let totals = collector.status().totals();
    assert_eq!((totals.bad(), totals.aborted), (0, 2));
}

/// What is behind an open transaction is real, however long it takes.
#[tokio::test]
async fn an_open_transaction_is_waited_for() {
    let influx = FakeInflux::start(|_, _| Answer::Status(204)).await;
    let collector = collector(&influx);
    let mut values = records(0..10);
    values.insert(4, "x".into());
    let logs = [MemoryLog::new(0, 100, values).open_from(4)];
    let mut is_open = true;
    let all = || {
        let health = collector.status().health(Instant::now());
        // More fetches than any number after which one could lose patience.
        if is_open && logs[0].empty_fetches() >= 8 {
            is_open = false;
            let standing = health.partitions[0];
            assert_eq!(
                (standing.next, standing.lag, standing.uncommitted),
                (4, 7, 7)
            );
            assert_eq!(stored(&influx), [0, 1, 2, 3]);
            logs[0].commit();
        }
        collector.status().totals().records == 10
    };
    collect_until(&collector, &logs, "all is stored", all).await;
    assert_eq!(stored(&influx), (0..10).collect::<Vec<_>>());
    let health = collector.status().health(Instant::now());
    assert_eq!(
        (
            health.partitions[0].uncommitted,
            collector.status().totals().missed
        ),
        (0, 0)
    );
}

/// A leader that had not seen everything has cut the log back, and it has grown beyond where we were since.
#[tokio::test]
async fn a_log_that_was_cut_back_is_read_from_there() {
    let influx = FakeInflux::start(|_, _| Answer::Status(204)).await;
    let collector = collector(&influx);
    let before = [MemoryLog::new(0, 10, records(0..10))];
    collect_until(&collector, &before, "the first are stored", || {
        collector.status().totals().records == 10
    })
    .await;
    let mut values = records(0..6);
    values.extend(records(100..120));
    let after = [MemoryLog::new(0, 10, values).cut_at(6)];
    let all = || collector.positions().next(0) == Some(26);
    collect_until(&collector, &after, "the others are stored", all).await;
    assert_eq!(stored(&influx), (0..10).chain(100..120).collect::<Vec<_>>());
    let totals = collector.status().totals();
    assert_eq!((totals.rewound, totals.missed), (1, 0));
}

/// The same without knowing the leader: the position is beyond the end.
#[tokio::test]
async fn a_log_that_is_shorter_than_what_was_read_is_read_again() {
    let influx = FakeInflux::start(|_, _| Answer::Status(204)).await;
    let collector = collector(&influx);
    let before = [MemoryLog::new(0, 10, records(0..10))];
    collect_until(&collector, &before, "the first are stored", || {
        collector.status().totals().records == 10
    })
    .await;
    let after = [MemoryLog::new(0, 10, records(100..103))];
    let all = || collector.status().totals().records == 13;
    collect_until(&collector, &after, "the others are stored", all).await;
    assert_eq!(stored(&influx), (0..10).chain(100..103).collect::<Vec<_>>());
    assert_eq!(collector.status().totals().rewound, 1);
}
