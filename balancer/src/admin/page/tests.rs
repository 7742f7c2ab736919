use super::*;

fn page(status: &Status, sessions: &[Entry]) -> String {
    let view = View {
        status,
        sessions: Some(sessions),
        transitions: &[],
        records: &[],
    };
    render(&view, "n0nce")
}

#[test]
fn every_place_is_filled_and_nothing_comes_from_outside() {
    let page = page(&Status::default(), &[Entry::default()]);
    assert!(!page.contains("<!--"));
    assert_eq!(page.matches("nonce=\"n0nce\"").count(), 2);
    for outside in [
        "https://", "src=", "@import", "url(", "style=\"", "onclick=",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
    // The one name that looks like an address is that of a language.
    let addresses: Vec<_> = page.match_indices("http://").collect();
    assert!(
        addresses
            .iter()
            .all(|&(at, _)| page[at..].starts_with("http://www.w3.org/2000/svg"))
    );
}

#[test]
fn the_script_has_the_columns_of_the_first_view() {
    let labels = |name: &str| -> Vec<&str> {
        let rest = SCRIPT.split_once(&format!("const {name} = [")).unwrap().1;
        let rows = rest.split_once("\n];").unwrap().0.lines();
        rows.filter_map(|line| line.trim().strip_prefix("[\"")?.split('"').next())
            .collect()
    };
    assert_eq!(
        labels("BACKEND"),
        cells::backend(&BackendView::default(), "").map(|cell| cell.0)
    );
    assert_eq!(
        labels("SESSION"),
        cells::session(&Entry::default()).map(|cell| cell.0)
    );
    assert_eq!(
        labels("SERVICE"),
        cells::service(&ServiceView::default(), None).map(|cell| cell.0)
    );
}

#[test]
fn the_script_knows_how_many_changes_come_with_an_event() {
    let latest = crate::admin::snapshot_stream::RECENT;
    assert!(SCRIPT.contains(&format!("const LATEST = {latest};")));
}

#[test]
fn what_others_chose_is_escaped() {
    let entry = Entry {
        backend: Some("<b>&\"'".to_owned()),
        ..Entry::default()
    };
    let mut status = Status::default();
    status.identity.instance = Some("<i>".to_owned());
    let page = page(&status, &[entry]);
    assert!(page.contains("<span>&lt;b&gt;&amp;&quot;&#39;</span>"));
    assert!(page.contains("&lt;i&gt;") && !page.contains("<i>"));
}

#[test]
fn nonces_differ() {
    let nonces = [nonce().unwrap(), nonce().unwrap()];
    assert!(nonces[0].len() == 32 && nonces[0] != nonces[1]);
    assert!(policy("abc").contains("script-src 'nonce-abc'"));
}

/// An address that the browser resolves may have a password in it, and then is refused.
#[test]
fn the_script_asks_without_the_password_of_the_pages_address() {
    for ask in ["fetch(", "EventSource("] {
        let mut asked = SCRIPT.split(ask).skip(1);
        assert!(asked.all(|rest| rest.starts_with("here(")), "{ask}");
    }
}
