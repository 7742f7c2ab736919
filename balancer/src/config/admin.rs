//! The settings of the admin HTTP alone, for its clients: an operator needs it most when other settings are wrong.

use std::fmt;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use netsocket_settings::{
    AdminAddress, BALANCER, Check, Flag, Key, Layers, Problem, Problems, Scalar, address_form,
    load_document, load_only,
};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::keys::{KEYS, NESTED};
use super::raw::{Raw, all_keys};
use super::tls::certificate_files;

/// Address of the status page and the API: reachable from this machine only.
pub const DEFAULT_ADMIN: AdminAddress = AdminAddress::Tcp(SocketAddr::new(
    std::net::IpAddr::V4(Ipv4Addr::LOCALHOST),
    8404,
));
/// The keys that are needed.
const NEEDED: [&str; 3] = ["admin", "admin_token_file", "admin_tls"];

/// Where the admin HTTP listens, and the token file for changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminSettings {
    /// Its address.
    pub address: AdminAddress,
    /// File whose first line is the token that allows changes from other machines.
    pub token_file: Option<PathBuf>,
    /// The files with its certificates; empty: it does not use TLS.
    pub certificates: Vec<PathBuf>,
    /// Problems in other settings, which matter only when a balancer starts or reloads.
    pub ignored: Option<Ignored>,
}

/// Problems that do not matter to a client of the admin HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored(Problems);

impl fmt::Display for Ignored {
    /// One line: the first problem, and how many there are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problems(problems) = &self.0;
        let first = problems.first().map(Problem::line);
        let first = first.unwrap_or_default();
        // Which keys are known, or which was meant, says little here.
        let known = first.split_once("unknown key;");
        match known {
            Some((place, _)) => write!(f, "{place}unknown key")?,
            None => f.write_str(&first)?,
        }
        if let Some(more @ 1..) = problems.len().checked_sub(1) {
            write!(f, ", and {more} more")?;
        }
        f.write_str("; run --check-config to see all problems")
    }
}

#[derive(Debug, Deserialize)]
struct Needed {
    admin: Option<Value>,
    admin_token_file: Option<Value>,
    admin_tls: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Value {
    Single(Scalar),
    Other(IgnoredAny),
}

impl AdminSettings {
    /// Merges the layers and validates these two keys. `variable` reads an environment variable. Problems in other keys are
    /// only reported in [`Self::ignored`].
    ///
    /// # Errors
    /// Why the address of the admin HTTP cannot be determined, and what to do about it.
    pub fn load(
        layers: &Layers<'_>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Problems> {
        let loaded = load_document(&all_keys(), &BALANCER, layers, &variable);
        let ignored = loaded.and_then(|loaded| {
            let (document, mut check) = loaded.into_check();
            Raw::of(&mut check, &document);
            check.so_far()
        });
        let ignored = ignored.err();
        let settings = found(layers, &variable).map_err(|mut problems| {
            problems.0.push(Problem {
                origin: "--admin".to_owned(),
                key: String::new(),
                given: String::new(),
                allowed: format!(
                    "says where the balancer is, whatever the settings say: {}",
                    AdminAddress::FORM
                ),
            });
            problems
        })?;
        Ok(Self {
            ignored: ignored.map(Ignored),
            ..settings
        })
    }
}

/// The keys that are needed, in all layers.
fn keys() -> Vec<Key> {
    let all = KEYS.into_iter().chain(NESTED);
    all.filter(|key| NEEDED.contains(&key.name)).collect()
}

/// Like [`read`], but a file that says nothing at all does not lead to the default address: it has been emptied, and the
/// balancer there most likely is another one.
fn found(
    layers: &Layers<'_>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<AdminSettings, Problems> {
    if let Some(file) = layers.file
        && !is_given(&keys(), layers, &variable)
        && fs::read_to_string(file).is_ok_and(|text| is_blank(&text))
    {
        return Err(Problem {
            origin: file.display().to_string(),
            key: String::new(),
            given: String::new(),
            allowed: "says nothing, so it is not known which balancer is meant".to_owned(),
        }
        .into());
    }
    read(layers, variable)
}

/// Without any key.
fn is_blank(text: &str) -> bool {
    let mut lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    lines.all(|line| line.is_empty() || line.starts_with('#'))
}

fn read(
    layers: &Layers<'_>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<AdminSettings, Problems> {
    let keys = keys();
    let loaded = match load_only::<Needed>(&keys, layers, &variable) {
        // What the file says of the address does not count anyway.
        Err(_) if is_given(&keys, layers, &variable) => {
            let others = Layers {
                file: None,
                flags: layers.flags.clone(),
            };
            load_only::<Needed>(&keys, &others, &variable)
        }
        loaded => loaded,
    };
    let (raw, mut check) = loaded?.into_check();
    let settings = AdminSettings {
        address: address(&mut check, raw.admin),
        token_file: match raw.admin_token_file {
            Some(Value::Single(path)) => Some(path.0.into()),
            _ => None,
        },
        certificates: raw
            .admin_tls
            .map(|tls| certificate_files(&tls))
            .unwrap_or_default(),
        ignored: None,
    };
    check.finish(settings)
}

/// Whether a layer above the file says where it is.
fn is_given(keys: &[Key], layers: &Layers<'_>, variable: impl Fn(&str) -> Option<String>) -> bool {
    let key = keys.iter().find(|key| key.name == "admin");
    let environment = key.and_then(|key| key.env).and_then(variable);
    let is_admin = |(name, _): &(&str, Flag)| *name == "admin";
    environment.is_some_and(|value| !value.is_empty()) || layers.flags.iter().any(is_admin)
}

fn address(check: &mut Check, value: Option<Value>) -> AdminAddress {
    match value {
        Some(Value::Other(_)) => {
            check.problem_at("admin", AdminAddress::FORM);
            DEFAULT_ADMIN
        }
        Some(Value::Single(text)) => admin_address(check, Some(&text)),
        None => DEFAULT_ADMIN,
    }
}

/// Judges the key `admin`.
pub(super) fn admin_address(check: &mut Check, entry: Option<&Scalar>) -> AdminAddress {
    let form = address_form(AdminAddress::FORM, entry, "127.0.0.1");
    let address = check.parse("admin", entry, DEFAULT_ADMIN, &form);
    if let (Some(given), AdminAddress::Unix(path)) = (entry, &address) {
        check.file_place("admin", given.as_str(), path);
    }
    address
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn load(text: &str, variable: Option<&str>) -> Result<AdminSettings, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let layers = Layers {
            file: Some(file.path()),
            flags: vec![],
        };
        let path = file.path().display().to_string();
        let settings = AdminSettings::load(&layers, |name| {
            variable
                .filter(|_| name == "NETSOCKET_ADMIN")
                .map(str::to_owned)
        });
        settings.map_err(|problems| problems.to_string().replace(&path, "FILE"))
    }

    /// Without the directory and name of the file.
    fn ignored(settings: &AdminSettings) -> String {
        let said = settings.ignored.as_ref().map(Ignored::to_string);
        let said = said.unwrap_or_default();
        let (_, place) = said.split_once(':').unwrap();
        format!("FILE:{place}")
    }

    #[test]
    fn where_it_is_can_be_read_in_a_file_that_no_start_would_take() {
        let good = load("admin = '127.0.0.1:1'\nadmin_token_file = '/t'\n", None).unwrap();
        assert_eq!(good.ignored, None);
        for (wrong, told) in [
            (
                "lissten = 'x'\n",
                "lissten: unknown key; run --check-config to see all problems",
            ),
            (
                "lissten = 'x'\nzeal = 1\n",
                "lissten: unknown key, and 1 more;",
            ),
            (
                "workers = [1]\n",
                "FILE:3:1: workers: a single value, not a list; run --check-config",
            ),
            ("listen = \n", "FILE:3:10: "),
            ("backends = [ 'a=b:1'\n", "FILE:3:12: "),
        ] {
            let text = format!("admin = '127.0.0.1:1'\nadmin_token_file = '/t'\n{wrong}");
            let settings = load(&text, None).unwrap();
            assert_eq!(settings.address, good.address, "{wrong}");
            assert_eq!(settings.token_file, good.token_file, "{wrong}");
            let said = ignored(&settings);
            assert!(said.contains(told) && said.lines().count() == 1, "{said}");
        }
        // Values of others are not even looked at, and nothing has to be there.
        let settings = load("connect_timeout = 'soon'\n", None).unwrap();
        assert_eq!((settings.address, settings.ignored), (DEFAULT_ADMIN, None));
    }

    #[test]
    fn certificates_are_found_however_they_are_written() {
        for (given, files) in [
            ("'/a.pem'", &["/a.pem"][..]),
            (
                "['/a.pem', { certificate = '/b.pem', key = '/b.key' }]",
                &["/a.pem", "/b.pem"],
            ),
            ("{ certificate = '/c.pem' }", &["/c.pem"]),
            ("7", &["7"]),
            ("[]", &[]),
        ] {
            let settings = load(&format!("admin_tls = {{ certificates = {given} }}\n"), None);
            let found = settings.unwrap().certificates;
            assert_eq!(found, files.iter().map(PathBuf::from).collect::<Vec<_>>());
        }
        assert!(
            load("admin_tls = 'on'\n", None)
                .unwrap()
                .certificates
                .is_empty()
        );
    }

    #[test]
    fn where_it_cannot_be_known_admin_is_asked_for() {
        for (wrong, told) in [
            (
                "admin = 'nowhere'\n",
                "FILE:1:1: admin = \"nowhere\": IP:PORT",
            ),
            ("admin = [1]\n", "FILE:1:1: admin: IP:PORT"),
            ("admin = 127.0.0.1:1\n", "FILE:1:14: "),
            (
                "",
                "FILE: says nothing, so it is not known which balancer is meant",
            ),
            ("\n# admin = '127.0.0.1:1'\n", "FILE: says nothing"),
        ] {
            let said = load(wrong, None).unwrap_err();
            assert!(said.starts_with(told), "{said}");
            let last = said.lines().last().unwrap();
            assert!(
                last.starts_with(
                    "--admin: says where the balancer is, whatever the settings say: "
                ),
                "{said}"
            );
            // Unless somebody else says it.
            let known = load(wrong, Some("unix:/x")).unwrap();
            assert_eq!(known.address.to_string(), "unix:/x");
        }
        let layers = |flags| Layers {
            file: Some("/nonexistent/x.toml".as_ref()),
            flags,
        };
        let error = AdminSettings::load(&layers(vec![]), |_| None).unwrap_err();
        assert!(error.to_string().contains("cannot be read"), "{error}");
        let flag = vec![("admin", Flag::One("127.0.0.1:7".to_owned()))];
        let known = AdminSettings::load(&layers(flag), |_| None).unwrap();
        assert_eq!(known.address.to_string(), "127.0.0.1:7");
        assert!(known.ignored.is_some());
    }
}
