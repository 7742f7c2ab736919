//! Tables and text as HTML, in the form that the script takes over: a row is known by its key, a cell has a main part and a
//! small one.

use std::fmt::Write as _;

/// The class of a column that is seen only where there are services.
pub(super) const SERVICE: &str = "service";

/// A cell: its label, its class, what it says, and what stands small below.
pub(super) type Cell = (&'static str, String, String, String);

/// A row: what tells it from the others, its name, what stands small below, its cells, and a line where the table has those.
pub(super) struct Row<'a> {
    pub(super) key: &'a str,
    pub(super) name: &'a str,
    pub(super) detail: &'a str,
    pub(super) cells: &'a [Cell],
    pub(super) plot: Option<String>,
}

/// A number.
pub(super) fn number(label: &'static str, main: String, small: String) -> Cell {
    (label, "n".to_owned(), main, small)
}

/// What is to the right of the name; `plotted`: the column of lines.
pub(super) fn heads(cells: &[Cell], plotted: Option<&str>) -> String {
    let mut html = String::new();
    // Writing to a string cannot fail.
    for (label, class, ..) in cells {
        let class = match class.as_str() {
            "n" | SERVICE => format!(" class=\"{class}\""),
            _ => String::new(),
        };
        let _ = write!(
            html,
            "<th role=\"columnheader\" scope=\"col\"{class}>{label}</th>"
        );
    }
    if let Some(label) = plotted {
        let _ = write!(html, "<th role=\"columnheader\" scope=\"col\">{label}</th>");
    }
    html.push_str(
        "<th role=\"columnheader\" scope=\"col\"><span class=\"unseen\">Actions</span></th>",
    );
    html
}

pub(super) fn row(row: &Row<'_>) -> String {
    let mut html = String::new();
    // Writing to a string cannot fail.
    let _ = write!(
        html,
        "<tr role=\"row\" data-key=\"{}\"><th scope=\"row\" role=\"rowheader\"><span>{}</span><small>{}</small></th>",
        escaped(row.key),
        escaped(row.name),
        escaped(row.detail),
    );
    for (label, class, main, small) in row.cells {
        let _ = write!(
            html,
            "<td role=\"cell\" class=\"{class}\" data-label=\"{label}\"><span>{}</span><small>{}</small></td>",
            escaped(main),
            escaped(small),
        );
    }
    if let Some(plot) = &row.plot {
        let _ = write!(
            html,
            "<td role=\"cell\" class=\"trend\" data-label=\"Open sessions\">{plot}</td>"
        );
    }
    html.push_str("<td role=\"cell\" class=\"actions\" data-label=\"Actions\"></td></tr>\n");
    html
}

/// Text in which commands and keys stand between backticks.
pub(super) fn with_code(text: &str) -> String {
    let parts = text.split('`').enumerate();
    let parts = parts.map(|(index, part)| match index % 2 {
        0 => escaped(part),
        _ => format!("<code>{}</code>", escaped(part)),
    });
    parts.collect()
}

pub(super) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            _ => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_chose_is_escaped() {
        let cells = [number("N", "<b>&\"'".to_owned(), String::new())];
        let html = row(&Row {
            key: "<k>",
            name: "<i>",
            detail: "",
            cells: &cells,
            plot: None,
        });
        assert!(html.contains("<span>&lt;b&gt;&amp;&quot;&#39;</span>"));
        assert!(html.contains("&lt;i&gt;") && !html.contains("<i>"));
        assert_eq!(
            with_code("try `ctl <x>` now"),
            "try <code>ctl &lt;x&gt;</code> now"
        );
    }
}
