//! The limit on open file descriptors of this process.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit on file descriptors to the hard limit and returns the new limit, or `None` if there is no limit.
/// The system's default of 1024 protects programs that use `select(2)`; none of these do.
///
/// # Examples
///
/// ```
/// use netsocket_settings::raise_descriptor_limit;
///
/// let limit = raise_descriptor_limit();
/// // A second call cannot raise it any further.
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
            tracing::warn!(%error, "cannot raise the limit on file descriptors");
            current
        }
    }
}
