//! Charts as SVG, drawn here: they need no script, and a table stands behind each.

use std::fmt::Write as _;

/// One period of a chart.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Point {
    /// On the axis: `Oct`, `W44`.
    pub(super) tick: String,
    /// In full, as it is told beside the pointer.
    pub(super) told: String,
    /// None: no data, which leaves a gap.
    pub(super) value: Option<f64>,
    pub(super) target: Option<f64>,
    /// The period is not over.
    pub(super) is_partial: bool,
}

/// A line without axes, for a card: gaps where there is no data, the present period hollow, the target dashed.
pub(super) fn sparkline(points: &[Point]) -> String {
    const WIDTH: f64 = 240.0;
    const HEIGHT: f64 = 40.0;
    let points = &without_far_targets(points)[..];
    let Some(scale) = Scale::of(points, HEIGHT - 6.0, false) else { return String::new() };
    let x = |place: usize| 3.0 + (WIDTH - 6.0) * place as f64 / (points.len().max(2) - 1) as f64;
    let y = |value: f64| 3.0 + scale.y(value);
    let mut svg = format!(r#"<svg class="spark" viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true" focusable="false">"#);
    if let Some(target) = points.iter().rev().find_map(|point| point.target) {
        write!(svg, r#"<line class="target" x1="0" x2="{WIDTH}" y1="{0:.1}" y2="{0:.1}"/>"#, y(target)).expect("a string");
    }
    for run in runs(points) {
        let line: Vec<String> = run.iter().map(|(place, value)| format!("{:.1},{:.1}", x(*place), y(*value))).collect();
        match line.as_slice() {
            [one] => {
                let (cx, cy) = one.split_once(',').expect("two numbers");
                write!(svg, r#"<circle class="alone" cx="{cx}" cy="{cy}" r="1.5"/>"#)
            }
            many => write!(svg, r#"<polyline points="{}"/>"#, many.join(" ")),
        }
        .expect("a string");
    }
    if let Some((place, point)) = points.iter().enumerate().rev().find(|(_, point)| point.value.is_some()) {
        let class = if point.is_partial { "now partial" } else { "now" };
        let value = point.value.expect("it was looked for");
        write!(svg, r#"<circle class="{class}" cx="{:.1}" cy="{:.1}" r="2.5"/>"#, x(place), y(value)).expect("a string");
    }
    svg + "</svg>"
}

/// A target many times as large as any value would press the line flat: then the words alone tell it.
fn without_far_targets(points: &[Point]) -> Vec<Point> {
    let most = points.iter().filter_map(|point| point.value).fold(0.0, |most: f64, value| most.max(value.abs()));
    let near = |target: &f64| target.abs() <= 3.0 * most;
    points.iter().map(|point| Point { target: point.target.filter(near), ..point.clone() }).collect()
}

/// Bars over periods with an axis, for a page of its own; `write` writes a value of the axis.
pub(super) fn bars(title: &str, points: &[Point], write_value: impl Fn(f64) -> String) -> String {
    const WIDTH: f64 = 960.0;
    const HEIGHT: f64 = 300.0;
    const LEFT: f64 = 76.0;
    const BOTTOM: f64 = 30.0;
    const TOP: f64 = 12.0;
    let points = &without_far_targets(points)[..];
    let Some(scale) = Scale::of(points, HEIGHT - TOP - BOTTOM, true) else { return String::new() };
    let y = |value: f64| TOP + scale.y(value);
    let step = (WIDTH - LEFT) / points.len() as f64;
    let mut svg = format!(r#"<svg class="bars" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{}">"#, escaped(title));
    for value in scale.ticks() {
        let class = if value == 0.0 { "base" } else { "grid" };
        write!(
            svg,
            r#"<line class="{class}" x1="{LEFT}" x2="{WIDTH}" y1="{0:.1}" y2="{0:.1}"/><text x="{1}" y="{2:.1}" text-anchor="end">{3}</text>"#,
            y(value),
            LEFT - 10.0,
            y(value) + 4.0,
            escaped(&write_value(value)),
        )
        .expect("a string");
    }
    let each = (points.len() as f64 / 13.0).ceil() as usize;
    for (place, point) in points.iter().enumerate() {
        let left = LEFT + step * place as f64;
        let (x, width) = (left + step * 0.18, step * 0.64);
        write!(svg, r#"<g class="period"><title>{}</title><rect class="reach" x="{left:.1}" y="{TOP}" width="{step:.1}" height="{:.1}"/>"#,
            escaped(&point.told), HEIGHT - TOP - BOTTOM).expect("a string");
        if let Some(value) = point.value {
            let (top, bottom) = (y(value.max(0.0)), y(value.min(0.0)));
            let class = if point.is_partial { "bar partial" } else { "bar" };
            write!(
                svg,
                r#"<rect class="{class}" x="{x:.1}" y="{top:.1}" width="{width:.1}" height="{:.1}" rx="2"/>"#,
                (bottom - top).max(1.0)
            )
            .expect("a string");
        }
        if let Some(target) = point.target {
            write!(svg, r#"<line class="target" x1="{left:.1}" x2="{:.1}" y1="{1:.1}" y2="{1:.1}"/>"#, left + step, y(target))
                .expect("a string");
        }
        // Counted from the present, so that it always has its name.
        if (points.len() - 1 - place).is_multiple_of(each) {
            write!(
                svg,
                r#"<text x="{:.1}" y="{}" text-anchor="middle">{}</text>"#,
                left + step / 2.0,
                HEIGHT - 8.0,
                escaped(&point.tick)
            )
            .expect("a string");
        }
        svg.push_str("</g>");
    }
    svg + "</svg>"
}

/// How much of a whole, as a bar.
pub(super) fn meter(share: f64, class: &str) -> String {
    let width = 100.0 * share.clamp(0.0, 1.0);
    format!(
        r#"<svg class="track {class}" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" focusable="false"><rect class="whole" width="100" height="6"/><rect class="part" width="{width:.1}" height="6"/></svg>"#
    )
}

/// Values to heights: the least at the bottom.
#[derive(Debug, Clone, Copy)]
struct Scale {
    least: f64,
    most: f64,
    height: f64,
    step: f64,
}

impl Scale {
    fn of(points: &[Point], height: f64, from_zero: bool) -> Option<Self> {
        let values = || points.iter().flat_map(|point| [point.value, point.target]).flatten().filter(|value| value.is_finite());
        points.iter().find_map(|point| point.value)?;
        let (mut least, mut most) =
            values().fold((f64::MAX, f64::MIN), |(least, most), value| (least.min(value), most.max(value)));
        if from_zero {
            (least, most) = (least.min(0.0), most.max(0.0));
        }
        if (most - least).abs() < f64::EPSILON {
            (least, most) = (least - 0.5, most + 0.5);
        }
        let mut step = 10_f64.powf(((most - least) / 4.0).log10().floor());
        for factor in [2.0, 2.5, 2.0] {
            if (most - least) / step > 6.0 {
                step *= factor;
            }
        }
        if from_zero {
            (least, most) = ((least / step).floor() * step, (most / step).ceil() * step);
        }
        Some(Self { least, most, height, step })
    }

    fn y(&self, value: f64) -> f64 {
        self.height * (self.most - value) / (self.most - self.least)
    }

    fn ticks(&self) -> Vec<f64> {
        let count = ((self.most - self.least) / self.step).round() as usize;
        (0..=count)
            .map(|place| self.least + self.step * place as f64)
            .map(|tick| if tick.abs() < self.step / 1e6 { 0.0 } else { tick })
            .collect()
    }
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
        let point = |value: &Option<f64>| Point {
            tick: "Oct".to_owned(),
            told: "a < b".to_owned(),
            value: *value,
            target: None,
            is_partial: false,
        };
        values.iter().map(point).collect()
    }

    #[test]
    fn a_period_without_data_is_a_gap_and_not_zero() {
        let svg = sparkline(&points(&[Some(1.0), Some(2.0), None, Some(3.0)]));
        assert_eq!(svg.matches("<polyline").count(), 1);
        assert_eq!(svg.matches("class=\"alone\"").count(), 1);
        assert_eq!(bars("x", &points(&[Some(1.0), None]), |value| value.to_string()).matches("class=\"bar\"").count(), 1);
    }

    #[test]
    fn where_there_is_no_data_at_all_there_is_no_chart() {
        assert_eq!(sparkline(&points(&[None, None])), "");
        assert_eq!(sparkline(&[]), "");
        assert_eq!(bars("x", &[], |value| value.to_string()), "");
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
    fn what_is_told_cannot_become_markup() {
        assert!(bars("\"><script>", &points(&[Some(1.0)]), |_| "<".to_owned()).contains("&lt;script&gt;"));
    }
}
