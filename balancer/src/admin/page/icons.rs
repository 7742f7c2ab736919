//! The icon of the tab: a colour and a shape for each state, in the page itself, so that it also changes when nobody answers
//! any more.

/// What is drawn over a filled shape, by state; `stale`: no answer.
const SIGNS: [(&str, &str, &str); 5] = [
    ("ready", "%230f6b45", "M9 17l5 5 10-12"),
    ("warning", "%23b26a00", "M16 7v11M16 23v2"),
    ("emergency", "%23b3261e", "M10 10l12 12M22 10l-12 12"),
    ("draining", "%2355606c", "M10 16h12"),
    ("stale", "%2355606c", "M12 12a4 4 0 1 1 4 5v2M16 23v2"),
];

/// The icons as attributes that the script reads, and the one of `state` as the address.
pub(super) fn attributes(state: &str) -> String {
    let icons = SIGNS.map(|(name, colour, sign)| (name, icon(name, colour, sign)));
    let current = icons.iter().find(|(name, _)| *name == state);
    let current = current.or(icons.first()).map(|(_, icon)| icon.as_str());
    let mut attributes = format!("href=\"{}\"", current.unwrap_or_default());
    for (name, icon) in &icons {
        attributes.push_str(&format!(" data-{name}=\"{icon}\""));
    }
    attributes
}

/// A circle; the worst state is a square, for those who cannot tell the colours apart.
fn icon(name: &str, colour: &str, sign: &str) -> String {
    let radius = if name == "emergency" { 4 } else { 16 };
    format!(
        "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'><rect width='32' height='32' \
         rx='{radius}' fill='{colour}'/><path d='{sign}' fill='none' stroke='white' stroke-width='4' \
         stroke-linecap='round'/></svg>"
    )
    .replace('<', "%3C")
    .replace('>', "%3E")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_has_an_icon() {
        let attributes = attributes("emergency");
        assert!(attributes.starts_with("href=\"data:image/svg+xml,"));
        for (state, colour, _) in SIGNS {
            assert!(attributes.contains(&format!(" data-{state}=\"")));
            assert!(attributes.contains(colour));
        }
        assert_eq!(attributes.matches("%23b3261e").count(), 2);
    }
}
