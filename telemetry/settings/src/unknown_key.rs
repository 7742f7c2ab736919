//! What to say of a key that nobody knows.

use crate::nearest::nearest;

/// So many known keys fit into a line.
const FEW: usize = 12;

/// What is said of a key that is not one of `known`: which one was probably meant, else which ones there are.
///
/// # Examples
///
/// ```
/// use netsocket_settings::unknown_key;
///
/// let known = ["listen", "max_connections"];
/// let said = unknown_key("max_connection", &known);
/// assert_eq!(said, "unknown key; did you mean max_connections?");
/// assert_eq!(unknown_key("zeal", &known), "unknown key; known are listen, max_connections");
/// ```
#[must_use]
pub fn unknown_key(name: &str, known: &[&str]) -> String {
    if let Some(key) = nearest(name, known.iter().copied()) {
        return format!("unknown key; did you mean {key}?");
    }
    if known.len() <= FEW {
        return format!("unknown key; known are {}", known.join(", "));
    }
    "unknown key; docs/configuration.md lists all".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_keys_are_not_listed() {
        let names: Vec<String> = (0..80)
            .map(|number| format!("a_long_name_{number}"))
            .collect();
        let known: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(
            unknown_key("zeal", &known),
            "unknown key; docs/configuration.md lists all"
        );
        assert_eq!(
            unknown_key("a_long_nmae_7", &known),
            "unknown key; did you mean a_long_name_7?"
        );
    }
}
