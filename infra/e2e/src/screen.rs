//! The screen of a terminal with a program on it: keys go in, and what a person would see comes out.
//!
//! Understands what full-screen programs of ours send: the home position, emptied lines and screens, colours, the second
//! screen. Notes what must not happen: lines that are too long, and a screen that scrolls.

use std::fs::File;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::process::Process;
use crate::terminal::{follow, pair};
use crate::{PATIENCE, eventually};

/// The terminal.
#[derive(Debug)]
pub struct Screen {
    /// The program on it.
    pub process: Process,
    keyboard: File,
    grid: Arc<Mutex<Grid>>,
}

/// What is seen.
#[derive(Debug)]
struct Grid {
    rows: usize,
    columns: usize,
    lines: Vec<Vec<char>>,
    row: usize,
    column: usize,
    /// Of a sequence that is not whole yet.
    rest: Vec<u8>,
    /// Everything that was sent.
    sent: Vec<u8>,
    overflowed: bool,
}

impl Screen {
    /// Starts a program on a terminal of that size.
    ///
    /// # Panics
    /// Where the system has no terminal to give.
    #[must_use]
    pub fn start(name: &str, command: Command, rows: u16, columns: u16) -> Self {
        let (keyboard, side) = pair();
        tcsetwinsize(&keyboard, winsize(rows, columns)).expect("a size");
        let input = Stdio::from(side.try_clone().expect("its other end"));
        let process = Process::start_on(name, command, input, Stdio::from(side));
        let grid = Arc::new(Mutex::new(Grid::new(rows.into(), columns.into())));
        let sink = Arc::clone(&grid);
        follow(&keyboard, move |bytes| lock(&sink).take(bytes));
        Self {
            process,
            keyboard,
            grid,
        }
    }

    /// Presses keys.
    ///
    /// # Panics
    /// Where the terminal is gone.
    pub fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("a key");
    }

    /// Gives the window another size; the program has to be told by a signal, as a terminal does for its own session.
    ///
    /// # Panics
    /// Where the system refuses.
    pub fn resize(&self, rows: u16, columns: u16) {
        let mut grid = lock(&self.grid);
        let (sent, overflowed) = (std::mem::take(&mut grid.sent), grid.overflowed);
        *grid = Grid {
            sent,
            overflowed,
            ..Grid::new(rows.into(), columns.into())
        };
        drop(grid);
        tcsetwinsize(&self.keyboard, winsize(rows, columns)).expect("a size");
    }

    /// The lines that are seen.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let grid = lock(&self.grid);
        let lines = grid.lines.iter();
        lines
            .map(|line| line.iter().collect::<String>().trim_end().to_owned())
            .collect()
    }

    /// Waits until a line contains that, and gives all of them back.
    ///
    /// # Panics
    /// Where none does within [`PATIENCE`].
    pub fn shows(&self, text: &str) -> Vec<String> {
        let mut last = Vec::new();
        eventually(PATIENCE, &format!("{text:?} on the terminal"), || {
            last = self.lines();
            last.iter().any(|line| line.contains(text)).then_some(())
        });
        last
    }

    /// Whether a line was too long, or the screen had to scroll.
    #[must_use]
    pub fn overflowed(&self) -> bool {
        lock(&self.grid).overflowed
    }

    /// Everything that was sent.
    #[must_use]
    pub fn sent(&self) -> String {
        String::from_utf8_lossy(&lock(&self.grid).sent).into_owned()
    }

    /// Whether keys are echoed and collected to lines, as they are where no program has changed that.
    ///
    /// # Panics
    /// Where the system does not say.
    #[must_use]
    pub fn is_cooked(&self) -> bool {
        let modes = tcgetattr(&self.keyboard).expect("its settings").local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO)
    }
}

fn winsize(rows: u16, columns: u16) -> Winsize {
    Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

fn lock(grid: &Mutex<Grid>) -> MutexGuard<'_, Grid> {
    grid.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Grid {
    fn new(rows: usize, columns: usize) -> Self {
        Self {
            rows,
            columns,
            lines: vec![vec![' '; columns]; rows],
            row: 0,
            column: 0,
            rest: Vec::new(),
            sent: Vec::new(),
            overflowed: false,
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.sent.extend(bytes);
        self.rest.extend(bytes);
        let bytes = std::mem::take(&mut self.rest);
        // A character that is not whole waits for its rest.
        let (text, open) = match std::str::from_utf8(&bytes) {
            Ok(text) => (text, &[][..]),
            Err(error) => {
                let (text, open) = bytes.split_at(error.valid_up_to());
                (std::str::from_utf8(text).expect("valid"), open)
            }
        };
        let mut text = text;
        while let Some(c) = text.chars().next() {
            if c == '\x1b' {
                let end = text.char_indices().skip(2);
                let mut end = end.filter(|(_, c)| ('@'..='~').contains(c));
                let Some((end, last)) = end.next() else {
                    break;
                };
                self.obey(&text[2..end], last);
                text = &text[end + 1..];
                continue;
            }
            text = &text[c.len_utf8()..];
            self.put(c);
        }
        self.rest = [text.as_bytes(), open].concat();
    }

    fn put(&mut self, c: char) {
        match c {
            '\r' => self.column = 0,
            '\n' if self.row + 1 == self.rows => {
                self.overflowed = true;
                self.lines.remove(0);
                self.lines.push(vec![' '; self.columns]);
            }
            '\n' => self.row += 1,
            _ if self.column == self.columns => self.overflowed = true,
            _ => {
                self.lines[self.row][self.column] = c;
                self.column += 1;
            }
        }
    }

    fn obey(&mut self, parameters: &str, last: char) {
        match (parameters, last) {
            ("", 'H') => (self.row, self.column) = (0, 0),
            ("2", 'K') => self.lines[self.row].fill(' '),
            ("", 'J') => {
                let (row, column) = (self.row, self.column);
                self.lines[row][column.min(self.columns)..].fill(' ');
                self.lines[row + 1..].iter_mut().for_each(|it| it.fill(' '));
            }
            (_, 'm') | ("?25" | "?1049", 'h' | 'l') => {}
            other => panic!("a sequence that is not known here: {other:?}"),
        }
    }
}
