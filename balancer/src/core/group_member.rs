//! Names of backends that discovery found behind a name: `GROUP-ADDRESS`.

/// Whether a backend of this name could be a member of the group: its address follows the group's name.
#[must_use]
pub(crate) fn could_be_member(group: &str, name: &str) -> bool {
    let rest = name
        .strip_prefix(group)
        .and_then(|rest| rest.strip_prefix('-'));
    rest.is_some_and(|rest| {
        rest.bytes()
            .all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
    })
}
