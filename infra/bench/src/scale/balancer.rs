//! The balancer of `bench scale`: how it is started, told and asked.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::failure::{Explain as _, Failure, Outcome};
use crate::host::Host;
use crate::port::listening;
use crate::process::Process;
use crate::tool::need;
use crate::{cpu, memory};

/// How long each thing may take.
const LIMIT: Duration = Duration::from_secs(60);
/// Between two looks.
const POLL: Duration = Duration::from_millis(2);

/// A running balancer, and after a restart its successor.
pub(super) struct Balancer {
    pub(super) listen: SocketAddr,
    admin: SocketAddr,
    backends: Vec<SocketAddr>,
    config: PathBuf,
    pid_file: PathBuf,
    process: Process,
    reloads: u32,
}

impl Balancer {
    pub(super) async fn start(host: &Host, backends: &[SocketAddr]) -> Outcome<Self> {
        let program = need(host.tools.balancer.as_ref(), "netsocket-balancer")?;
        let (listen, admin) = (host.ports.free()?, host.ports.free()?);
        let pid_file = host.dir().join("balancer.pid");
        let settings = settings(listen, admin, backends, &pid_file.display().to_string(), 1);
        let config = host.write("balancer.toml", &settings)?;
        let arguments = ["--config".as_ref(), config.as_os_str()];
        let mut process = host
            .launcher
            .start("netsocket-balancer", program, arguments)?;
        listening(admin, &mut process).await?;
        let balancer = Self {
            listen,
            admin,
            backends: backends.to_vec(),
            config,
            pid_file,
            process,
            reloads: 0,
        };
        balancer
            .until("ready", async || {
                let answer = balancer.ask("GET", "/readyz").await?;
                Ok(answer.starts_with("HTTP/1.1 200"))
            })
            .await?;
        Ok(balancer)
    }

    /// Gives it other settings, and waits until they are in force.
    pub(super) async fn reload(&mut self) -> Outcome<()> {
        let before = self.metric("netsocket_config_generation").await?;
        self.reloads += 1;
        let pid_file = self.pid_file.display().to_string();
        let weight = self.reloads % 2 + 1;
        let settings = settings(self.listen, self.admin, &self.backends, &pid_file, weight);
        std::fs::write(&self.config, settings).explain("the settings")?;
        self.signal(Signal::HUP)?;
        self.until("reloaded", async || {
            Ok(self.metric("netsocket_config_generation").await? > before)
        })
        .await
    }

    /// Puts a successor in its place, and waits until that one answers.
    pub(super) async fn restart(&mut self) -> Outcome<()> {
        let before = self.pid()?;
        self.signal(Signal::USR2)?;
        self.until("restarted", async || {
            Ok(self.pid()? != before && self.metric("netsocket_uptime_seconds").await.is_ok())
        })
        .await
    }

    /// Lets a backend get no new sessions, and then again.
    pub(super) async fn drain(&self) -> Outcome<()> {
        for verb in ["drain", "ready"] {
            let answer = self
                .ask("POST", &format!("/api/v1/backends/b0/{verb}"))
                .await?;
            expect_success(verb, &answer)?;
        }
        Ok(())
    }

    /// Reads a page.
    pub(super) async fn get(&self, path: &str) -> Outcome<()> {
        let answer = self.ask("GET", path).await?;
        expect_success(path, &answer)
    }

    pub(super) fn memory(&self) -> Outcome<u64> {
        memory::of_tree(self.process.id())
    }

    pub(super) fn cpu(&self) -> Outcome<f64> {
        cpu::of_tree(self.process.id())
    }

    /// That the process that was started runs. After a restart it has its sessions only.
    pub(super) fn check_alive(&mut self) -> Outcome {
        self.process.check_alive()
    }

    fn pid(&self) -> Outcome<i32> {
        let text = std::fs::read_to_string(&self.pid_file).explain("the PID file")?;
        text.trim()
            .parse()
            .map_err(|_| Failure::new(format!("no number in the PID file: {text:?}")))
    }

    fn signal(&self, signal: Signal) -> Outcome {
        let pid = Pid::from_raw(self.pid()?).ok_or_else(|| Failure::new("no process"))?;
        kill_process(pid, signal).explain("a signal to the balancer")
    }

    async fn until(&self, what: &str, holds: impl AsyncFn() -> Outcome<bool>) -> Outcome {
        let end = Instant::now() + LIMIT;
        while !holds().await? {
            if Instant::now() > end {
                let limit = LIMIT.as_secs();
                let said = self.process.last_words();
                return Err(Failure::new(format!("not {what} within {limit} s: {said}")));
            }
            sleep(POLL).await;
        }
        Ok(())
    }

    async fn metric(&self, name: &str) -> Outcome<f64> {
        let answer = self.ask("GET", "/metrics").await?;
        let line = answer.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.trim().parse().ok())
            .ok_or_else(|| Failure::new(format!("no metric {name}")))
    }

    async fn ask(&self, verb: &str, path: &str) -> Outcome<String> {
        let exchange = async {
            let mut stream = TcpStream::connect(self.admin).await?;
            let request = format!(
                "{verb} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
                self.admin
            );
            stream.write_all(request.as_bytes()).await?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await?;
            std::io::Result::Ok(String::from_utf8_lossy(&answer).into_owned())
        };
        let answer = tokio::time::timeout(LIMIT, exchange).await;
        answer
            .map_err(|_| Failure::new(format!("no answer to {path}")))?
            .explain(path)
    }
}

fn expect_success(what: &str, answer: &str) -> Outcome {
    if answer.starts_with("HTTP/1.1 2") {
        return Ok(());
    }
    let line = answer.lines().next().unwrap_or_default();
    Err(Failure::new(format!("{what}: {line}")))
}

/// As shipped, but for addresses and timers; the first backend has `weight`.
fn settings(
    listen: SocketAddr,
    admin: SocketAddr,
    backends: &[SocketAddr],
    pid_file: &str,
    weight: u32,
) -> String {
    let mut text = format!(
        "listen = \"{listen}\"\nadmin = \"{admin}\"\npid_file = \"{pid_file}\"\nlog = \"warn\"\n\
         access_log_target = \"off\"\nidle_timeout = \"1h\"\ndrain_timeout = \"1h\"\n"
    );
    for (number, address) in backends.iter().enumerate() {
        let weight = if number == 0 { weight } else { 1 };
        // A `String` takes everything.
        let _ = write!(
            text,
            "[[backends]]\nname = \"b{number}\"\naddress = \"{address}\"\nweight = {weight}\n"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reload_changes_the_weight_of_one_backend() {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let with = |weight| settings(at(1), at(2), &[at(3), at(4)], "/x", weight);
        assert_eq!(with(2).matches("weight = 2").count(), 1);
        assert_eq!(with(2).replacen("weight = 2", "weight = 1", 1), with(1));
    }
}
