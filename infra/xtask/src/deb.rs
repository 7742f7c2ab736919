//! A Debian package of a staged tree, by `dpkg-deb`.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::dist::{VERSION, succeed, write};
use crate::layout::{Package, SETTINGS};
use crate::{Failure, Outcome};

const MAINTAINER: &str = "NetSocket <netsocket@example.invalid>";

/// Debian's revision of a version.
const REVISION: u32 = 1;

/// Builds the package of everything below `root` into `out`.
pub(crate) fn build(package: &Package, root: &Path, out: &Path, date: u64) -> Outcome {
    let own = root.join("DEBIAN");
    write(
        &own.join("control"),
        control(package, size(root)?).as_bytes(),
    )?;
    let settings = conffiles(package);
    if !settings.is_empty() {
        write(&own.join("conffiles"), settings.as_bytes())?;
    }
    for (name, text) in scripts(package) {
        let path = own.join(name);
        write(&path, text.as_bytes())?;
        fs::set_permissions(&path, Permissions::from_mode(0o755))
            .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    }
    let name = format!(
        "{}_{VERSION}-{REVISION}_{}.deb",
        package.name,
        architecture()
    );
    let mut command = Command::new("dpkg-deb");
    command
        .env("SOURCE_DATE_EPOCH", date.to_string())
        .args(["--root-owner-group", "-Zxz", "-z3", "--build"])
        .arg(root)
        .arg(out.join(name));
    succeed(command)
}

/// Debian's name of this machine's kind.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn control(package: &Package, kibibytes: u64) -> String {
    let Package {
        name,
        summary,
        description,
        ..
    } = package;
    // The programs are static; servers need systemd to make their users.
    let depends = match package.units {
        [] => "",
        _ => "Depends: systemd | systemd-standalone-sysusers\n",
    };
    format!(
        "Package: {name}\nVersion: {VERSION}-{REVISION}\nArchitecture: {}\nMaintainer: {MAINTAINER}\n\
         Installed-Size: {kibibytes}\n{depends}Section: net\nPriority: optional\n\
         Description: {summary}\n {description}\n",
        architecture()
    )
}

/// Files that are asked about before they are overwritten.
fn conffiles(package: &Package) -> String {
    let targets = package.files.iter().map(|(_, target)| target);
    let settings = targets.filter(|target| target.starts_with(SETTINGS));
    settings.map(|target| format!("/{target}\n")).collect()
}

/// What runs when a server comes, is renewed and goes. `DPKG_ROOT` is set where that happens below another root: then
/// nothing of this machine is touched.
fn scripts(package: &Package) -> Vec<(&'static str, String)> {
    if package.units.is_empty() {
        return Vec::new();
    }
    let Package { name, renew, .. } = package;
    // Instances of a template go with their target, and are disabled with their template.
    let starting = package.units.iter().filter(|unit| !unit.contains('@'));
    let stop = starting.copied().collect::<Vec<_>>().join(" ");
    let units = package.units.join(" ");
    let running = "[ -z \"${DPKG_ROOT:-}\" ] && [ -d /run/systemd/system ]";
    let users = format!("systemd-sysusers --root=\"${{DPKG_ROOT:-/}}\" {name}.conf");
    let has_directories = package
        .files
        .iter()
        .any(|(_, target)| target.contains("tmpfiles.d"));
    let directories = match has_directories {
        true => {
            format!("systemd-tmpfiles --root=\"${{DPKG_ROOT:-/}}\" --create {name}.conf || true\n")
        }
        false => String::new(),
    };
    // Its first start is for people: there are settings to be made.
    let postinst = format!(
        "#!/bin/sh\nset -e\n[ \"$1\" = configure ] || exit 0\n{users}\n{directories}\
         if {running}; then\n    systemctl daemon-reload\n    \
         if [ -n \"$2\" ]; then systemctl {renew} || true; fi\nfi\n"
    );
    let prerm = format!(
        "#!/bin/sh\nset -e\n[ \"$1\" = remove ] || exit 0\n\
         if {running}; then\n    systemctl stop {stop} || true\n    systemctl disable {units} || true\nfi\n"
    );
    let postrm = format!("#!/bin/sh\nset -e\nif {running}; then systemctl daemon-reload; fi\n");
    vec![("postinst", postinst), ("prerm", prerm), ("postrm", postrm)]
}

/// KiB that the tree takes.
fn size(root: &Path) -> Outcome<u64> {
    let failed = |error: std::io::Error| Failure::new(format!("{}: {error}", root.display()));
    let mut bytes = 0;
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            match entry.metadata().map_err(failed)? {
                metadata if metadata.is_dir() => folders.push(entry.path()),
                metadata => bytes += metadata.len(),
            }
        }
    }
    Ok(bytes.div_ceil(1024))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::PACKAGES;

    #[test]
    fn every_setting_is_asked_about() {
        assert_eq!(conffiles(&PACKAGES[0]), "/etc/netsocket/balancer.toml\n");
        assert_eq!(conffiles(&PACKAGES[1]).lines().count(), 4);
        assert_eq!(conffiles(&PACKAGES[3]), "");
    }

    #[test]
    fn a_client_brings_no_scripts() {
        assert!(scripts(&PACKAGES[3]).is_empty());
        let scripts = scripts(&PACKAGES[0]);
        assert!(
            scripts
                .iter()
                .all(|(_, text)| text.starts_with("#!/bin/sh\nset -e\n"))
        );
        assert!(
            scripts[0]
                .1
                .contains("--signal=USR2 netsocket-balancer.service")
        );
    }
}
