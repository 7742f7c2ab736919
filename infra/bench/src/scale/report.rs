//! What `bench scale` prints.

use std::time::Duration;

use super::size::Size;
use crate::stats::percentile;
use crate::table::grid;

/// The balancer with so many sessions open.
#[derive(Debug, Clone, Copy)]
pub(super) struct Growth {
    pub(super) sessions: usize,
    /// Bytes.
    pub(super) memory: u64,
    /// Seconds of CPU time since its start.
    pub(super) cpu: f64,
}

/// What people felt while something happened.
#[derive(Debug)]
pub(super) struct Phase {
    pub(super) name: &'static str,
    /// How long it took itself.
    pub(super) took: Duration,
    /// New connections up to their first answer, in µs.
    pub(super) new: Vec<u32>,
    pub(super) failed: u64,
    /// Messages of trickling sessions, in µs.
    pub(super) echoes: Vec<u32>,
    pub(super) wall: Duration,
}

/// All of it.
#[derive(Debug)]
pub(super) struct Report {
    size: Size,
    pub(super) growth: Vec<Growth>,
    phases: Vec<Vec<String>>,
    failed: u64,
    /// Sessions that did not survive.
    pub(super) lost: u64,
}

impl Report {
    pub(super) fn new(size: Size) -> Self {
        Self {
            size,
            growth: Vec::new(),
            phases: Vec::new(),
            failed: 0,
            lost: 0,
        }
    }

    pub(super) fn add(&mut self, mut phase: Phase) {
        let rate = phase.new.len() as f64 / phase.wall.as_secs_f64();
        let at = |values: &mut Vec<u32>, share| {
            percentile(values, share).map_or_else(|| "–".to_owned(), ms)
        };
        self.failed += phase.failed;
        let line = vec![
            phase.name.to_owned(),
            format!("{:.1}", phase.took.as_secs_f64() * 1000.0),
            format!("{rate:.0}"),
            at(&mut phase.new, 0.5),
            at(&mut phase.new, 0.999),
            at(&mut phase.new, 1.0),
            phase.failed.to_string(),
            at(&mut phase.echoes, 0.5),
            at(&mut phase.echoes, 0.999),
            at(&mut phase.echoes, 1.0),
        ];
        eprintln!("{}", line.join("  "));
        self.phases.push(line);
    }

    pub(super) fn is_whole(&self) -> bool {
        self.failed == 0 && self.lost == 0
    }

    pub(super) fn render(&self) -> String {
        let Size {
            idle,
            trickling,
            rate,
            backends,
            seconds,
        } = self.size;
        let mut text = format!(
            "\n{idle} idle and {trickling} trickling sessions, {rate} new connections a second, {backends} backends, {seconds} s each\n\n"
        );
        let heads = ["sessions", "memory MiB", "KiB/session", "CPU s so far"];
        text += &grid(heads.map(str::to_owned).to_vec(), self.growth());
        text += "\n";
        let heads = [
            "meanwhile",
            "took ms",
            "new/s",
            "new p50 ms",
            "p99.9",
            "worst",
            "failed",
            "echo p50 ms",
            "p99.9",
            "worst",
        ];
        text += &grid(heads.map(str::to_owned).to_vec(), self.phases.clone());
        text + &format!("\nsessions lost: {}\n", self.lost)
    }

    fn growth(&self) -> Vec<Vec<String>> {
        let empty = self.growth.first().map_or(0, |first| first.memory);
        let line = |growth: &Growth| {
            let added = growth.memory as f64 - empty as f64;
            let each = match growth.sessions {
                0 => "–".to_owned(),
                count => format!("{:.3}", added / 1024.0 / count as f64),
            };
            vec![
                growth.sessions.to_string(),
                format!("{:.1}", growth.memory as f64 / f64::from(1 << 20)),
                each,
                format!("{:.2}", growth.cpu),
            ]
        };
        self.growth.iter().map(line).collect()
    }
}

fn ms(us: u32) -> String {
    format!("{:.2}", f64::from(us) / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report::new(Size {
            idle: 1,
            trickling: 1,
            rate: 1,
            backends: 1,
            seconds: 1,
        })
    }

    #[test]
    fn a_failed_connection_or_a_lost_session_is_no_whole_run() {
        let phase = |failed| Phase {
            name: "reload",
            took: Duration::from_millis(12),
            new: vec![1_000, 3_000],
            failed,
            echoes: vec![],
            wall: Duration::from_secs(1),
        };
        let mut good = report();
        good.add(phase(0));
        assert!(good.is_whole());
        good.lost = 1;
        assert!(!good.is_whole());
        let mut bad = report();
        bad.add(phase(1));
        assert!(!bad.is_whole());
        assert!(bad.render().contains("| reload"));
    }

    #[test]
    fn memory_a_session_is_what_it_adds() {
        let mut report = report();
        for (sessions, memory) in [(0, 8 << 20), (1024, 9 << 20)] {
            report.growth.push(Growth {
                sessions,
                memory,
                cpu: 0.0,
            });
        }
        assert_eq!(report.growth()[1][2], "1.000");
    }
}
