//! Sockets that the service manager has bound, by their names: `listen` and `admin`. Plain code.

use std::os::fd::RawFd;

/// The process that the sockets are for.
pub(super) const LISTEN_PID: &str = "LISTEN_PID";
/// How many they are, from descriptor 3 on.
pub(super) const LISTEN_FDS: &str = "LISTEN_FDS";
/// Their names, with colons between.
pub(super) const LISTEN_FDNAMES: &str = "LISTEN_FDNAMES";
/// The process once more, in a way that is never used again.
pub(super) const LISTEN_PIDFDID: &str = "LISTEN_PIDFDID";

const FIRST: RawFd = 3;

/// What a socket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Clients.
    Listen,
    /// The admin HTTP.
    Admin,
}

/// Why the sockets of the service manager cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActivationError {
    /// Not a number.
    #[error("LISTEN_FDS = {0:?}: expected a number of sockets")]
    Count(String),
    /// The purpose of each socket is unclear.
    #[error(
        "{0} sockets by the names {1:?}: one of each name at the most, FileDescriptorName=listen and =admin; one socket \
         alone may have any name and is for clients"
    )]
    Names(usize, String),
}

/// The sockets that are meant for the process `pid`. `variable` reads the environment.
pub(crate) fn activated(
    variable: impl Fn(&str) -> Option<String>,
    pid: u32,
) -> Result<Vec<(Role, RawFd)>, ActivationError> {
    // For another process: the variables were left over on the way.
    if variable(LISTEN_PID).and_then(|text| text.parse().ok()) != Some(pid) {
        return Ok(Vec::new());
    }
    let Some(text) = variable(LISTEN_FDS) else {
        return Ok(Vec::new());
    };
    let count: usize = text.parse().map_err(|_| ActivationError::Count(text))?;
    let names = variable(LISTEN_FDNAMES).unwrap_or_default();
    let roles: Vec<Option<Role>> = names.split(':').map(role).collect();
    let roles = match (count, roles.as_slice()) {
        (1, [None]) => vec![Role::Listen],
        (_, named) if named.len() == count => named.iter().copied().flatten().collect(),
        _ => Vec::new(),
    };
    let each_once = |wanted| roles.iter().filter(|role| **role == wanted).count() <= 1;
    if roles.len() != count || !each_once(Role::Listen) || !each_once(Role::Admin) {
        return Err(ActivationError::Names(count, names));
    }
    Ok(roles.into_iter().zip(FIRST..).collect())
}

fn role(name: &str) -> Option<Role> {
    match name {
        "listen" => Some(Role::Listen),
        "admin" => Some(Role::Admin),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(given: &[(&str, &str)]) -> Result<Vec<(Role, RawFd)>, ActivationError> {
        let value = |name: &str| {
            let found = given.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        activated(value, 7)
    }

    #[test]
    fn sockets_by_their_names() {
        let pid = (LISTEN_PID, "7");
        let of = |count, names| ask(&[pid, (LISTEN_FDS, count), (LISTEN_FDNAMES, names)]);
        assert_eq!(of("1", "listen"), Ok(vec![(Role::Listen, 3)]));
        assert_eq!(of("1", "admin"), Ok(vec![(Role::Admin, 3)]));
        let both = vec![(Role::Admin, 3), (Role::Listen, 4)];
        assert_eq!(of("2", "admin:listen"), Ok(both));
        // The unit's name, which is what a socket has without one of its own.
        assert_eq!(of("1", "lb.socket"), Ok(vec![(Role::Listen, 3)]));
        assert_eq!(ask(&[pid, (LISTEN_FDS, "1")]), Ok(vec![(Role::Listen, 3)]));
    }

    #[test]
    fn none_and_nonsense() {
        let pid = (LISTEN_PID, "7");
        assert_eq!(ask(&[]), Ok(vec![]));
        assert_eq!(ask(&[(LISTEN_FDS, "1")]), Ok(vec![]));
        let for_another = [(LISTEN_PID, "8"), (LISTEN_FDS, "1")];
        assert_eq!(ask(&for_another), Ok(vec![]));
        let no_number = ask(&[pid, (LISTEN_FDS, "x")]);
        assert_eq!(no_number, Err(ActivationError::Count("x".to_owned())));
        for (count, names) in [
            ("2", "listen:listen"),
            ("2", "listen"),
            ("2", "a:b"),
            ("2", "listen:other"),
            ("3", "listen:admin:admin"),
            ("1", "listen:admin"),
        ] {
            let asked = ask(&[pid, (LISTEN_FDS, count), (LISTEN_FDNAMES, names)]);
            assert!(matches!(asked, Err(ActivationError::Names(..))), "{names}");
        }
    }
}
