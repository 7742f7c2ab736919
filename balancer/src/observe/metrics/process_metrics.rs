//! The metrics of the process, its services and its pools, around those of each backend.

use std::collections::BTreeMap;

use netsocket_settings::dropped_lines;
use netsocket_telemetry::ProducerStats;

use super::exposition::{Label, Page};
use super::names;
use crate::core::admission::Refusal;
use crate::core::pool::Outcome;
use crate::core::tls::HANDSHAKE_REASONS;
use crate::observe::process_view::ProcessView;

/// A kind of change through the admin HTTP, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ChangeKey {
    pub(crate) method: String,
    /// As the route has it: `/api/v1/sessions/{id}`.
    pub(crate) path: String,
    pub(crate) result: &'static str,
}

/// The settings in force.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SettingsState {
    /// Counts from 1, which is the start.
    pub(crate) generation: u64,
    /// Whether they are those that were read last.
    pub(crate) reload_succeeded: bool,
}

/// What stands before the metrics of backends.
pub(super) fn before_backends(process: &ProcessView<'_>, settings: SettingsState) -> String {
    let mut page = Page::default();
    let counters = process.counters;
    page.family(
        names::BUILD_INFO,
        [([(names::LABEL_VERSION, env!("CARGO_PKG_VERSION"))], 1)],
    );
    page.family(names::UPTIME, [([], process.uptime.as_secs_f64())]);
    page.family(names::DRAINING, [([], u8::from(process.draining))]);
    page.family(names::CONFIG_GENERATION, [([], settings.generation)]);
    page.family(
        names::RELOAD_SUCCESS,
        [([], u8::from(settings.reload_succeeded))],
    );
    if process.has_services() {
        let each = process.services.iter();
        let active = each.map(|it| ([(names::LABEL_SERVICE, &*it.name)], it.active));
        page.family(names::SESSIONS_ACTIVE, active);
    } else {
        page.family(names::SESSIONS_ACTIVE, [([], counters.active())]);
    }
    page.family(names::SESSIONS_LIMIT, [([], process.session_limit)]);
    let loads: Vec<(String, usize)> = process
        .worker_sessions
        .iter()
        .enumerate()
        .map(|(worker, load)| (worker.to_string(), *load))
        .collect();
    page.family(
        names::WORKER_SESSIONS,
        loads
            .iter()
            .map(|(worker, load)| ([(names::LABEL_WORKER, worker.as_str())], load)),
    );
    sessions(&mut page, process);
    page.family(names::RETRIES, [([], counters.retries())]);
    let last_resorts = [
        ("served", counters.last_resort_served()),
        ("refused", counters.last_resort_refused()),
    ];
    page.family(
        names::LAST_RESORTS,
        last_resorts.map(|(result, count)| ([(names::LABEL_RESULT, result)], count)),
    );
    page.family(names::ACCEPT_ERRORS, [([], counters.accept_errors())]);
    page.family(
        names::SHORTAGES,
        process
            .shortages
            .map(|(resource, count)| ([(names::LABEL_RESOURCE, resource.label())], count)),
    );
    routes(&mut page, process);
    tls(&mut page, process);
    services(&mut page, process);
    admission(&mut page, process);
    pools(&mut page, process);
    page.into_text()
}

/// What stands after them.
pub(super) fn after_backends(
    process: &ProcessView<'_>,
    changes: &BTreeMap<ChangeKey, u64>,
    telemetry: Option<&ProducerStats>,
) -> String {
    let mut page = Page::default();
    page.family(
        names::ADMIN_CHANGES,
        changes.iter().map(|(key, count)| {
            let labels = [
                (names::LABEL_METHOD, key.method.as_str()),
                (names::LABEL_PATH, key.path.as_str()),
                (names::LABEL_RESULT, key.result),
            ];
            (labels, count)
        }),
    );
    let panics = process.task_panics.iter();
    page.family(
        names::TASK_PANICS,
        panics.map(|(task, count)| ([(names::LABEL_TASK, *task)], count)),
    );
    if let Some(stats) = telemetry {
        page.family(
            names::TELEMETRY_CONNECTED,
            [([], u8::from(stats.connected))],
        );
        page.family(names::TELEMETRY_QUEUED, [([], stats.queued)]);
        page.family(names::TELEMETRY_SENT, [([], stats.sent)]);
        let drops = stats.drops.by_reason();
        page.family(
            names::TELEMETRY_DROPPED,
            drops.map(|(reason, number)| ([("reason", reason)], number)),
        );
    }
    page.into_text()
}

fn admission(page: &mut Page, process: &ProcessView<'_>) {
    let reasons = || {
        let reasons = Refusal::ALL.into_iter();
        reasons.map(|refusal| (names::LABEL_REASON, refusal.label()))
    };
    if process.has_services() {
        let each = process.services.iter();
        let refused = each.flat_map(|it| {
            let counts = reasons().zip(it.refused);
            counts.map(move |(reason, count)| ([(names::LABEL_SERVICE, &*it.name), reason], count))
        });
        page.family(names::REFUSED, refused);
    } else {
        let refused = reasons().zip(process.refused);
        page.family(
            names::REFUSED,
            refused.map(|(reason, count)| ([reason], count)),
        );
    }
    page.family(names::QUEUED, [([], process.queued)]);
    page.family(names::QUEUE_LIMIT, [([], process.queue_limit)]);
    let lines = process.access_log;
    page.family(
        names::ACCESS_LOG_LINES,
        [
            ("written", lines.written),
            ("dropped", lines.dropped),
            ("failed", lines.failed),
        ]
        .map(|(result, count)| ([(names::LABEL_RESULT, result)], count)),
    );
    page.family(names::LOG_LINES_DROPPED, [([], dropped_lines())]);
}

/// Where services have rules.
fn routes(page: &mut Page, process: &ProcessView<'_>) {
    let all = process.services.iter().flat_map(|service| {
        let rules = service.routes.iter();
        rules.map(|(rule, count)| {
            let service = (names::LABEL_SERVICE, &*service.name);
            ([service, (names::LABEL_RULE, rule.as_str())], count)
        })
    });
    page.family(names::ROUTED, all);
}

/// Where services end TLS.
fn tls(page: &mut Page, process: &ProcessView<'_>) {
    let all = || {
        process.services.iter().filter_map(|service| {
            let label = (names::LABEL_SERVICE, &*service.name);
            Some((label, service.tls.as_ref()?))
        })
    };
    page.family(
        names::TLS_HANDSHAKES,
        all().flat_map(|(service, tls)| {
            tls.done
                .map(|(kind, count)| ([service, (names::LABEL_KIND, kind)], count))
        }),
    );
    page.family(
        names::TLS_HANDSHAKE_FAILURES,
        all().flat_map(|(service, tls)| {
            let each = HANDSHAKE_REASONS.into_iter().zip(tls.failed);
            each.map(move |(reason, count)| ([service, (names::LABEL_REASON, reason)], count))
        }),
    );
    // That of the admin address is of no service.
    let admin = (names::LABEL_SERVICE, "");
    let of_admin = process.admin_certificates.iter();
    let of_admin = of_admin.map(|certificate| (admin, certificate));
    let of_services =
        all().flat_map(|(service, tls)| tls.certificates.iter().map(move |it| (service, it)));
    let files: Vec<(Label<'_>, String, u64)> = of_services
        .chain(of_admin)
        .filter_map(|(service, certificate)| {
            let file = certificate.file.display().to_string();
            Some((service, file, certificate.expires?.0))
        })
        .collect();
    page.family(
        names::CERTIFICATE_EXPIRY,
        files.iter().map(|(service, file, expires)| {
            (
                [*service, (names::LABEL_CERTIFICATE, file.as_str())],
                expires,
            )
        }),
    );
}

/// Where there is anything but the default one.
fn services(page: &mut Page, process: &ProcessView<'_>) {
    let services = if process.has_services() {
        process.services.as_slice()
    } else {
        &[]
    };
    let labelled = || {
        let each = services.iter();
        each.map(|it| (it, [(names::LABEL_SERVICE, &*it.name)]))
    };
    page.family(
        names::SERVICE_BACKENDS_UP,
        labelled().map(|(it, label)| (label, it.backends_up)),
    );
    page.family(
        names::SERVICE_SESSIONS_LIMIT,
        labelled().filter_map(|(it, label)| Some((label, it.limit?))),
    );
}

/// By service where there is anything but the default one.
fn sessions(page: &mut Page, process: &ProcessView<'_>) {
    let counters = process.counters;
    if process.has_services() {
        let all = || {
            process
                .services
                .iter()
                .map(|it| (it, (names::LABEL_SERVICE, &*it.name)))
        };
        page.family(
            names::SESSIONS,
            all().flat_map(|(service, label)| {
                let ends = service.finished.iter();
                ends.map(move |&(code, count)| ([label, (names::LABEL_TERMINATION, code)], count))
            }),
        );
        page.family(
            names::BYTES,
            all().flat_map(|(service, label)| {
                directions([label], service.bytes_up, service.bytes_down)
            }),
        );
        return;
    }
    page.family(
        names::SESSIONS,
        counters
            .by_termination()
            .into_iter()
            .map(|(code, count)| ([(names::LABEL_TERMINATION, code)], count)),
    );
    page.family(
        names::BYTES,
        directions([], counters.bytes_up(), counters.bytes_down()),
    );
}

fn pools(page: &mut Page, process: &ProcessView<'_>) {
    page.family(
        names::POOL_FAIL_OPEN,
        process.pools.iter().map(|pool| {
            let failing_open = u8::from(pool.is_failing_open());
            ([(names::LABEL_POOL, pool.name())], failing_open)
        }),
    );
    leaving(page, process);
    groups(page, process);
}

fn leaving(page: &mut Page, process: &ProcessView<'_>) {
    let leaving = process.pools.iter().map(|pool| {
        let leaving = pool.leaving();
        let sessions = leaving.iter().map(|it| it.backend.figures().active).sum();
        ([(names::LABEL_POOL, pool.name())], leaving.len(), sessions)
    });
    let all: Vec<(_, usize, u64)> = leaving.collect();
    let counts = all.iter().map(|(pool, count, _)| (*pool, *count));
    page.family(names::POOL_LEAVING, counts);
    let sessions = all.iter().map(|(pool, _, sessions)| (*pool, *sessions));
    page.family(names::POOL_LEAVING_SESSIONS, sessions);
}

fn groups(page: &mut Page, process: &ProcessView<'_>) {
    let pools = process.pools.iter();
    let reports: Vec<_> = pools.map(|pool| (pool.name(), pool.groups())).collect();
    let all = || {
        reports.iter().flat_map(|(pool, groups)| {
            groups.iter().map(|group| {
                let name = (names::LABEL_GROUP, group.name.as_str());
                ([(names::LABEL_POOL, *pool), name], group)
            })
        })
    };
    page.family(
        names::DISCOVERY_MEMBERS,
        all().map(|(labels, group)| (labels, group.members)),
    );
    page.family(
        names::DISCOVERY_AGE,
        all().map(|(labels, group)| (labels, group.named.elapsed().as_secs_f64())),
    );
    page.family(
        names::DISCOVERY_FAILURES,
        all().map(|(labels, group)| (labels, group.failures)),
    );
    page.family(
        names::DISCOVERY_QUESTIONS,
        all().flat_map(|([pool, name], group)| {
            let counts = Outcome::ALL.into_iter().zip(group.outcomes);
            counts.map(move |(outcome, count)| {
                ([pool, name, (names::LABEL_RESULT, outcome.label())], count)
            })
        }),
    );
}

fn directions<'a, const N: usize>(
    labels: [Label<'a>; N],
    up: u64,
    down: u64,
) -> [(Vec<Label<'a>>, u64); 2] {
    [("up", up), ("down", down)].map(|(direction, bytes)| {
        let with_direction = labels
            .into_iter()
            .chain([(names::LABEL_DIRECTION, direction)]);
        (with_direction.collect(), bytes)
    })
}
