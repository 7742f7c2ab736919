//! Commands of systemd, Kubernetes and package tools: the units, objects and packages that they name exist, and can do what is asked.

use std::path::Path;

use e2e::kubernetes::{self, Objects};
use e2e::scratch::Scratch;
use e2e::{files, kubernetes::OVERLAYS, tool};
use serde_json::Value;

use super::{Typed, Verdict};

pub(super) const UNITS: &[&str] = &[
    "systemctl",
    "journalctl",
    "systemd-sysusers",
    "systemd-tmpfiles",
    "systemd-analyze",
];
pub(super) const CLUSTERS: &[&str] = &["kubectl", "minikube", "kind"];
pub(super) const PACKAGES: &[&str] = &["apt", "tar", "sudoedit"];

/// Verbs of systemctl, and the line that a unit needs for each.
const VERBS: [(&str, &[&str]); 9] = [
    ("daemon-reload", &[]),
    ("edit", &[]),
    ("enable", &["[Install]"]),
    ("kill", &[]),
    ("reload", &["ExecReload=", "Type=notify-reload"]),
    ("restart", &[]),
    ("start", &[]),
    ("status", &[]),
    ("stop", &[]),
];

/// Units of other packages: of Debian's bird2.
const OTHERS: [&str; 1] = ["bird.service"];

/// Options of these programs that have a value.
const VALUED: [&str; 2] = ["-s", "--unit"];

pub(super) fn unit(typed: &Typed) -> Verdict {
    let program = typed.call.program();
    let help = help(program);
    let mut units = Vec::new();
    let mut verb = None;
    let mut words = typed.call.arguments().iter();
    while let Some(word) = words.next() {
        if word.starts_with("--") {
            let option = word.split('=').next().unwrap_or_default();
            if !help.contains(option) {
                return Err(format!("there is no option {option}"));
            }
        }
        match word.as_str() {
            word if VALUED.contains(&word) => {
                let value = words.next().ok_or("a value")?;
                units.extend((word == "--unit").then_some(value));
            }
            option if option.starts_with('-') => {}
            _ if program == "systemctl" && verb.is_none() => verb = Some(word),
            // Words about a unit, in a description of the program.
            _ if program == "systemd-analyze" => {}
            _ => units.push(word),
        }
    }
    let verb = verb.map_or("status", String::as_str);
    let needs = VERBS.iter().find(|(name, _)| *name == verb);
    let (_, needs) = needs.ok_or(format!("the verb {verb} is not known to this test"))?;
    for name in units {
        let text = text_of(name)?;
        if !needs.is_empty() && !needs.iter().any(|line| text.contains(line)) {
            return Err(format!("{name} has no line {needs:?}"));
        }
    }
    Ok(())
}

/// A unit of ours: `name@instance.service` is in the file of its template, and `.service` may be left out.
fn text_of(name: &str) -> Result<String, String> {
    let (stem, kind) = match name.rsplit_once('.') {
        Some((stem, kind)) => (stem, kind),
        None => (name, "service"),
    };
    let stem = match stem.split_once('@') {
        Some((template, _)) => format!("{template}@"),
        None => stem.to_owned(),
    };
    let file = format!("{stem}.{kind}");
    if OTHERS.contains(&file.as_str()) {
        return Ok("[Install]".to_owned());
    }
    let shipped = files::below(&files::path("infra"));
    let unit = shipped.iter().find(|path| path.ends_with(&file));
    let unit = unit.ok_or(format!("there is no unit {file}"))?;
    std::fs::read_to_string(unit).map_err(|error| error.to_string())
}

/// The help text of a tool.
pub(super) fn help(program: &str) -> String {
    let output = tool::tool(program).arg("--help").output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// `kubectl` is not where the tests run: its words are read as it reads them, and what they name is looked for in what is applied.
pub(super) fn cluster(typed: &Typed) -> Verdict {
    let words: Vec<&str> = typed.call.words.iter().map(String::as_str).collect();
    let local = || {
        Objects::read(&kubernetes::render(&files::path(&format!(
            "{OVERLAYS}/local"
        ))))
    };
    match words.as_slice() {
        ["kubectl", "apply", "--kustomize", folder] => {
            let is_there = files::path("")
                .join(folder)
                .join("kustomization.yaml")
                .is_file();
            is_there
                .then_some(())
                .ok_or(format!("there is no {folder}"))?;
            let _ = Objects::read(&kubernetes::render(&files::path(folder)))
                .named("Service", "balancer");
            Ok(())
        }
        ["kubectl", "--namespace", namespace, rest @ ..] => {
            let objects = local();
            if objects.named("Deployment", "balancer")["metadata"]["namespace"] != *namespace {
                return Err(format!("{namespace} is not its namespace"));
            }
            match rest {
                ["get", "pods", "--watch"] => Ok(()),
                ["port-forward", "deployment/balancer", port] => {
                    let pod = &objects.named("Deployment", "balancer")["spec"]["template"]["spec"];
                    let ports = pod["containers"][0]["ports"]
                        .as_array()
                        .cloned()
                        .unwrap_or_default();
                    let number = port.parse::<u64>().ok();
                    let is_open = |open: &Value| open["containerPort"].as_u64() == number;
                    ports
                        .iter()
                        .any(is_open)
                        .then_some(())
                        .ok_or(format!("{port} is not open"))
                }
                _ => Err("this test does not know such a command".to_owned()),
            }
        }
        ["kubectl", "logs"]
        | ["minikube", "ip"]
        | ["minikube", "image", "load"]
        | ["kind", "load", "docker-image"] => Ok(()),
        _ => Err("this test does not know such a command".to_owned()),
    }
}

/// What is made of a release, with the release in the place where the words say that it is.
pub(super) fn package(typed: &Typed, release: &Path) -> Verdict {
    let words = typed.call.arguments();
    match typed.call.program() {
        "apt" => {
            let [install, packages @ ..] = words else {
                return Err("the test knows only apt install".to_owned());
            };
            let is_there = |package: &String| match package.strip_prefix("./target/dist/") {
                Some(pattern) => pattern.ends_with(".deb") && found(pattern, release).len() == 1,
                None => ci_installs(package),
            };
            (install == "install" && packages.iter().all(is_there) && !packages.is_empty())
                .then_some(())
                .ok_or("a package is neither in the release nor installed by .ci/run".to_owned())
        }
        "sudoedit" => {
            let is_shipped = |path: &String| {
                let name = path.strip_prefix("/etc/netsocket/").unwrap_or_default();
                files::below(&files::path("infra/config"))
                    .iter()
                    .any(|file| file.ends_with(name))
            };
            words
                .iter()
                .all(is_shipped)
                .then_some(())
                .ok_or("a file is not shipped".to_owned())
        }
        _ if words.iter().any(|word| word.contains("netsocket-")) => unpack(words, release),
        // Of a tool that is only named.
        _ => Ok(()),
    }
}

/// Whether CI installs a package of Debian: `need PROGRAM PACKAGE`.
fn ci_installs(package: &str) -> bool {
    let script = files::text(".ci/run");
    let mut needs = script.lines().filter_map(|line| line.strip_prefix("need "));
    needs.any(|need| need.split(' ').nth(1) == Some(package))
}

/// The files below a folder whose names fit a pattern of a shell.
pub(super) fn found(pattern: &str, folder: &Path) -> Vec<String> {
    let mut shell = tool::tool("bash");
    shell
        .current_dir(folder)
        .args(["-c", "compgen -G \"$0\" || true", pattern]);
    let said = String::from_utf8(tool::output(&mut shell)).unwrap();
    said.lines().map(ToOwned::to_owned).collect()
}

/// The tarball as it is documented, into another directory than the root of this machine.
fn unpack(words: &[String], release: &Path) -> Verdict {
    let root = Scratch::new("unpacked");
    let mut tar = tool::tool("tar");
    tar.current_dir(release);
    for word in words {
        match word.as_str() {
            "/" => tar.arg(root.path()),
            pattern if pattern.contains('*') => tar.args(found(pattern, release)),
            word => tar.arg(word),
        };
    }
    let output = tar.output().map_err(|error| error.to_string())?;
    match root.path().join("usr/bin/netsocket").is_file() {
        true if output.status.success() => Ok(()),
        _ => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}
