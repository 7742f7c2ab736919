//! Tokens that can be guessed.

/// In characters: what `openssl rand -hex 8` makes.
const SHORTEST: usize = 16;

/// What is said of a token that is too short; not what it is.
///
/// # Examples
///
/// ```
/// use netsocket_settings::short_token;
///
/// let said = short_token("secret").expect("six characters");
/// assert!(said.starts_with("a token of 6 characters can be guessed"));
/// assert_eq!(short_token("0123456789abcdef"), None);
/// ```
#[must_use]
pub fn short_token(token: &str) -> Option<String> {
    let length = token.chars().count();
    (length < SHORTEST).then(|| {
        let characters = if length == 1 { "character" } else { "characters" };
        format!(
            "a token of {length} {characters} can be guessed: take at least {SHORTEST}, such as those of `openssl rand -hex 32`"
        )
    })
}
