//! The terminal of `ctl top`: its size, keys without waiting for a line, a screen of its own, and everything as it was before
//! when the program ends.

use std::io::{self, Read as _, Write};

use rustix::termios::{
    InputModes, LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr,
};

use super::screen::Size;

/// A terminal that does not tell its size has at least this.
const USUAL: Size = Size {
    rows: 24,
    columns: 80,
};
/// A screen of its own, without a cursor.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
const HOME: &str = "\x1b[H";
/// A line is emptied before it is written: after its last column, the end of it would go as well.
const EMPTY_LINE: &str = "\x1b[2K";
/// Empties what is below.
const EMPTY_BELOW: &str = "\x1b[J";

/// The size of the terminal that standard output is.
pub(super) fn size() -> Size {
    match tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => Size {
            rows: size.ws_row.into(),
            columns: size.ws_col.into(),
        },
        _ => USUAL,
    }
}

/// Standard input without echo and lines; put back when dropped.
pub(super) struct Keyboard {
    before: Termios,
}

impl Keyboard {
    /// `None` where standard input is no terminal.
    pub(super) fn open() -> Option<Self> {
        let before = tcgetattr(io::stdin()).ok()?;
        let mut raw = before.clone();
        raw.local_modes -=
            LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG | LocalModes::IEXTEN;
        raw.input_modes -= InputModes::ICRNL | InputModes::IXON;
        tcsetattr(io::stdin(), OptionalActions::Now, &raw).ok()?;
        Some(Self { before })
    }

    /// What was typed; nothing at its end.
    pub(super) fn read() -> Vec<u8> {
        let mut bytes = [0; 256];
        let count = io::stdin().lock().read(&mut bytes).unwrap_or(0);
        bytes.get(..count).unwrap_or_default().to_vec()
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        // There is nobody left who could be told.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

/// A screen of its own on `out`; the one before is back when dropped.
pub(super) struct Screen<'a, W: Write> {
    out: &'a mut W,
}

impl<'a, W: Write> Screen<'a, W> {
    pub(super) fn open(out: &'a mut W) -> io::Result<Self> {
        out.write_all(ENTER.as_bytes())?;
        Ok(Self { out })
    }

    /// Over what was there; nothing behind the last line, so that nothing scrolls.
    pub(super) fn show(&mut self, lines: &[String]) -> io::Result<()> {
        let lines: Vec<_> = lines.iter().map(|it| format!("{EMPTY_LINE}{it}")).collect();
        let text = format!("{HOME}{}{EMPTY_BELOW}", lines.join("\r\n"));
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }
}

impl<W: Write> Drop for Screen<'_, W> {
    fn drop(&mut self) {
        let _ = self.out.write_all(LEAVE.as_bytes());
        let _ = self.out.flush();
    }
}
