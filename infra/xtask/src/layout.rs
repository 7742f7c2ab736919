//! What is installed where: one table for the tarball and for the Debian packages.

/// A Debian package, and part of the tarball.
#[derive(Debug)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its program.
    pub(crate) program: &'static str,
    /// The package of the workspace that the program is built from.
    pub(crate) crate_name: &'static str,
    /// One line about it.
    pub(crate) summary: &'static str,
    /// More about it.
    pub(crate) description: &'static str,
    /// Files of the project (from its root) and where they go.
    pub(crate) files: &'static [(&'static str, &'static str)],
    /// Units that the package stops when it goes.
    pub(crate) units: &'static [&'static str],
    /// What `systemctl` is told when a newer version has come.
    pub(crate) renew: &'static str,
}

/// Where programs go.
pub(crate) const BIN: &str = "usr/bin";
/// What people may change; Debian asks before it overwrites them.
pub(crate) const SETTINGS: &str = "etc/";
/// The licences and the history, in every package.
pub(crate) const DOCUMENTS: [&str; 4] =
    ["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"];

/// All of it.
pub(crate) const PACKAGES: [Package; 4] = [
    Package {
        name: "netsocket-balancer",
        program: "netsocket-balancer",
        crate_name: "netsocket-balancer",
        summary: "TCP balancer with health checks, drain and a status page",
        description: "Accepts every client, gives it to the next healthy server and passes bytes both ways.",
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
        units: &["netsocket-balancer.socket", "netsocket-balancer.service"],
        // The running one starts the new program, and no connection is lost.
        renew: "kill --kill-whom=main --signal=USR2 netsocket-balancer.service",
    },
    Package {
        name: "netsocket-fileserver",
        program: "netsocket-fileserver",
        crate_name: "netsocket-fileserver",
        summary: "stateless file server over a directory tree",
        description: "Lists, finds and streams files and archives; any number of them over one tree are alike.",
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
        units: &[
            "netsocket-fileservers.target",
            "netsocket-fileserver@.service",
        ],
        renew: "try-restart 'netsocket-fileserver@*.service'",
    },
    Package {
        name: "netsocket-collector",
        program: "netsocket-collector",
        crate_name: "netsocket-telemetry",
        summary: "NetSocket's telemetry from Kafka to InfluxDB 2",
        description: "Reads the records of balancers and file servers from Kafka and stores them in InfluxDB 2.",
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
        units: &["netsocket-collector.service"],
        renew: "try-restart netsocket-collector.service",
    },
    Package {
        name: "netsocket",
        program: "netsocket",
        crate_name: "netsocket-client",
        summary: "client of the NetSocket file service",
        description: "A prompt for people and one-shot commands for scripts.",
        files: &[(
            "infra/config/client.toml",
            "usr/share/doc/netsocket/client.toml",
        )],
        units: &[],
        renew: "",
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::cargo::workspace;

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
