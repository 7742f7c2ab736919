//! The forms of a page: the search with its filters, the archives, the order of the table.

use std::fmt::Write as _;

use super::page::{put_text, text};
use super::target::Target;

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

/// The options of a search, which the other forms of its page carry along.
const CARRIED: [&str; 10] = [
    "find",
    "q",
    "ext",
    "larger",
    "smaller",
    "size",
    "modified-after",
    "modified-before",
    "born-after",
    "born-before",
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
        let value = text(&target.text(key));
        let _ = writeln!(
            page,
            "<label>{label}<input name=\"{key}\" type=\"{kind}\" value=\"{value}\" placeholder=\"{example}\"></label>"
        );
    }
    page.push_str("</div></details>\n</form>\n");
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
    if !target.is_search() {
        return;
    }
    for key in CARRIED {
        if target.option(key).is_some() {
            let value = text(&target.text(key));
            let _ = write!(
                page,
                "<input type=\"hidden\" name=\"{key}\" value=\"{value}\">"
            );
        }
    }
}
