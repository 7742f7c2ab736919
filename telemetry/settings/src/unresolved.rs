//! Which names in the settings have no address, for `--check-config`.
//!
//! Owns: asking the system for the addresses of names, within a bounded time. Does not own: which settings are names, nor DNS
//! servers that a program asks itself.

use std::collections::VecDeque;
use std::fmt::Display;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::time::Instant;

use crate::reason::reason;

/// Time for all names together: who checks a configuration waits for it.
const LIMIT: Duration = Duration::from_secs(5);
/// Names asked for at the same time.
const AT_A_TIME: usize = 16;

/// A setting, and the name of a host in it.
type Named = (String, String);

/// A sentence for each name that has no address now. A name is `HOST` or `HOST:PORT`; with it comes what it is the name of.
/// IP addresses are no names.
///
/// # Examples
///
/// ```
/// use netsocket_settings::unresolved;
///
/// assert!(unresolved([("backend a", "localhost:9000"), ("backend b", "10.0.0.7:9000")]).is_empty());
/// // The system refuses a label this long without a question to the network.
/// let long = format!("{}.example:9092", "x".repeat(64));
/// assert!(unresolved([("kafka", long)])[0].starts_with("kafka: cannot resolve xxx"));
/// ```
pub fn unresolved<W: Display, N: AsRef<str>>(
    names: impl IntoIterator<Item = (W, N)>,
) -> Vec<String> {
    let names = names
        .into_iter()
        .map(|(what, name)| (what.to_string(), host(name.as_ref()).to_owned()))
        .filter(|(_, host)| host.parse::<IpAddr>().is_err());
    asked(names.collect(), LIMIT, |host| {
        match (host, 0).to_socket_addrs().map(|mut found| found.next()) {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err("it has no address".to_owned()),
            Err(error) => Err(reason(&error)),
        }
    })
}

/// The host of `HOST:PORT`, without brackets.
fn host(name: &str) -> &str {
    let host = match name.rsplit_once(':') {
        // With more colons and no bracket it is an IPv6 address.
        Some((host, _)) if !host.contains(':') || host.ends_with(']') => host,
        _ => name,
    };
    host.trim_start_matches('[').trim_end_matches(']')
}

fn asked(
    names: Vec<Named>,
    limit: Duration,
    ask: impl Fn(&str) -> Result<(), String> + Send + Sync + 'static,
) -> Vec<String> {
    let mut answers: Vec<Option<Result<(), String>>> = vec![None; names.len()];
    let waiting: VecDeque<(usize, String)> = names
        .iter()
        .enumerate()
        .map(|(at, (_, host))| (at, host.clone()))
        .collect();
    let (waiting, ask) = (Arc::new(Mutex::new(waiting)), Arc::new(ask));
    let (answered, coming) = mpsc::channel();
    for _ in 0..names.len().min(AT_A_TIME) {
        let (waiting, ask, answered) = (Arc::clone(&waiting), Arc::clone(&ask), answered.clone());
        // One that hangs in the system's resolver ends with the program.
        thread::spawn(move || {
            let next = || {
                let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
                waiting.pop_front()
            };
            while let Some((at, host)) = next() {
                if answered.send((at, ask(&host))).is_err() {
                    return;
                }
            }
        });
    }
    drop(answered);
    let until = Instant::now() + limit;
    while answers.iter().any(Option::is_none)
        && let Ok((at, answer)) =
            coming.recv_timeout(until.saturating_duration_since(Instant::now()))
    {
        answers[at] = Some(answer);
    }
    let late = || Err(format!("no answer within {limit:?}"));
    names
        .into_iter()
        .zip(answers)
        .filter_map(|((what, host), answer)| {
            let why = answer.unwrap_or_else(late).err()?;
            Some(format!("{what}: cannot resolve {host}: {why}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_told_from_the_port() {
        for (name, expected) in [
            ("files.example:9000", "files.example"),
            ("files.example", "files.example"),
            ("[::1]:9000", "::1"),
            ("[::1]", "::1"),
            ("::1", "::1"),
            ("10.0.0.7:1", "10.0.0.7"),
        ] {
            assert_eq!(host(name), expected);
        }
    }

    fn named(hosts: &[&str]) -> Vec<Named> {
        let each = hosts
            .iter()
            .map(|host| ("x".to_owned(), (*host).to_owned()));
        each.collect()
    }

    #[test]
    fn each_name_without_an_address_is_said() {
        let names = named(&["a", "gone", "b", "gone"]);
        let said = asked(names, LIMIT, |host| match host {
            "gone" => Err("no such name".to_owned()),
            _ => Ok(()),
        });
        assert_eq!(said, vec!["x: cannot resolve gone: no such name"; 2]);
    }

    #[test]
    fn a_resolver_that_hangs_costs_no_more_than_the_limit() {
        let (_hold, held) = mpsc::channel::<()>();
        let held = Mutex::new(held);
        let names = named(&["hangs"; 40]);
        let said = asked(names, Duration::from_millis(50), move |_| {
            let _ = held.lock().unwrap().recv();
            Ok(())
        });
        assert_eq!(said.len(), 40);
        assert_eq!(said[0], "x: cannot resolve hangs: no answer within 50ms");
    }
}
