//! Progress of transfers on standard error: lines redrawn on a terminal, otherwise a plain line every few
//! seconds.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use rustix::termios::tcgetwinsize;
use tokio::time::Instant;
use unicode_width::UnicodeWidthStr as _;

use crate::text::{self, size};

/// How often a line is redrawn.
const TICK: Duration = Duration::from_millis(120);
/// The interval between plain lines.
const PLAIN_LINE: Duration = Duration::from_secs(5);
/// The interval and number of the samples used to compute a rate.
const SAMPLE: Duration = Duration::from_millis(500);
const SAMPLES: usize = 16;

const TEMPLATE: &str = "{spinner} {status}";

/// Prints a plain line, given without its newline.
pub type WriteLine = Arc<dyn Fn(&str) + Send + Sync>;

/// Where progress is shown, shared by all transfers of the program.
///
/// # Examples
///
/// ```
/// use netsocket_client::output::progress::ProgressDisplay;
///
/// let progress_display = ProgressDisplay::Hidden;
/// let progress = progress_display.transfer("report.pdf");
/// progress.counter().bytes(4096);
/// // On a terminal, progress lines are hidden meanwhile.
/// let mut said = Vec::new();
/// progress_display.suspend(|| said.push("the server has gone, trying the next one"));
/// assert_eq!(said.len(), 1);
/// ```
#[derive(Clone)]
pub enum ProgressDisplay {
    /// Nowhere.
    Hidden,
    /// On standard error, a terminal.
    Terminal(MultiProgress),
    /// Plain lines.
    Lines(WriteLine),
}

impl ProgressDisplay {
    /// A display on standard error, which must be a terminal.
    #[must_use]
    pub fn on_terminal() -> Self {
        let target = ProgressDrawTarget::stderr();
        Self::Terminal(MultiProgress::with_draw_target(target))
    }

    /// A transfer begins; `name` distinguishes parallel transfers and is empty if there is only one.
    #[must_use]
    pub fn transfer(&self, name: &str) -> Progress {
        let counters = Counter(Arc::new(Mutex::new(Counters::new(name, Instant::now()))));
        let shown = match self {
            Self::Hidden => Shown::Nowhere,
            Self::Lines(write_line) => Shown::Lines(Arc::clone(write_line)),
            Self::Terminal(all) => {
                let status = counters.clone();
                let style = ProgressStyle::with_template(TEMPLATE).map(|style| {
                    let tell = move |_: &ProgressState, out: &mut dyn std::fmt::Write| {
                        let line = status.lock().line_within(Instant::now(), room());
                        let _ = out.write_str(&line);
                    };
                    style.with_key("status", tell)
                });
                let bar = all.add(ProgressBar::new_spinner());
                if let Ok(style) = style {
                    bar.set_style(style);
                }
                bar.enable_steady_tick(TICK);
                Shown::Bar(bar, all.clone())
            }
        };
        Progress { counters, shown }
    }

    /// Hides the progress lines while `write` writes to the terminal.
    pub fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        match self {
            Self::Terminal(all) => all.suspend(write),
            Self::Hidden | Self::Lines(_) => write(),
        }
    }
}

/// The progress of one transfer; its line disappears on drop.
pub struct Progress {
    counters: Counter,
    shown: Shown,
}

enum Shown {
    Nowhere,
    Bar(ProgressBar, MultiProgress),
    Lines(WriteLine),
}

impl Progress {
    /// Progress that is never shown.
    #[must_use]
    pub fn hidden() -> Self {
        ProgressDisplay::Hidden.transfer("")
    }

    /// The server has announced the total; `verified` is present already.
    pub fn planned(&self, total: Total, verified: Verified) {
        let mut counters = self.counters.lock();
        counters.total = Some(total);
        counters.verified(verified, Instant::now());
        // Earlier data may have been discarded.
        counters.samples.clear();
        counters.sample(Instant::now());
    }

    /// A complete block was received and verified.
    pub fn block(&self, verified: Verified) {
        let now = Instant::now();
        let mut counters = self.counters.lock();
        counters.verified(verified, now);
        if let Shown::Lines(write_line) = &self.shown
            && now.saturating_duration_since(counters.said) >= PLAIN_LINE
        {
            counters.said = now;
            let line = counters.line(now);
            drop(counters);
            write_line(&line);
        }
    }

    /// So many directories are known; nothing is transferred yet, or any more.
    pub fn listed(&self, directories: u64) {
        self.counters.lock().listed = Some(directories);
    }

    /// The counter for received bytes.
    #[must_use]
    pub fn counter(&self) -> Counter {
        self.counters.clone()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Shown::Bar(bar, all) = &self.shown {
            bar.finish_and_clear();
            all.remove(bar);
        }
    }
}

/// Counts the bytes of a transfer.
#[derive(Clone)]
pub struct Counter(Arc<Mutex<Counters>>);

impl Counter {
    /// Counts received bytes.
    pub fn bytes(&self, count: u64) {
        let mut counters = self.lock();
        // Before the plan only greetings are received.
        if counters.total.is_some() {
            counters.received += count;
            counters.sample(Instant::now());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How much there is to transfer.
#[derive(Debug, Clone, Copy)]
pub enum Total {
    /// A file of this many bytes.
    Bytes(u64),
    /// An archive, whose size in bytes nobody knows in advance.
    Blocks {
        /// Blocks in the archive.
        blocks: u64,
        /// Files in the archive.
        files: u64,
    },
}

/// How much has been received and verified.
#[derive(Debug, Clone, Copy, Default)]
pub struct Verified {
    /// Whole blocks.
    pub blocks: u64,
    /// Bytes of these blocks.
    pub bytes: u64,
}

/// The numbers behind a progress line.
#[derive(Debug)]
struct Counters {
    name: String,
    /// Directories that are known, while they are listed.
    listed: Option<u64>,
    total: Option<Total>,
    /// Bytes received, including incomplete blocks.
    received: u64,
    blocks: u64,
    /// Bytes and blocks received at past moments, oldest first.
    samples: VecDeque<(Instant, u64, u64)>,
    /// When the last plain line was printed.
    said: Instant,
}

impl Counters {
    fn new(name: &str, now: Instant) -> Self {
        Self {
            name: name.to_owned(),
            listed: None,
            total: None,
            received: 0,
            blocks: 0,
            samples: VecDeque::with_capacity(SAMPLES),
            said: now,
        }
    }

    fn verified(&mut self, verified: Verified, now: Instant) {
        // Headers and incomplete blocks do not count.
        self.received = verified.bytes;
        self.blocks = verified.blocks;
        self.sample(now);
    }

    fn sample(&mut self, now: Instant) {
        let is_due = self
            .samples
            .back()
            .is_none_or(|(last, ..)| now.saturating_duration_since(*last) >= SAMPLE);
        if is_due {
            if self.samples.len() == SAMPLES {
                self.samples.pop_front();
            }
            self.samples.push_back((now, self.received, self.blocks));
        }
    }

    fn line(&self, now: Instant) -> String {
        self.line_within(now, usize::MAX)
    }

    /// A line of at most `room` columns: a line that wraps cannot be redrawn. Without room for everything it leaves out
    /// the rate, then the sizes, then the time left, and shortens the name.
    fn line_within(&self, now: Instant, room: usize) -> String {
        let forms = self.forms(now);
        let name = match &self.name[..] {
            "" => String::new(),
            name => format!("{name}: "),
        };
        let fitting = forms
            .iter()
            .find(|form| name.width() + form.width() <= room);
        if let Some(form) = fitting {
            return name + form;
        }
        let shortest = forms.last().map_or("", String::as_str);
        let room_for_name = room.saturating_sub(shortest.width());
        shortened(&name, room_for_name) + &shortened(shortest, room)
    }

    /// What can be said behind the name, from the longest form to the shortest.
    fn forms(&self, now: Instant) -> Vec<String> {
        if let Some(count) = self.listed {
            return vec![
                format!("listing: {}", text::directories(count)),
                "listing".to_owned(),
            ];
        }
        let Some(total) = self.total else {
            return vec!["waiting for the server".to_owned(), "waiting".to_owned()];
        };
        // The first sample is from the start of the data.
        let (begin, bytes, blocks) = self.samples.front().copied().unwrap_or((now, 0, 0));
        let elapsed = now.saturating_duration_since(begin);
        let rate = rate(self.received.saturating_sub(bytes), elapsed);
        let received = size(self.received);
        let (amount, share, left) = match total {
            Total::Bytes(all) => (
                format!("{received} of {}, ", size(all)),
                format!("{}%", percent(self.received, all)),
                remaining(
                    all.saturating_sub(self.received),
                    self.received.saturating_sub(bytes),
                    elapsed,
                ),
            ),
            Total::Blocks { blocks: all, .. } => (
                format!("{received}, "),
                format!("{}%", percent(self.blocks, all)),
                remaining(
                    all.saturating_sub(self.blocks),
                    self.blocks.saturating_sub(blocks),
                    elapsed,
                ),
            ),
        };
        let files = self.files();
        let rate = format!(", {}/s", size(rate));
        let left = left.map_or_else(String::new, |left| format!(", {} left", clock(left)));
        vec![
            format!("{amount}{share}{files}{rate}{left}"),
            format!("{amount}{share}{left}"),
            format!("{share}{left}"),
            share,
        ]
    }

    /// Of how many files, for an archive.
    fn files(&self) -> String {
        let Some(Total::Blocks { blocks: all, files }) = self.total else {
            return String::new();
        };
        let mut text = format!(" of {}", text::files(files));
        // An estimate: only the server knows which files end in which block.
        if files > 1 && self.blocks < all {
            let so_far = u128::from(files) * u128::from(self.blocks) / u128::from(all.max(1));
            let _ = write!(text, " (about {so_far})");
        }
        text
    }
}

/// Columns of the terminal on standard error for the status behind the spinner.
fn room() -> usize {
    match tcgetwinsize(io::stderr()) {
        // The spinner, a blank, and the last column, in which some terminals wrap already.
        Ok(size) if size.ws_col > 0 => usize::from(size.ws_col).saturating_sub(3),
        _ => usize::MAX,
    }
}

/// The end of a text, as much of it as fits into `room` columns.
fn shortened(text: &str, room: usize) -> String {
    if text.width() <= room {
        return text.to_owned();
    }
    let mut kept = text;
    while kept.width() >= room {
        let mut letters = kept.chars();
        if letters.next().is_none() {
            return String::new();
        }
        kept = letters.as_str();
    }
    format!("…{kept}")
}

/// Bytes per second; at least one millisecond is assumed.
fn rate(bytes: u64, elapsed: Duration) -> u64 {
    let milliseconds = elapsed.as_millis().max(1);
    u64::try_from(u128::from(bytes) * 1000 / milliseconds).unwrap_or(u64::MAX)
}

fn percent(part: u64, all: u64) -> u128 {
    match all {
        0 => 100,
        all => (u128::from(part) * 100 / u128::from(all)).min(100),
    }
}

/// The remaining time if `done` took `elapsed`; `None` before anything is done.
fn remaining(rest: u64, done: u64, elapsed: Duration) -> Option<Duration> {
    let milliseconds = (elapsed.as_millis() * u128::from(rest)).checked_div(u128::from(done))?;
    Some(Duration::from_millis(
        u64::try_from(milliseconds).unwrap_or(u64::MAX),
    ))
}

/// `0:07`, `1:02:03`.
fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARCHIVE: Total = Total::Blocks {
        blocks: 4,
        files: 12,
    };

    fn line(progress: &Progress) -> String {
        progress.counters.lock().line(Instant::now())
    }

    #[test]
    fn a_rate_never_divides_by_nothing() {
        assert_eq!(rate(1000, Duration::from_millis(500)), 2000);
        assert_eq!(rate(5, Duration::ZERO), 5000);
        assert_eq!(rate(u64::MAX, Duration::ZERO), u64::MAX);
        assert_eq!(remaining(5, 0, Duration::from_secs(1)), None);
        assert_eq!(percent(0, 0), 100);
    }

    #[test]
    fn the_template_is_right() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }

    #[test]
    fn times_are_short() {
        for (seconds, text) in [(7, "0:07"), (754, "12:34"), (3723, "1:02:03")] {
            assert_eq!(clock(Duration::from_secs(seconds)), text);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_resumed_file_starts_at_its_old_offset_and_its_rate_does_not() {
        let progress = ProgressDisplay::Hidden.transfer("a.iso");
        assert_eq!(line(&progress), "a.iso: waiting for the server");
        let kept = Verified {
            blocks: 30,
            bytes: 30 << 20,
        };
        progress.planned(Total::Bytes(50 << 20), kept);
        assert_eq!(line(&progress), "a.iso: 30.0 MiB of 50.0 MiB, 60%, 0 B/s");
        tokio::time::advance(Duration::from_secs(2)).await;
        progress.counter().bytes(4 << 20);
        assert_eq!(
            line(&progress),
            "a.iso: 34.0 MiB of 50.0 MiB, 68%, 2.0 MiB/s, 0:08 left"
        );
    }

    #[test]
    fn directories_are_counted_while_they_are_listed() {
        let progress = ProgressDisplay::Hidden.transfer("");
        progress.listed(1);
        assert_eq!(line(&progress), "listing: 1 directory");
        progress.listed(1_234);
        assert_eq!(line(&progress), "listing: 1,234 directories");
    }

    #[tokio::test(start_paused = true)]
    async fn an_archive_of_unknown_size_tells_its_blocks_and_about_how_many_files() {
        let progress = ProgressDisplay::Hidden.transfer("");
        progress.planned(ARCHIVE, Verified::default());
        tokio::time::advance(Duration::from_secs(1)).await;
        progress.counter().bytes(600);
        progress.block(Verified {
            blocks: 1,
            bytes: 512,
        });
        assert_eq!(
            line(&progress),
            "512 B, 25% of 12 files (about 3), 512 B/s, 0:03 left"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_terminal_there_is_a_plain_line_a_few_seconds_apart() {
        let said: Arc<Mutex<Vec<String>>> = Arc::default();
        let lines = Arc::clone(&said);
        let progress_display = ProgressDisplay::Lines(Arc::new(move |line: &str| {
            lines.lock().unwrap().push(line.to_owned());
        }));
        let progress = progress_display.transfer("");
        progress.planned(Total::Bytes(100), Verified::default());
        for bytes in 1..=12 {
            tokio::time::advance(Duration::from_secs(1)).await;
            progress.block(Verified { blocks: 0, bytes });
        }
        let said = said.lock().unwrap();
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].starts_with("5 B of 100 B, 5%, 1 B/s"), "{said:?}");
    }
}
