//! A drawing of the board for the documentation: its panels in their places, with the series that their queries give. It is
//! no screen of Grafana and does not try to be one.

use std::fmt::Write as _;

use super::board::{Board, Panel};
use super::flux::Span;
use super::series::Series;
use crate::influx::Row;

/// Pixels of one of the 24 columns, and of one step of height.
const COLUMN: f64 = 50.0;
const STEP: f64 = 30.0;
const GAP: f64 = 4.0;
const COLORS: [&str; 8] = [
    "#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#fade2a",
];
const TEXT: &str = "#ccccdc";
const FAINT: &str = "#8e8e99";
/// Lines of text that a list shows.
const MOST_LINES: usize = 8;

/// What a panel shows.
#[derive(Debug, Clone)]
pub enum Content {
    /// Lines, bars or numbers.
    Series(Vec<Series>),
    /// Lines of text.
    Rows(Vec<Row>),
}

/// A rectangle.
#[derive(Debug, Clone, Copy)]
struct Place {
    x: f64,
    y: f64,
    w: f64,
    h: f64,
}

/// Draws the board as SVG. `content` is asked for each panel that is not in a closed row.
#[must_use]
pub fn draw(board: &Board, span: Span, mut content: impl FnMut(&Panel) -> Content) -> String {
    let mut body = String::new();
    let mut height: f64 = 0.0;
    for json in board.json["panels"].as_array().into_iter().flatten() {
        let of = |key: &str| json["gridPos"][key].as_f64().unwrap_or_default();
        let place = Place {
            x: of("x") * COLUMN + GAP,
            y: of("y") * STEP + GAP,
            w: of("w") * COLUMN - 2.0 * GAP,
            h: of("h") * STEP - 2.0 * GAP,
        };
        height = height.max(place.y + place.h + GAP);
        let title = json["title"].as_str().unwrap_or_default();
        if json["type"] == "row" {
            let sign = if json["collapsed"] == true {
                "▸"
            } else {
                "▾"
            };
            let line = format!("{sign} {title}");
            text(&mut body, place.x + 4.0, place.y + 16.0, 14.0, TEXT, &line);
            continue;
        }
        let panel = board.panel(json["id"].as_u64().unwrap_or_default());
        rectangle(&mut body, place, "#181b1f");
        text(&mut body, place.x + 8.0, place.y + 18.0, 12.0, TEXT, title);
        let inner = Place {
            x: place.x + 8.0,
            y: place.y + 26.0,
            w: place.w - 16.0,
            h: place.h - 34.0,
        };
        one(&mut body, panel, inner, span, content(panel));
    }
    let width = 24.0 * COLUMN;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#111217\"/>\n{body}</svg>\n"
    )
}

fn one(body: &mut String, panel: &Panel, place: Place, span: Span, content: Content) {
    let series = match content {
        Content::Rows(rows) => return list(body, place, &rows),
        Content::Series(series) => series,
    };
    match panel.kind.as_str() {
        "stat" => numbers(body, panel, place, &series),
        "gauge" => gauges(body, panel, place, &series),
        "state-timeline" => states(body, panel, place, span, &series),
        _ => lines(body, panel, place, span, &series),
    }
}

fn numbers(body: &mut String, panel: &Panel, place: Place, series: &[Series]) {
    let width = place.w / series.len().max(1) as f64;
    for (index, series) in series.iter().enumerate() {
        let x = place.x + width * index as f64;
        let value = said(panel, series.last());
        text(
            body,
            x + 4.0,
            place.y + place.h * 0.6,
            30.0,
            COLORS[0],
            &value,
        );
        let name = series.name(&panel.display_name);
        text(
            body,
            x + 4.0,
            place.y + place.h * 0.6 + 18.0,
            11.0,
            FAINT,
            &name,
        );
    }
}

/// Half a ring for each, filled as far as it goes.
fn gauges(body: &mut String, panel: &Panel, place: Place, series: &[Series]) {
    let width = place.w / series.len().max(1) as f64;
    for (index, series) in series.iter().enumerate() {
        let (x, y) = (
            place.x + width * (index as f64 + 0.5),
            place.y + place.h - 24.0,
        );
        let radius = (place.h - 40.0).min(width / 2.0 - 12.0);
        let share = (series.last() / 100.0).clamp(0.0, 1.0);
        let color = if share > 0.9 { COLORS[4] } else { COLORS[0] };
        for (share, color) in [(1.0, "#2c3235"), (share, color)] {
            let angle = std::f64::consts::PI * (1.0 - share);
            let (end_x, end_y) = (x + radius * angle.cos(), y - radius * angle.sin());
            let _ = writeln!(
                body,
                "<path d=\"M {:.1} {y:.1} A {radius:.1} {radius:.1} 0 0 1 {end_x:.1} {end_y:.1}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"18\"/>",
                x - radius
            );
        }
        middle(body, x, y - 6.0, 24.0, TEXT, &said(panel, series.last()));
        let name = series.name(&panel.display_name);
        middle(body, x, y + 18.0, 11.0, FAINT, &name);
    }
}

fn states(body: &mut String, panel: &Panel, place: Place, span: Span, series: &[Series]) {
    let height = place.h / series.len().max(1) as f64;
    for (index, series) in series.iter().enumerate() {
        let y = place.y + height * index as f64;
        let name = series.name(&panel.display_name);
        text(body, place.x, y + height / 2.0 + 4.0, 11.0, TEXT, &name);
        let bar = Place {
            x: place.x + 70.0,
            y: y + 3.0,
            w: place.w - 70.0,
            h: height - 6.0,
        };
        for run in series.points.chunk_by(|(_, one), (_, other)| one == other) {
            let ([(from, up), ..], [.., (to, _)]) = (run, run) else {
                continue;
            };
            let from = bar.x + bar.w * share(span, *from);
            let to = bar.x + bar.w * share(span, *to);
            let color = if *up > 0.5 { COLORS[0] } else { COLORS[4] };
            let place = Place {
                x: from,
                w: to - from + 2.0,
                ..bar
            };
            rectangle(body, place, color);
        }
    }
}

fn lines(body: &mut String, panel: &Panel, place: Place, span: Span, series: &[Series]) {
    let graph = Place {
        h: place.h - 34.0,
        ..place
    };
    let stacked = panel.json["fieldConfig"]["defaults"]["custom"]["stacking"]["mode"] == "normal";
    let limit = panel.json["fieldConfig"]["defaults"]["max"].as_f64();
    let series: Vec<Series> = if stacked {
        heaped(series)
    } else {
        series.to_vec()
    };
    let largest = series.iter().map(Series::max).fold(f64::NAN, f64::max);
    let most = limit.unwrap_or(largest * 1.1);
    let most = if most.is_finite() && most > 0.0 {
        most
    } else {
        1.0
    };
    for part in [0.0, 0.5, 1.0] {
        let y = graph.y + graph.h * (1.0 - part);
        let _ = writeln!(
            body,
            "<line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#2c3235\"/>",
            graph.x + 46.0,
            graph.x + graph.w
        );
        text(
            body,
            graph.x,
            y + 4.0,
            9.0,
            FAINT,
            &said(panel, most * part),
        );
    }
    for (index, one) in series.iter().enumerate() {
        let color = COLORS[index % COLORS.len()];
        let at = |(time, value): &(_, f64)| {
            let x = graph.x + 46.0 + (graph.w - 46.0) * share(span, *time);
            let y = graph.y + graph.h * (1.0 - (value / most).clamp(0.0, 1.0));
            format!("{x:.1},{y:.1}")
        };
        let points: Vec<String> = one.points.iter().map(at).collect();
        let _ = writeln!(
            body,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"1.5\"/>",
            points.join(" ")
        );
        let name = one.name(&panel.display_name);
        let (column, row) = ((index % 2) as f64, (index / 2) as f64);
        let (x, y) = (
            place.x + column * place.w / 2.0,
            graph.y + graph.h + 16.0 + row * 12.0,
        );
        if row < 2.0 {
            rectangle(
                body,
                Place {
                    x,
                    y: y - 4.0,
                    w: 10.0,
                    h: 3.0,
                },
                color,
            );
            text(body, x + 14.0, y, 10.0, FAINT, &name);
        }
    }
}

/// Each on top of those before it, where they have the same times.
fn heaped(series: &[Series]) -> Vec<Series> {
    let mut heaped: Vec<Series> = Vec::new();
    for one in series {
        let mut one = one.clone();
        if let Some(below) = heaped.last() {
            for (time, value) in &mut one.points {
                let under = below.points.iter().find(|(at, _)| at == time);
                *value += under.map_or(0.0, |(_, value)| *value);
            }
        }
        heaped.push(one);
    }
    heaped
}

fn list(body: &mut String, place: Place, rows: &[Row]) {
    for (index, row) in rows.iter().take(MOST_LINES).enumerate() {
        let y = place.y + 16.0 + index as f64 * 22.0;
        let of = |column: &str| row.get(column).cloned().unwrap_or_default();
        let who = format!("{} {}", of("role"), of("instance"));
        for (x, cell) in [
            (0.0, of("time")),
            (200.0, of("event")),
            (310.0, who),
            (520.0, of("backend")),
            (600.0, of("what")),
        ] {
            text(body, place.x + x, y, 11.0, TEXT, &cell);
        }
    }
}

/// A value with its unit.
fn said(panel: &Panel, value: f64) -> String {
    let unit = panel.json["fieldConfig"]["defaults"]["unit"]
        .as_str()
        .unwrap_or_default();
    if unit == "none" {
        return format!("{value:.0}");
    }
    let (number, scale) = match value {
        value if value >= 1e9 => (value / 1e9, "G"),
        value if value >= 1e6 => (value / 1e6, "M"),
        value if value >= 1e3 => (value / 1e3, "k"),
        value => (value, ""),
    };
    let number = match number {
        number if number.fract() == 0.0 => format!("{number:.0}"),
        number if number < 10.0 => format!("{number:.2}"),
        number => format!("{number:.1}"),
    };
    match unit {
        "percent" => format!("{number}{scale}%"),
        "Bps" => format!("{number} {scale}B/s"),
        "ms" => format!("{number}{scale} ms"),
        "cps" => format!("{number}{scale}/s"),
        _ => format!("{number}{scale}"),
    }
}

/// Where a moment is in a span, from 0 to 1.
fn share(span: Span, time: chrono::DateTime<chrono::Utc>) -> f64 {
    let of = |length: chrono::TimeDelta| length.num_milliseconds() as f64;
    (of(time - span.from) / of(span.to - span.from)).clamp(0.0, 1.0)
}

fn rectangle(body: &mut String, Place { x, y, w, h }: Place, color: &str) {
    let _ = writeln!(
        body,
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" rx=\"2\" fill=\"{color}\"/>"
    );
}

fn text(body: &mut String, x: f64, y: f64, size: f64, color: &str, words: &str) {
    anchored(body, "start", [x, y, size], color, words);
}

fn middle(body: &mut String, x: f64, y: f64, size: f64, color: &str, words: &str) {
    anchored(body, "middle", [x, y, size], color, words);
}

fn anchored(body: &mut String, anchor: &str, [x, y, size]: [f64; 3], color: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(
        body,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" fill=\"{color}\" text-anchor=\"{anchor}\">{words}</text>"
    );
}
