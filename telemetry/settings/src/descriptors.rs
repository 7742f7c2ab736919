//! The limit on open descriptors of this process.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit on descriptors to the hard one and returns what it is now; nothing where there is none. What
/// the system gives by default (1024) is a limit for programs that use `select(2)`, which ours do not.
///
/// # Examples
///
/// ```
/// use netsocket_settings::raise_descriptor_limit;
///
/// let limit = raise_descriptor_limit();
/// // There is no more to be had.
/// assert_eq!(raise_descriptor_limit(), limit);
/// ```
pub fn raise_descriptor_limit() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => maximum,
        Err(error) => {
            tracing::warn!(%error, "the limit on descriptors stays as it is");
            current
        }
    }
}
