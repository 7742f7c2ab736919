//! `cargo xtask demo`: the whole system on this machine, over real files. When it ends, all of it is gone but what was
//! downloaded.

use std::fs;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};
use std::time::Duration;

use crate::failure::{Failure, Outcome};
use crate::process::Server;
use crate::signals::StopSignals;
use crate::{cargo, metrics, sample};

/// Where clients connect: the port that old clients know.
const BALANCER: &str = "127.0.0.1:8081";
/// Where the status page is.
const ADMIN: &str = "127.0.0.1:8404";
/// The file servers, by the names that the original system gave them.
const FILE_SERVERS: [&str; 3] = ["server", "mirror1", "mirror2"];
/// The balancer's checks ask the file servers something: a server that hangs still accepts connections.
const CHECKS: (&str, &str) = ("NETSOCKET_CHECK_KIND", "netsocket");
/// How often a condition is looked at while it is waited for.
const POLL: Duration = Duration::from_millis(20);
/// How often it is looked whether a server has ended.
const WATCH: Duration = Duration::from_millis(100);
/// How long the balancer may take to call every file server up.
const HEALTHY_LIMIT: Duration = Duration::from_secs(15);

/// What a person can ask of the demo.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    directory: Option<PathBuf>,
    no_client: bool,
    kafka: Option<String>,
    /// Where `cargo xtask programs` has put the programs; else they are built.
    programs: Option<PathBuf>,
}

impl Options {
    pub(crate) fn parse(words: &[&str]) -> Outcome<Self> {
        let mut options = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--no-client" => options.no_client = true,
                "--kafka" => {
                    let address = words
                        .next()
                        .ok_or_else(|| Failure::usage("--kafka takes HOST:PORT"))?;
                    options.kafka = Some((*address).to_owned());
                }
                "--programs" => {
                    let programs = words
                        .next()
                        .ok_or_else(|| Failure::usage("--programs takes DIR"))?;
                    options.programs = Some(programs.into());
                }
                flag if flag.starts_with('-') => {
                    return Err(Failure::usage(format!("demo: unknown flag '{flag}'")));
                }
                directory if options.directory.is_none() => {
                    options.directory = Some(directory.into())
                }
                _ => return Err(Failure::usage("demo takes one directory")),
            }
        }
        Ok(options)
    }
}

/// Builds, starts, waits for health, runs the prompt (or waits for Ctrl-C), stops everything.
pub(crate) fn run(options: &Options) -> Outcome<ExitCode> {
    if let Some(directory) = options
        .directory
        .as_ref()
        .filter(|directory| !directory.is_dir())
    {
        return Err(Failure::usage(format!(
            "demo: {} is not a directory",
            directory.display()
        )));
    }
    let programs = match &options.programs {
        Some(programs) => programs.join("bin"),
        None => build()?,
    };

    let stop = StopSignals::take()?;
    let folder = Folder::make()?;
    let root = match &options.directory {
        Some(directory) => directory.clone(),
        None => folder.sample_tree()?,
    };
    let mut system = System::start(options, &programs, &root, &folder, &stop)?;
    let code = if options.no_client {
        println!("ready; Ctrl-C stops everything");
        while stop.wait(WATCH).is_none() {
            for line in system.ends() {
                println!("{line}");
            }
        }
        ExitCode::SUCCESS
    } else {
        prompt(&programs, &folder.downloads()?, &stop, &mut system)?
    };
    system.stop(&stop);
    Ok(code)
}

/// Builds what the demo starts, and says where it is.
fn build() -> Outcome<PathBuf> {
    let packages = [
        "netsocket-balancer",
        "netsocket-fileserver",
        "netsocket-client",
    ];
    let mut build = vec!["build", "--release"];
    build.extend(packages.iter().flat_map(|package| ["--package", package]));
    eprintln!(
        "Building the programs for release, once. From nothing, this takes 5 to 11 minutes on 2 cores; cargo shows how far it is."
    );
    cargo::run(&build, &[])?;
    cargo::binary("release", "")
}

/// The running servers.
struct System {
    servers: Vec<Server>,
    /// What starts each of them again, at the same address.
    starts: Vec<String>,
}

impl System {
    fn start(
        options: &Options,
        programs: &Path,
        root: &Path,
        folder: &Folder,
        stop: &StopSignals,
    ) -> Outcome<Self> {
        let kafka = options
            .kafka
            .as_ref()
            .map_or(vec![], |address| vec!["--kafka", address.as_str()]);
        let root = root
            .to_str()
            .ok_or_else(|| Failure::usage("demo: the directory's name is not UTF-8"))?;
        let program = programs.join("netsocket-fileserver");
        let mut servers = Vec::new();
        for name in FILE_SERVERS {
            let arguments = [
                &["--listen", "127.0.0.1:0", "--root", root, "--name", name][..],
                &kafka[..],
            ]
            .concat();
            servers.push(Server::start(name, &program, &arguments, None, &folder.0)?);
        }
        let mut addresses = Vec::new();
        for server in &mut servers {
            addresses.push(server.wait_for_address(stop)?);
        }

        let named = || FILE_SERVERS.into_iter().zip(&addresses);
        let backends: Vec<String> = named()
            .map(|(name, address)| format!("{name}={address}"))
            .collect();
        let mut starts: Vec<String> = named()
            .map(|(name, address)| {
                let address = address.to_string();
                let own = ["--listen", address.as_str(), "--root", root, "--name", name];
                typed(&program, own.iter().chain(&kafka).copied())
            })
            .collect();
        let mut arguments = vec!["--listen", BALANCER, "--admin", ADMIN];
        arguments.extend(
            backends
                .iter()
                .flat_map(|backend| ["--backend", backend.as_str()]),
        );
        arguments.extend(&kafka);
        let program = programs.join("netsocket-balancer");
        let checks = Some(CHECKS);
        let mut balancer = Server::start("balancer", &program, &arguments, checks, &folder.0)?;
        // Another balancer may have these addresses, and answer there: ours says when it has them.
        balancer.wait_for_address(stop)?;
        servers.push(balancer);
        let (variable, value) = CHECKS;
        starts.push(format!("{variable}={value} {}", typed(&program, arguments)));

        let mut system = Self { servers, starts };
        system.wait_until_healthy(stop)?;
        for ((name, address), server) in named().zip(&system.servers) {
            println!("{name:9} {address} up, PID {}", server.id());
        }
        let balancer = system.servers.last().map_or(0, Server::id);
        println!("balancer  {BALANCER} up, PID {balancer}");
        println!("status    http://{ADMIN}/");
        println!("files     {root}");
        println!("logs      {}", folder.0.display());
        Ok(system)
    }

    fn wait_until_healthy(&mut self, stop: &StopSignals) -> Outcome {
        let admin: SocketAddr = ADMIN
            .parse()
            .map_err(|_| Failure::new(format!("{ADMIN} is no address")))?;
        let mut waited = Duration::ZERO;
        while waited < HEALTHY_LIMIT {
            if metrics::backends_up(admin) == Some(FILE_SERVERS.len()) {
                return Ok(());
            }
            for server in &mut self.servers {
                server.check_alive()?;
            }
            if stop.wait(POLL).is_some() {
                return Err(Failure::new("interrupted"));
            }
            waited += POLL;
        }
        Err(Failure::new(format!(
            "not every file server is up after {HEALTHY_LIMIT:?}; see http://{ADMIN}/"
        )))
    }

    /// What is to be said of servers that have ended since the last time.
    fn ends(&mut self) -> Vec<String> {
        let each = self.servers.iter_mut().zip(&self.starts);
        let told = each.filter_map(|(server, start)| {
            let (name, status) = server.end()?;
            Some(format!(
                "{name} ended ({status}); this starts it again, until Ctrl-C:\n{start}"
            ))
        });
        told.collect()
    }

    /// The balancer first, so that its sessions end before the servers behind it.
    fn stop(&mut self, stop: &StopSignals) {
        for server in self.servers.iter_mut().rev() {
            server.terminate();
            server.wait_for_end(stop);
        }
    }
}

/// A command as it is typed in a shell.
fn typed<'a>(program: &Path, arguments: impl IntoIterator<Item = &'a str>) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:=,@+".contains(c);
    let quoted = |word: &str| match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    };
    let program = quoted(&program.display().to_string());
    let words = arguments.into_iter().map(quoted);
    std::iter::once(program)
        .chain(words)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Runs the client's prompt on this terminal until it ends, or until we are told to stop. It saves to `downloads`.
fn prompt(
    programs: &Path,
    downloads: &Path,
    stop: &StopSignals,
    system: &mut System,
) -> Outcome<ExitCode> {
    let program = programs.join("netsocket");
    let program = program.canonicalize().map_err(Failure::at(&program))?;
    let failed = Failure::at(&program);
    println!("downloads {}", downloads.display());
    let mut client = Command::new(&program)
        .args(["--server", BALANCER])
        .current_dir(downloads)
        .spawn()
        .map_err(&failed)?;
    loop {
        if let Some(status) = client.try_wait().map_err(&failed)? {
            return Ok(cargo::exit_code(status));
        }
        for line in system.ends() {
            // The prompt has the terminal in a mode in which a new line begins where the last one ends.
            print!("\r\n{}\r\n", line.replace('\n', "\r\n"));
            let _ = io::stdout().flush();
        }
        match stop.wait(POLL) {
            // Ctrl-C in the prompt reaches the client from the terminal; what it means is the client's business.
            None | Some(signal_hook::consts::SIGINT) => {}
            Some(_) => return Ok(end_client(client)),
        }
    }
}

fn end_client(mut client: Child) -> ExitCode {
    // Both fail only where the client has ended by itself.
    let _ = client.kill();
    let _ = client.wait();
    ExitCode::FAILURE
}

/// A folder for logs, the sample tree and downloads. What was downloaded stays at the end.
struct Folder(PathBuf);

/// The folder of downloads in it.
const DOWNLOADS: &str = "downloads";

impl Folder {
    fn make() -> Outcome<Self> {
        let path = std::env::temp_dir().join(format!("netsocket-demo-{}", std::process::id()));
        fs::create_dir(&path).map_err(Failure::at(&path))?;
        Ok(Self(path))
    }

    /// Makes the folder in which the client works: what is tried belongs neither to the project nor to the tree.
    fn downloads(&self) -> Outcome<PathBuf> {
        let downloads = self.0.join(DOWNLOADS);
        fs::create_dir(&downloads).map_err(Failure::at(&downloads))?;
        Ok(downloads)
    }

    /// Removes all but the downloads, and the folder if there are none.
    fn remove(&self) -> io::Result<()> {
        let downloads = self.0.join(DOWNLOADS);
        // Fails if there is something in it.
        let _ = fs::remove_dir(&downloads);
        if !downloads.exists() {
            return fs::remove_dir_all(&self.0);
        }
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            if entry.path() == downloads {
                continue;
            }
            match entry.file_type()?.is_dir() {
                true => fs::remove_dir_all(entry.path())?,
                false => fs::remove_file(entry.path())?,
            }
        }
        println!("kept      {}", downloads.display());
        Ok(())
    }

    fn sample_tree(&self) -> Outcome<PathBuf> {
        let tree = self.0.join("files");
        fs::create_dir(&tree)
            .and_then(|()| sample::make(&tree))
            .map_err(Failure::at(&tree))?;
        Ok(tree)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = self.remove() {
            eprintln!("{} could not be removed: {error}", self.0.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_downloaded_stays() {
        let place =
            std::env::temp_dir().join(format!("netsocket-demo-test-{}", std::process::id()));
        for downloaded in [false, true] {
            fs::create_dir(&place).unwrap();
            let folder = Folder(place.clone());
            folder.sample_tree().unwrap();
            fs::write(place.join("server.log"), "").unwrap();
            let downloads = folder.downloads().unwrap();
            if downloaded {
                fs::write(downloads.join("report.pdf"), "").unwrap();
            }
            drop(folder);
            let left: Vec<_> = fs::read_dir(&place).into_iter().flatten().collect();
            assert_eq!(left.len(), usize::from(downloaded), "{left:?}");
        }
        assert!(place.join("downloads/report.pdf").exists());
        fs::remove_dir_all(&place).unwrap();
    }

    #[test]
    fn a_command_can_be_pasted() {
        let words = ["--root", "/a b/it's", "--listen", "127.0.0.1:1"];
        assert_eq!(
            typed(Path::new("/p/x"), words),
            "/p/x --root '/a b/it'\\''s' --listen 127.0.0.1:1"
        );
    }

    #[test]
    fn flags_and_directory_come_in_any_order() {
        let words = ["--kafka", "h:1", "dir", "--programs", "p", "--no-client"];
        let options = Options::parse(&words).unwrap();
        let expected = Options {
            directory: Some("dir".into()),
            no_client: true,
            kafka: Some("h:1".to_owned()),
            programs: Some("p".into()),
        };
        assert_eq!(options, expected);
        for wrong in [
            &["--kafka"][..],
            &["a", "b"],
            &["--port", "1"],
            &["--programs"],
        ] {
            assert_eq!(Options::parse(wrong).unwrap_err().code, 2, "{wrong:?}");
        }
    }
}
