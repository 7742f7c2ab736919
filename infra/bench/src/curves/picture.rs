//! A curve as a picture: lines over a logarithmic axis, in SVG that needs nothing else and can be read on light and on
//! dark pages.

use std::fmt::Write as _;

use super::curve::{Curve, Points};
use crate::figure::number;
use crate::peer::Peer;
use crate::plot::{STYLE, label};
use crate::stats::Summary;

/// The picture, and within it the field of the lines, in pixels.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 500.0;
const TOP: f64 = 64.0;
const BOTTOM: f64 = 296.0;
/// Lines across the field.
const STEPS: u32 = 4;
/// Added to the style of all pictures.
const LINES: &str = "\
.grid{stroke:#8b949e;stroke-opacity:.35}.line{fill:none;stroke:#8b949e;stroke-width:2}.line.ours{fill:none;stroke:#2f81f7}\
.point{fill:#8b949e}.point.ours{fill:#2f81f7}.at{text-anchor:middle}.end{text-anchor:start}";

/// Draws it; `caption` says where and when it was measured.
pub(super) fn draw(curve: &Curve, caption: &str) -> String {
    let places = curve.places();
    let scale = Scale::new(&places, highest(curve));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         role=\"img\"><style>{STYLE}{LINES}</style>\n"
    );
    svg += &label("title", 12.0, 24.0, curve.title);
    svg += &label(
        "heading",
        12.0,
        46.0,
        &format!("{} (less is better)", curve.y),
    );
    svg += &axes(curve, &places, &scale);
    for (name, points) in &curve.lines {
        svg += &line(name, points, curve, &scale);
    }
    svg += &label("caption", 12.0, HEIGHT - 8.0, caption);
    svg += "</svg>\n";
    svg
}

/// Where values are in the field.
struct Scale {
    /// The smallest place above 0, if there is one.
    first: f64,
    /// Whether 0 has its place, a step before that: it is nowhere on a logarithmic axis.
    zero: bool,
    /// Decades, and that step.
    width: f64,
    /// The value of each line across.
    step: f64,
}

impl Scale {
    fn new(places: &[usize], highest: f64) -> Self {
        let positive = places.iter().copied().find(|place| *place > 0);
        let mut scale = Self {
            first: positive.unwrap_or(1) as f64,
            zero: places.contains(&0),
            width: 1.0,
            step: step(highest / f64::from(STEPS)),
        };
        let last = places.last().map_or(0.0, |last| scale.decades(*last));
        scale.width = last.max(1.0);
        scale
    }

    fn decades(&self, place: usize) -> f64 {
        let before = f64::from(u8::from(self.zero));
        match place {
            0 => 0.0,
            place => (place as f64 / self.first).log10() + before,
        }
    }

    fn x(&self, place: usize) -> f64 {
        LEFT + (RIGHT - LEFT) * self.decades(place) / self.width
    }

    fn y(&self, value: f64) -> f64 {
        BOTTOM - (BOTTOM - TOP) * value / (self.step * f64::from(STEPS))
    }
}

/// A round number that is not less.
fn step(least: f64) -> f64 {
    let magnitude = 10f64.powf(least.max(f64::MIN_POSITIVE).log10().floor());
    let round = [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.5, 10.0].map(|round| round * magnitude);
    let fits = round.into_iter().find(|round| *round >= least);
    fits.unwrap_or(10.0 * magnitude)
}

fn highest(curve: &Curve) -> f64 {
    let all = curve.lines.iter().flat_map(|(_, points)| points.values());
    all.flatten().copied().fold(0.0, f64::max)
}

fn axes(curve: &Curve, places: &[usize], scale: &Scale) -> String {
    let mut svg = String::new();
    for at in 0..=STEPS {
        let value = scale.step * f64::from(at);
        let y = scale.y(value);
        // Writing to a string does not fail, here and below.
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>"
        );
        svg += &label("name", LEFT - 8.0, y + 4.0, &short(value));
    }
    for place in places {
        svg += &label("at", scale.x(*place), BOTTOM + 18.0, &short(*place as f64));
    }
    let but = if scale.zero { ", but for 0" } else { "" };
    let text = format!("{} (logarithmic{but})", curve.x);
    svg + &label("at", f64::midpoint(LEFT, RIGHT), BOTTOM + 38.0, &text)
}

/// Short enough to stand at an axis.
fn short(value: f64) -> String {
    if value >= 1_000.0 {
        return format!("{}k", value / 1_000.0);
    }
    // Sums of fractions may be off by less than anybody reads.
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The medians, joined, each with its value, and a line from the least to the most.
fn line(name: &str, points: &Points, curve: &Curve, scale: &Scale) -> String {
    let medians: Vec<(usize, Summary)> = points
        .iter()
        .filter_map(|(place, values)| Some((*place, Summary::of(values.iter().copied())?)))
        .collect();
    let ours = if name == Peer::Netsocket.name() {
        " ours"
    } else {
        ""
    };
    let joined = medians
        .iter()
        .map(|(place, summary)| format!("{:.1},{:.1}", scale.x(*place), scale.y(summary.median)));
    let mut svg = format!(
        "<polyline class=\"line{ours}\" points=\"{}\"/>\n",
        joined.collect::<Vec<_>>().join(" ")
    );
    for (place, summary) in &medians {
        let (x, y) = (scale.x(*place), scale.y(summary.median));
        let (low, high) = (scale.y(summary.min), scale.y(summary.max));
        let _ = writeln!(
            svg,
            "<line class=\"spread\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{low:.1}\" y2=\"{high:.1}\"/>"
        );
        let _ = writeln!(
            svg,
            "<circle class=\"point{ours}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\"/>"
        );
        // Beyond the spread, on the side where the other line is not.
        let beyond = if is_below_another(*place, summary.median, curve) {
            low + 16.0
        } else {
            high - 8.0
        };
        svg += &label("at", x, beyond, &number(summary.median));
    }
    if let Some((place, summary)) = medians.last() {
        let (x, y) = (scale.x(*place), scale.y(summary.median));
        svg += &label("end", x + 24.0, y + 4.0, name);
    }
    svg
}

/// Whether another line is above it there.
fn is_below_another(place: usize, median: f64, curve: &Curve) -> bool {
    let at = |points: &Points| Summary::of(points.get(&place)?.iter().copied());
    let others = curve.lines.iter().filter_map(|(_, points)| at(points));
    others.into_iter().any(|other| other.median > median)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curves::curve::tests::curve;

    /// That every element is closed where it should be, and that no text is an element.
    fn assert_valid(svg: &str) {
        let mut open = Vec::new();
        for (at, _) in svg.match_indices('<') {
            let end = at + svg[at..].find('>').expect("the end of a tag");
            let tag = &svg[at + 1..end];
            assert!(!tag.contains('<'), "{tag}");
            let name = tag.split([' ', '/']).find(|part| !part.is_empty()).unwrap();
            if tag.starts_with('/') {
                assert_eq!(open.pop(), Some(name));
            } else if !tag.ends_with('/') {
                open.push(name);
            }
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        }
        assert!(open.is_empty(), "{open:?}");
    }

    #[test]
    fn every_point_is_in_the_picture_with_its_value() {
        let svg = draw(&curve(), "A & B");
        assert_valid(&svg);
        assert_eq!(svg.matches("<circle").count(), 4);
        assert_eq!(svg.matches("class=\"point ours\"").count(), 3);
        for value in ["51.0", "53.0", "61.0", "70.0"] {
            assert!(svg.contains(&format!(">{value}</text>")), "{value}");
        }
        for text in ["A &lt;new&gt; connection", "A &amp; B", ">100k<", ">1k<"] {
            assert!(svg.contains(text), "{text}");
        }
        assert!(svg.contains("idle sessions (logarithmic, but for 0)"));
    }

    #[test]
    fn a_decade_is_as_wide_as_any_other() {
        let scale = Scale::new(&[1, 10, 100, 1_000], 9.0);
        let x = [1, 10, 100, 1_000].map(|place| scale.x(place));
        assert_eq!((x[0], x[3]), (LEFT, RIGHT));
        let widths = [x[1] - x[0], x[2] - x[1], x[3] - x[2]];
        assert!(widths.iter().all(|width| (width - widths[0]).abs() < 0.001));
        let with_zero = Scale::new(&[0, 1_000, 10_000], 9.0);
        assert_eq!(with_zero.x(0), LEFT);
        assert_eq!(with_zero.x(1_000), f64::midpoint(LEFT, RIGHT));
    }

    #[test]
    fn every_value_is_within_the_field() {
        for highest in [0.004, 0.3, 1.0, 7.0, 53.0, 99.9, 12_345.0] {
            let scale = Scale::new(&[1, 8], highest);
            assert!(scale.y(highest) >= TOP - 0.001, "{highest}");
            assert!(scale.y(highest) < f64::midpoint(TOP, BOTTOM), "{highest}");
        }
        assert_eq!(short(0.75), "0.75");
        assert_eq!(short(50_000.0), "50k");
    }
}
