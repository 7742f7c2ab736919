//! A service as sessions use it: who is admitted, how long sessions last, and the pool that serves them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use arc_swap::ArcSwap;

use crate::config::{Config, Keepalive, Timeouts};
use crate::core::admission::Admission;
use crate::core::proxy_protocol::ProxyRules;
use crate::core::routing::RouteRule;
use crate::core::tls::ServerTls;
use crate::data_path::handshakes::Handshakes;
use crate::data_path::upstream::Target;
use crate::observe::access_log::{AccessLog, AccessLogs};
use crate::observe::metrics::Counters;

/// A service of the running balancer. All workers serve all services.
pub(crate) struct Service {
    pub(crate) name: Arc<str>,
    /// What the access log calls it.
    pub(crate) frontend: String,
    pub(crate) counters: Counters,
    pub(crate) handshakes: Arc<Handshakes>,
    /// The settings that its sessions use: swapped as a whole, read without a lock.
    pub(crate) rules: ArcSwap<ServiceRules>,
}

/// The settings of a service.
pub(crate) struct ServiceRules {
    pub(crate) timeouts: Timeouts,
    pub(crate) admission: Admission,
    /// Which peers are believed; what is sent to backends is the pool's.
    pub(crate) proxy: ProxyRules,
    /// Of connections to backends; clients' have it from their listeners.
    pub(crate) keepalive: Keepalive,
    /// TCP fast open to backends.
    pub(crate) fast_open: bool,
    /// How TLS ends here; `None`: it is passed on.
    pub(crate) tls: Option<Arc<ServerTls>>,
    /// Where a line for each session goes, if anywhere.
    pub(crate) access_log: Option<Arc<AccessLog>>,
    /// Where clients go.
    pub(crate) routes: Routes,
}

/// Which pool serves a client.
#[derive(Debug)]
pub(crate) struct Routes {
    /// The pool for clients that no rule is about; where they are refused, any of the others.
    pub(crate) target: Arc<Target>,
    /// Whether clients that no rule is about are served.
    pub(crate) serves_others: bool,
    pub(crate) rules: Vec<Route>,
    /// Clients that no rule was about.
    pub(crate) others: Arc<AtomicU64>,
}

/// A rule, and what becomes of a client.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) rule: RouteRule,
    /// `None`: refused.
    pub(crate) target: Option<Arc<Target>>,
    /// Clients that it was about.
    pub(crate) count: Arc<AtomicU64>,
}

impl Routes {
    /// Without rules.
    #[cfg(test)]
    pub(crate) fn to(target: Arc<Target>) -> Self {
        Self {
            target,
            serves_others: true,
            rules: Vec::new(),
            others: Arc::default(),
        }
    }

    /// What a client that this decision is about gets.
    pub(crate) fn target(&self, rule: Option<usize>) -> Option<&Arc<Target>> {
        let route = rule.and_then(|rule| self.rules.get(rule));
        match route {
            Some(route) => {
                route.count.fetch_add(1, Relaxed);
                route.target.as_ref()
            }
            None => {
                self.others.fetch_add(1, Relaxed);
                Some(&self.target).filter(|_| self.serves_others)
            }
        }
    }

    /// How many clients each rule was about, and the others; nothing without rules.
    pub(crate) fn counts(&self) -> Vec<(String, u64)> {
        if self.rules.is_empty() {
            return Vec::new();
        }
        let count = |count: &AtomicU64| count.load(Relaxed);
        let rules = self.rules.iter();
        let rules = rules.map(|route| (route.rule.name.clone(), count(&route.count)));
        let others = ("none".to_owned(), count(&self.others));
        rules.chain([others]).collect()
    }

    /// Whether any rule depends on what a TLS hello says.
    pub(crate) fn need_hello(&self) -> bool {
        self.rules.iter().any(|route| route.rule.needs_hello())
    }
}

impl Service {
    pub(crate) fn new(
        name: &str,
        frontend: String,
        config: &Config,
        routes: Routes,
        logs: &AccessLogs,
    ) -> Self {
        let admission = Admission::new(config.limits.clone());
        Self {
            name: name.into(),
            frontend,
            counters: Counters::default(),
            handshakes: Arc::default(),
            rules: ArcSwap::from_pointee(ServiceRules::new(config, admission, routes, logs)),
        }
    }

    /// Takes on other rules; open connections stay counted.
    pub(crate) fn set_rules(&self, config: &Config, routes: Routes, logs: &AccessLogs) {
        let before = self.rules.load();
        let admission = before.admission.with_limits(config.limits.clone());
        let mut rules = ServiceRules::new(config, admission, routes, logs);
        // With the same certificates, clients can resume what they have begun before.
        if before.tls == rules.tls {
            rules.tls.clone_from(&before.tls);
        }
        self.rules.store(Arc::new(rules));
    }
}

impl ServiceRules {
    fn new(config: &Config, admission: Admission, routes: Routes, logs: &AccessLogs) -> Self {
        let access_log = config.access_log.wanted();
        Self {
            access_log: access_log.and_then(|wanted| logs.get(&wanted)),
            timeouts: config.timeouts,
            admission,
            proxy: config.proxy.clone(),
            keepalive: config.listen_options.keepalive,
            fast_open: config.listen_options.fast_open,
            tls: config.tls.clone(),
            routes,
        }
    }
}

#[cfg(test)]
impl Service {
    /// The default one, of a pool that is empty.
    pub(crate) fn without_backends() -> Self {
        use crate::config::DEFAULT_NAME;
        use crate::core::pool::Pool;
        use crate::data_path::upstream::Upstream;

        let config = Config::default();
        let pool = Pool::new(Vec::new(), config.balance, config.health, 0);
        let upstream = Arc::new(Upstream::new(Arc::new(pool), &config));
        let target = Arc::new(Target::new(upstream, None));
        Self::new(
            DEFAULT_NAME,
            config.listen.to_string(),
            &config,
            Routes::to(target),
            &AccessLogs::new(0, netsocket_settings::Supervisor::default()),
        )
    }
}
