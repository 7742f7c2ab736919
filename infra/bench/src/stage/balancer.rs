//! The balancer under many sessions: how it is started, told and asked.

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
pub(crate) struct Balancer {
    pub(crate) listen: SocketAddr,
    admin: SocketAddr,
    config: PathBuf,
    pid_file: PathBuf,
    process: Process,
}

impl Balancer {
    /// Starts it with `more` behind the settings of every run: its backends, above all.
    pub(crate) async fn start(host: &Host, more: &str) -> Outcome<Self> {
        let program = need(host.tools.balancer.as_ref(), "netsocket-balancer")?;
        let (listen, admin) = (host.ports.free()?, host.ports.free()?);
        let pid_file = host.dir().join("balancer.pid");
        let settings = settings(listen, admin, &pid_file.display().to_string());
        let config = host.write("balancer.toml", &(settings + more))?;
        let arguments = ["--config".as_ref(), config.as_os_str()];
        let mut process = host
            .launcher
            .start("netsocket-balancer", program, arguments)?;
        listening(admin, &mut process).await?;
        let balancer = Self {
            listen,
            admin,
            config,
            pid_file,
            process,
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
    pub(crate) async fn reload(&self, more: &str) -> Outcome<()> {
        let before = self.sum("netsocket_config_generation").await?;
        let pid_file = self.pid_file.display().to_string();
        let settings = settings(self.listen, self.admin, &pid_file);
        std::fs::write(&self.config, settings + more).explain("the settings")?;
        self.signal(Signal::HUP)?;
        self.until("reloaded", async || {
            Ok(self.sum("netsocket_config_generation").await? > before)
        })
        .await
    }

    /// Puts a successor in its place, and waits until that one answers.
    pub(crate) async fn restart(&mut self) -> Outcome<()> {
        let before = self.pid()?;
        self.signal(Signal::USR2)?;
        self.until("restarted", async || {
            Ok(self.pid()? != before && self.sum("netsocket_uptime_seconds").await.is_ok())
        })
        .await
    }

    /// Lets a backend get no new sessions, and then again.
    pub(crate) async fn drain(&self) -> Outcome<()> {
        for verb in ["drain", "ready"] {
            let answer = self
                .ask("POST", &format!("/api/v1/backends/b0/{verb}"))
                .await?;
            expect_success(verb, &answer)?;
        }
        Ok(())
    }

    /// Reads a page.
    pub(crate) async fn get(&self, path: &str) -> Outcome<()> {
        let answer = self.ask("GET", path).await?;
        expect_success(path, &answer)
    }

    /// The process that was started.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn memory(&self) -> Outcome<u64> {
        memory::of_tree(self.process.id())
    }

    pub(crate) fn cpu(&self) -> Outcome<f64> {
        cpu::of_tree(self.process.id())
    }

    /// That the process that was started runs. After a restart it has its sessions only.
    pub(crate) fn check_alive(&mut self) -> Outcome {
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

    /// A metric, over all its labels.
    pub(crate) async fn sum(&self, name: &str) -> Outcome<f64> {
        let answer = self.ask("GET", "/metrics").await?;
        sum_of(&answer, name).ok_or_else(|| Failure::new(format!("no metric {name}")))
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

/// What the lines of a metric add up to; `None` if there are none.
fn sum_of(metrics: &str, name: &str) -> Option<f64> {
    let values = metrics.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let is_whole_name = rest.starts_with(' ') || rest.starts_with('{');
        let value = is_whole_name.then(|| rest.rsplit(' ').next())??;
        value.parse::<f64>().ok()
    });
    values.reduce(|sum, value| sum + value)
}

/// As shipped, but for addresses and timers.
fn settings(listen: SocketAddr, admin: SocketAddr, pid_file: &str) -> String {
    format!(
        "listen = \"{listen}\"\nadmin = \"{admin}\"\npid_file = \"{pid_file}\"\nlog = \"warn\"\n\
         access_log_target = \"off\"\nidle_timeout = \"1d\"\ndrain_timeout = \"1h\"\n"
    )
}

/// The settings of backends, of which the first has `weight`.
pub(crate) fn backends(addresses: &[SocketAddr], weight: u32) -> String {
    let mut text = String::new();
    for (number, address) in addresses.iter().enumerate() {
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
        let with = |weight| backends(&[at(3), at(4)], weight);
        assert_eq!(with(2).matches("weight = 2").count(), 1);
        assert_eq!(with(2).replacen("weight = 2", "weight = 1", 1), with(1));
    }

    #[test]
    fn a_metric_is_summed_over_its_labels() {
        let text =
            "# HELP open Open.\nopen{service=\"a b\"} 3\nopen{service=\"c\"} 4\nopen_limit 9\n";
        assert_eq!(sum_of(text, "open"), Some(7.0));
        assert_eq!(sum_of(text, "open_limit"), Some(9.0));
        assert_eq!(sum_of(text, "op"), None);
    }
}
