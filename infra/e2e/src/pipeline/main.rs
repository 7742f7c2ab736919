//! `cargo xtask bench pipeline`: our collector and Telegraf, one after the other, empty the same Kafka topic into an
//! InfluxDB of their own each. CPU, memory and time of either, and the ratios.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a comparison measures time, and looks now and then"
)]
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a comparison that cannot be made ends"
)]

mod telegraf;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use chrono::{SecondsFormat, TimeDelta, Utc};
use e2e::influx::{Influx, ROOT, TOKEN};
use e2e::kafka::{Kafka, Release};
use e2e::process::{Process, clean_command};
use e2e::program::{self, Program};
use e2e::scratch::Scratch;

/// Records on the topic.
const RECORDS: &str = "NETSOCKET_PIPELINE_RECORDS";
const DEFAULT_RECORDS: usize = 300_000;
const PARTITIONS: u32 = 3;
/// Records sent to Kafka at once, as our own producer sends them.
const BATCH: &str = "batch.num.messages=200";
/// Nobody takes longer.
const LIMIT: Duration = Duration::from_secs(600);
/// Between two looks at what is stored.
const LOOK: Duration = Duration::from_millis(500);
/// Ticks of the processor clock in a second, on every Linux.
const TICKS: u64 = 100;

/// What one of them took.
struct Took {
    wall: Duration,
    cpu: Duration,
    memory: u64,
}

fn main() -> ExitCode {
    let number = std::env::var(RECORDS).ok();
    let number = number.map_or(Ok(DEFAULT_RECORDS), |text| text.parse());
    let Ok(number) = number else {
        eprintln!("{RECORDS} is no number");
        return ExitCode::from(2);
    };
    let kafka = Kafka::start_cluster(Release::V4, 1);
    kafka.create_topic_with(PARTITIONS, &[]);
    let records = records(number);
    let bytes = records.iter().map(String::len).sum::<usize>();
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    kafka.produce_batches("lz4", BATCH, &records);
    println!("{number} records of {} bytes", bytes / number.max(1));

    let ours = measure(number, |influx| {
        let mut command = clean_command(Program::Collector.path());
        command
            .env("INFLUXDB_TOKEN", TOKEN)
            .args(["--kafka", &kafka.brokers(), "--admin", "127.0.0.1:0"])
            .args(["--influx-url", &format!("http://{influx}")]);
        Process::start("collector", command, Scratch::new("collector"))
    });
    print("netsocket-collector", number, &ours);
    let telegraf = match telegraf::program() {
        Ok(program) => program,
        Err(reason) => {
            eprintln!("{reason}");
            return ExitCode::FAILURE;
        }
    };
    let theirs = measure(number, |influx| {
        let dir = Scratch::new("telegraf");
        let config = telegraf::config(&kafka.brokers(), influx);
        let config = dir.write("telegraf.conf", config);
        let mut command = clean_command(&telegraf);
        command.arg("--config").arg(config);
        Process::start("telegraf", command, dir)
    });
    print(telegraf::NAME, number, &theirs);
    println!(
        "ours against theirs: CPU {:.2}, memory {:.2}, time {:.2}",
        ours.cpu.as_secs_f64() / theirs.cpu.as_secs_f64(),
        ours.memory as f64 / theirs.memory as f64,
        ours.wall.as_secs_f64() / theirs.wall.as_secs_f64(),
    );
    program::remove_copies();
    ExitCode::SUCCESS
}

/// Starts one on an empty database and waits until everything is in it.
fn measure(number: usize, start: impl FnOnce(SocketAddr) -> Process) -> Took {
    let influx = Influx::start();
    let began = Instant::now();
    let mut process = start(influx.address);
    let flux = format!(
        "from(bucket: \"{ROOT}\") |> range(start: -30d) \
         |> filter(fn: (r) => r._measurement == \"system_stats\" and r._field == \"client_count\") \
         |> group() |> count()"
    );
    let stored = || {
        let rows = influx.query(&flux);
        let row = rows.first();
        row.and_then(|row| row["_value"].parse().ok()).unwrap_or(0)
    };
    loop {
        std::thread::sleep(LOOK);
        let found: usize = stored();
        if found >= number {
            break;
        }
        assert!(!process.has_ended(), "{}", process.log());
        assert!(began.elapsed() < LIMIT, "{found} of {number} stored");
    }
    let took = Took {
        wall: began.elapsed(),
        cpu: cpu(process.id()),
        memory: process.peak_memory(),
    };
    process.terminate();
    took
}

/// What a process has used so far, in the kernel as well.
fn cpu(id: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).expect("a running process");
    // Behind the name, which may hold anything.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 1_000 / TICKS)
}

fn print(name: &str, number: usize, took: &Took) {
    println!(
        "{name}: {:.1} s, {:.2} s of CPU ({:.0} records, one point each, a CPU second), {} MiB at most",
        took.wall.as_secs_f64(),
        took.cpu.as_secs_f64(),
        number as f64 / took.cpu.as_secs_f64(),
        took.memory >> 20
    );
}

/// Records of ten file servers, each of a second of its own.
fn records(number: usize) -> Vec<String> {
    let second = |index: usize| TimeDelta::seconds(i64::try_from(index / 10).unwrap_or(0));
    let last = Utc::now() - TimeDelta::minutes(1);
    let begin = last - second(number);
    let record = |index: usize| {
        let ts = (begin + second(index)).to_rfc3339_opts(SecondsFormat::Millis, true);
        let (instance, count) = (index % 10, index / 10);
        format!(
            concat!(
                r#"{{"v":1,"ts":"{ts}","host":"machine-7.example.net","role":"fileserver","instance":"mirror{instance}","#,
                r#""cpu_percent":{cpu},"memory_percent":31.4,"cores":2.0,"load1":0.52,"load5":0.58,"load15":0.59,"#,
                r#""memory_used_bytes":2270334976,"memory_total_bytes":25276063744,"net_rx_bytes":2289824860,"#,
                r#""net_tx_bytes":10423923,"process_cpu_percent":1.5,"process_memory_bytes":16941056,"#,
                r#""process_open_files":16,"client_count":{count},"active_clients":2,"session_limit":1024,"late_ms":1,"#,
                r#""missed_ticks":0,"telemetry_sent":{count},"telemetry_dropped":0,"log_lines_dropped":0,"#,
                r#""bytes_sent":{bytes},"archives":3,"request_errors":0,"request_ms":512,"index_entries":100006}}"#
            ),
            ts = ts,
            instance = instance,
            cpu = f64::from(u16::try_from(index % 1_000).unwrap_or(0)) / 10.0,
            count = count,
            bytes = count * 1_000_003,
        )
    };
    (0..number).map(record).collect()
}
