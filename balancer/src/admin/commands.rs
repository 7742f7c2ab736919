//! How commands for this balancer are typed on its machine: with all that `ctl` has to know to reach it and to be let in.

use std::path::Path;

use netsocket_settings::AdminAddress;

use crate::config::DEFAULT_ADMIN;

/// How this balancer is reached.
#[derive(Debug)]
pub(super) struct Reach<'a> {
    /// Where it listens.
    pub(super) address: &'a AdminAddress,
    /// Whether within TLS.
    pub(super) tls: bool,
    pub(super) settings_file: Option<&'a Path>,
    /// The file with the token for changes from elsewhere.
    pub(super) token_file: Option<&'a Path>,
}

/// What the commands for one balancer have in common.
#[derive(Debug)]
pub(super) struct Commands {
    /// The flags of `ctl`, each with a blank before it.
    flags: String,
    tls: bool,
    check: Option<String>,
}

impl Commands {
    /// Those for the balancer that is reached so.
    pub(super) fn of(reach: &Reach<'_>) -> Self {
        let word = |path: &Path| quoted(&path.to_string_lossy());
        let address = reach.address.reachable();
        // From there no change needs a token; from one of its other addresses this machine is like any other.
        let is_local = match &address {
            AdminAddress::Tcp(address) => address.ip().is_loopback(),
            AdminAddress::Unix(_) => true,
        };
        let needs_settings = reach.tls || !is_local;
        let settings = reach.settings_file.filter(|_| needs_settings);
        let mut flags = String::new();
        // The settings may say another address by now.
        if address != DEFAULT_ADMIN || settings.is_some() {
            flags.push_str(&format!(" --admin {}", quoted(&address.to_string())));
        }
        match (settings, reach.token_file) {
            // They have the certificate and the token.
            (Some(file), _) => flags.push_str(&format!(" --config {}", word(file))),
            (None, Some(file)) if !is_local => {
                flags.push_str(&format!(" --token-file {}", word(file)));
            }
            _ => {}
        }
        let check = |file| {
            format!(
                "`netsocket-balancer --check-config --config {}`",
                word(file)
            )
        };
        Self {
            flags,
            tls: reach.tls,
            check: reach.settings_file.map(check),
        }
    }

    /// A command in a sentence, as it is typed; each word as it is meant.
    pub(super) fn ctl(&self, words: &[&str]) -> String {
        let words: String = words
            .iter()
            .map(|word| format!(" {}", quoted(word)))
            .collect();
        format!("`netsocket-balancer ctl{}{words}`", self.flags)
    }

    /// The command that makes this balancer read replaced certificates. Within TLS, `ctl` expects the one that is in the
    /// settings, and finds the one before it until then: a signal needs none.
    pub(super) fn reload_certificates(&self) -> String {
        match self.tls {
            true => format!("`kill -HUP {}`", std::process::id()),
            false => self.ctl(&["reload"]),
        }
    }

    /// The command that tries whether a program of ours can be started.
    pub(super) fn version(program: &str) -> String {
        format!("`{} --version`", quoted(program))
    }

    /// The command that checks the file of the settings.
    pub(super) fn check(&self) -> Option<&str> {
        self.check.as_deref()
    }
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-:@%+,=".contains(&byte);
    match !word.is_empty() && word.bytes().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `ctl ready "a b"` is for a balancer at this address.
    fn ready(address: &str, reach: impl FnOnce(&mut Reach<'_>)) -> String {
        let address = address.parse().unwrap();
        let mut it = Reach {
            address: &address,
            tls: false,
            settings_file: None,
            token_file: None,
        };
        reach(&mut it);
        let said = Commands::of(&it).ctl(&["ready", "a b"]);
        let words = said.strip_prefix("`netsocket-balancer ctl");
        let words = words.and_then(|it| it.strip_suffix(" ready 'a b'`"));
        words.unwrap_or(&said).trim_start().to_owned()
    }

    #[test]
    fn commands_name_a_balancer_that_is_not_where_ctl_looks() {
        for (address, expected) in [
            ("127.0.0.1:8404", ""),
            ("0.0.0.0:8404", ""),
            ("0.0.0.0:9", "--admin 127.0.0.1:9"),
            ("[::]:8404", "--admin '[::1]:8404'"),
            ("unix:/run/a b", "--admin 'unix:/run/a b'"),
        ] {
            assert_eq!(ready(address, |_| {}), expected);
            // Neither is needed on this machine.
            let more = ready(address, |it| {
                it.settings_file = Some(Path::new("/b.toml"));
                it.token_file = Some(Path::new("/token"));
            });
            assert_eq!(more, expected);
        }
    }

    #[test]
    fn commands_have_what_it_takes_to_be_let_in() {
        let (file, token) = (Path::new("/etc/b.toml"), Path::new("/etc/token"));
        // The certificate is in the settings.
        let said = ready("127.0.0.1:8404", |it| {
            (it.tls, it.settings_file) = (true, Some(file));
        });
        assert_eq!(said, "--admin 127.0.0.1:8404 --config /etc/b.toml");
        // From an address of the network a token is needed, which the settings name, or else the command.
        let said = ready("10.0.0.5:8404", |it| {
            (it.token_file, it.settings_file) = (Some(token), Some(file));
        });
        assert_eq!(said, "--admin 10.0.0.5:8404 --config /etc/b.toml");
        let said = ready("10.0.0.5:8404", |it| it.token_file = Some(token));
        assert_eq!(said, "--admin 10.0.0.5:8404 --token-file /etc/token");
    }

    #[test]
    fn certificates_are_read_again_in_a_way_that_needs_none() {
        let said = |tls| {
            let reach = Reach {
                address: &DEFAULT_ADMIN,
                tls,
                settings_file: None,
                token_file: None,
            };
            Commands::of(&reach).reload_certificates()
        };
        assert_eq!(said(false), "`netsocket-balancer ctl reload`");
        assert_eq!(said(true), format!("`kill -HUP {}`", std::process::id()));
    }

    #[test]
    fn the_file_of_the_settings_is_checked_by_its_name() {
        let reach = Reach {
            address: &DEFAULT_ADMIN,
            tls: false,
            settings_file: Some(Path::new("/etc/it's.toml")),
            token_file: None,
        };
        let expected = r"`netsocket-balancer --check-config --config '/etc/it'\''s.toml'`";
        assert_eq!(Commands::of(&reach).check(), Some(expected));
    }
}
