//! The forms of a page: the search with its filters, the archives, the order of the table.

use std::fmt::Write as _;

use super::page::{put_text, text};
use super::target::{PATTERNS, Target};

/// The filters, with what they say to people and how a browser asks for them.
const FILTERS: [(&str, &str, &str, &str); 8] = [
    ("ext", "Extension", "text", "pdf,epub"),
    ("larger", "At least", "text", "10M"),
    ("smaller", "At most", "text", "2G"),
    ("modified-after", "Modified since", "date", ""),
    ("modified-before", "Modified before", "date", ""),
    ("born-after", "Created since", "date", ""),
    ("born-before", "Created before", "date", ""),
    ("limit", "Show at most", "number", "1000"),
];

/// The columns, with the order that a click asks for first.
const COLUMNS: [(&str, &str, bool); 3] = [
    ("name", "Name", false),
    ("modified", "Modified (UTC)", true),
    ("size", "Size", true),
];

/// The search box.
pub(super) fn put_search(page: &mut String, target: &Target) {
    let words = match target.option("q") {
        Some(_) => target.text("q"),
        None => target.text("find"),
    };
    page.push_str("<form class=\"search\" role=\"search\">\n<div class=\"bar\"><input type=\"search\" name=\"q\" value=\"");
    put_text(page, &words);
    page.push_str(
        "\" placeholder=\"Part of a name, or *.pdf\" aria-label=\"Find files below this directory\" accesskey=\"f\" \
         autocomplete=\"off\" spellcheck=\"false\"><button>Find</button></div>\n",
    );
    let filled = FILTERS.iter().any(|(key, ..)| target.option(key).is_some());
    let open = if filled { " open" } else { "" };
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(
        page,
        "<details{open}><summary>Filters</summary><div class=\"filters\">"
    );
    for (key, label, kind, example) in FILTERS {
        let given: Vec<_> = target
            .conditions()
            .filter(|(name, _)| *name == key)
            .map(|(_, value)| String::from_utf8_lossy(value))
            .collect();
        let value = match given.is_empty() {
            true => text(&target.text(key)),
            // Extensions may be given one by one.
            false => text(&given.join(",")),
        };
        let _ = writeln!(
            page,
            "<label>{label}<input name=\"{key}\" type=\"{kind}\" value=\"{value}\" placeholder=\"{example}\"></label>"
        );
    }
    page.push_str("</div></details>\n");
    let has_field = |name: &str| FILTERS.iter().any(|(key, ..)| *key == name);
    put_hidden(
        page,
        target.conditions().filter(|(name, _)| !has_field(name)),
    );
    page.push_str("</form>\n");
}

/// The buttons for archives of what is shown.
pub(super) fn put_archives(page: &mut String, target: &Target, summary: &str) {
    page.push_str("<form class=\"actions\"><span>");
    put_text(page, summary);
    page.push_str("</span>");
    put_carried(page, target);
    page.push_str("Download all:");
    for format in super::archive::FORMATS {
        let _ = write!(
            page,
            " <button name=\"archive\" value=\"{format}\">.{format}</button>"
        );
    }
    page.push_str("</form>\n");
}

/// The table up to its first row. `sort` is its order.
pub(super) fn put_table(page: &mut String, target: &Target, sort: (&str, bool)) {
    page.push_str("<form id=\"order\">");
    put_carried(page, target);
    let limit = target.option("limit").map(|limit| ("limit", limit));
    put_hidden(page, limit.into_iter());
    page.push_str(
        "</form>\n<table id=\"files\">\n<caption class=\"vh\">Files</caption>\n<thead><tr>",
    );
    for (key, label, falls_first) in COLUMNS {
        let (is_sorted, falls) = (key == sort.0, sort.1);
        let state = match (is_sorted, falls) {
            (false, _) => "",
            (true, false) => " aria-sort=\"ascending\"",
            (true, true) => " aria-sort=\"descending\"",
        };
        let minus = if if is_sorted { !falls } else { falls_first } {
            "-"
        } else {
            ""
        };
        let _ = write!(
            page,
            "<th scope=\"col\"{state}><button form=\"order\" name=\"sort\" value=\"{minus}{key}\">{label}</button></th>"
        );
    }
    page.push_str("</tr></thead>\n<tbody>\n");
}

/// What the other forms need to know of a search.
fn put_carried(page: &mut String, target: &Target) {
    let names = PATTERNS.into_iter().filter_map(|name| {
        let pattern = target.option(name)?;
        Some((name, pattern))
    });
    put_hidden(page, names.chain(target.conditions()));
}

fn put_hidden<'a>(page: &mut String, options: impl Iterator<Item = (&'a str, &'a [u8])>) {
    for (name, value) in options {
        let value = text(&String::from_utf8_lossy(value));
        let _ = write!(
            page,
            "<input type=\"hidden\" name=\"{name}\" value=\"{value}\">"
        );
    }
}

#[cfg(test)]
mod tests {
    use netsocket_protocol::find::CONDITIONS;

    use super::*;

    fn target(query: &str) -> Target {
        Target::parse(&format!("/docs/?{query}").parse().unwrap()).unwrap()
    }

    /// What a browser sends of the fields that a form has filled in.
    fn sent(form: &str) -> String {
        let fields = form.split("<input ").skip(1).filter_map(|field| {
            let value =
                |key: &str| Some(field.split_once(&format!("{key}=\""))?.1.split_once('"')?.0);
            Some(format!("{}={}", value("name")?, value("value")?))
        });
        fields.collect::<Vec<_>>().join("&")
    }

    #[test]
    fn every_form_of_a_search_carries_all_its_conditions() {
        let values = CONDITIONS.map(|option| match (option.name, option.value) {
            ("ext", _) => "ext=pdf&ext=epub".to_owned(),
            ("size", _) => "size=1..20".to_owned(),
            ("below", _) => "below=new".to_owned(),
            (name, None) => name.to_owned(),
            (name, Some("WHEN")) => format!("{name}=2024-01-31"),
            (name, Some(_)) => format!("{name}=10"),
        });
        for query in &values {
            let asked = target(&format!("find=*.x&{query}"));
            assert!(asked.is_search(), "{query}");
            let wanted = asked.search().unwrap().query;
            let (mut archives, mut table, mut search) = Default::default();
            put_archives(&mut archives, &asked, "");
            put_table(&mut table, &asked, ("name", false));
            put_search(&mut search, &asked);
            for form in [archives, table, search] {
                let again = target(&sent(&form)).search().unwrap().query;
                assert_eq!(again, wanted, "{query}: {form}");
            }
        }
    }

    #[test]
    fn only_the_order_carries_the_limit() {
        let asked = target("q=a&limit=5");
        let (mut archives, mut table) = Default::default();
        put_archives(&mut archives, &asked, "");
        put_table(&mut table, &asked, ("name", false));
        assert_eq!(
            (sent(&archives).as_str(), sent(&table).as_str()),
            ("q=a", "q=a&limit=5")
        );
    }
}
