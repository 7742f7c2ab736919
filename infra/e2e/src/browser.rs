//! A real browser with one page open. What the page shows of itself in its title can be asked for without speaking the
//! browser's own protocol; everything else is asked in that ([`DevTools`]).

mod devtools;

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;

use serde_json::Value;

pub use self::devtools::DevTools;
use crate::process::{Process, clean_command};
use crate::scratch::Scratch;
use crate::tool::in_path;
use crate::{PATIENCE, eventually};

/// Names under which it is installed.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
/// Where it writes which port the system chose for it, within its profile.
const PORT_FILE: &str = "DevToolsActivePort";

/// The browser's program.
///
/// # Errors
/// Why there is none.
pub fn program() -> Result<PathBuf, String> {
    NAMES
        .iter()
        .find_map(|name| in_path(name))
        .ok_or_else(|| format!("none of {} is installed", NAMES.join(", ")))
}

/// A browser without a window.
#[derive(Debug)]
pub struct Browser {
    process: Process,
    control: SocketAddr,
    url: String,
}

impl Browser {
    /// Opens a page.
    ///
    /// # Panics
    /// Where the browser does not come up.
    #[must_use]
    pub fn open(url: &str) -> Self {
        let dir = Scratch::new("browser");
        let profile = dir.path().to_owned();
        let mut command = clean_command(program().expect("a browser"));
        // Its sandbox wants rights that a test run does not always have, and it sees nothing but our page.
        command
            .env("HOME", &profile)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
            ])
            .arg("--remote-debugging-port=0")
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg(url);
        let mut process = Process::start("browser", command, dir);
        let port = eventually(PATIENCE, "the browser", || {
            assert!(!process.has_ended(), "the browser has ended");
            let said = fs::read_to_string(profile.join(PORT_FILE)).ok()?;
            said.lines().next()?.parse::<u16>().ok()
        });
        Self {
            process,
            control: (Ipv4Addr::LOCALHOST, port).into(),
            url: url.to_owned(),
        }
    }

    /// Waits until the title of the page holds `text`.
    ///
    /// # Panics
    /// Where it does not within [`PATIENCE`].
    pub fn shows(&self, text: &str) {
        eventually(PATIENCE, &format!("{text:?} in the title"), || {
            self.title().filter(|title| title.contains(text))
        });
    }

    /// The title of the page, once there is one.
    #[must_use]
    pub fn title(&self) -> Option<String> {
        Some(self.page()?["title"].as_str()?.to_owned())
    }

    /// A connection to the page.
    ///
    /// # Panics
    /// Where there is no page.
    #[must_use]
    pub fn devtools(&self) -> DevTools {
        let page = eventually(PATIENCE, "the page", || self.page());
        let url = page["webSocketDebuggerUrl"].as_str().expect("an address");
        DevTools::connect(self.control, url)
    }

    fn page(&self) -> Option<Value> {
        let pages: Value = serde_json::from_slice(&self.ask("/json/list").ok()?).ok()?;
        let mut pages = pages.as_array()?.iter();
        let shown = without_password(&self.url);
        let is_ours = |url: &str| without_password(url) == shown;
        pages
            .find(|page| page["url"].as_str().is_some_and(is_ours))
            .cloned()
    }

    /// It answers in HTTP/1.1 only, and tells the length.
    fn ask(&self, path: &str) -> io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect_timeout(&self.control, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.control
        );
        stream.write_all(request.as_bytes())?;
        let mut reader = BufReader::new(stream);
        let (mut line, mut length) = (String::new(), 0);
        while reader.read_line(&mut line)? > 2 {
            let (name, value) = line.split_once(':').unwrap_or_default();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
            line.clear();
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        Ok(body)
    }
}

/// An address as the browser may show it.
fn without_password(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let shown = rest.split_once('@').map_or(rest, |(_, shown)| shown);
    format!("{scheme}://{shown}")
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Asked to end it takes its helpers with it.
        if !std::thread::panicking() {
            self.process.terminate();
        }
    }
}
