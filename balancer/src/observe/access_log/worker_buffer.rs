//! The buffer between one worker and the writer.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;

use super::json::JsonForm;
use super::line::Line;
use super::options::{Format, Options};
use super::selection::Sampler;
use super::text::TextForm;

/// The buffers of all workers, shared with the writer.
#[derive(Debug)]
pub(super) struct WorkerBuffers {
    buffers: Box<[Mutex<Vec<u8>>]>,
    /// Bytes above which a buffer drops.
    capacity: usize,
    /// Whether the writer knows that there are lines.
    pub(super) awake: AtomicBool,
    /// Whether a buffer fills up.
    pub(super) urgent: AtomicBool,
    pub(super) writer: OnceLock<Thread>,
    pub(super) dropped: AtomicU64,
}

impl WorkerBuffers {
    pub(super) fn new(count: usize, capacity: usize) -> Self {
        Self {
            buffers: (0..count).map(|_| Mutex::default()).collect(),
            capacity,
            awake: AtomicBool::new(false),
            urgent: AtomicBool::new(false),
            writer: OnceLock::new(),
            dropped: AtomicU64::new(0),
        }
    }

    /// Exchanges each buffer's lines for an empty buffer and hands them to `write`.
    pub(super) fn take_each(&self, spare: &mut Vec<u8>, mut write: impl FnMut(&[u8])) {
        for buffer in &self.buffers {
            spare.clear();
            std::mem::swap(spare, &mut lock(buffer));
            if !spare.is_empty() {
                write(spare);
            }
        }
    }

    pub(super) fn wake(&self) {
        if let Some(writer) = self.writer.get() {
            writer.unpark();
        }
    }
}

/// A line that is half written is never seen: the lock is held by code that does not panic, and if it did the bytes
/// would still be bytes.
fn lock(buffer: &Mutex<Vec<u8>>) -> MutexGuard<'_, Vec<u8>> {
    buffer.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
enum Form {
    Text(TextForm),
    Json(JsonForm),
}

/// The buffer of one worker. Costs no system call except for the first line after a pause.
#[derive(Debug)]
pub(crate) struct WorkerBuffer {
    buffers: Arc<WorkerBuffers>,
    index: usize,
    sampler: Sampler,
    form: Form,
}

impl WorkerBuffer {
    pub(super) fn new(buffers: Arc<WorkerBuffers>, index: usize, options: &Options) -> Self {
        Self {
            buffers,
            index,
            sampler: Sampler::new(options.selection),
            form: match options.format {
                Format::Text => Form::Text(TextForm::new(options.zone)),
                Format::Json => Form::Json(JsonForm::new()),
            },
        }
    }

    /// Adds the line if it is selected. Never waits for the writer: if that cannot keep up, the line is dropped and
    /// counted.
    pub(crate) fn record(&mut self, line: &Line<'_>) {
        if !self.sampler.wants(line) {
            return;
        }
        let buffers = &*self.buffers;
        // A number without a buffer has nobody to write for it.
        let Some(buffer) = buffers.buffers.get(self.index) else {
            return;
        };
        let mut lines = lock(buffer);
        let before = lines.len();
        if before >= buffers.capacity {
            drop(lines);
            buffers.dropped.fetch_add(1, Relaxed);
            return;
        }
        match &mut self.form {
            Form::Text(form) => form.write(&mut lines, line),
            Form::Json(form) => form.write(&mut lines, line),
        }
        let half = buffers.capacity / 2;
        let filling = before < half && lines.len() >= half;
        drop(lines);
        // The writer says that it sleeps before it looks into the buffers: one that it has emptied before this line came
        // is seen to sleep here.
        if filling {
            buffers.urgent.store(true, Relaxed);
        }
        let asleep = !buffers.awake.load(Relaxed) && !buffers.awake.swap(true, Relaxed);
        if asleep || filling {
            buffers.wake();
        }
    }
}
