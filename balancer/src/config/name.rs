//! Names of backends, groups, pools, services and rules.

/// What a name looks like.
pub(super) const NAME_FORM: &str = "up to 64 letters, digits, dots, dashes or underscores";
const NAME_LENGTH: usize = 64;

/// Names go into log lines, metric labels and pages: what would have to be quoted there is refused here.
pub(super) fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=NAME_LENGTH).contains(&text.len()) && text.bytes().all(plain)
}
