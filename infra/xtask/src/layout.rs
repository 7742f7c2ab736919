//! The programs and what is installed with them, and where: one table for the tarball and for the Debian packages. What else
//! Debian wants to know of a package stands in `Cargo.toml` of its program.

use std::path::PathBuf;

use crate::cargo::workspace;

/// A Debian package, and part of the tarball.
#[derive(Debug)]
pub(crate) struct Package {
    /// Its name, and that of its program.
    pub(crate) name: &'static str,
    /// The directory of the package of the workspace that the program is built from.
    pub(crate) folder: &'static str,
    /// Whether the program has the default features of our packages; the others do without what only the collector needs.
    pub(crate) default_features: bool,
    /// What the files of its settings (`infra/config`) are named after.
    pub(crate) kind: &'static str,
    /// Files of the project (from its root) and where they go.
    pub(crate) files: &'static [(&'static str, &'static str)],
}

impl Package {
    /// Its `Cargo.toml`.
    pub(crate) fn manifest(&self) -> PathBuf {
        workspace().join(self.folder).join("Cargo.toml")
    }
}

/// Where programs go.
pub(crate) const BIN: &str = "usr/bin";
/// The licences and the history, in every package.
pub(crate) const DOCUMENTS: [&str; 4] =
    ["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"];

/// All of it.
pub(crate) const PACKAGES: [Package; 4] = [
    Package {
        name: "netsocket-balancer",
        folder: "balancer",
        default_features: false,
        kind: "balancer",
        files: &[
            ("infra/config/balancer.toml", "etc/netsocket/balancer.toml"),
            (
                "infra/systemd/netsocket-balancer.service",
                "usr/lib/systemd/system/netsocket-balancer.service",
            ),
            (
                "infra/systemd/netsocket-balancer.socket",
                "usr/lib/systemd/system/netsocket-balancer.socket",
            ),
            (
                "infra/systemd/netsocket-balancer.sysusers",
                "usr/lib/sysusers.d/netsocket-balancer.conf",
            ),
        ],
    },
    Package {
        name: "netsocket-fileserver",
        folder: "fileserver",
        default_features: false,
        kind: "fileserver",
        files: &[
            (
                "infra/config/fileserver.toml",
                "etc/netsocket/fileserver.toml",
            ),
            (
                "infra/systemd/fileserver@server.env",
                "etc/netsocket/fileserver@server.env",
            ),
            (
                "infra/systemd/fileserver@mirror1.env",
                "etc/netsocket/fileserver@mirror1.env",
            ),
            (
                "infra/systemd/fileserver@mirror2.env",
                "etc/netsocket/fileserver@mirror2.env",
            ),
            (
                "infra/systemd/netsocket-fileserver@.service",
                "usr/lib/systemd/system/netsocket-fileserver@.service",
            ),
            (
                "infra/systemd/netsocket-fileservers.target",
                "usr/lib/systemd/system/netsocket-fileservers.target",
            ),
            (
                "infra/systemd/netsocket-fileserver.sysusers",
                "usr/lib/sysusers.d/netsocket-fileserver.conf",
            ),
            (
                "infra/systemd/netsocket-fileserver.tmpfiles",
                "usr/lib/tmpfiles.d/netsocket-fileserver.conf",
            ),
        ],
    },
    Package {
        name: "netsocket-collector",
        folder: "telemetry",
        default_features: true,
        kind: "collector",
        files: &[
            (
                "infra/config/collector.toml",
                "etc/netsocket/collector.toml",
            ),
            ("infra/systemd/collector.env", "etc/netsocket/collector.env"),
            (
                "infra/systemd/netsocket-collector.service",
                "usr/lib/systemd/system/netsocket-collector.service",
            ),
            (
                "infra/systemd/netsocket-collector.sysusers",
                "usr/lib/sysusers.d/netsocket-collector.conf",
            ),
            (
                "infra/systemd/netsocket-collector.tmpfiles",
                "usr/lib/tmpfiles.d/netsocket-collector.conf",
            ),
        ],
    },
    Package {
        name: "netsocket",
        folder: "client",
        default_features: false,
        kind: "client",
        files: &[(
            "infra/config/client.toml",
            "usr/share/doc/netsocket/client.toml",
        )],
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_file_is_there_and_every_unit_is_installed() {
        let mut installed = BTreeSet::new();
        for package in &PACKAGES {
            for (source, target) in package.files {
                assert!(workspace().join(source).is_file(), "{source}");
                assert!(installed.insert(*source), "{source} is in two packages");
                assert!(
                    !target.starts_with('/') && !target.ends_with('/'),
                    "{target}"
                );
            }
        }
        for entry in std::fs::read_dir(workspace().join("infra/systemd")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let source = format!("infra/systemd/{name}");
            assert!(
                installed.contains(source.as_str()),
                "{source} is in no package"
            );
        }
    }
}
