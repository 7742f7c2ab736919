//! The commands that the balancer advises, pasted into a shell on its machine.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use netsocket_credentials::authority::Authority;
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use crate::ctl::said;
use crate::peers::Echo;
use crate::process::{Program, program};
use crate::running::soon;

/// A shell that finds the program by its name.
struct Shell {
    bin: TempDir,
}

impl Shell {
    fn new() -> Self {
        let bin = tempfile::tempdir().unwrap();
        let place = bin.path().join("netsocket-balancer");
        symlink(program().get_program(), place).unwrap();
        Self { bin }
    }

    async fn run(&self, line: &str) -> Output {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", line]).env_clear();
        command.env("PATH", self.bin.path());
        let run = spawn_blocking(move || command.output().unwrap());
        soon(run).await.unwrap()
    }

    async fn done(&self, line: &str) -> String {
        let output = self.run(line).await;
        let (code, out, error) = said(&output);
        assert_eq!((code, error), (Some(0), ""), "{line}");
        out.to_owned()
    }
}

/// The commands between backticks in what alerts advise.
fn advised(status: &str) -> Vec<String> {
    let status: Value = serde_json::from_str(status).unwrap();
    let alerts = status["alerts"].as_array().unwrap().iter();
    let lines = alerts.flat_map(|alert| alert["todo"].as_array().unwrap());
    let codes = lines.flat_map(|line| line.as_str().unwrap().split('`').skip(1).step_by(2));
    codes.map(str::to_owned).collect()
}

fn settings(dir: &Path, text: &str) -> String {
    // A blank, as some have it.
    let file = dir.join("the balancer.toml");
    std::fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn advised_commands_reach_the_balancer() {
    let echo = Echo::start("echo").await;
    let shell = Shell::new();
    let dir = tempfile::tempdir().unwrap();
    let issued = Authority::new("test").issue(&["localhost"]);
    let files = issued.write(dir.path(), "admin");
    let plain = format!("backends = ['echo={}']\n", echo.address);
    let tls = format!(
        "{plain}[admin_tls]\ncertificates = {{ certificate = {:?}, key = {:?} }}\n",
        files.certificate, files.key
    );
    let socket = format!("unix:{}", dir.path().join("a$b").display());
    for (admin, text) in [
        ("127.0.0.1:0", plain.as_str()),
        ("127.0.0.1:0", &tls),
        (&socket, &plain),
    ] {
        let file = settings(dir.path(), text);
        let mut command = program();
        command.args(["--admin", admin, "--config", &file]);
        let mut balancer = Program::start_whole(command, echo.address);
        let here = format!(
            "netsocket-balancer ctl --admin '{}' --config '{file}'",
            balancer.admin
        );
        shell.done(&format!("{here} maintenance echo")).await;
        std::fs::write(&file, format!("lissten = 1\n{text}")).unwrap();
        let refused = shell.run(&format!("{here} reload")).await;
        assert_eq!(said(&refused).0, Some(1));
        std::fs::write(&file, text).unwrap();

        let commands = advised(&shell.done(&format!("{here} --json status")).await);
        assert_eq!(commands.len(), 3, "{commands:?}");
        for command in &commands {
            shell.done(command).await;
        }
        let after = advised(&shell.done(&format!("{here} --json status")).await);
        assert_eq!(after, [""; 0]);
        balancer.signal();
        assert_eq!(balancer.exit_code().await, Some(0));
    }
}
