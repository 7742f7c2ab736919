//! How commands for this balancer are typed on its machine: with its admin address where that is not the one that `ctl` asks
//! anyway, and with the file of its settings.

use std::path::{Path, PathBuf};

use netsocket_settings::AdminAddress;

use crate::config::DEFAULT_ADMIN;

/// How every command for a running balancer begins.
const CTL: &str = "`netsocket-balancer ctl ";

/// What the commands for one balancer have in common.
#[derive(Debug)]
pub(super) struct Commands {
    /// `--admin ADDR`, if it is needed.
    admin: Option<String>,
    settings_file: Option<PathBuf>,
}

impl Commands {
    /// Those for the balancer that listens at `address`.
    pub(super) fn of(address: &AdminAddress, settings_file: Option<PathBuf>) -> Self {
        let address = address.reachable();
        let differs = address != DEFAULT_ADMIN;
        Self {
            admin: differs.then(|| format!("--admin {}", quoted(&address.to_string()))),
            settings_file,
        }
    }

    /// Those for a balancer at the default address that has no file.
    #[cfg(test)]
    pub(super) const fn plain() -> Self {
        Self {
            admin: None,
            settings_file: None,
        }
    }

    /// A sentence with commands, so that each of them is for this balancer.
    pub(super) fn for_this_balancer(&self, sentence: &str) -> String {
        match &self.admin {
            Some(admin) => sentence.replace(CTL, &format!("{CTL}{admin} ")),
            None => sentence.to_owned(),
        }
    }

    /// The command that checks the file of the settings.
    pub(super) fn check(&self) -> Option<String> {
        let file = self.settings_file.as_deref().map(Path::to_string_lossy)?;
        let file = quoted(&file);
        Some(format!("netsocket-balancer --check-config --config {file}"))
    }
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-:@%+,=".contains(&byte);
    match word.bytes().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_name_a_balancer_that_is_not_where_ctl_looks() {
        for (address, expected) in [
            (
                "127.0.0.1:8404",
                "`netsocket-balancer ctl ready a`, `netsocket-balancer ctl ready b`",
            ),
            (
                "0.0.0.0:8404",
                "`netsocket-balancer ctl ready a`, `netsocket-balancer ctl ready b`",
            ),
            (
                "0.0.0.0:9",
                "`netsocket-balancer ctl --admin 127.0.0.1:9 ready a`, `netsocket-balancer ctl --admin 127.0.0.1:9 ready b`",
            ),
            (
                "[::]:8404",
                "`netsocket-balancer ctl --admin '[::1]:8404' ready a`, `netsocket-balancer ctl --admin '[::1]:8404' ready b`",
            ),
            (
                "unix:/run/a b",
                "`netsocket-balancer ctl --admin 'unix:/run/a b' ready a`, `netsocket-balancer ctl --admin 'unix:/run/a b' ready b`",
            ),
        ] {
            let commands = Commands::of(&address.parse().unwrap(), None);
            let sentence = "`netsocket-balancer ctl ready a`, `netsocket-balancer ctl ready b`";
            assert_eq!(commands.for_this_balancer(sentence), expected);
            assert_eq!(commands.check(), None);
        }
        let commands = Commands::of(&DEFAULT_ADMIN, Some("/etc/it's.toml".into()));
        let expected = r"netsocket-balancer --check-config --config '/etc/it'\''s.toml'";
        assert_eq!(commands.check().unwrap(), expected);
    }
}
