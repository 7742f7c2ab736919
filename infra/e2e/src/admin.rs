//! The balancer's admin pages as a tool reads them.

use std::net::SocketAddr;

use serde_json::Value;

use crate::http::{self, Answer};
use crate::metrics::Metrics;

/// The admin address of one balancer.
#[derive(Debug, Clone, Copy)]
pub struct Admin(pub SocketAddr);

impl Admin {
    /// Any page.
    ///
    /// # Panics
    /// Where there is no answer.
    #[must_use]
    pub fn page(self, path: &str) -> Answer {
        http::get(self.0, path).unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    /// A page of the JSON API.
    ///
    /// # Panics
    /// Where it is anything but 200 and JSON.
    #[must_use]
    pub fn json(self, path: &str) -> Value {
        let answer = self.page(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("no JSON: {}", answer.body))
    }

    /// Sessions since the start.
    ///
    /// # Panics
    /// Where the page has another shape.
    #[must_use]
    pub fn sessions_begun(self) -> u64 {
        let total = &self.json("/api/v1/pools")["sessions"]["total"];
        total.as_u64().expect("a number of sessions")
    }

    /// The backends of every pool.
    ///
    /// # Panics
    /// Where the page has another shape.
    #[must_use]
    pub fn backends(self) -> Vec<Value> {
        let pools = self.json("/api/v1/pools");
        let pools = pools["pools"].as_array().expect("a list of pools");
        pools
            .iter()
            .flat_map(|pool| pool["backends"].as_array().expect("a list of backends"))
            .cloned()
            .collect()
    }

    /// The backend of that name.
    ///
    /// # Panics
    /// Where there is none.
    #[must_use]
    pub fn backend(self, name: &str) -> Value {
        let mut backends = self.backends();
        backends.retain(|backend| backend["name"] == name);
        assert_eq!(backends.len(), 1, "one backend {name}");
        backends.remove(0)
    }

    /// How many backends are up.
    #[must_use]
    pub fn up(self) -> usize {
        let backends = self.backends();
        backends
            .iter()
            .filter(|backend| backend["state"] == "up")
            .count()
    }

    /// A count of the backend of that name.
    ///
    /// # Panics
    /// Where it is no count.
    #[must_use]
    pub fn count(self, name: &str, field: &str) -> u64 {
        let backend = self.backend(name);
        backend[field]
            .as_u64()
            .unwrap_or_else(|| panic!("{field} of {backend}"))
    }

    /// One scrape.
    ///
    /// # Panics
    /// Where the page is not 200.
    #[must_use]
    pub fn metrics(self) -> Metrics {
        let answer = self.page("/metrics");
        assert_eq!(answer.status, 200, "{}", answer.body);
        Metrics::parse(&answer.body)
    }
}
