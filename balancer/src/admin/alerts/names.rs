//! The alert of a name that DNS does not answer as it should, and what to do about it.

use super::alert::{Alert, Severity};
use crate::admin::api::GroupView;
use crate::observe::units::counted;

/// `is_served`: whether any backend of the pool takes sessions.
pub(super) fn alert(group: &GroupView, is_served: bool) -> Alert {
    let problem = group.problem.as_deref().unwrap_or_default();
    let name = &group.name;
    let what = match group.outcome {
        Some("partial") => format!("DNS answers only in part for {name}: {problem}"),
        Some("empty") => format!("DNS names no server of {name}: {problem}"),
        _ => format!("DNS does not name the servers of {name}: {problem}"),
    };
    let clients = match (group.members, group.outcome) {
        (0, _) if is_served => "are served by the other backends".to_owned(),
        (0, _) => "get no server of this name".to_owned(),
        (members, Some("partial")) => {
            format!("are served by {}", counted(members, "server"))
        }
        (members, _) => format!("are served by {} found before", counted(members, "server")),
    };
    Alert {
        severity: Severity::Warning,
        what,
        clients,
        since: None,
        todo: advice(group),
    }
}

/// What to do where DNS does not name servers.
pub(super) fn advice(group: &GroupView) -> Vec<String> {
    let name = host(group);
    let is_srv = group.resolve == "srv";
    let kinds = match group.failed_query {
        _ if is_srv => vec!["SRV"],
        Some(kind) => vec![kind],
        None => vec!["A", "AAAA"],
    };
    let server = group.dns_server.as_deref().map(dig_server);
    let server = server.unwrap_or_default();
    let ask = kinds
        .iter()
        .map(|kind| format!("`dig {server}{name} {kind}`"));
    let ask = ask.collect::<Vec<_>>().join(" and ");
    let mut advice = vec![format!("See what DNS answers: {ask}.")];
    let other = match group.failed_query {
        Some("AAAA") => "ipv4",
        Some(_) => "ipv6",
        None => return advice,
    };
    let mut wanted = format!(
        "If the servers have no such addresses: `ip_family = \"{other}\"` for {}",
        group.name
    );
    if !is_srv {
        wanted.push_str(&format!(
            ", or let DNS answer that there are none (dnsmasq: `local=/{name}/`)"
        ));
    }
    advice.push(wanted + ".");
    advice
}

/// The name without the port, which DNS knows nothing of.
fn host(group: &GroupView) -> &str {
    match group.resolve {
        "srv" => &group.question,
        _ => group
            .question
            .rsplit_once(':')
            .map_or(group.question.as_str(), |it| it.0),
    }
}

/// `@10.0.0.2 -p 5353 ` of `10.0.0.2:5353`.
fn dig_server(server: &str) -> String {
    match server.rsplit_once(':') {
        Some((ip, "53")) => format!("@{} ", ip.trim_matches(['[', ']'])),
        Some((ip, port)) => format!("@{} -p {port} ", ip.trim_matches(['[', ']'])),
        None => format!("@{server} "),
    }
}
