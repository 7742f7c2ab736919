//! What to say where nothing has a name.

use crate::nearest::nearest;

/// So many names are listed at most.
const FEW: usize = 12;

/// What is said of a name that none of `known` is: the one that was probably meant, and which there are. `what`: of what
/// kind, in the singular.
///
/// # Examples
///
/// ```
/// use netsocket_settings::no_such;
///
/// let known = ["server", "mirror1"].map(str::to_owned);
/// assert_eq!(no_such("backend", "x", &known), "no backend \"x\"; known backends: server, mirror1");
/// assert_eq!(
///     no_such("backend", "mirorr1", &known),
///     "no backend \"mirorr1\"; did you mean mirror1? Known backends: server, mirror1"
/// );
/// assert_eq!(no_such("pool", "x", &[]), "no pool \"x\"; there is none");
/// ```
#[must_use]
pub fn no_such(what: &str, name: &str, known: &[String]) -> String {
    let said = format!("no {what} {name:?}; ");
    if known.is_empty() {
        return said + "there is none";
    }
    let mut list = known
        .iter()
        .take(FEW)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if let Some(more @ 1..) = known.len().checked_sub(FEW) {
        list.push_str(&format!(" and {more} more"));
    }
    match nearest(name, known.iter().map(String::as_str)) {
        Some(meant) => format!("{said}did you mean {meant}? Known {what}s: {list}"),
        None => format!("{said}known {what}s: {list}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_names_are_no_wall_of_text() {
        let known: Vec<String> = (0..1000).map(|number| format!("files-{number}")).collect();
        let said = no_such("backend", "x", &known);
        assert!(said.ends_with("files-10, files-11 and 988 more"), "{said}");
        let said = no_such("backend", "fles-900", &known);
        assert!(said.contains("did you mean files-900? Known"), "{said}");
    }
}
