//! From partitions in memory to an InfluxDB that misbehaves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use netsocket_telemetry::collector::{Influx, InfluxUrl, Positions, Token, Totals, collect};
use tokio::time::timeout;
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
    Influx::new(&url, "an org", "a bucket", Token::new("secret").unwrap()).unwrap()
}

fn of(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// Collects until `enough`, then stops and expects a good end.
async fn collect_until(
    logs: &[MemoryLog],
    influx: &Influx,
    positions: &Positions,
    totals: &Totals,
    what: &str,
    enough: impl FnMut() -> bool,
) {
    let shutdown = CancellationToken::new();
    let logs = (0..).zip(logs).collect();
    let (ended, ()) = tokio::join!(collect(logs, influx, positions, totals, &shutdown), async {
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
    let (positions, totals) = (Positions::default(), Totals::default());
    let enough = || of(&totals.records) == 70 && of(&totals.bad) == 5;
    collect_until(
        &logs,
        &client(&influx),
        &positions,
        &totals,
        "all is stored",
        enough,
    )
    .await;

    let (first, second): (Vec<_>, Vec<_>) = stored(&influx)
        .into_iter()
        .partition(|number| *number < 100);
    assert_eq!((first, second), ((0..30).collect(), (100..140).collect()));
    assert_eq!(
        (
            of(&totals.points),
            of(&totals.bad),
            of(&totals.refused),
            of(&totals.missed)
        ),
        (70, 5, 0, 0)
    );
    let next: Vec<_> = (0..4).map(|index| positions.next(index)).collect();
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
    let (positions, totals) = (Positions::default(), Totals::default());
    let client = client(&influx).with_timeout(Duration::from_millis(50));
    let enough = || {
        if !mended.load(Ordering::SeqCst) && influx.writes() >= 3 {
            assert_eq!(
                (logs[0].fetches(), of(&totals.points)),
                (1, 0),
                "reading must stop"
            );
            mended.store(true, Ordering::SeqCst);
        }
        of(&totals.records) == 50
    };
    collect_until(
        &logs,
        &client,
        &positions,
        &totals,
        "all is stored after the outage",
        enough,
    )
    .await;
    assert_eq!(stored(&influx), (0..50).collect::<Vec<_>>());
    assert_eq!((of(&totals.refused), of(&totals.bad)), (0, 0));
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
    let (positions, totals) = (Positions::default(), Totals::default());
    let enough = || of(&totals.records) == 40;
    collect_until(
        &logs,
        &client(&influx),
        &positions,
        &totals,
        "the batch is through",
        enough,
    )
    .await;
    assert_eq!(
        stored(&influx),
        (0..40)
            .filter(|number| ![3, 17].contains(number))
            .collect::<Vec<_>>()
    );
    assert_eq!((of(&totals.points), of(&totals.refused)), (38, 2));
}

#[tokio::test]
async fn a_batch_that_is_stored_in_part_is_not_sent_again() {
    let influx =
        FakeInflux::start(|number, _| Answer::Status(if number == 0 { 422 } else { 204 })).await;
    let logs = [MemoryLog::new(0, 10, records(0..20))];
    let (positions, totals) = (Positions::default(), Totals::default());
    let enough = || of(&totals.records) == 20;
    collect_until(
        &logs,
        &client(&influx),
        &positions,
        &totals,
        "both batches are through",
        enough,
    )
    .await;
    assert_eq!(stored(&influx), (10..20).collect::<Vec<_>>());
    assert_eq!(
        (of(&totals.points), of(&totals.refused), influx.writes()),
        (10, 1, 2)
    );
}

#[tokio::test]
async fn a_lost_connection_goes_on_where_it_was() {
    let influx = FakeInflux::start(|_, _| Answer::Status(204)).await;
    let logs = [MemoryLog::new(0, 10, records(0..30)).failing_at(20)];
    let (positions, totals) = (Positions::default(), Totals::default());
    let client = client(&influx);
    let shutdown = CancellationToken::new();
    let lost = collect(vec![(0, &logs[0])], &client, &positions, &totals, &shutdown).await;
    assert_eq!(
        lost.unwrap_err().to_string(),
        "fetch: the client library panicked"
    );
    assert_eq!(positions.next(0), Some(20));
    let enough = || of(&totals.records) == 30;
    collect_until(
        &logs,
        &client,
        &positions,
        &totals,
        "the rest is stored",
        enough,
    )
    .await;
    assert_eq!(stored(&influx), (0..30).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_retention_took_is_counted() {
    let influx = FakeInflux::start(|_, _| Answer::Status(204)).await;
    let (positions, totals) = (Positions::default(), Totals::default());
    let client = client(&influx);
    let before = [MemoryLog::new(0, 10, records(0..10))];
    collect_until(
        &before,
        &client,
        &positions,
        &totals,
        "the first are stored",
        || of(&totals.records) == 10,
    )
    .await;
    let after = [MemoryLog::new(25, 10, records(25..30))];
    collect_until(
        &after,
        &client,
        &positions,
        &totals,
        "the last are stored",
        || of(&totals.records) == 15,
    )
    .await;
    assert_eq!(of(&totals.missed), 15);
    assert_eq!(stored(&influx), (0..10).chain(25..30).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_stop_during_an_outage_is_prompt_and_forgets_nothing() {
    let influx = FakeInflux::start(|_, _| Answer::Status(503)).await;
    let logs = [MemoryLog::new(0, 10, records(0..50))];
    let (positions, totals) = (Positions::default(), Totals::default());
    let client = client(&influx);
    let failed = || influx.writes() >= 2;
    let stopped = collect_until(
        &logs,
        &client,
        &positions,
        &totals,
        "a write failed",
        failed,
    );
    timeout(PATIENCE * 2, stopped).await.unwrap();
    assert_eq!(
        positions.next(0),
        None,
        "nothing was stored, so nothing is behind us"
    );
}
