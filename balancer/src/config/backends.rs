//! Backends in the settings: `NAME=HOST:PORT`, or a table with `name`, `address` and attributes, which may describe a group
//! of backends behind a DNS name.

use std::collections::{HashMap, hash_map};
use std::fmt;
use std::net::IpAddr;
use std::num::{NonZeroU16, NonZeroU32};

use netsocket_settings::{AdminAddress, Check, Scalar};

use super::address_fault::{address_fault, fault};
use super::entry_keys::{BACKEND_CHECK_KEYS, BACKEND_KEYS};
use super::group::{Group, IpFamily, Question};
use super::host_port::{host_port, is_host_name};
use super::keys::{Entries, unknown_key};
use super::name::{NAME_FORM, is_name};
use super::own_rules as own;
use super::scalars::Scalars;
use crate::core::backend::{Attributes, DEFAULT_WEIGHT, MAX_WEIGHT};

const FORM: &str =
    "NAME=HOST:PORT, such as mirror1=10.0.0.7:9000 or mirror1=[::1]:9000; or NAME=unix:/PATH";
const ADDRESS_FORM: &str = "HOST:PORT, such as 10.0.0.7:9000 or [::1]:9000; or unix:/PATH";
/// What stands before the path of a unix socket.
const UNIX: &str = "unix:";
/// Keys that mean nothing for a unix socket.
const TCP_KEYS: [&str; 3] = ["check_port", "check_address", "source"];
const RESOLVE_FORM: &str = "once, dns or srv";
const FAMILY_FORM: &str = "any, ipv4 or ipv6";
const HOST_FORM: &str =
    "NAME:PORT, such as files.example:9000; an IP address has nothing to resolve";
const SERVICE_FORM: &str = "the name of a service without a port, such as _files._tcp.example; its SRV records contain the ports";
const MAX_CONNECTIONS: u64 = 1_000_000;

/// A backend in the settings; its host may be a name that is not resolved yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendAddress {
    /// Its name in logs, metrics and the API.
    pub name: String,
    /// A host name or an IP address, without brackets; or `unix:` and the path of a socket.
    pub host: String,
    /// The port; 0 for a unix socket, which has none.
    pub port: u16,
    /// Its role in the pool.
    pub attributes: Attributes,
}

impl fmt::Display for BackendAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name, host, port, ..
        } = self;
        if host.starts_with(UNIX) {
            write!(f, "{name}={host}")
        } else if host.contains(':') {
            write!(f, "{name}=[{host}]:{port}")
        } else {
            write!(f, "{name}={host}:{port}")
        }
    }
}

/// The key `backends` in any of its forms. Wrong forms are taken in as well, to be reported with all other problems.
#[derive(Debug)]
pub(super) enum RawBackends<'a> {
    /// From the environment: `a=host:1,b=host:2`.
    Text(Scalar),
    List(Vec<RawBackend<'a>>),
    Other,
}

#[derive(Debug)]
pub(super) enum RawBackend<'a> {
    Text(Scalar),
    Table(Scalars<'a>),
    Other,
}

/// The key `backends`, judged.
#[derive(Debug, Default)]
pub(super) struct Validated {
    /// Those with one address each, which the start resolves.
    pub(super) fixed: Vec<BackendAddress>,
    /// Those that are looked for all the time.
    pub(super) groups: Vec<Group>,
}

/// One entry.
enum Entry {
    Fixed(BackendAddress),
    Group(Group),
}

impl Entry {
    fn name(&self) -> &str {
        match self {
            Self::Fixed(backend) => &backend.name,
            Self::Group(group) => &group.name,
        }
    }
}

/// An entry that is right so far, and where it is said.
struct Found {
    /// `backends[1]`.
    key: String,
    is_table: bool,
    entry: Entry,
}

/// Judges the key `backends`.
///
/// `common` are the settings of the pool.
pub(super) fn read(
    check: &mut Check,
    raw: Option<&RawBackends<'_>>,
    common: &Entries,
) -> Validated {
    let mut found = Vec::new();
    let mut take = |key: String, is_table, entry: Option<Entry>| {
        found.extend(entry.map(|entry| Found {
            key,
            is_table,
            entry,
        }));
    };
    match raw {
        // They are there, in a table that has no such key.
        None if check.is_misplaced("backends") => {}
        None => check.problem_at("backends", format!("at least one is needed: {FORM}")),
        Some(RawBackends::Other) => {
            check.problem_at(
                "backends",
                format!("a list of {FORM}; or tables, [[backends]]"),
            );
        }
        Some(RawBackends::Text(text)) if !text.as_str().contains(',') => {
            let entry = read_text(check, "backends", text.as_str().trim());
            take("backends".to_owned(), false, entry);
        }
        Some(RawBackends::Text(text)) => {
            for (index, part) in text.as_str().split(',').enumerate() {
                let key = format!("backends[{index}]");
                let entry = read_text(check, &key, part.trim());
                take(key, false, entry);
            }
        }
        Some(RawBackends::List(list)) => {
            if list.is_empty() {
                check.problem_at("backends", format!("at least one is needed: {FORM}"));
            }
            for (index, entry) in list.iter().enumerate() {
                let key = format!("backends[{index}]");
                let (is_table, entry) = match entry {
                    RawBackend::Text(text) => (false, read_text(check, &key, text.as_str())),
                    RawBackend::Table(table) => (true, read_table(check, &key, table, common)),
                    RawBackend::Other => {
                        check.problem_at(&key, FORM);
                        (false, None)
                    }
                };
                take(key, is_table, entry);
            }
        }
    }
    check_names(check, &found);
    let mut judged = Validated::default();
    for Found { entry, .. } in found {
        match entry {
            Entry::Fixed(backend) => judged.fixed.push(backend),
            Entry::Group(group) => judged.groups.push(group),
        }
    }
    judged
}

/// Every name once, those that members of groups may get included.
fn check_names(check: &mut Check, found: &[Found]) {
    let groups = || {
        found.iter().filter_map(|it| match &it.entry {
            Entry::Group(group) => Some(group),
            Entry::Fixed(_) => None,
        })
    };
    let mut names: HashMap<&str, &str> = HashMap::with_capacity(found.len());
    for Found {
        key,
        is_table,
        entry,
    } in found
    {
        let name = entry.name();
        let mut problem = |said: String| match is_table {
            true => check.problem(&format!("{key}.name"), name, said),
            false => check.problem(key, name, said),
        };
        match names.entry(name) {
            hash_map::Entry::Vacant(free) => drop(free.insert(key)),
            hash_map::Entry::Occupied(first) => {
                let first = first.get();
                problem(format!("a name may be used only once; {first} has it"));
            }
        }
        if let Some(group) = groups().find(|group| group.could_have(name)) {
            let group = &group.name;
            problem(format!(
                "another name: backends of group {group} have names like this"
            ));
        }
    }
}

fn read_text(check: &mut Check, key: &str, text: &str) -> Option<Entry> {
    let backend = text.split_once('=').and_then(|(name, address)| {
        let (host, port) = place(address)?;
        is_name(name).then(|| BackendAddress {
            name: name.to_owned(),
            host,
            port,
            attributes: Attributes::default(),
        })
    });
    if backend.is_none() {
        check.problem(
            key,
            format_args!("{text}"),
            format!("{FORM}{}", fault(text)),
        );
    }
    backend.map(Entry::Fixed)
}

fn read_table(
    check: &mut Check,
    key: &str,
    table: &Scalars<'_>,
    common: &Entries,
) -> Option<Entry> {
    let is_known = |key: &str| BACKEND_KEYS.contains(&key) || BACKEND_CHECK_KEYS.contains(&key);
    let unknown = |name: &str| {
        let known = [&BACKEND_KEYS[..], &BACKEND_CHECK_KEYS[..]].concat();
        unknown_key(name, &known)
    };
    for (name, _) in table.iter().filter(|(name, _)| !is_known(name)) {
        check.problem_at(&format!("{key}.{name}"), unknown(name));
    }
    for (name, said) in table.misfits() {
        let said = match is_known(name) {
            true => said.clone(),
            false => unknown(name),
        };
        check.problem_at(&format!("{key}.{name}"), said);
    }
    let mut entry = |name: &str| {
        let value = table.get(name).map(Scalar::as_str);
        let is_there = value.is_some() || table.misfits().iter().any(|it| it.0 == name);
        if !is_there {
            check.problem_at(&format!("{key}.{name}"), "is missing");
        }
        value
    };
    let (name, address) = (entry("name"), entry("address"));
    if let Some(name) = name
        && !is_name(name)
    {
        check.problem(&format!("{key}.name"), name, NAME_FORM);
    }
    let own = own::are_given(table)
        .then(|| check.within(key, |check| own::read(check, table, common)))
        .flatten();
    let attributes = Attributes {
        own,
        ..read_attributes(check, key, table)
    };
    let address = address?;
    if address.starts_with(UNIX) {
        for other in TCP_KEYS {
            if let Some(given) = table.get(other) {
                let allowed = "not with a unix socket";
                check.problem(&format!("{key}.{other}"), given.as_str(), allowed);
            }
        }
    }
    let target = read_target(check, key, table, address);
    let name = name.filter(|name| is_name(name))?.to_owned();
    Some(match target? {
        Target::Once(host, port) => Entry::Fixed(BackendAddress {
            name,
            host,
            port,
            attributes,
        }),
        Target::Asked(question) => Entry::Group(Group {
            name,
            question,
            attributes,
        }),
    })
}

/// Where a backend is, or how its like are found.
enum Target {
    Once(String, u16),
    Asked(Question),
}

fn read_target(check: &mut Check, key: &str, table: &Scalars<'_>, address: &str) -> Option<Target> {
    let resolve = read_resolve(check, key, table)?;
    let family = read_family(check, key, table, resolve);
    let (form, target) = match resolve {
        "once" => {
            let target = place(address).map(|(host, port)| Target::Once(host, port));
            (ADDRESS_FORM, target)
        }
        "dns" => {
            let named = host_port(address).filter(|(host, _)| host.parse::<IpAddr>().is_err());
            let asked = |(host, port)| Target::Asked(Question::Addresses { host, port, family });
            (HOST_FORM, named.map(asked))
        }
        "srv" => {
            if let Some(weight) = table.get("weight") {
                let allowed = "not with resolve = \"srv\": the SRV records contain the weights";
                check.problem(&format!("{key}.weight"), weight.as_str(), allowed);
            }
            let name = Some(address).filter(|name| is_host_name(name));
            let asked = |name: &str| {
                Target::Asked(Question::Services {
                    name: name.to_owned(),
                    family,
                })
            };
            (SERVICE_FORM, name.map(asked))
        }
        _ => return None,
    };
    if target.is_none() {
        let said = match resolve {
            "once" => address_fault(address),
            _ => None,
        };
        let said = said.map(|said| format!("; {said}")).unwrap_or_default();
        check.problem(&format!("{key}.address"), address, format!("{form}{said}"));
    }
    target
}

/// None where it is wrong.
fn read_resolve(check: &mut Check, key: &str, table: &Scalars<'_>) -> Option<&'static str> {
    let given = table.get("resolve");
    // Most say nothing, and there may be thousands.
    if given.is_none() {
        return Some("once");
    }
    let known = ["once", "dns", "srv"];
    let read = |text: &str| known.into_iter().find(|it| *it == text).map(Some);
    check.read_with(&format!("{key}.resolve"), given, None, RESOLVE_FORM, read)
}

fn read_family(check: &mut Check, key: &str, table: &Scalars<'_>, resolve: &str) -> IpFamily {
    let given = table.get("ip_family");
    // Most say nothing, and there may be thousands.
    if given.is_none() {
        return IpFamily::default();
    }
    let key = format!("{key}.ip_family");
    let family = check.read_with(&key, given, IpFamily::default(), FAMILY_FORM, |text| {
        IpFamily::ALL
            .into_iter()
            .find(|family| family.label() == text)
    });
    if resolve == "once" && family != IpFamily::Any {
        let allowed = "only with resolve = \"dns\" or \"srv\": with \"once\" it is one address, IPv4 if there is one";
        check.problem(&key, family.label(), allowed);
    }
    family
}

fn read_attributes(check: &mut Check, key: &str, table: &Scalars<'_>) -> Attributes {
    let mut count = |name: &str, default, bounds| match table.get(name) {
        None => default,
        given => check.count(&format!("{key}.{name}"), given, default, bounds),
    };
    let weight = count("weight", DEFAULT_WEIGHT.into(), 0..=MAX_WEIGHT.into());
    let most = count("max_connections", 0, 0..=MAX_CONNECTIONS);
    let port = count("check_port", 0, 1..=u16::MAX.into());
    Attributes {
        weight: u32::try_from(weight).unwrap_or(DEFAULT_WEIGHT),
        backup: table.get("backup").is_some_and(|given| {
            let key = format!("{key}.backup");
            check.parse(&key, Some(given), false, "true or false")
        }),
        max_connections: u32::try_from(most).ok().and_then(NonZeroU32::new),
        check_port: u16::try_from(port).ok().and_then(NonZeroU16::new),
        own: None,
    }
}

/// Where a backend is: `HOST:PORT`, or `unix:/PATH`, which has no port.
fn place(text: &str) -> Option<(String, u16)> {
    if !text.starts_with(UNIX) {
        return host_port(text);
    }
    let is_path = text.parse::<AdminAddress>().is_ok();
    is_path.then(|| (text.to_owned(), 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_as_it_is_written() {
        for text in ["a=10.0.0.7:9000", "b=[::1]:9000", "c=unix:/run/c.sock"] {
            let (name, address) = text.split_once('=').unwrap();
            let (host, port) = place(address).unwrap();
            assert_eq!(
                BackendAddress {
                    name: name.into(),
                    host,
                    port,
                    attributes: Attributes::default(),
                }
                .to_string(),
                text
            );
        }
    }
}
