//! What a PROPFIND asks for.

use quick_xml::events::Event;
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

/// The most properties in a request.
const MAX_NAMES: usize = 100;

/// Which properties a client wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All that there are.
    All,
    /// Only what they are called.
    Names,
    /// These.
    Some(Vec<Name>),
}

/// The name of a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) namespace: String,
    pub(super) local: String,
}

/// Reads the body of a PROPFIND; an empty one asks for all properties.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(body: &[u8]) -> Result<Wanted, String> {
    if body.trim_ascii().is_empty() {
        return Ok(Wanted::All);
    }
    let text = std::str::from_utf8(body).map_err(|_| "the body is not UTF-8".to_owned())?;
    let mut reader = NsReader::from_str(text);
    let mut path: Vec<Name> = Vec::new();
    let mut wanted = None;
    let mut has_ended = false;
    loop {
        let (namespace, event) = reader.read_resolved_event().map_err(malformed)?;
        let namespace = match namespace {
            ResolveResult::Bound(namespace) => namespace.as_ref().to_owned(),
            ResolveResult::Unbound => String::new(),
            ResolveResult::Unknown(_) => return Err("a prefix has no namespace".to_owned()),
        };
        let (element, is_empty) = match event {
            Event::Start(element) => (element, false),
            Event::Empty(element) => (element, true),
            Event::End(_) => {
                path.pop();
                has_ended = path.is_empty();
                continue;
            }
            // Entities of a document type could be anything.
            Event::DocType(_) => return Err("a document type is not read".to_owned()),
            Event::Eof => break,
            _ => continue,
        };
        let name = Name {
            namespace,
            local: element.local_name().as_ref().to_owned(),
        };
        take(&path, &name, &mut wanted)?;
        match is_empty {
            true => has_ended |= path.is_empty(),
            false => path.push(name),
        }
    }
    if !path.is_empty() || !has_ended {
        return Err("the body ends early".to_owned());
    }
    wanted.ok_or_else(|| "the body asks for nothing".to_owned())
}

/// Takes an element below those of `path`.
fn take(path: &[Name], name: &Name, wanted: &mut Option<Wanted>) -> Result<(), String> {
    let is_dav = name.namespace == "DAV:";
    match (path.len(), name.local.as_str()) {
        (0, "propfind") if is_dav => {}
        (0, _) => return Err("the body is no propfind".to_owned()),
        (1, "allprop") if is_dav => *wanted = Some(Wanted::All),
        (1, "propname") if is_dav => *wanted = Some(Wanted::Names),
        (1, "prop") if is_dav => *wanted = Some(Wanted::Some(Vec::new())),
        (2, _) if path[1].namespace == "DAV:" && path[1].local == "prop" => {
            if let Some(Wanted::Some(names)) = wanted {
                if names.len() == MAX_NAMES {
                    return Err(format!("a request is limited to {MAX_NAMES} properties"));
                }
                names.push(name.clone());
            }
        }
        // What an extension adds is ignored.
        _ => {}
    }
    Ok(())
}

fn malformed(error: impl std::fmt::Display) -> String {
    format!("the body is malformed: {error}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(namespace: &str, local: &str) -> Name {
        Name {
            namespace: namespace.to_owned(),
            local: local.to_owned(),
        }
    }

    #[test]
    fn what_is_asked_for_is_read_with_its_namespaces() {
        let head = "<?xml version=\"1.0\"?>";
        for (body, expected) in [
            ("", Wanted::All),
            ("<propfind xmlns='DAV:'><allprop/></propfind>", Wanted::All),
            (
                "<D:propfind xmlns:D='DAV:'><D:propname/></D:propfind>",
                Wanted::Names,
            ),
            (
                "<a:propfind xmlns:a='DAV:' xmlns:b='urn:x'><a:prop><a:getetag/><b:c></b:c><d xmlns=''/></a:prop></a:propfind>",
                Wanted::Some(vec![
                    name("DAV:", "getetag"),
                    name("urn:x", "c"),
                    name("", "d"),
                ]),
            ),
        ] {
            assert_eq!(read(body.as_bytes()), Ok(expected.clone()), "{body}");
            assert_eq!(
                read(format!("{head}{body}").as_bytes()).is_ok(),
                !body.is_empty()
            );
        }
    }

    #[test]
    fn what_is_no_propfind_is_refused() {
        let many = format!(
            "<propfind xmlns='DAV:'><prop>{}</prop></propfind>",
            "<a/>".repeat(101)
        );
        for body in [
            "x",
            "<propfind/>",
            "<propfind xmlns='DAV:'>",
            "<propfind xmlns='DAV:'><allprop/>",
            "<propfind xmlns='DAV:'><p:x/></propfind>",
            "<!DOCTYPE a [<!ENTITY b 'c'>]><propfind xmlns='DAV:'><allprop/></propfind>",
            "<propfind xmlns='DAV:'></propfind>",
            &many,
        ] {
            assert!(read(body.as_bytes()).is_err(), "{body:.80}");
        }
        assert!(read(b"\xff").is_err());
    }

    proptest! {
        #[test]
        fn no_body_panics(body in "(<|>|/|propfind|prop|xmlns=|'DAV:'|a:|\\PC){0,40}") {
            let _ = read(body.as_bytes());
        }
    }
}
