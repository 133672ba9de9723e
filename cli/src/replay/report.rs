//! What a replay found: for people, and as JSON.

use std::fmt;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use domain::Position;
use domain::period::midnight;
use indicatif::HumanCount;
use projections::past::{Beside, FigureThen, Past};
use projections::{Comparison, Difference, Filling};
use serde::Serialize;

use super::From;
use super::until::Until;
use crate::refold::Folded;

/// So much of a row is shown.
const SHOWN_MAX: usize = 200;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// The live read models are what follows from the log.
    Same,
    /// They are not.
    Differs,
    /// The new ones serve.
    CutOver,
    /// What was known then.
    Past,
}

#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) outcome: Outcome,
    generation: i32,
    /// An earlier run had begun it.
    resumed: bool,
    /// What was folded is there still: the same request goes on with it.
    #[serde(rename = "kept")]
    pub(super) is_kept: bool,
    from: From,
    /// That this run folded.
    events: u64,
    seconds: f64,
    events_per_second: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) comparison: Option<Comparison>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Moment>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) past: Vec<Past>,
}

#[derive(Debug, Serialize)]
struct Moment {
    /// The next position of each partition.
    positions: Vec<Position>,
    recorded_before: DateTime<Utc>,
    /// What the live read models were asked for.
    as_of: NaiveDate,
    /// The moment is that day's end: both must say the same.
    is_end_of_day: bool,
}

impl Report {
    pub(super) fn of(filling: &Filling, from: From) -> Self {
        Self {
            outcome: Outcome::Past,
            generation: filling.generation.number,
            resumed: filling.is_resumed,
            is_kept: false,
            from,
            events: 0,
            seconds: 0.0,
            events_per_second: 0,
            comparison: None,
            until: None,
            past: Vec::new(),
        }
    }

    pub(super) fn folded(&mut self, Folded { events, took }: Folded) {
        self.events = events;
        self.seconds = (took.as_secs_f64() * 1_000.0).round() / 1_000.0;
        self.events_per_second = (events as f64 / took.as_secs_f64().max(0.001)) as u64;
    }

    pub(super) fn until(&mut self, until: &Until, as_of: NaiveDate) {
        let is_end_of_day = until.is_time && midnight(as_of.succ_opt().unwrap_or(as_of)) == until.before;
        let is_contradicted = self
            .past
            .iter()
            .any(|past| past.north_star.iter().any(Beside::is_contradicted) || past.kpis.iter().any(Beside::is_contradicted));
        if is_end_of_day && is_contradicted {
            self.outcome = Outcome::Differs;
        }
        self.until = Some(Moment { positions: until.positions.clone(), recorded_before: until.before, as_of, is_end_of_day });
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "Folded       {} events into generation {} in {:.1} s, {}/s",
            HumanCount(self.events),
            self.generation,
            self.seconds,
            HumanCount(self.events_per_second)
        )?;
        if let Some(comparison) = &self.comparison {
            compared(formatter, comparison)?;
        }
        if let Some(until) = &self.until {
            let time = until.recorded_before.to_rfc3339_opts(SecondsFormat::AutoSi, true);
            writeln!(
                formatter,
                "Recorded     before {time}; beside it what the live read models say as of {}, and today",
                until.as_of
            )?;
            if !until.is_end_of_day {
                writeln!(formatter, "             (as_of is of the whole day, the replay is not)")?;
            }
            for past in &self.past {
                shown(formatter, past)?;
            }
        }
        match self.outcome {
            Outcome::Same => writeln!(formatter, "✓ The live read models are what follows from the log, row for row"),
            Outcome::CutOver => writeln!(formatter, "✓ Generation {} is live", self.generation),
            Outcome::Past => writeln!(formatter, "✓ That is what was known then"),
            Outcome::Differs if self.until.is_some() => {
                writeln!(formatter, "✕ Of that day the live read models say something else")
            }
            Outcome::Differs if self.is_kept => writeln!(
                formatter,
                "✕ The live read models are not what follows from the log, and serve still. `replay --accept-differences` puts the new ones \
                 in their place"
            ),
            Outcome::Differs => writeln!(formatter, "✕ The live read models are not what follows from the log"),
        }
    }
}

fn compared(formatter: &mut fmt::Formatter<'_>, comparison: &Comparison) -> fmt::Result {
    for (view, rows) in &comparison.views {
        match comparison.differences.iter().find(|difference| difference.view == *view) {
            None if *rows == 0 => {}
            None => writeln!(formatter, "  ✓ {view:<24} {} rows", HumanCount(u64::try_from(*rows).unwrap_or(0)))?,
            Some(difference) => differs(formatter, difference)?,
        }
    }
    if !comparison.figures_left_out.is_empty() {
        writeln!(
            formatter,
            "    Figures of {} KPIs were still to be made of new facts, and were left out; the facts were not",
            comparison.figures_left_out.len()
        )?;
    }
    Ok(())
}

fn differs(formatter: &mut fmt::Formatter<'_>, difference: &Difference) -> fmt::Result {
    let Difference { view, left_rows, right_rows, rows, only_left, only_right } = difference;
    writeln!(formatter, "  ✕ {view:<24} {left_rows} rows live, {right_rows} by the log; {rows} of them differ")?;
    for (whose, rows) in [("live only", only_left), ("by the log only", only_right)] {
        for row in rows {
            let row: String = row.chars().take(SHOWN_MAX).collect();
            writeln!(formatter, "      {whose}: {row}")?;
        }
    }
    Ok(())
}

fn shown(formatter: &mut fmt::Formatter<'_>, past: &Past) -> fmt::Result {
    writeln!(formatter, "\n{}", past.tenant)?;
    writeln!(formatter, "  {:<44} {:>14} {:>14} {:>14}", "", "then", "as of the day", "today")?;
    for month in &past.north_star {
        let active = |period: &Option<projections::north_star::Period>| {
            period.as_ref().map_or("0".to_owned(), |period| HumanCount(period.active).to_string())
        };
        line(
            formatter,
            month,
            ["north star", &month.period],
            [active(&month.then), active(&month.as_of), active(&month.today)],
        )?;
    }
    for figure in &past.kpis {
        let value = |figure: &Option<FigureThen>| {
            let value = figure.as_ref().and_then(|figure| figure.value);
            value.map_or("no data".to_owned(), |value| value.round_dp(4).normalize().to_string())
        };
        let values = [value(&figure.then), value(&figure.as_of), value(&figure.today)];
        line(formatter, figure, [figure.kpi, &figure.segment], values)?;
    }
    for late in &past.late {
        writeln!(
            formatter,
            "  Late: {} of kind {}, such as {}",
            HumanCount(u64::try_from(late.count).unwrap_or(0)),
            late.fact,
            late.examples.join(" ")
        )?;
    }
    writeln!(formatter)
}

fn line<T: PartialEq>(
    formatter: &mut fmt::Formatter<'_>,
    beside: &Beside<T>,
    [name, what]: [&str; 2],
    [then, as_of, today]: [String; 3],
) -> fmt::Result {
    let name = if what == "all" { name.to_owned() } else { format!("{name} {what}") };
    write!(formatter, "  {name:<44} {then:>14} {as_of:>14} {today:>14}")?;
    if beside.is_contradicted() {
        write!(formatter, "  ✕")?;
    }
    if beside.has_changed() {
        match &beside.late[..] {
            [] => write!(formatter, "  changed since")?,
            late => write!(formatter, "  changed by late {}", late.join(", "))?,
        }
    }
    writeln!(formatter)
}
