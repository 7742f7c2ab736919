//! What is measured: the columns of the tables.

use std::collections::BTreeMap;

use crate::measure::Spent;

/// A figure. The order is that of the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Figure {
    /// Payload, in Gbit/s.
    Throughput,
    /// Connections, requests or messages in a second.
    Rate,
    /// CPU time of the peer's processes, in seconds for 10⁹ bytes of payload.
    ProxyPerGb,
    /// CPU time of the whole machine, load and backend included, likewise.
    TotalPerGb,
    /// CPU time of the peer's processes, in µs for one connection, request or message.
    ProxyPerOp,
    /// CPU time of the whole machine, likewise.
    TotalPerOp,
    /// Half of all operations took no longer, in µs.
    P50,
    /// 99 of 100 operations took no longer, in µs.
    P99,
    /// Proportional set size of the peer's processes amid the work, in MiB.
    Memory,
    /// What an open, idle connection adds to it, in KiB.
    MemoryPerConnection,
    /// CPU time of the peer's processes while every connection is idle, in ms for one second.
    IdleCpu,
    /// Payload in all, in GB (10⁹ bytes).
    Moved,
}

/// Which way is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
    /// It says how much work there was, and is not compared.
    Neither,
}

impl Figure {
    /// Its name in the JSON report.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Throughput => "gbit_per_s",
            Self::Rate => "per_s",
            Self::ProxyPerGb => "proxy_cpu_s_per_gb",
            Self::TotalPerGb => "total_cpu_s_per_gb",
            Self::ProxyPerOp => "proxy_cpu_us",
            Self::TotalPerOp => "total_cpu_us",
            Self::P50 => "p50_us",
            Self::P99 => "p99_us",
            Self::Memory => "memory_mib",
            Self::MemoryPerConnection => "kib_per_connection",
            Self::IdleCpu => "idle_cpu_ms_per_s",
            Self::Moved => "gb",
        }
    }

    /// Its heading. `unit` is what the case counts, such as `request`.
    #[must_use]
    pub fn heading(self, unit: &str) -> String {
        match self {
            Self::Throughput => "Gbit/s".to_owned(),
            Self::Rate => format!("{unit}s/s"),
            Self::ProxyPerGb => "proxy CPU s/GB".to_owned(),
            Self::TotalPerGb => "total CPU s/GB".to_owned(),
            Self::ProxyPerOp => format!("proxy CPU µs/{unit}"),
            Self::TotalPerOp => format!("total CPU µs/{unit}"),
            Self::P50 => "p50 µs".to_owned(),
            Self::P99 => "p99 µs".to_owned(),
            Self::Memory => "memory MiB".to_owned(),
            Self::MemoryPerConnection => "KiB/connection".to_owned(),
            Self::IdleCpu => "idle CPU ms/s".to_owned(),
            Self::Moved => "GB moved".to_owned(),
        }
    }

    /// Which way is good.
    #[must_use]
    pub fn better(self) -> Better {
        match self {
            Self::Throughput | Self::Rate => Better::Higher,
            Self::Moved => Better::Neither,
            _ => Better::Lower,
        }
    }
}

/// The figures of one peer in one round. What a peer cannot have, such as CPU time of its own without a process, is
/// not there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures(BTreeMap<Figure, f64>);

impl Figures {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a figure.
    #[must_use]
    pub fn with(mut self, figure: Figure, value: impl Into<Option<f64>>) -> Self {
        if let Some(value) = value.into() {
            self.0.insert(figure, value);
        }
        self
    }

    /// Adds CPU time for each 10⁹ of `bytes`.
    #[must_use]
    pub fn per_gb(self, spent: &Spent, bytes: u64) -> Self {
        let gb = gigabytes(bytes);
        self.with(Figure::ProxyPerGb, spent.proxy.map(|s| s / gb))
            .with(Figure::TotalPerGb, spent.total / gb)
    }

    /// Adds CPU time for each of `count` operations.
    #[must_use]
    pub fn per_op(self, spent: &Spent, count: u64) -> Self {
        let us = 1e6 / count as f64;
        self.with(Figure::ProxyPerOp, spent.proxy.map(|s| s * us))
            .with(Figure::TotalPerOp, spent.total * us)
    }

    /// Adds memory.
    #[must_use]
    pub fn memory(self, bytes: Option<u64>) -> Self {
        const MIB: f64 = 1024.0 * 1024.0;
        self.with(Figure::Memory, bytes.map(|bytes| bytes as f64 / MIB))
    }

    /// All of them, in the order of the columns.
    pub fn iter(&self) -> impl Iterator<Item = (Figure, f64)> + '_ {
        self.0.iter().map(|(figure, value)| (*figure, *value))
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, figure: Figure) -> Option<f64> {
        self.0.get(&figure).copied()
    }
}

/// Bytes in units of 10⁹.
#[must_use]
pub fn gigabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e9
}

/// About three digits that mean something.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        1.0.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_three_digits() {
        let shown = [0.0, 0.0421, 1.234, 12.34, 123.4, 12345.6, -0.5].map(number);
        assert_eq!(
            shown,
            ["0.000", "0.042", "1.23", "12.3", "123", "12346", "-0.500"]
        );
    }

    #[test]
    fn cpu_is_shared_out_over_the_work() {
        let spent = Spent {
            proxy: Some(1.5),
            total: 4.0,
            wall: 2.0,
        };
        let bulk = Figures::new().per_gb(&spent, 3_000_000_000);
        assert_eq!(bulk.get(Figure::ProxyPerGb), Some(0.5));
        let requests = Figures::new().per_op(&spent, 100_000);
        assert_eq!(requests.get(Figure::ProxyPerOp), Some(15.0));
        assert_eq!(requests.get(Figure::TotalPerOp), Some(40.0));
    }

    #[test]
    fn what_is_not_there_is_left_out() {
        let spent = Spent {
            proxy: None,
            total: 1.0,
            wall: 1.0,
        };
        let figures = Figures::new().per_op(&spent, 1).memory(None);
        let keys: Vec<_> = figures.iter().map(|(figure, _)| figure).collect();
        assert_eq!(keys, [Figure::TotalPerOp]);
    }
}
