//! The subcommands that every server has: `health` asks a running server for its state, `man` and `completions` print
//! what a package ships. None of them needs a shell, so a container image can hold the program alone.

use std::io::{self, Read as _, Write};
use std::time::Duration;

use clap::{Command, Subcommand};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::address::{AdminStream, AdminTarget};
use crate::completion_script::server_script;

/// Timeout for the connect and for each read and write.
const PATIENCE: Duration = Duration::from_secs(3);
/// A health response is a line or two.
const MOST_BYTES: u64 = 64 << 10;

/// One of these subcommands.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum CommonCommand {
    /// Check the running program: exit code 0, or 1 and the reason
    ///
    /// The address is the program's own setting `admin`. The exit code is 3 if nothing answers there.
    Health {
        /// Check readiness instead: whether it should get new clients
        #[arg(long)]
        ready: bool,
    },
    /// Print the manual page in roff format
    Man,
    /// Print a shell completion script
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CommonCommandError {
    /// The program reports that it is unhealthy.
    #[error("{0}")]
    Unwell(String),
    /// The settings do not say where to connect.
    #[error("{0}")]
    Usage(String),
    /// Nothing answers, or not in time.
    #[error("no answer from {address}: {reason}")]
    Unreachable {
        /// The address tried.
        address: AdminTarget,
        /// The system's error.
        reason: String,
    },
    /// Standard output cannot be written to.
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
}

impl CommonCommandError {
    /// The exit code: 1 unhealthy, 2 usage, 3 cannot connect.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Unwell(_) | Self::Output(_) => 1,
            Self::Usage(_) => 2,
            Self::Unreachable { .. } => 3,
        }
    }
}

impl CommonCommand {
    /// Runs the command. `program` is the whole command line, `admin` returns the address of the running program's admin
    /// HTTP server (none if it has none, an error if its settings are wrong), `out` is standard output.
    ///
    /// # Errors
    /// See [`CommonCommandError`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::net::SocketAddr;
    ///
    /// use clap::{CommandFactory as _, Parser};
    /// use netsocket_settings::CommonCommand;
    ///
    /// /// Part of a program's command line.
    /// #[derive(Parser)]
    /// #[command(name = "example", version = "7")]
    /// struct Arguments {
    ///     #[command(subcommand)]
    ///     command: CommonCommand,
    /// }
    ///
    /// // This program has no admin HTTP server, so `health` has nothing to ask.
    /// let nowhere = || Ok(None::<SocketAddr>);
    /// let arguments = Arguments::parse_from(["example", "man"]);
    /// let mut page = Vec::new();
    /// arguments.command.run(Arguments::command(), nowhere, &mut page)?;
    /// assert!(String::from_utf8(page)?.contains(".TH example 1"));
    ///
    /// let health = Arguments::parse_from(["example", "health"]).command;
    /// let error = health.run(Arguments::command(), nowhere, &mut Vec::new()).unwrap_err();
    /// assert_eq!(error.exit_code(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn run<A: Into<AdminTarget>>(
        &self,
        program: Command,
        admin: impl FnOnce() -> Result<Option<A>, String>,
        out: &mut impl Write,
    ) -> Result<(), CommonCommandError> {
        let admin = || {
            let found = admin()?;
            let as_it_is: fn(AdminStream) -> io::Result<AdminStream> = Ok;
            Ok(found.map(|found| (found, as_it_is)))
        };
        self.run_over(program, admin, out)
    }

    /// The same where a connection has to be made something else before it is used, such as one within TLS: `admin` also
    /// returns what does that.
    ///
    /// # Errors
    /// See [`CommonCommandError`].
    pub fn run_over<A, W, S>(
        &self,
        program: Command,
        admin: impl FnOnce() -> Result<Option<(A, W)>, String>,
        out: &mut impl Write,
    ) -> Result<(), CommonCommandError>
    where
        A: Into<AdminTarget>,
        W: FnOnce(AdminStream) -> io::Result<S>,
        S: io::Read + Write,
    {
        match self {
            Self::Health { ready } => {
                let listens = admin().map_err(CommonCommandError::Usage)?;
                let Some((listens, wrap)) = listens else {
                    let said = "admin is not set, so there is no address to ask";
                    return Err(CommonCommandError::Usage(said.to_owned()));
                };
                let path = if *ready { "/readyz" } else { "/healthz" };
                let said = ask(&listens.into(), wrap, path)?;
                writeln!(out, "{}", said.trim())?;
            }
            Self::Man => page(program, out)?,
            Self::Completions { shell } => {
                out.write_all(&server_script(*shell, program))?;
            }
        }
        Ok(())
    }
}

/// The manual page of the program, its subcommands included: they have no pages of their own.
fn page(mut program: Command, out: &mut impl Write) -> io::Result<()> {
    program.build();
    let man = Man::new(program.clone());
    man.render_title(out)?;
    man.render_name_section(out)?;
    man.render_synopsis_section(out)?;
    man.render_description_section(out)?;
    man.render_options_section(out)?;
    sections(&program, out)?;
    man.render_version_section(out)
}

/// A section for each subcommand that does something: its help, line by line.
fn sections(above: &Command, out: &mut impl Write) -> io::Result<()> {
    for command in above.get_subcommands() {
        // clap's own, which repeats each of these; and what is not for people.
        if command.get_name() == "help" || command.is_hide_set() {
            continue;
        }
        if command.has_subcommands() {
            sections(command, out)?;
            continue;
        }
        let mut command = command.clone();
        let name = command.get_bin_name().unwrap_or_default().to_uppercase();
        writeln!(out, ".SH \"{}\"\n.nf", literal(&name))?;
        for line in command.render_long_help().to_string().lines() {
            writeln!(out, "{}", literal(line))?;
        }
        writeln!(out, ".fi")?;
    }
    Ok(())
}

/// A line that troff prints as it is.
fn literal(line: &str) -> String {
    let line = line.replace('\\', "\\e").replace('-', "\\-");
    match line.starts_with(['.', '\'']) {
        true => format!("\\&{line}"),
        false => line,
    }
}

/// The body of a successful response to `GET path`.
fn ask<S: io::Read + Write>(
    address: &AdminTarget,
    wrap: impl FnOnce(AdminStream) -> io::Result<S>,
    path: &str,
) -> Result<String, CommonCommandError> {
    let unreachable = |error: io::Error| CommonCommandError::Unreachable {
        address: address.clone(),
        reason: match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "timed out".to_owned(),
            _ => error.to_string(),
        },
    };
    let answer = exchange(address, wrap, path).map_err(unreachable)?;
    if speaks_tls(&answer) {
        let said = "speaks TLS: give `--config FILE` with its settings";
        return Err(unreachable(io::Error::other(said)));
    }
    let (status, body) = understood(&answer)
        // Every admin HTTP has this path.
        .filter(|(status, _)| ![404, 405].contains(status))
        .ok_or_else(|| unreachable(io::Error::other("not an admin HTTP server")))?;
    if (200..300).contains(&status) {
        return Ok(body.to_owned());
    }
    Err(CommonCommandError::Unwell(match body.trim() {
        "" => format!("{path}: status {status}"),
        body => body.to_owned(),
    }))
}

/// Whether this is what a server within TLS says to a client without: an alert, or in plain HTTP.
fn speaks_tls(answer: &str) -> bool {
    answer.starts_with('\x15') || answer.ends_with("this address speaks TLS: use https://\n")
}

fn exchange<S: io::Read + Write>(
    address: &AdminTarget,
    wrap: impl FnOnce(AdminStream) -> io::Result<S>,
    path: &str,
) -> io::Result<String> {
    let stream = address.connect(PATIENCE)?;
    stream.set_timeouts(PATIENCE)?;
    let mut stream = wrap(stream)?;
    // HTTP/1.0: the answer ends with its connection, and comes without chunks.
    let host = address.host();
    // In one write: after the first of several, who speaks TLS only may have closed, and its answer would be lost.
    let request = format!("GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(MOST_BYTES).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Status and body of an HTTP answer.
fn understood(answer: &str) -> Option<(u16, &str)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
    Some((status, body))
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpListener};
    use std::os::unix::net::UnixListener;
    use std::thread;

    use clap::Parser;

    use super::*;

    const NOBODY: Option<SocketAddr> = None;

    #[derive(Parser)]
    #[command(name = "netsocket-example", version = "7")]
    struct Example {
        /// A setting
        #[arg(long)]
        setting: Option<String>,
        #[command(subcommand)]
        command: Option<CommonCommand>,
    }

    fn run(
        words: &[&str],
        admin: Option<impl Into<AdminTarget>>,
    ) -> Result<String, CommonCommandError> {
        let parsed = Example::try_parse_from([&["x"], words].concat()).unwrap();
        assert_eq!(parsed.setting, None);
        let mut out = Vec::new();
        let program = <Example as clap::CommandFactory>::command();
        let command = parsed.command.unwrap();
        command.run(program, || Ok(admin), &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    /// Answers one request, and gives back what was asked.
    fn answer(mut stream: impl io::Read + Write, text: &str) -> String {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            request.extend(byte);
        }
        stream.write_all(text.as_bytes()).unwrap();
        String::from_utf8(request).unwrap()
    }

    /// The same behind an address.
    fn server(text: &'static str) -> (SocketAddr, thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = thread::spawn(move || answer(listener.accept().unwrap().0, text));
        (address, asked)
    }

    #[test]
    fn a_good_answer_is_printed_a_bad_one_is_the_reason() {
        let (address, asked) = server("HTTP/1.0 200 OK\r\nx: y\r\n\r\nok\n");
        assert_eq!(run(&["health"], Some(address)).unwrap(), "ok\n");
        assert!(
            asked
                .join()
                .unwrap()
                .starts_with("GET /healthz HTTP/1.0\r\n")
        );

        let (address, asked) = server("HTTP/1.1 503 Service Unavailable\r\n\r\nstopping\n");
        let error = run(&["health", "--ready"], Some(address)).unwrap_err();
        assert!(
            asked
                .join()
                .unwrap()
                .starts_with("GET /readyz HTTP/1.0\r\n")
        );
        assert_eq!(
            (error.exit_code(), error.to_string().as_str()),
            (1, "stopping")
        );

        let (address, asked) = server("HTTP/1.1 500 Oh\r\n\r\n");
        let error = run(&["health"], Some(address)).unwrap_err();
        asked.join().unwrap();
        assert_eq!(error.to_string(), "/healthz: status 500");
    }

    #[test]
    fn nobody_and_somebody_else_are_told_apart() {
        let mut address = None;
        for stranger in [
            "SSH-2.0-x\r\n\r\n",
            "HTTP/1.1 404 Not Found\r\n\r\n{\"status\":404}\n",
        ] {
            let (stranger, asked) = server(stranger);
            let error = run(&["health"], Some(stranger)).unwrap_err();
            asked.join().unwrap();
            assert_eq!(error.exit_code(), 3);
            assert!(
                error.to_string().ends_with("not an admin HTTP server"),
                "{error}"
            );
            address = Some(stranger);
        }
        // Its port is closed now.
        let error = run(&["health"], address).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        assert!(error.to_string().contains("refused"), "{error}");
        let error = run(&["health"], NOBODY).unwrap_err();
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn a_name_is_resolved() {
        let (address, asked) = server("HTTP/1.0 200 OK\r\n\r\nok\n");
        let named: AdminTarget = format!("localhost:{}", address.port()).parse().unwrap();
        assert_eq!(run(&["health"], Some(named.clone())).unwrap(), "ok\n");
        let host = format!("\r\nHost: {named}\r\n");
        assert!(asked.join().unwrap().contains(&host));
    }

    #[test]
    fn a_unix_socket_is_asked_as_well() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let address: AdminTarget = format!("unix:{}", path.display()).parse().unwrap();
        let error = run(&["health"], Some(address.clone())).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        let expected = format!("no answer from {address}: ");
        assert!(error.to_string().starts_with(&expected), "{error}");

        let listener = UnixListener::bind(&path).unwrap();
        let asked = thread::spawn(move || {
            answer(listener.accept().unwrap().0, "HTTP/1.1 200 OK\r\n\r\nok\n")
        });
        assert_eq!(run(&["health"], Some(address)).unwrap(), "ok\n");
        let expected = "GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n";
        assert_eq!(asked.join().unwrap(), expected);
    }

    #[test]
    fn lines_of_a_page_are_no_requests() {
        assert_eq!(literal(".nf"), "\\&.nf");
        assert_eq!(literal("'x' --y"), "\\&'x' \\-\\-y");
        assert_eq!(literal("a\\b"), "a\\eb");
    }

    #[test]
    fn pages_name_every_flag() {
        let man = run(&["man"], NOBODY).unwrap();
        assert!(man.contains(".TH netsocket-example 1"), "{man}");
        assert!(man.contains("\\-\\-setting"), "{man}");
        // Subcommands stand in it, but those that clap makes.
        assert!(man.contains(".SH \"NETSOCKET\\-EXAMPLE HEALTH\""), "{man}");
        assert!(
            man.contains("\\-\\-ready") && !man.contains("EXAMPLE HELP"),
            "{man}"
        );
        for shell in ["bash", "zsh", "fish"] {
            let text = run(&["completions", shell], NOBODY).unwrap();
            assert!(
                text.contains("setting") && text.contains("netsocket-example"),
                "{shell}"
            );
        }
    }
}
