//! Several changes by one command, tried before the first is asked for: what the balancer would refuse changes nothing.

use super::error::CtlError;
use crate::config::{Config, Document, Edit};

/// Makes the changes one after the other in a copy of the running settings, which are given as a file.
///
/// # Errors
/// Everything that is refused, in the words of the balancer.
pub(super) fn rehearse(settings: &str, edits: &[Edit]) -> Result<(), CtlError> {
    let before = Document::of_toml(settings).map_err(|error| {
        let said = error.message();
        CtlError::Refused(format!("the running settings cannot be read: {said}"))
    })?;
    // What another version says in its settings, only that one can judge.
    let is_judged = Config::of_document(&before).is_ok();
    let changed = |document: &Document, edit: &Edit| {
        let changed = document.changed(edit).map_err(|error| error.to_string())?;
        match Config::of_document(&changed) {
            Err(problems) if is_judged => Err(problems.to_string()),
            _ => Ok(changed),
        }
    };
    let (mut document, mut wrong) = (before, Vec::new());
    for edit in edits {
        match changed(&document, edit) {
            Ok(changed) => document = changed,
            Err(said) => wrong.push(said),
        }
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(CtlError::nothing_changed(wrong)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: &str = "# From a balancer\nlisten = '127.0.0.1:0'\nbackends = ['a=h:1', 'b=h:2']\n\
        [[pools]]\nname = 'p'\nbackends = ['x=h:1', 'y=h:2']\n[[pools]]\nname = 'q'\nbackends = ['z=h:1']\n\
        [[services]]\nname = 's'\nlisten = '127.0.0.1:1'\npool = 'p'\n\
        [[services]]\nname = 't'\nlisten = '127.0.0.1:2'\npool = 'p'\n";

    fn said(settings: &str, edits: &[Edit]) -> String {
        let error = rehearse(settings, edits).unwrap_err();
        assert_eq!(error.exit_code(), 1);
        error.to_string()
    }

    #[test]
    fn what_is_refused_later_is_known_before() {
        let backend =
            |pool: &str, name: &str| Edit::RemoveBackend(pool.to_owned(), name.to_owned());
        let pool = |name: &str| Edit::RemovePool(name.to_owned());
        let service = |name: &str| Edit::RemoveService(name.to_owned());
        for (edits, begins) in [
            (
                &[backend("default", "a"), backend("default", "b")][..],
                "b is the last backend of pool default and stays: ",
            ),
            (
                &[
                    backend("p", "x"),
                    backend("p", "y"),
                    backend("default", "a"),
                ],
                "y is the last backend of pool p and stays: ",
            ),
            (&[pool("q"), pool("p")], "service s uses pool p: "),
            (
                &[service("s"), service("default")],
                "service default cannot be removed at run time: ",
            ),
        ] {
            let said = said(SETTINGS, edits);
            assert!(said.starts_with(begins), "{said}");
            assert!(said.ends_with("\nnothing was changed"), "{said}");
            assert_eq!(said.lines().count(), 2, "{said}");
        }
        rehearse(
            SETTINGS,
            &[service("s"), service("t"), pool("p"), pool("q")],
        )
        .unwrap();
    }

    #[test]
    fn settings_that_would_be_wrong_are_refused() {
        let settings = "[[services]]\nname = 's'\nlisten = '127.0.0.1:1'\nbackends = ['a=h:1']\n\
            [[services]]\nname = 't'\nlisten = '127.0.0.1:2'\nbackends = ['a=h:1']\n";
        let edits = ["s", "t"].map(|name| Edit::RemoveService(name.to_owned()));
        let said = said(settings, &edits);
        assert!(said.contains("backends: at least one is needed"), "{said}");
        // Not so where they are strange before.
        rehearse(&format!("balance = 'of-tomorrow'\n{settings}"), &edits).unwrap();
    }
}
