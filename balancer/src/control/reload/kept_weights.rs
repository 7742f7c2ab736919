//! Weights that an operator has set, which the pool remembers: an edit of something else leaves them, a reload takes those of
//! the file.

use crate::data_path::shared::Shared;

/// Weights that operators have set are those of the settings again: all of them after a reload, and after an edit only that of
/// the backend, by its pool and name, whose settings it says as a whole.
pub(super) fn forget(shared: &Shared, edited: Option<Option<&(String, String)>>) {
    for pool in shared.pools() {
        match edited {
            None => pool.forget_weights(None),
            Some(Some((of, name))) if pool.name() == of => pool.forget_weights(Some(name)),
            Some(_) => {}
        }
    }
}
