//! Charts as SVG, drawn here: they need no script, and a table stands behind each.

mod scale;

use std::fmt::Write as _;

use self::scale::Scale;

/// One period of a chart.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Point {
    /// On the axis: `Oct`, `W44`.
    pub(super) tick: String,
    /// In full, as it is told beside the pointer.
    pub(super) told: String,
    /// None: no data, which leaves a gap.
    pub(super) value: Option<f64>,
    pub(super) target: Option<f64>,
    /// From where to where a value is as it should be, in the light of the target.
    pub(super) good: Option<(f64, f64)>,
    /// What it is compared with, such as the value a year before.
    pub(super) compared: Option<f64>,
    /// The period is not over.
    pub(super) is_partial: bool,
}

/// A line without axes, for a card: gaps where there is no data, the present period hollow, the target dashed.
pub(super) fn sparkline(points: &[Point]) -> String {
    const WIDTH: f64 = 240.0;
    const HEIGHT: f64 = 40.0;
    let points = &without_far_targets(from_value_to_value(points))[..];
    let Some(scale) = Scale::of(points, HEIGHT - 6.0, false) else { return String::new() };
    let step = (WIDTH - 6.0) / (points.len().max(2) - 1) as f64;
    let x = |place: usize| WIDTH - 3.0 - step * (points.len() - 1 - place) as f64;
    let y = |value: f64| 3.0 + scale.y(value);
    let mut svg = format!(r#"<svg class="spark" viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true" focusable="false">"#);
    // A target may be another one from some period on.
    let mut place = 0;
    for same in points.chunk_by(|one, other| one.target == other.target) {
        let edge = |place: usize| (x(place) - step / 2.0).clamp(0.0, WIDTH);
        let (from, to) = (edge(place), if place + same.len() == points.len() { WIDTH } else { edge(place + same.len()) });
        let from = if place == 0 { 0.0 } else { from };
        if let Some(target) = same[0].target {
            write!(svg, r#"<line class="target" x1="{from:.1}" x2="{to:.1}" y1="{0:.1}" y2="{0:.1}"/>"#, y(target))
                .expect("a string");
        }
        place += same.len();
    }
    let runs = runs(points);
    // Where hardly two periods in a row have data, the pieces of a line would say nothing.
    let is_scattered = runs.len() > 2 && runs.iter().map(Vec::len).sum::<usize>() < 2 * runs.len();
    for run in runs {
        match &run[..] {
            many @ [_, _, ..] if !is_scattered => {
                let line: Vec<String> =
                    many.iter().map(|(place, value)| format!("{:.1},{:.1}", x(*place), y(*value))).collect();
                write!(svg, r#"<polyline points="{}"/>"#, line.join(" ")).expect("a string");
            }
            each => {
                for (place, value) in each {
                    write!(svg, r#"<circle class="alone" cx="{:.1}" cy="{:.1}" r="2.2"/>"#, x(*place), y(*value))
                        .expect("a string");
                }
            }
        }
    }
    if let Some((place, point)) = points.iter().enumerate().rev().find(|(_, point)| point.value.is_some()) {
        let class = if point.is_partial { "now partial" } else { "now" };
        let value = point.value.expect("it was looked for");
        write!(svg, r#"<circle class="{class}" cx="{:.1}" cy="{:.1}" r="2.5"/>"#, x(place), y(value)).expect("a string");
    }
    svg + "</svg>"
}

/// A target many times as large as any value would press the line flat: then the words alone tell it.
pub(super) fn without_far_targets(points: &[Point]) -> Vec<Point> {
    let most = points.iter().filter_map(|point| point.value).fold(0.0, |most: f64, value| most.max(value.abs()));
    let near = |target: &f64| target.abs() <= 3.0 * most;
    let is_near = |point: &Point| point.target.as_ref().is_none_or(near);
    let with = |point: &Point| Point {
        target: point.target.filter(near),
        good: point.good.filter(|_| is_near(point)),
        ..point.clone()
    };
    points.iter().map(with).collect()
}

/// A target that no longer holds and is beyond all that is drawn would stretch the axis: then the table alone tells it.
fn without_past_targets(points: &[Point]) -> Vec<Point> {
    let newest = points.last().and_then(|point| point.target);
    let drawn = || points.iter().filter_map(|point| point.value).chain(newest);
    let (least, most) = drawn().fold((f64::MAX, f64::MIN), |(least, most), value| (least.min(value), most.max(value)));
    let with = |point: &Point| Point { target: point.target.filter(|target| (least..=most).contains(target)), ..point.clone() };
    points.iter().map(with).collect()
}

/// A line has the whole width, however few periods have data.
fn from_value_to_value(points: &[Point]) -> &[Point] {
    let has_value = |point: &Point| point.value.is_some();
    let ends = points.iter().position(has_value).zip(points.iter().rposition(has_value));
    ends.map_or(&[], |(first, last)| &points[first..=last])
}

/// A chart begins with the data, and has room for a few periods.
fn from_the_first_value(points: &[Point]) -> &[Point] {
    const FEWEST: usize = 4;
    let first = points.iter().position(|point| point.value.is_some()).unwrap_or(0);
    &points[first.min(points.len().saturating_sub(FEWEST))..]
}

/// How large a chart is drawn: letters are the same size on each, so a small one has fewer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    class: &'static str,
    width: f64,
    height: f64,
    left: f64,
    /// Periods that are named.
    names: f64,
}

pub(super) const WIDE: Size = Size { class: "", width: 960.0, height: 300.0, left: 76.0, names: 13.0 };
/// One of two on a page.
pub(super) const MEDIUM: Size = Size { class: "", width: 480.0, height: 220.0, left: 72.0, names: 5.0 };
/// As wide as a telephone, or one of three on a page.
pub(super) const SMALL: Size = Size { class: " compact", width: 340.0, height: 170.0, left: 72.0, names: 4.0 };

const BOTTOM: f64 = 30.0;
/// How wide a letter of a period's name is, at most.
const LETTER: f64 = 8.0;
const TOP: f64 = 12.0;

/// Bars over periods with an axis, with every target, however far; `write` writes the values of the axis.
pub(super) fn bars_in(size: Size, title: &str, points: &[Point], write: impl Fn(&[f64]) -> Vec<String>) -> String {
    let points = from_the_first_value(points);
    let Some(scale) = Scale::of(points, size.height - TOP - BOTTOM, true) else { return String::new() };
    let step = (size.width - size.left) / points.len() as f64;
    plot(size, title, points, scale, write, |svg, place, point| {
        let left = size.left + step * place as f64;
        let (x, width) = (left + step * 0.18, step * 0.64);
        if let Some(value) = point.value {
            let (top, bottom) = (TOP + scale.y(value.max(0.0)), TOP + scale.y(value.min(0.0)));
            // A line of what is nothing, or nearly, stands on the axis, on its own side: it is not the same as no data.
            let height = (bottom - top).max(2.0);
            let top = if value < 0.0 { top } else { bottom - height };
            let class = if point.is_partial { "bar partial" } else { "bar" };
            write!(svg, r#"<rect class="{class}" x="{x:.1}" y="{top:.1}" width="{width:.1}" height="{height:.1}" rx="2"/>"#)
                .expect("a string");
        }
    })
}

/// A line over periods, of shares that are nearly all: its axis begins where they do.
pub(super) fn shares(size: Size, title: &str, points: &[Point], write: impl Fn(&[f64]) -> Vec<String>) -> String {
    const STEP_MIN: f64 = 0.0005;
    let points = &without_past_targets(from_the_first_value(points))[..];
    let Some(scale) = Scale::of(points, size.height - TOP - BOTTOM, false) else { return String::new() };
    let scale = scale.rounded(STEP_MIN);
    let scale = Scale { most: scale.most.min(1.0), ..scale };
    let step = (size.width - size.left) / points.len() as f64;
    let x = |place: usize| size.left + step * (place as f64 + 0.5);
    let lines = runs(points).into_iter().filter(|run| run.len() > 1).map(|run| {
        let ends: Vec<String> =
            run.iter().map(|(place, value)| format!("{:.1},{:.1}", x(*place), TOP + scale.y(*value))).collect();
        format!(r#"<polyline points="{}"/>"#, ends.join(" "))
    });
    let lines: String = lines.collect();
    let drawn = plot(size, title, points, scale, write, |svg, place, point| {
        if let Some(value) = point.value {
            let (cx, cy) = (x(place), TOP + scale.y(value));
            let class = if point.is_partial { "end partial" } else { "end" };
            let is_end = points[place + 1..].iter().all(|point| point.value.is_none());
            let is_there = |place: Option<usize>| place.and_then(|place| points.get(place)?.value).is_some();
            let is_alone = !is_there(place.checked_sub(1)) && !is_there(Some(place + 1));
            if is_end || is_alone {
                write!(svg, r#"<circle class="{class}" cx="{cx:.1}" cy="{cy:.1}" r="2.5"/>"#).expect("a string");
            }
        }
    });
    // Above the targets, whose edge would cut them.
    drawn.replace("</svg>", &format!("{lines}</svg>"))
}

/// What charts over periods have in common: axis, targets, names, and what is told beside the pointer.
fn plot(
    size: Size,
    title: &str,
    points: &[Point],
    scale: Scale,
    write: impl Fn(&[f64]) -> Vec<String>,
    mut mark: impl FnMut(&mut String, usize, &Point),
) -> String {
    let Size { class, width, height, left, names } = size;
    let y = |value: f64| TOP + scale.y(value);
    let step = (width - left) / points.len() as f64;
    let mut svg =
        format!(r#"<svg class="bars{class}" viewBox="0 0 {width} {height}" role="img" aria-label="{}">"#, escaped(title));
    let ticks = scale.ticks();
    for (value, written) in ticks.iter().copied().zip(write(&ticks)) {
        let class = if value == 0.0 { "base" } else { "grid" };
        write!(
            svg,
            r#"<line class="{class}" x1="{left}" x2="{width}" y1="{0:.1}" y2="{0:.1}"/><text x="{1}" y="{2:.1}" text-anchor="end">{3}</text>"#,
            y(value),
            left - 10.0,
            y(value) + 4.0,
            escaped(&written),
        )
        .expect("a string");
    }
    let each = (points.len() as f64 / names).ceil() as usize;
    for (place, point) in points.iter().enumerate() {
        let left = left + step * place as f64;
        write!(svg, r#"<g class="period"><title>{}</title><rect class="reach" x="{left:.1}" y="{TOP}" width="{step:.1}" height="{:.1}"/>"#,
            escaped(&point.told), height - TOP - BOTTOM).expect("a string");
        if let Some((from, to)) = point.good {
            let (top, bottom) = (y(to.min(scale.most)), y(from.max(scale.least)));
            write!(
                svg,
                r#"<rect class="good" x="{left:.1}" y="{top:.1}" width="{step:.1}" height="{:.1}"/>"#,
                (bottom - top).max(0.0)
            )
            .expect("a string");
        }
        mark(&mut svg, place, point);
        if let Some(target) = point.target {
            for class in ["halo", "target"] {
                write!(
                    svg,
                    r#"<line class="{class}" x1="{left:.1}" x2="{:.1}" y1="{1:.1}" y2="{1:.1}"/>"#,
                    left + step,
                    y(target)
                )
                .expect("a string");
            }
        }
        if let Some(compared) = point.compared {
            let (from, to) = (left + step * 0.1, left + step * 0.9);
            write!(svg, r#"<line class="compared" x1="{from:.1}" x2="{to:.1}" y1="{0:.1}" y2="{0:.1}"/>"#, y(compared))
                .expect("a string");
        }
        // Counted from the present, so that it always has its name.
        if (points.len() - 1 - place).is_multiple_of(each) {
            // Not beyond the edge.
            let (x, anchor) = if place + 1 == points.len() && step < LETTER * point.tick.chars().count() as f64 {
                (width, "end")
            } else {
                (left + step / 2.0, "middle")
            };
            write!(svg, r#"<text x="{x:.1}" y="{}" text-anchor="{anchor}">{}</text>"#, height - 8.0, escaped(&point.tick))
                .expect("a string");
        }
        svg.push_str("</g>");
    }
    svg + "</svg>"
}

/// A value against a mark, such as what is planned, on a scale that ends at `most`.
pub(super) fn bullet(value: Option<f64>, mark: Option<f64>, most: f64, class: &str) -> String {
    if most <= 0.0 || (value.is_none() && mark.is_none()) {
        return String::new();
    }
    let place = |value: f64| 100.0 * (value / most).clamp(0.0, 1.0);
    let part =
        value.map_or(String::new(), |value| format!(r#"<rect class="part" y="2" width="{:.1}" height="6"/>"#, place(value)));
    let mark = mark.map_or(String::new(), |mark| {
        format!(r#"<line class="mark" x1="{0:.1}" x2="{0:.1}" y1="0" y2="10"/>"#, place(mark).clamp(0.5, 99.5))
    });
    format!(
        r#"<svg class="track bullet {class}" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" focusable="false"><rect class="whole" y="2" width="100" height="6"/>{part}{mark}</svg>"#
    )
}

/// So many steps of a stair are climbed.
pub(super) fn steps(climbed: u32, of: u32) -> String {
    let each = 100.0 / f64::from(of.max(1));
    let steps = (0..of).map(|step| {
        let class = if step < climbed { "part" } else { "whole" };
        format!(r#"<rect class="{class}" x="{:.1}" width="{:.1}" height="8"/>"#, each * f64::from(step), each - 4.0)
    });
    let steps: String = steps.collect();
    format!(
        r#"<svg class="track steps" viewBox="0 0 96 8" preserveAspectRatio="none" aria-hidden="true" focusable="false">{steps}</svg>"#
    )
}

/// How much of a whole, as a bar.
pub(super) fn meter(share: f64, class: &str) -> String {
    let width = 100.0 * share.clamp(0.0, 1.0);
    format!(
        r#"<svg class="track {class}" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" focusable="false"><rect class="whole" width="100" height="6"/><rect class="part" width="{width:.1}" height="6"/></svg>"#
    )
}

/// The stretches without a gap.
fn runs(points: &[Point]) -> Vec<Vec<(usize, f64)>> {
    let mut runs: Vec<Vec<(usize, f64)>> = vec![Vec::new()];
    for (place, point) in points.iter().enumerate() {
        match point.value {
            Some(value) => runs.last_mut().expect("there is one").push((place, value)),
            None => runs.push(Vec::new()),
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: &[Option<f64>]) -> Vec<Point> {
        let point =
            |value: &Option<f64>| Point { tick: "Oct".to_owned(), told: "a < b".to_owned(), value: *value, ..Point::default() };
        values.iter().map(point).collect()
    }

    #[test]
    fn a_period_without_data_is_a_gap_and_not_zero() {
        let svg = sparkline(&points(&[Some(1.0), Some(2.0), None, Some(3.0)]));
        assert_eq!(svg.matches("<polyline").count(), 1);
        assert_eq!(svg.matches("class=\"alone\"").count(), 1);
        assert_eq!(bars_in(WIDE, "x", &points(&[Some(1.0), None]), |_| Vec::new()).matches("class=\"bar\"").count(), 1);
    }

    #[test]
    fn a_line_goes_from_edge_to_edge() {
        let svg = sparkline(&points(&[None, None, Some(1.0), Some(2.0), None]));
        assert!(svg.contains(r#"<polyline points="3.0,37.0 237.0,3.0"/>"#), "{svg}");
        assert!(sparkline(&points(&[None, Some(1.0), None])).contains(r#"cx="237.0""#));
    }

    #[test]
    fn a_target_that_was_another_one_is_drawn_where_it_was() {
        let mut points = points(&[Some(1.0), Some(2.0), Some(2.0)]);
        points.iter_mut().zip([1.0, 1.0, 2.0]).for_each(|(point, target)| point.target = Some(target));
        let svg = sparkline(&points);
        assert!(svg.contains(r#"<line class="target" x1="0.0" x2="178.5" y1="37.0" y2="37.0"/>"#), "{svg}");
        assert!(svg.contains(r#"<line class="target" x1="178.5" x2="240.0" y1="3.0" y2="3.0"/>"#), "{svg}");
    }

    #[test]
    fn where_hardly_two_periods_in_a_row_have_data_each_is_a_dot() {
        let svg = sparkline(&points(&[Some(1.0), None, Some(2.0), Some(3.0), None, Some(1.0), None, Some(2.0)]));
        assert_eq!((svg.matches("<polyline").count(), svg.matches("class=\"alone\"").count()), (0, 5));
    }

    #[test]
    fn where_there_is_no_data_at_all_there_is_no_chart() {
        assert_eq!(sparkline(&points(&[None, None])), "");
        assert_eq!(sparkline(&[]), "");
        assert_eq!(bars_in(WIDE, "x", &[], |_| Vec::new()), "");
    }

    #[test]
    fn bars_start_at_zero_and_their_axis_has_round_numbers() {
        let scale = Scale::of(&points(&[Some(130.0), Some(487.0)]), 100.0, true).expect("data");
        assert_eq!(scale.ticks(), [0.0, 100.0, 200.0, 300.0, 400.0, 500.0]);
        assert_eq!((scale.y(0.0), scale.y(500.0)), (100.0, 0.0));
        let scale = Scale::of(&points(&[Some(-3.0), Some(2.0)]), 100.0, true).expect("data");
        assert_eq!((scale.ticks().first(), scale.ticks().last()), (Some(&-3.0), Some(&2.0)));
    }

    #[test]
    fn a_lines_axis_begins_where_its_values_do_at_a_round_number() {
        let scale = Scale::of(&points(&[Some(0.9932), Some(1.0)]), 100.0, false).expect("data").rounded(0.001);
        assert!((scale.least - 0.992).abs() < 1e-9 && (scale.most - 1.0).abs() < 1e-9, "{scale:?}");
        let svg = shares(SMALL, "x", &points(&[Some(0.9), Some(0.8), None, Some(1.0)]), |_| Vec::new());
        assert_eq!((svg.matches("<polyline").count(), svg.matches("<circle").count()), (1, 1));
    }

    #[test]
    fn a_past_target_that_is_beyond_all_else_does_not_stretch_a_lines_axis() {
        let with = |targets: [f64; 3]| -> Vec<Option<f64>> {
            let point = |target| Point { value: Some(0.9995), target: Some(target), ..Point::default() };
            without_past_targets(&targets.map(point)).iter().map(|point| point.target).collect()
        };
        assert_eq!(with([0.995, 0.9997, 0.999]), [None, None, Some(0.999)]);
        assert_eq!(with([0.9993, 0.999, 0.999]), [Some(0.9993), Some(0.999), Some(0.999)]);
    }

    #[test]
    fn a_chart_begins_with_the_data() {
        let values = [None, None, None, Some(1.0), None, Some(2.0), Some(3.0)];
        assert_eq!(from_the_first_value(&points(&values)).len(), 4);
        assert_eq!(from_the_first_value(&points(&[None, None, None, None, None, Some(1.0)])).len(), 4);
        assert_eq!(from_the_first_value(&points(&[None, Some(1.0)])).len(), 2);
    }

    #[test]
    fn what_is_told_cannot_become_markup() {
        assert!(bars_in(WIDE, "\"><script>", &points(&[Some(1.0)]), |_| vec!["<".to_owned()]).contains("&lt;script&gt;"));
    }
}
