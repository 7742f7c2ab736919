//! The Prometheus text format (exposition format 0.0.4).

use std::fmt::{Display, Write as _};
use std::sync::atomic::Ordering;

use netsocket_credentials::Moment;
use netsocket_settings::dropped_lines;

use super::metric_names::{self as names, Family, Kind};
use crate::index::{Gauges, Mode};
use crate::security::credential_store::CredentialStore;
use crate::service::counters::Tally;
use crate::service::file_service::Service;

/// The body of `/metrics`. `uptime` is in seconds.
pub(crate) fn render(service: &Service, uptime: f64) -> String {
    let mut page = Page::default();
    let version = [(names::LABEL_VERSION, env!("CARGO_PKG_VERSION"))];
    page.family(names::BUILD_INFO, [(version, 1)]);
    page.single(names::UPTIME, uptime);
    page.single(names::DRAINING, u8::from(service.stop.is_cancelled()));
    page.single(names::SESSIONS_ACTIVE, service.sessions.open());
    page.single(names::SESSIONS_LIMIT, service.max_sessions);
    page.single(names::SESSIONS, service.sessions.since_start());
    let by_reason = |(reason, count)| ([(names::LABEL_REASON, reason)], count);
    let faults = service.proxy_faults.all();
    page.family(names::PROXY_FAULTS, faults.map(by_reason));
    page.family(names::TLS_FAULTS, service.tls_faults.all().map(by_reason));
    let refusals = service.token_refusals.all();
    page.family(names::TOKEN_REFUSALS, refusals.map(by_reason));
    credentials(&mut page, &service.credential_store);
    requests(&mut page, service);
    page.single(names::ARCHIVES_ACTIVE, service.archives_active());
    let answers = service.answers.both();
    page.family(
        names::ANSWERS,
        answers.map(|(source, count)| ([(names::LABEL_SOURCE, source)], count)),
    );
    index(&mut page, service);
    let panics = service.tasks.panics().into_iter();
    page.family(
        names::TASK_PANICS,
        panics.map(|(task, count)| ([(names::LABEL_TASK, task)], count)),
    );
    page.single(names::LOG_LINES_DROPPED, dropped_lines());
    page.text
}

fn credentials(page: &mut Page, credential_store: &CredentialStore) {
    let tls = credential_store.current().tls.clone();
    let expiry = tls.and_then(|tls| tls.expires);
    page.family(
        names::CERTIFICATE_EXPIRY,
        expiry.map(|Moment(seconds)| ([] as [(&str, &str); 0], seconds)),
    );
    let reloads = credential_store.reloads();
    page.family(
        names::RELOADS,
        reloads.map(|(result, count)| ([(names::LABEL_RESULT, result)], count)),
    );
    page.single(
        names::RELOAD_SUCCESS,
        u8::from(!credential_store.is_stale()),
    );
}

fn requests(page: &mut Page, service: &Service) {
    let all = service.requests.all();
    let labelled = |value: fn(&Tally) -> f64| {
        all.iter().map(move |((command, result), tally)| {
            let labels = [
                (names::LABEL_COMMAND, *command),
                (names::LABEL_RESULT, *result),
            ];
            (labels, value(tally))
        })
    };
    page.family(names::REQUESTS, labelled(|tally| tally.requests as f64));
    page.family(names::REQUEST_SECONDS, labelled(|tally| tally.seconds));
    page.family(names::SENT_BYTES, labelled(|tally| tally.bytes as f64));
    page.family(names::FILES, labelled(|tally| tally.files as f64));
    let by_wire = service.requests.by_wire();
    let by_wire = by_wire.iter().map(|((wire, status), count)| {
        let status = status.map_or_else(String::new, |status| status.to_string());
        let labels = [
            (names::LABEL_WIRE, (*wire).to_owned()),
            (names::LABEL_STATUS, status),
        ];
        (labels, *count)
    });
    page.family(names::WIRE_REQUESTS, by_wire);
}

fn index(page: &mut Page, service: &Service) {
    let (mode, gauges) = (service.index.mode(), service.index.gauges());
    let modes = Mode::LABELS.map(|label| {
        (
            [(names::LABEL_MODE, label)],
            u8::from(label == mode.label()),
        )
    });
    page.family(names::INDEX_MODE, modes);
    let (files, unreadable) = match &mode {
        Mode::Index {
            snapshot,
            unreadable,
        } => (snapshot.files(), unreadable.len() as u64),
        Mode::Scanning => (gauges.progress.files.load(Ordering::Relaxed), 0),
        Mode::Walking => (0, 0),
    };
    let load = |gauge: &std::sync::atomic::AtomicU64| gauge.load(Ordering::Relaxed);
    page.single(names::INDEX_FILES, files);
    page.single(names::INDEX_DIRECTORIES, load(&gauges.directories));
    page.single(names::INDEX_UNREADABLE, unreadable);
    page.single(names::INDEX_BYTES, load(&gauges.memory));
    page.single(names::INDEX_NAME_BYTES, load(&gauges.memory_names));
    page.single(names::INDEX_WATCHES, load(&gauges.watches));
    page.single(names::INDEX_LAG, gauges.lag().as_secs_f64());
    page.single(names::INDEX_REPORTS, load(&gauges.events));
    page.single(names::INDEX_BATCHES, load(&gauges.batches));
    let surveys =
        Gauges::CAUSES.map(|cause| ([(names::LABEL_CAUSE, cause.label())], gauges.scans(cause)));
    page.family(names::INDEX_SURVEYS, surveys);
    let replaced = gauges.root_replaced.load(Ordering::Relaxed);
    page.single(names::ROOT_REPLACED, u8::from(replaced));
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn single(&mut self, family: Family, value: impl Display) {
        self.family(family, [([] as [(&str, &str); 0], value)]);
    }

    /// Label values are numbers and fixed words of this program, so they need no escaping.
    fn family<const N: usize, L: Display, V: Display>(
        &mut self,
        family: Family,
        samples: impl IntoIterator<Item = ([(&'static str, L); N], V)>,
    ) {
        let Family { name, kind, help } = family;
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let labels = labels
                .map(|(label, value)| format!("{label}=\"{value}\""))
                .join(",");
            let labels = if labels.is_empty() {
                labels
            } else {
                format!("{{{labels}}}")
            };
            let _ = writeln!(self.text, "{name}{labels} {value}");
        }
    }
}
