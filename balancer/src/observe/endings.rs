//! How sessions ended, in words for people who do not know the codes by heart.

use crate::core::termination::Termination;

/// `3 SC (no backend took it)`, or `3 normally`. A code of another version stands alone.
pub(crate) fn ended(code: &str, count: u64) -> String {
    let known = Termination::ALL.iter().find(|it| it.code() == code);
    match known {
        Some(Termination::Normal) => format!("{count} normally"),
        Some(known) => format!("{count} {code} ({})", in_a_sentence(known.meaning())),
        None => format!("{count} {code}"),
    }
}

/// Begins with a small letter, unless the first word is an abbreviation.
fn in_a_sentence(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.as_str()) {
        (Some(first), rest) if !rest.starts_with(char::is_uppercase) => {
            first.to_lowercase().collect::<String>() + rest
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_words() {
        for (code, expected) in [
            ("--", "2 normally"),
            ("SC", "2 SC (no backend took it)"),
            ("cR", "2 cR (PROXY header late)"),
            ("ZZ", "2 ZZ"),
        ] {
            assert_eq!(ended(code, 2), expected);
        }
        for termination in Termination::ALL {
            let said = ended(termination.code(), 1);
            assert!(said.contains(' ') && !said.contains('.'), "{said}");
        }
    }
}
