//! The text form that Prometheus reads (exposition format 0.0.4).

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::sync::atomic::Ordering::Relaxed;

use netsocket_settings::dropped_lines;
use netsocket_telemetry::ProducerStats;

use super::names::{self, Family, Kind};
use crate::core::admission::Refusal;
use crate::core::backend::Backend;
use crate::core::connect_times::ConnectCounts;
use crate::core::health::State;
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

/// Everything that `/metrics` says.
pub(crate) fn render(
    process: &ProcessView<'_>,
    settings: SettingsState,
    changes: &BTreeMap<ChangeKey, u64>,
    telemetry: Option<&ProducerStats>,
) -> String {
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
    backends(&mut page, process);
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
    page.text
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
    let files: Vec<(Label<'_>, String, u64)> = all()
        .flat_map(|(service, tls)| {
            tls.certificates.iter().filter_map(move |certificate| {
                let file = certificate.file.display().to_string();
                Some((service, file, certificate.expires?.0))
            })
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

fn backends(page: &mut Page, process: &ProcessView<'_>) {
    let shown = process.pools.iter().flat_map(|pool| pool.shown());
    let backends: Vec<_> = shown.collect();
    let all = || backends.iter().map(|backend| (labels(backend), &**backend));
    page.family(
        names::POOL_FAIL_OPEN,
        process.pools.iter().map(|pool| {
            let failing_open = u8::from(pool.is_failing_open());
            ([(names::LABEL_POOL, pool.name())], failing_open)
        }),
    );
    leaving(page, process);
    groups(page, process);
    page.family(
        names::BACKEND_UP,
        all().map(|(labels, backend)| (labels, u8::from(backend.report().state == State::Up))),
    );
    health(page, all);
    page.family(
        names::BACKEND_ACTIVE,
        all().map(|(labels, backend)| (labels, backend.figures().active)),
    );
    page.family(
        names::BACKEND_SESSIONS,
        all().map(|(labels, backend)| (labels, backend.figures().finished)),
    );
    page.family(
        names::BACKEND_ERRORS,
        all().map(|(labels, backend)| (labels, backend.figures().errors)),
    );
    page.family(
        names::BACKEND_BYTES,
        all().flat_map(|(labels, backend)| {
            let figures = backend.figures();
            directions(labels, figures.bytes_up, figures.bytes_down)
        }),
    );
    page.family(
        names::BACKEND_CONNECT,
        all().map(|(labels, backend)| (labels, backend.figures().connect.as_secs_f64())),
    );
    page.histograms(
        names::BACKEND_CONNECTS,
        all().map(|(labels, backend)| (labels, backend.connect_times().counts())),
    );
    page.family(
        names::BACKEND_NO_PORTS,
        all().map(|(labels, backend)| (labels, backend.no_ports())),
    );
    page.family(
        names::BACKEND_AGENT,
        all().flat_map(|([pool, name], backend)| {
            let counts = &backend.agent_counts;
            let counts = [
                ("answered", &counts.answered),
                ("unknown", &counts.unknown),
                ("failed", &counts.failed),
            ];
            let labels = |result| [pool, name, (names::LABEL_RESULT, result)];
            counts.map(|(result, count)| (labels(result), count.load(Relaxed)))
        }),
    );
    page.family(
        names::BACKEND_CHECKS,
        all().flat_map(|([pool, name], backend)| {
            let figures = backend.figures();
            [
                ("passed", figures.checks_passed),
                ("failed", figures.checks_failed),
            ]
            .map(|(result, count)| ([pool, name, (names::LABEL_RESULT, result)], count))
        }),
    );
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

fn health<'a, I>(page: &mut Page, all: impl Fn() -> I)
where
    I: Iterator<Item = ([Label<'a>; 2], &'a Backend)>,
{
    page.family(
        names::BACKEND_STATE,
        all().flat_map(|([pool, name], backend)| {
            let current = backend.report().state;
            State::ALL.map(|state| {
                let labels = [pool, name, (names::LABEL_STATE, state.label())];
                (labels, u8::from(state == current))
            })
        }),
    );
    page.family(
        names::BACKEND_TRANSITIONS,
        all().flat_map(|([pool, name], backend)| {
            let counts = backend.transitions().into_iter();
            counts.map(move |((state, reason), count)| {
                let state = (names::LABEL_STATE, state.label());
                ([pool, name, state, (names::LABEL_REASON, reason)], count)
            })
        }),
    );
    page.family(
        names::BACKEND_WEIGHT,
        all().map(|(labels, backend)| {
            let tenths = backend.attributes().weight * backend.weight_tenths();
            (labels, f64::from(tenths) / 10.0)
        }),
    );
}

fn labels(backend: &Backend) -> [(&'static str, &str); 2] {
    [
        (names::LABEL_POOL, backend.pool()),
        (names::LABEL_BACKEND, backend.name()),
    ]
}

type Label<'a> = (&'static str, &'a str);

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

#[derive(Debug, Default)]
struct Page {
    text: String,
}

impl Page {
    /// Writes a metric with all its samples.
    fn family<'a, L: AsRef<[Label<'a>]>, V: Display>(
        &mut self,
        Family { name, kind, help }: Family,
        samples: impl IntoIterator<Item = (L, V)>,
    ) {
        self.head(name, kind, help);
        for (labels, value) in samples {
            self.sample(name, labels.as_ref(), value);
        }
    }

    /// Writes a histogram of connect times in its three parts.
    fn histograms<'a>(
        &mut self,
        Family { name, kind, help }: Family,
        samples: impl IntoIterator<Item = ([Label<'a>; 2], ConnectCounts)>,
    ) {
        self.head(name, kind, help);
        for ([pool, backend], counts) in samples {
            let (bucket, total) = (format!("{name}_bucket"), counts.total());
            for (bound, count) in counts.cumulative() {
                let bound = bound.as_secs_f64().to_string();
                self.sample(
                    &bucket,
                    &[pool, backend, (names::LABEL_BOUND, &bound)],
                    count,
                );
            }
            self.sample(
                &bucket,
                &[pool, backend, (names::LABEL_BOUND, "+Inf")],
                total,
            );
            let sum = counts.sum().as_secs_f64();
            self.sample(&format!("{name}_sum"), &[pool, backend], sum);
            self.sample(&format!("{name}_count"), &[pool, backend], total);
        }
    }

    fn head(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[Label<'_>], value: impl Display) {
        self.text.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            let open = if index == 0 { '{' } else { ',' };
            let _ = write!(self.text, "{open}{label}=\"{}\"", escaped(text));
        }
        let close = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.text, "{close} {value}");
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_with_and_without_labels() {
        let mut page = Page::default();
        let family = Family {
            name: "netsocket_x_total",
            kind: Kind::Counter,
            help: "X.",
        };
        page.family(
            family,
            [(vec![], 1), (vec![("a", "q\"\\\n"), ("b", "c")], 2)],
        );
        let expected = "# HELP netsocket_x_total X.\n# TYPE netsocket_x_total counter\n\
            netsocket_x_total 1\nnetsocket_x_total{a=\"q\\\"\\\\\\n\",b=\"c\"} 2\n";
        assert_eq!(page.text, expected);
    }
}
