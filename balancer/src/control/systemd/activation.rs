//! Sockets that the service manager has bound, by their names: `listen`, `admin`, and those that settings refer to. Plain
//! code.

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
    /// Clients of the service that refers to it by its name.
    Named,
}

/// A socket that the service manager passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Activated {
    pub(crate) role: Role,
    /// Its `FileDescriptorName`; the name of its unit, where it has none of its own.
    pub(crate) name: String,
    pub(crate) fd: RawFd,
}

/// Why the sockets of the service manager cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActivationError {
    /// Not a number.
    #[error("LISTEN_FDS = {0:?}: expected a number of sockets")]
    Count(String),
    /// The purpose of each socket is unclear.
    #[error(
        "{0} sockets by the names {1:?}: FileDescriptorName=listen for each socket for clients, =admin for one at most, \
         =NAME for listen = \"fd:NAME\"; if they all have one other name, they are for clients"
    )]
    Names(usize, String),
}

/// The sockets that are meant for the process `pid`. `variable` reads the environment.
pub(crate) fn activated(
    variable: impl Fn(&str) -> Option<String>,
    pid: u32,
) -> Result<Vec<Activated>, ActivationError> {
    // For another process: the variables were left over on the way.
    if variable(LISTEN_PID).and_then(|text| text.parse().ok()) != Some(pid) {
        return Ok(Vec::new());
    }
    let Some(text) = variable(LISTEN_FDS) else {
        return Ok(Vec::new());
    };
    let count: usize = text.parse().map_err(|_| ActivationError::Count(text))?;
    let names = variable(LISTEN_FDNAMES).unwrap_or_default();
    let each: Vec<&str> = names.split(':').collect();
    // Sockets without a name of their own have that of their unit; and one may have no name at all.
    let one_unit = each.iter().all(|name| Some(name) == each.first());
    let sockets = each.iter().zip(FIRST..).map(|(name, fd)| Activated {
        role: match role(name) {
            Role::Named if one_unit => Role::Listen,
            role => role,
        },
        name: (*name).to_owned(),
        fd,
    });
    let sockets: Vec<Activated> = sockets.take(count).collect();
    let is_admin = |socket: &&Activated| socket.role == Role::Admin;
    if each.len() != count || sockets.iter().filter(is_admin).count() > 1 {
        return Err(ActivationError::Names(count, names));
    }
    Ok(sockets)
}

fn role(name: &str) -> Role {
    match name {
        "listen" => Role::Listen,
        "admin" => Role::Admin,
        _ => Role::Named,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Roles = Result<Vec<(Role, RawFd)>, ActivationError>;

    fn ask(given: &[(&str, &str)]) -> Roles {
        let value = |name: &str| {
            let found = given.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let sockets = activated(value, 7)?;
        Ok(sockets
            .iter()
            .map(|socket| (socket.role, socket.fd))
            .collect())
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
        // Several ListenStream= in one unit, with and without a name.
        let two = vec![(Role::Listen, 3), (Role::Listen, 4)];
        assert_eq!(of("2", "listen:listen"), Ok(two.clone()));
        assert_eq!(of("2", "lb.socket:lb.socket"), Ok(two));
        let three = vec![(Role::Listen, 3), (Role::Admin, 4), (Role::Listen, 5)];
        assert_eq!(of("3", "listen:admin:listen"), Ok(three));
        // Those that settings refer to by their names.
        let named = vec![(Role::Listen, 3), (Role::Named, 4), (Role::Named, 5)];
        assert_eq!(of("3", "listen:web:web"), Ok(named));
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
            ("2", "listen"),
            ("1", "listen:other"),
            ("3", "listen:admin:admin"),
            ("1", "listen:admin"),
        ] {
            let asked = ask(&[pid, (LISTEN_FDS, count), (LISTEN_FDNAMES, names)]);
            assert!(matches!(asked, Err(ActivationError::Names(..))), "{names}");
        }
    }
}
