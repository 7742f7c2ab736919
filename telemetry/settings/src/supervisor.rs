//! Keeps the long-lived tasks of a process running: a task that panics is logged, counted and started again. So is the work
//! of a thread.
//!
//! Owns: the restart and its backoff, the number of panics of each task, and whether a task cannot be kept up. Does not
//! own: what a task does, when it should end (a task that returns is not started again), or what readiness makes of it.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

/// The wait before the restart after a first panic; each further one in a row doubles it.
const BACKOFF_FIRST: Duration = Duration::from_millis(100);
/// The longest wait.
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// A task that has run for this long works: its next panic is the first of a row again.
const STEADY: Duration = Duration::from_secs(10);
/// Panics in a row from which on a task counts as one that cannot be kept up.
const TOO_MANY: u32 = 3;
/// How long a thread that waits for its restart may overlook that it is not needed any more.
const LOOK: Duration = Duration::from_millis(50);

/// Runs named tasks and knows how they are. Clones share it; a process has one.
///
/// # Examples
///
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering};
///
/// use netsocket_settings::Supervisor;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let supervisor = Supervisor::default();
/// let starts = AtomicU32::new(0);
/// // The function is called for each start and returns the task.
/// supervisor
///     .run("probe", || async {
///         if starts.fetch_add(1, Ordering::Relaxed) == 0 {
///             panic!("only the first time");
///         }
///     })
///     .await;
/// assert_eq!(starts.into_inner(), 2);
/// assert_eq!(supervisor.panics(), [("probe", 1)]);
/// assert!(supervisor.failing().is_empty());
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Supervisor {
    tasks: Arc<Mutex<BTreeMap<&'static str, Named>>>,
}

/// All tasks of one name, such as the readers of several partitions.
#[derive(Debug, Default)]
struct Named {
    panics: u64,
    running: BTreeMap<u64, Streak>,
    /// The number of the next task.
    next: u64,
    /// Wakes the tasks that a test wants to panic.
    stopper: Arc<Notify>,
}

/// How one task is doing.
#[derive(Debug, Clone, Copy, Default)]
struct Streak {
    /// Panics without a steady run between them.
    panics: u32,
    /// Since when it runs; `None` while it waits for its restart.
    since: Option<Instant>,
}

impl Streak {
    fn started(&mut self, now: Instant) {
        self.since = Some(now);
    }

    /// How long to wait before the next start.
    fn panicked(&mut self, now: Instant) -> Duration {
        if self.is_steady(now) {
            self.panics = 0;
        }
        self.since = None;
        let doublings = self.panics.min(16);
        self.panics = self.panics.saturating_add(1);
        (BACKOFF_FIRST * (1 << doublings)).min(BACKOFF_MAX)
    }

    fn is_steady(&self, now: Instant) -> bool {
        self.since
            .is_some_and(|since| now.duration_since(since) >= STEADY)
    }

    fn is_failing(&self, now: Instant) -> bool {
        self.panics >= TOO_MANY && !self.is_steady(now)
    }
}

impl Supervisor {
    /// Runs a task until it returns. `start` is called for the first start and after each panic; what the task holds
    /// between two starts lives outside of it. Dropping the future ends the task. Several tasks may have the same name.
    ///
    /// The task runs inside this future, so it may borrow and need not be `Send`; pass `run` to `tokio::spawn` for a task of
    /// its own.
    pub async fn run<F: Future>(
        &self,
        name: &'static str,
        mut start: impl FnMut() -> F,
    ) -> F::Output {
        let (entry, stopper) = self.register(name);
        loop {
            entry.streak(|streak| streak.started(Instant::now()));
            let reason = match caught(&mut start, &stopper).await {
                Ok(value) => return value,
                Err(payload) => message(&*payload).to_owned(),
            };
            let wait = entry.panicked();
            tracing::error!(task = name, reason, restart_in = ?wait, "a task failed; it is started again");
            sleep(wait).await;
        }
    }

    /// The same for work that blocks the thread that calls this: `start` is called until it returns a value. An error counts
    /// as a panic does. `is_over` tells while the thread waits for a restart that none is wanted; then there is no value.
    pub fn run_blocking<T, E: Display>(
        &self,
        name: &'static str,
        is_over: impl Fn() -> bool,
        mut start: impl FnMut() -> Result<T, E>,
    ) -> Option<T> {
        let (entry, _) = self.register(name);
        loop {
            entry.streak(|streak| streak.started(Instant::now()));
            // What was left half done is `start`'s to clear away.
            let reason = match catch_unwind(AssertUnwindSafe(&mut start)) {
                Ok(Ok(value)) => return Some(value),
                Ok(Err(error)) => error.to_string(),
                Err(payload) => message(&*payload).to_owned(),
            };
            let wait = entry.panicked();
            tracing::error!(task = name, reason, restart_in = ?wait, "a task failed; it is started again");
            let until = Instant::now() + wait;
            while !is_over() {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                thread::park_timeout(left.min(LOOK));
            }
            if is_over() {
                return None;
            }
        }
    }

    /// Panics of every task so far, by name, for metrics. Each name is there from its first start on.
    #[must_use]
    pub fn panics(&self) -> Vec<(&'static str, u64)> {
        let tasks = self.tasks();
        tasks
            .iter()
            .map(|(name, task)| (*name, task.panics))
            .collect()
    }

    /// The tasks that cannot be kept up: three panics in a row, and no ten seconds without one since. For readiness.
    #[must_use]
    pub fn failing(&self) -> Vec<&'static str> {
        let now = Instant::now();
        let failing = |task: &Named| task.running.values().any(|streak| streak.is_failing(now));
        let tasks = self.tasks();
        let named = tasks.iter().filter(|(_, task)| failing(task));
        named.map(|(name, _)| *name).collect()
    }

    /// The same in words, without the tasks `beside`: why a process is not well, if it is not.
    #[must_use]
    pub fn trouble(&self, beside: &[&str]) -> Option<String> {
        let mut failing = self.failing();
        failing.retain(|name| !beside.contains(name));
        match failing.as_slice() {
            [] => None,
            [one] => Some(format!("task {one} keeps failing")),
            many => Some(format!("tasks {} keep failing", many.join(", "))),
        }
    }

    /// Makes the running tasks of that name panic, once. For tests. It does not reach threads.
    #[doc(hidden)]
    pub fn make_panic(&self, name: &str) {
        if let Some(task) = self.tasks().get(name) {
            task.stopper.notify_waiters();
        }
    }

    fn register(&self, name: &'static str) -> (Entry, Arc<Notify>) {
        let mut tasks = self.tasks();
        let task = tasks.entry(name).or_default();
        let number = task.next;
        task.next += 1;
        task.running.insert(number, Streak::default());
        let stopper = Arc::clone(&task.stopper);
        drop(tasks);
        let supervisor = self.clone();
        (
            Entry {
                supervisor,
                name,
                number,
            },
            stopper,
        )
    }

    fn tasks(&self) -> MutexGuard<'_, BTreeMap<&'static str, Named>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A task among those that run; it leaves when this is dropped.
struct Entry {
    supervisor: Supervisor,
    name: &'static str,
    number: u64,
}

impl Entry {
    fn streak<T>(&self, change: impl FnOnce(&mut Streak) -> T) -> Option<T> {
        let mut tasks = self.supervisor.tasks();
        let task = tasks.get_mut(self.name)?;
        Some(change(task.running.get_mut(&self.number)?))
    }

    fn panicked(&self) -> Duration {
        if let Some(task) = self.supervisor.tasks().get_mut(self.name) {
            task.panics += 1;
        }
        self.streak(|streak| streak.panicked(Instant::now()))
            .unwrap_or(BACKOFF_MAX)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(task) = self.supervisor.tasks().get_mut(self.name) {
            task.running.remove(&self.number);
        }
    }
}

/// The task's value, or what it panicked with.
async fn caught<F: Future>(
    start: &mut impl FnMut() -> F,
    stopper: &Notify,
) -> Result<F::Output, Box<dyn Any + Send>> {
    // On the heap: a long-lived task is large, and whoever runs it is often part of another future.
    let mut task = Box::pin(async { start().await });
    let mut stopped = pin!(stopper.notified());
    poll_fn(|context| {
        // What the task left half done is not looked at again: the next start makes a new one.
        let polled = catch_unwind(AssertUnwindSafe(|| {
            if stopped.as_mut().poll(context).is_ready() {
                end_for_test();
            }
            task.as_mut().poll(context)
        }));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Err(payload) => Poll::Ready(Err(payload)),
        }
    })
    .await
}

#[expect(clippy::panic, reason = "a test asked for it")]
fn end_for_test() -> ! {
    panic!("asked to by a test")
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::time::timeout;

    use super::*;

    const TASK: &str = "task";

    /// Panics at each of the first starts, then runs for ever.
    async fn panics_at_first(supervisor: Supervisor, times: u32, starts: Arc<AtomicU32>) {
        let task = || async {
            assert!(starts.fetch_add(1, Ordering::Relaxed) >= times, "too early");
            std::future::pending::<()>().await;
        };
        supervisor.run(TASK, task).await;
    }

    #[tokio::test(start_paused = true)]
    async fn restarts_wait_longer_and_longer() {
        let (supervisor, starts) = (Supervisor::default(), Arc::new(AtomicU32::new(0)));
        let task = panics_at_first(supervisor.clone(), u32::MAX, Arc::clone(&starts));
        // Starts at 0, 100, 300, 700, … ms; from the tenth on every 30 s.
        let _ = timeout(Duration::from_millis(750), task).await;
        assert_eq!(starts.load(Ordering::Relaxed), 4);
        assert_eq!(supervisor.panics(), [(TASK, 4)]);
        let mut streak = Streak::default();
        let waits: Vec<_> = (0..40).map(|_| streak.panicked(Instant::now())).collect();
        assert_eq!(waits[..3], [100, 200, 400].map(Duration::from_millis));
        assert_eq!(waits[39], BACKOFF_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_cannot_be_kept_up_fails_until_it_is_steady() {
        let (supervisor, starts) = (Supervisor::default(), Arc::new(AtomicU32::new(0)));
        let task = tokio::spawn(panics_at_first(supervisor.clone(), 3, starts));
        sleep(Duration::from_millis(250)).await;
        assert_eq!(supervisor.failing(), [""; 0], "two panics are not many");
        sleep(Duration::from_millis(100)).await;
        assert_eq!(supervisor.failing(), [TASK]);
        sleep(Duration::from_secs(9)).await;
        assert_eq!(supervisor.failing(), [TASK], "it runs, but not for long");
        sleep(Duration::from_secs(2)).await;
        assert_eq!(supervisor.failing(), [""; 0]);
        task.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_steady_task_starts_its_row_anew() {
        let supervisor = Supervisor::default();
        let task = tokio::spawn(panics_at_first(supervisor.clone(), 0, Arc::default()));
        for _ in 0..5 {
            sleep(STEADY + Duration::from_secs(1)).await;
            supervisor.make_panic(TASK);
        }
        sleep(Duration::from_millis(150)).await;
        assert_eq!(supervisor.panics(), [(TASK, 5)]);
        assert_eq!(supervisor.failing(), [""; 0]);
        task.abort();
    }

    #[test]
    fn the_work_of_a_thread_is_started_again_until_it_is_over() {
        let (supervisor, mut starts) = (Supervisor::default(), 0);
        let done = supervisor.run_blocking(
            TASK,
            || false,
            || {
                starts += 1;
                assert_ne!(starts, 1, "the first time");
                if starts == 2 {
                    Err("the second time")
                } else {
                    Ok(starts)
                }
            },
        );
        assert_eq!((done, supervisor.panics()), (Some(3), vec![(TASK, 2)]));
        let stopped = supervisor.run_blocking(TASK, || true, || Err::<(), _>("and no more"));
        assert_eq!((stopped, supervisor.panics()), (None, vec![(TASK, 3)]));
    }

    #[test]
    fn trouble_names_every_task_that_keeps_failing() {
        let supervisor = Supervisor::default();
        let (first, _) = supervisor.register("a");
        let (second, _) = supervisor.register("b");
        assert_eq!(supervisor.trouble(&[]), None);
        for _ in 0..TOO_MANY {
            first.panicked();
        }
        assert_eq!(supervisor.trouble(&[]).unwrap(), "task a keeps failing");
        assert_eq!(supervisor.trouble(&["a"]), None);
        for _ in 0..TOO_MANY {
            second.panicked();
        }
        let both = "tasks a, b keep failing";
        assert_eq!(supervisor.trouble(&["c"]).unwrap(), both);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_has_gone_does_not_fail() {
        let supervisor = Supervisor::default();
        let task = panics_at_first(supervisor.clone(), u32::MAX, Arc::default());
        let _ = timeout(Duration::from_secs(5), task).await;
        assert_eq!(supervisor.failing(), [""; 0]);
        assert!(supervisor.panics()[0].1 > 3);
        assert_eq!(supervisor.run(TASK, || async { 7 }).await, 7);
    }
}
