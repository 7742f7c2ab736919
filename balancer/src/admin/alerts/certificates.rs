//! The alerts of certificates that have expired, or soon will.

use netsocket_credentials::Moment;

use super::alert::{Alert, Severity};
use crate::admin::commands::Commands;

const DAY: u64 = 24 * 3600;
/// So long before its end, a certificate is worth a warning: as in `infra/prometheus/rules.yml`.
const SOON: u64 = 14 * DAY;

/// A certificate that this balancer shows to its clients.
#[derive(Debug)]
pub(in crate::admin) struct Certificate {
    /// The service; `None`: the admin address.
    pub(in crate::admin) service: Option<String>,
    pub(in crate::admin) file: String,
    pub(in crate::admin) expires: Moment,
}

pub(super) fn alerts(
    all: &[Certificate],
    Moment(now): Moment,
    commands: &Commands,
) -> impl Iterator<Item = Alert> {
    let worth = move |it: &&Certificate| it.expires.0 < now + SOON;
    let expiring = all.iter().filter(worth);
    expiring.map(move |it| alert(it, now, commands))
}

fn alert(it: &Certificate, now: u64, commands: &Commands) -> Alert {
    let of = match &it.service {
        Some(service) => format!("service {service}"),
        None => "the admin address".to_owned(),
    };
    let has_expired = it.expires.0 <= now;
    let when = match it.expires.0.saturating_sub(now) / DAY {
        _ if has_expired => "has expired".to_owned(),
        0 => "expires within a day".to_owned(),
        1 => "expires in 1 day".to_owned(),
        days => format!("expires in {days} days"),
    };
    let clients = match (&it.service, has_expired) {
        (_, false) => "are served until then",
        (Some(_), true) => "refuse to connect, if they look at certificates",
        (None, true) => "are served; browsers and `ctl` may refuse to connect",
    };
    Alert {
        severity: match (&it.service, has_expired) {
            (Some(_), true) => Severity::Emergency,
            _ => Severity::Warning,
        },
        what: format!("The certificate of {of} {when}: {}", it.file),
        clients: clients.to_owned(),
        since: has_expired.then(|| it.expires.to_string()),
        todo: vec![format!(
            "Put a new one there, then {}.",
            commands.reload_certificates()
        )],
    }
}
