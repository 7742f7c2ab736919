//! Prints records on standard output instead of storing them, for people and scripts.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{SecondsFormat, Utc};
use netsocket_settings::Supervisor;
use tokio_util::sync::CancellationToken;

use super::cluster::Cluster;
use super::config::Config;
use super::partition_log::{Decoded, Fetched, KafkaPartition, LogEntry, PartitionLog as _};
use super::partition_readers::{Consumer, PartitionReaders};
use super::received::{Figure, Measured, Received};
use super::status::{Progress, Status};
use crate::kafka::KafkaError;
use crate::names::{MEASUREMENT_EVENT, MEASUREMENT_SYSTEM};

/// How a record is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One line of words and figures.
    Text,
    /// Its JSON as it came, one line each.
    Json,
}

/// Prints records until `shutdown`, from the oldest on if `from_start`, otherwise only new ones. Ends on its own when the
/// output is closed.
///
/// # Errors
/// Any other failure of the output.
pub async fn print(
    config: &Config,
    format: Format,
    from_start: bool,
    output: Box<dyn Write + Send>,
    shutdown: &CancellationToken,
) -> io::Result<()> {
    let stop = shutdown.child_token();
    let printer = Arc::new(Printer {
        format,
        from_start,
        output: Mutex::new(Output {
            writer: output,
            failed: None,
        }),
        next: Mutex::default(),
        status: Status::default(),
        stop: stop.clone(),
    });
    let readers = PartitionReaders {
        cluster: Arc::new(Cluster::new(config)),
        consumer: Arc::clone(&printer),
        supervisor: Supervisor::default(),
    };
    readers.run(&stop).await;
    match printer.output().failed.take() {
        Some(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

struct Output {
    writer: Box<dyn Write + Send>,
    failed: Option<io::Error>,
}

struct Printer {
    format: Format,
    from_start: bool,
    output: Mutex<Output>,
    next: Mutex<BTreeMap<i32, i64>>,
    status: Status,
    stop: CancellationToken,
}

impl Printer {
    fn output(&self) -> MutexGuard<'_, Output> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> MutexGuard<'_, BTreeMap<i32, i64>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn print(&self, entries: &[LogEntry]) {
        let mut text = Vec::new();
        for entry in entries {
            line(self.format, entry, &mut text);
        }
        let mut output = self.output();
        let written = output.writer.write_all(&text);
        if let Err(error) = written.and_then(|()| output.writer.flush()) {
            output.failed.get_or_insert(error);
            self.stop.cancel();
        }
    }
}

impl Consumer for Printer {
    async fn read(
        &self,
        partition: i32,
        log: &KafkaPartition,
        shutdown: &CancellationToken,
    ) -> Result<(), KafkaError> {
        let known = self.next().get(&partition).copied();
        let mut next = match known {
            Some(next) => next,
            None if self.from_start => log.earliest().await?,
            None => log.latest().await?,
        };
        loop {
            self.next().insert(partition, next);
            let Some(fetched) = shutdown.run_until_cancelled(log.fetch(next)).await else {
                return Ok(());
            };
            next = match fetched? {
                Fetched::Records {
                    decoded,
                    end,
                    stable,
                } => {
                    self.status.at(partition, Progress { next, end, stable });
                    self.print(&decoded.entries);
                    let Decoded {
                        next,
                        undecodable,
                        first_undecodable,
                        ..
                    } = decoded;
                    self.status
                        .undecodable(partition, undecodable, first_undecodable);
                    next
                }
                Fetched::OutOfRange => log.earliest().await?,
            };
        }
    }

    fn status(&self) -> &Status {
        &self.status
    }

    fn forget(&self, partition: i32) {
        self.next().remove(&partition);
    }
}

fn line(format: Format, entry: &LogEntry, into: &mut Vec<u8>) {
    let value = entry.value.as_deref();
    match format {
        // A record is one line whatever its producer put between its fields.
        Format::Json => into.extend(value.unwrap_or_default().iter().map(|byte| {
            if *byte == b'\n' || *byte == b'\r' {
                b' '
            } else {
                *byte
            }
        })),
        Format::Text => into.extend(match Received::parse(value, entry.time, Utc::now()) {
            Ok(record) => words(&record).into_bytes(),
            Err(error) => format!("offset {}: no record: {error}", entry.offset).into_bytes(),
        }),
    }
    into.push(b'\n');
}

/// `TIME HOST ROLE INSTANCE name=value …`, then each backend and command behind a bar.
fn words(record: &Received) -> String {
    let ts = record.ts.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    let mut text = format!("{ts} {} {} {}", record.host, record.role, record.instance);
    for measured in &record.measured {
        let Measured {
            measurement,
            tags,
            figures,
        } = measured;
        if ![MEASUREMENT_SYSTEM, MEASUREMENT_EVENT].contains(measurement) {
            text.push_str(" |");
        }
        for (_, value) in tags {
            // Writing to a string cannot fail.
            let _ = write!(text, " {value}");
        }
        for (name, figure) in figures {
            let _ = match figure {
                Figure::Float(value) => write!(text, " {name}={value}"),
                Figure::Integer(value) => write!(text, " {name}={value}"),
                Figure::Text(value) => write!(text, ": {value}"),
            };
        }
    }
    // A record must not send control characters to a terminal.
    text.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(format: Format, value: &str) -> String {
        let entry = LogEntry {
            offset: 7,
            value: Some(value.to_owned().into()),
            time: chrono::DateTime::from_timestamp(1_785_844_802, 0).unwrap(),
        };
        let mut text = Vec::new();
        line(format, &entry, &mut text);
        String::from_utf8(text).unwrap()
    }

    const RECORD: &str = "{\"host\":\"box\",\"role\":\"balancer\",\"instance\":\"l\\u001bb\",\n\"cpu_percent\":1.5,\"memory_percent\":2,\
        \"client_count\":3,\"backends\":[{\"name\":\"a\",\"state\":\"up\",\"active\":1}]}";

    #[test]
    fn a_record_is_one_line() {
        assert_eq!(
            printed(Format::Text, RECORD),
            "2026-08-04T12:00:02Z box balancer l?b cpu_percent=1.5 memory_percent=2 client_count=3 | a active=1 up=1 down=0\n"
        );
        assert_eq!(
            printed(Format::Json, RECORD),
            format!("{}\n", RECORD.replace('\n', " "))
        );
        let event = r#"{"event":"backend_down","backend":"a","text":"refused"}"#;
        assert_eq!(
            printed(Format::Text, event),
            "2026-08-04T12:00:02Z unknown   backend_down a: refused\n"
        );
        assert!(printed(Format::Text, "hello").starts_with("offset 7: no record: not_json"));
    }
}
