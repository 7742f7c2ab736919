//! What `remove`, `remove-pool` and `remove-service` take away: several at once, of which each is there.

use netsocket_settings::no_such;

use super::answer::{Pool, Status};
use super::error::CtlError;
use crate::config::DEFAULT_NAME;

/// A pool, and the name of a backend in it.
pub(super) type Place = (String, String);

/// The backends that are meant by several words: the first may be the pool of the others.
pub(super) fn backends(status: &Status, words: &[String]) -> Result<Vec<Place>, CtlError> {
    let named = words.iter().map(|word| in_pool(word)).collect();
    let pool = words.first().filter(|word| pool_of(status, word).is_some());
    let in_first = pool.map(|pool| {
        let rest = words.iter().skip(1);
        rest.map(|name| (pool.clone(), name.clone())).collect()
    });
    let named = all_there(status, named);
    match (named, in_first.map(|places| all_there(status, places))) {
        (Ok(_), Some(Ok(places))) => {
            let (pool, name) = places.first().cloned().unwrap_or_default();
            Err(CtlError::Refused(format!(
                "{pool} is a pool and a backend: write {pool}/{name}, or {DEFAULT_NAME}/{pool}\nnothing was changed"
            )))
        }
        (Ok(places), _) | (Err(_), Some(Ok(places))) => Ok(places),
        (Err(wrong), None) | (Err(_), Some(Err(wrong))) => Err(CtlError::nothing_changed(wrong)),
    }
}

fn all_there(status: &Status, places: Vec<Place>) -> Result<Vec<Place>, Vec<String>> {
    each_once(places, |place| missing(status, place))
}

/// Those that are there, each once; or what is wrong with each of the others.
fn each_once<T: PartialEq>(
    all: Vec<T>,
    missing: impl Fn(&T) -> Option<String>,
) -> Result<Vec<T>, Vec<String>> {
    let (mut there, mut wrong) = (Vec::new(), Vec::new());
    for it in all {
        match missing(&it) {
            Some(said) => wrong.push(said),
            None if there.contains(&it) => {}
            None => there.push(it),
        }
    }
    match wrong.is_empty() {
        true => Ok(there),
        false => Err(wrong),
    }
}

/// In the words of the balancer.
fn missing(status: &Status, (pool, name): &Place) -> Option<String> {
    let Some(members) = pool_of(status, pool) else {
        let known: Vec<String> = status.pools.iter().map(|it| it.name.clone()).collect();
        return Some(no_such("pool", pool, &known));
    };
    let known = members.entries();
    let is_there = known.contains(name);
    (!is_there).then(|| match pool.as_str() {
        DEFAULT_NAME => no_such("backend", name, &known),
        pool => format!("pool {pool}: {}", no_such("backend", name, &known)),
    })
}

fn pool_of<'a>(status: &'a Status, name: &str) -> Option<&'a Pool> {
    status.pools.iter().find(|pool| pool.name == name)
}

/// Several names of one kind, each once.
pub(super) fn named(
    what: &str,
    known: &[String],
    names: &[String],
) -> Result<Vec<String>, CtlError> {
    // Why the default one stays, the balancer says.
    let missing = |name: &String| (!known.contains(name)).then(|| no_such(what, name, known));
    each_once(names.to_vec(), missing).map_err(CtlError::nothing_changed)
}

/// A backend as one word: `NAME`, or `POOL/NAME`.
pub(super) fn in_pool(word: &str) -> Place {
    let (pool, name) = word
        .split_once('/')
        .filter(|(pool, _)| !pool.contains('='))
        .unwrap_or((DEFAULT_NAME, word));
    (pool.to_owned(), name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = r#"{"pools":[
        {"name":"default","backends":[{"name":"a"},{"name":"b"},{"name":"files"},{"name":"old","state":"leaving"}]},
        {"name":"files","backends":[{"name":"a"},{"name":"m"}],"groups":[{"name":"dns"}]},
        {"name":"web","backends":[{"name":"w"}]}]}"#;

    fn meant(line: &str) -> Result<Vec<String>, String> {
        let status: Status = serde_json::from_str(STATUS).unwrap();
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        match backends(&status, &words) {
            Ok(places) => Ok(places
                .iter()
                .map(|it| format!("{}/{}", it.0, it.1))
                .collect()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn the_first_word_may_be_the_pool_of_the_others() {
        for (line, places) in [
            ("a b", &["default/a", "default/b"][..]),
            ("a a", &["default/a"]),
            ("a default/a files/m", &["default/a", "files/m"]),
            ("web w", &["web/w"]),
            ("files m dns", &["files/m", "files/dns"]),
            ("default a b", &["default/a", "default/b"]),
            ("files b", &["default/files", "default/b"]),
        ] {
            assert_eq!(meant(line).unwrap(), places, "{line}");
        }
    }

    #[test]
    fn what_is_not_there_is_named() {
        let last = "\nnothing was changed";
        for (line, said) in [
            ("a x", "no backend \"x\"; known backends: a, b, files"),
            ("web x", "pool web: no backend \"x\"; known backends: w"),
            ("a q/x", "no pool \"q\"; known pools: default, files, web"),
            ("a old", "no backend \"old\"; known backends: a, b, files"),
            (
                "files a",
                "files is a pool and a backend: write files/a, or default/files",
            ),
        ] {
            assert_eq!(meant(line).unwrap_err(), format!("{said}{last}"), "{line}");
        }
        let known = ["p".to_owned(), "q".to_owned()];
        let names = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(named("pool", &known, &names("q p q")).unwrap(), ["q", "p"]);
        let wrong = named("pool", &known, &names("p x y"))
            .unwrap_err()
            .to_string();
        let line = |name: &str| format!("no pool \"{name}\"; known pools: p, q");
        assert_eq!(wrong, format!("{}\n{}{last}", line("x"), line("y")));
    }
}
