//! The rules of a service: `[[services.routes]]`, and `[[routes]]` for the default service.

use netsocket_settings::{Check, Scalar};

use super::keys::unknown_key;
use super::name::is_name;
use super::raw_value::{RawMap, RawValue};
use crate::core::admission::{Network, Networks};
use crate::core::routing::{NamePattern, Protocol, RouteAction, RouteRule};

/// The keys of a rule.
pub const ROUTE_KEYS: [&str; 7] = [
    "name",
    "server_name",
    "alpn",
    "from",
    "first_bytes",
    "pool",
    "refuse",
];

/// Judges the rules of one service. Whether their pools exist is judged once all pools are known.
pub(super) fn read(check: &mut Check, tables: Vec<RawMap<'_>>) -> Vec<RouteRule> {
    let mut rules: Vec<RouteRule> = Vec::new();
    for (index, table) in tables.into_iter().enumerate() {
        let entry = format!("routes[{index}]");
        let rule = check.within(&entry, |check| rule(check, table, index));
        if rules.iter().any(|other| other.name == rule.name) {
            check.problem(
                &format!("{entry}.name"),
                &rule.name,
                "a name may be used only once",
            );
        }
        rules.push(rule);
    }
    rules
}

fn rule(check: &mut Check, mut table: RawMap<'_>, index: usize) -> RouteRule {
    for unknown in table
        .keys()
        .filter(|key| !ROUTE_KEYS.contains(&key.as_str()))
    {
        check.problem_at(unknown, unknown_key(unknown, &ROUTE_KEYS));
    }
    let mut texts = |check: &mut Check, key: &str| texts(check, key, table.remove(key));
    let (name, pool) = (texts(check, "name"), texts(check, "pool"));
    let (names, alpn) = (texts(check, "server_name"), texts(check, "alpn"));
    let (from, first_bytes) = (texts(check, "from"), texts(check, "first_bytes"));
    let refuse = texts(check, "refuse");
    let name = one(
        check,
        "name",
        name,
        |text| is_name(text).then(|| text.to_owned()),
        "a name without spaces",
    );
    let protocols = Protocol::ALL.map(Protocol::label).join(", ");
    let protocol = |text: &str| Protocol::ALL.into_iter().find(|it| it.label() == text);
    let first_bytes = one(check, "first_bytes", first_bytes, protocol, &protocols);
    check.not_text("refuse");
    let refuse = one(
        check,
        "refuse",
        refuse,
        |text| text.parse::<bool>().ok(),
        "true or false",
    );
    let pool = one(
        check,
        "pool",
        pool,
        |text| Some(text.to_owned()),
        "the name of a pool",
    );
    let each = names
        .into_iter()
        .filter_map(|text| match text.parse::<NamePattern>() {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                check.problem("server_name", text, error);
                None
            }
        });
    let server_names = each.collect();
    let action = match (pool, refuse.unwrap_or_default()) {
        (Some(pool), false) => RouteAction::Pool(pool),
        (None, true) => RouteAction::Refuse,
        _ => {
            check.problem_at("pool", "set either this or refuse = true");
            RouteAction::Refuse
        }
    };
    RouteRule {
        name: name.unwrap_or_else(|| (index + 1).to_string()),
        server_names,
        alpn,
        from: networks(check, &from),
        first_bytes,
        action,
    }
}

/// A text, or several.
pub(super) fn texts(check: &mut Check, key: &str, value: Option<RawValue<'_>>) -> Vec<String> {
    match value {
        None => Vec::new(),
        Some(RawValue::Single(text)) => text.0.split(',').map(|it| it.trim().to_owned()).collect(),
        Some(RawValue::List(list)) => {
            let texts: Option<Vec<_>> = list
                .iter()
                .map(|value| RawValue::from(value).single())
                .collect();
            let Some(texts) = texts else {
                check.problem_at(key, "a list of texts");
                return Vec::new();
            };
            texts.into_iter().map(|text| text.0).collect()
        }
        Some(_) => {
            check.problem_at(key, "a text, or a list of texts");
            Vec::new()
        }
    }
}

pub(super) fn one<T>(
    check: &mut Check,
    key: &str,
    texts: Vec<String>,
    read: impl FnOnce(&str) -> Option<T>,
    allowed: &str,
) -> Option<T> {
    let text = texts.first()?;
    let value = if texts.len() == 1 { read(text) } else { None };
    if value.is_none() {
        check.problem(key, texts.join(","), allowed);
    }
    value
}

fn networks(check: &mut Check, texts: &[String]) -> Networks {
    let entry = (!texts.is_empty()).then(|| Scalar(texts.join(",")));
    let allowed = "addresses or networks, such as 10.0.0.0/8 or ::1";
    check.read_list(
        "from",
        entry.as_ref(),
        Networks::default(),
        allowed,
        |text| {
            let each = text.split(',').map(|one| one.trim().parse::<Network>());
            each.collect::<Result<Networks, _>>().ok()
        },
    )
}
