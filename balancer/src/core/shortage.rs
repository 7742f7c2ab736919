//! Resources of the system that ran out: how often each did, and when the next log line about it is due.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rustix::io::Errno;
use tokio::time::Instant;

use super::connect_failure::ConnectFailure;
use super::log_limiter::LogLimiter;

/// Something that the system gives to this process, and may have none left of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Resource {
    /// File descriptors: of the process, or of the machine.
    Descriptors,
    /// Memory for sockets.
    Memory,
    /// Local ports towards a backend.
    LocalPorts,
    /// Pipes for splice(2). Without one bytes are copied.
    Pipes,
}

impl Resource {
    /// Each, in the order of the counters.
    pub(crate) const ALL: [Self; 4] = [
        Self::Descriptors,
        Self::Memory,
        Self::LocalPorts,
        Self::Pipes,
    ];

    /// A short stable word for logs, metrics and the API.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Descriptors => "descriptors",
            Self::Memory => "memory",
            Self::LocalPorts => "local_ports",
            Self::Pipes => "pipes",
        }
    }

    /// What a connect found missing, if that is why it failed.
    pub(crate) fn of_connect(failure: ConnectFailure) -> Option<Self> {
        match failure {
            ConnectFailure::NoLocalPort => Some(Self::LocalPorts),
            ConnectFailure::NoDescriptor => Some(Self::Descriptors),
            ConnectFailure::NoMemory => Some(Self::Memory),
            _ => None,
        }
    }

    /// What an accept found missing, if that is why it failed: the next accept will fail as well.
    pub(crate) fn of_accept(error: Errno) -> Option<Self> {
        match error {
            Errno::MFILE | Errno::NFILE => Some(Self::Descriptors),
            Errno::NOBUFS | Errno::NOMEM => Some(Self::Memory),
            _ => None,
        }
    }
}

/// How often each resource ran out.
#[derive(Debug)]
pub(crate) struct Shortages {
    start: Instant,
    counts: [AtomicU64; Resource::ALL.len()],
    limiters: [LogLimiter; Resource::ALL.len()],
}

impl Shortages {
    pub(crate) fn new(start: Instant) -> Self {
        Self {
            start,
            counts: Default::default(),
            limiters: Default::default(),
        }
    }

    /// Counts one. Where a line about it may be logged: how many were not since the last that was.
    pub(crate) fn note(&self, resource: Resource, now: Instant) -> Option<u64> {
        let place = resource as usize;
        self.counts.get(place)?.fetch_add(1, Relaxed);
        let elapsed = now.saturating_duration_since(self.start);
        self.limiters.get(place)?.pass(elapsed)
    }

    /// How often each ran out.
    pub(crate) fn counts(&self) -> [(Resource, u64); Resource::ALL.len()] {
        let count = |resource: Resource| {
            let count = self.counts.get(resource as usize);
            (resource, count.map_or(0, |count| count.load(Relaxed)))
        };
        Resource::ALL.map(count)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_is_counted_and_logged_once_a_second() {
        let start = Instant::now();
        let shortages = Shortages::new(start);
        let note = |resource, ms| shortages.note(resource, start + Duration::from_millis(ms));
        assert_eq!(note(Resource::LocalPorts, 0), Some(0));
        assert_eq!(note(Resource::LocalPorts, 10), None);
        assert_eq!(note(Resource::LocalPorts, 900), None);
        // One kind does not keep another from being told.
        assert_eq!(note(Resource::Pipes, 900), Some(0));
        assert_eq!(note(Resource::LocalPorts, 1000), Some(2));
        let counts = shortages
            .counts()
            .map(|(resource, count)| (resource.label(), count));
        let expected = [
            ("descriptors", 0),
            ("memory", 0),
            ("local_ports", 4),
            ("pipes", 1),
        ];
        assert_eq!(counts, expected);
    }

    #[test]
    fn errors_of_the_system_name_their_resource() {
        for (error, resource) in [
            (Errno::MFILE, Some(Resource::Descriptors)),
            (Errno::NFILE, Some(Resource::Descriptors)),
            (Errno::NOBUFS, Some(Resource::Memory)),
            (Errno::NOMEM, Some(Resource::Memory)),
            (Errno::CONNABORTED, None),
        ] {
            assert_eq!(Resource::of_accept(error), resource);
        }
        let of = |error: Errno| Resource::of_connect(ConnectFailure::from(&error.into()));
        assert_eq!(of(Errno::ADDRNOTAVAIL), Some(Resource::LocalPorts));
        assert_eq!(of(Errno::MFILE), Some(Resource::Descriptors));
        assert_eq!(of(Errno::NOMEM), Some(Resource::Memory));
        assert_eq!(of(Errno::CONNREFUSED), None);
    }
}
