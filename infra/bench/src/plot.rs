//! A picture of each section: bars for every figure, in SVG that needs nothing else and can be read on light and on dark
//! pages.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::failure::{Explain as _, Outcome};
use crate::figure::number;
use crate::figure::{Better, Figure};
use crate::peer::Peer;
use crate::report::{Report, Row, Section};

/// Widths and heights, in pixels.
const PANEL: f64 = 380.0;
const NAMES: f64 = 104.0;
const VALUES: f64 = 56.0;
const LINE: f64 = 20.0;
const BAR: f64 = 12.0;
const TITLE: f64 = 44.0;
const HEADING: f64 = 30.0;
const MARGIN: f64 = 12.0;
const PER_ROW: usize = 2;

/// Middle greys and a blue that stand out from white and from black; text gets more contrast where the reader's program
/// tells which of them the page is.
pub(crate) const STYLE: &str = "\
text{font:12px system-ui,sans-serif;fill:#768390}\
.title{font-size:15px;font-weight:600}.heading{font-weight:600}.value{text-anchor:start}.name{text-anchor:end}\
.bar{fill:#8b949e}.ours{fill:#2f81f7}.limit{fill:none;stroke:#8b949e;stroke-dasharray:3 2}\
.spread{stroke:#d29922;stroke-width:2}\
@media (prefers-color-scheme:light){text{fill:#424a53}}\
@media (prefers-color-scheme:dark){text{fill:#c9d1d9}}";

/// Writes a file for each section with figures, named by case and part. Gives back the names.
///
/// # Errors
/// Where the disk refuses.
pub fn write(report: &Report, dir: &Path) -> Outcome<Vec<String>> {
    fs::create_dir_all(dir).explain(&dir.display().to_string())?;
    let mut names = Vec::new();
    let drawn = |section: &&Section| !section.columns().is_empty();
    for section in report.sections.iter().filter(drawn) {
        let name = format!("{}.svg", section.name().replace(' ', "-"));
        let path = dir.join(&name);
        let caption = format!("{}, {}", report.machine.cpu, report.machine.date);
        fs::write(&path, draw(section, &caption)).explain(&path.display().to_string())?;
        names.push(name);
    }
    Ok(names)
}

fn draw(section: &Section, caption: &str) -> String {
    let figures: Vec<Figure> = section
        .columns()
        .into_iter()
        .filter(|figure| figure.better() != Better::Neither)
        .collect();
    let rows: Vec<&Row> = section
        .rows
        .iter()
        .filter(|row| !row.rounds.is_empty())
        .collect();
    let panel_height = HEADING + LINE * rows.len() as f64 + MARGIN;
    let panel_rows = figures.len().div_ceil(PER_ROW);
    let width = MARGIN.mul_add(2.0, PANEL * PER_ROW as f64);
    let height = TITLE + panel_height * panel_rows as f64 + LINE;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         role=\"img\"><style>{STYLE}</style>\n"
    );
    let title = format!("{}: {}", section.name(), section.case.summary());
    svg += &label("title", MARGIN, 24.0, &title);
    for (index, figure) in figures.iter().enumerate() {
        let left = MARGIN + PANEL * (index % PER_ROW) as f64;
        let top = TITLE + panel_height * (index / PER_ROW) as f64;
        let heading = heading(*figure, section.case.unit());
        svg += &label("heading", left, top + 14.0, &heading);
        svg += &panel(*figure, &rows, left, top + HEADING);
    }
    svg += &label("caption", MARGIN, height - 8.0, caption);
    svg += "</svg>\n";
    svg
}

fn heading(figure: Figure, unit: &str) -> String {
    let way = match figure.better() {
        Better::Higher => "more is better",
        Better::Lower | Better::Neither => "less is better",
    };
    format!("{} ({way})", figure.heading(unit))
}

/// A bar for the median of each peer, and a line from the smallest to the largest value.
fn panel(figure: Figure, rows: &[&Row], left: f64, top: f64) -> String {
    let summaries = rows.iter().map(|row| row.summary(figure));
    let summaries: Vec<_> = summaries.collect();
    let largest = summaries.iter().flatten().map(|s| s.max);
    let largest = largest.fold(f64::MIN_POSITIVE, f64::max);
    let room = PANEL - NAMES - VALUES - 2.0 * MARGIN;
    let length = |value: f64| (value / largest).clamp(0.0, 1.0) * room;
    let bars = left + NAMES + 6.0;
    let mut svg = String::new();
    for (index, (row, summary)) in rows.iter().zip(&summaries).enumerate() {
        let y = LINE.mul_add(index as f64, top);
        svg += &label("name", left + NAMES, y + 10.0, row.peer.name());
        let Some(summary) = summary else {
            svg += &label("value", bars, y + 10.0, "–");
            continue;
        };
        // Writing to a string does not fail.
        let _ = writeln!(
            svg,
            "<rect class=\"{}\" x=\"{bars:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{BAR}\" rx=\"2\"/>",
            class(row.peer),
            length(summary.median)
        );
        let middle = y + BAR / 2.0;
        let _ = writeln!(
            svg,
            "<line class=\"spread\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\"/>",
            bars + length(summary.min),
            bars + length(summary.max)
        );
        let end = bars + length(summary.max) + 6.0;
        svg += &label("value", end, y + 10.0, &number(summary.median));
    }
    svg
}

fn class(peer: Peer) -> &'static str {
    match peer {
        Peer::Direct => "limit",
        Peer::Netsocket
        | Peer::NetsocketCopy
        | Peer::NetsocketSplice
        | Peer::NetsocketFastOpen
        | Peer::NetsocketKafka
        | Peer::NetsocketBlackHole => "ours",
        Peer::Floor
        | Peer::Uring
        | Peer::Copy
        | Peer::Nginx
        | Peer::NginxTuned
        | Peer::Haproxy
        | Peer::HaproxySplice
        | Peer::HaproxyTuned
        | Peer::Haproxy3Tuned
        | Peer::Sozu
        | Peer::GoRelay
        | Peer::NetsocketBefore => "bar",
    }
}

/// A text at a place.
pub(crate) fn label(class: &str, x: f64, y: f64, text: &str) -> String {
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    format!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{report, row, section};

    #[test]
    fn a_picture_holds_every_peer_and_closes_what_it_opens() {
        let ours = row(Peer::Netsocket, &[(0, 0.5), (1, 1.0)]);
        let section = section(vec![row(Peer::Direct, &[(0, 2.0)]), ours]);
        let dir = tempfile::tempdir().unwrap();
        let names = write(&report(vec![section]), dir.path()).unwrap();
        assert_eq!(names, ["bulk1-upload.svg"]);
        let svg = fs::read_to_string(dir.path().join(&names[0])).unwrap();
        assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
        // Two figures for two peers.
        assert_eq!(svg.matches("<rect").count(), 4);
        assert!(svg.contains("class=\"ours\"") && svg.contains("A &lt;fast&gt; one"));
        assert!(svg.ends_with("</svg>\n"));
    }
}
