//! A figure as people read it: against its target, with what it was when its period closed.

use chrono::{DateTime, Utc};
use domain::Grain;
use domain::kpis::{Better, Kpi};
use domain::period::midnight;
use rust_decimal::Decimal;
use serde::Serialize;

use super::plans::InForce;
use super::query::Figure;

/// A figure against its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Reached,
    Missed,
    /// The target is not reached, and what counts towards it goes on until the period is over.
    InProgress,
    NoTarget,
    NoData,
}

impl Status {
    pub const ALL: [Self; 5] = [Self::Reached, Self::Missed, Self::InProgress, Self::NoTarget, Self::NoData];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reached => "reached",
            Self::Missed => "missed",
            Self::InProgress => "in_progress",
            Self::NoTarget => "no_target",
            Self::NoData => "no_data",
        }
    }
}

/// A figure with what it is held against.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    pub figure: Figure,
    pub definition: u16,
    pub target: Option<Decimal>,
    pub status: Status,
    pub plan_version: u16,
    /// The period is not over.
    pub is_partial: bool,
    /// What it was when the period closed, where that was something else.
    pub restated_from: Option<Decimal>,
}

/// How far from its target a figure may be where it should be near it: a tenth.
pub const NEAR: Decimal = Decimal::from_parts(1, 0, 0, false, 1);

impl Shown {
    /// `at_close` is the figure as it was known when the period closed.
    pub fn of(
        kpi: &Kpi,
        grain: Grain,
        now: DateTime<Utc>,
        in_force: InForce<'_>,
        figure: Figure,
        (definition, at_close): (u16, Option<Decimal>),
    ) -> Self {
        let is_partial = midnight(grain.next(figure.period)) > now;
        let target = in_force.plan.target(kpi.id, &figure.segment, grain, in_force.month);
        Self {
            definition,
            target,
            status: status(kpi.better, figure.value, target, is_partial && kpi.window.is_counted_up()),
            plan_version: in_force.plan.version,
            is_partial,
            restated_from: at_close.filter(|_| !is_partial && at_close != figure.value),
            figure,
        }
    }
}

fn status(better: Better, value: Option<Decimal>, target: Option<Decimal>, goes_on: bool) -> Status {
    let (Some(value), Some(target)) = (value, target) else {
        return if value.is_none() { Status::NoData } else { Status::NoTarget };
    };
    let is_reached = match better {
        Better::Higher => value >= target,
        Better::Lower => value <= target,
        // To as many places as figures have: a target may be a fraction without end.
        Better::OnTarget => (value - target).abs().round_dp(6) <= (target.abs() * NEAR).round_dp(6),
    };
    match (is_reached, goes_on) {
        (true, _) => Status::Reached,
        (false, true) => Status::InProgress,
        (false, false) => Status::Missed,
    }
}

#[cfg(test)]
mod tests {
    use domain::kpis::find;
    use domain::plan::Plan;

    use super::*;

    #[test]
    fn a_figure_is_held_against_its_target_the_way_it_should_go() {
        let of = |better, value: i64, target: i64| status(better, Some(value.into()), Some(target.into()), false);
        assert_eq!(of(Better::Higher, 3, 3), Status::Reached);
        assert_eq!(of(Better::Higher, 2, 3), Status::Missed);
        assert_eq!(of(Better::Lower, 3, 3), Status::Reached);
        assert_eq!(of(Better::Lower, 4, 3), Status::Missed);
        assert_eq!(of(Better::OnTarget, 11, 10), Status::Reached);
        assert_eq!(of(Better::OnTarget, 12, 10), Status::Missed);
        assert_eq!(of(Better::OnTarget, 8, 10), Status::Missed);
        // Two are nine tenths of twenty ninths, however that is written.
        let plan = "2.2222222222222222222222222224".parse().expect("a number");
        assert_eq!(status(Better::OnTarget, Some(Decimal::TWO), Some(plan), false), Status::Reached);
    }

    #[test]
    fn what_is_counted_over_a_period_misses_nothing_before_its_end() {
        let (two, three) = (Some(Decimal::TWO), Some(Decimal::from(3)));
        assert_eq!(status(Better::Higher, two, three, true), Status::InProgress);
        assert_eq!(status(Better::Higher, three, two, true), Status::Reached);
    }

    #[test]
    fn what_is_so_now_is_judged_now() {
        let (plan, now) = (Plan::carried(), "2026-10-15T12:00:00Z".parse().expect("a time"));
        for (id, value, expected) in
            [("slo_uptime", 0, Status::Missed), ("ltv_to_cac", 0, Status::Missed), ("cac", 1_000_000, Status::InProgress)]
        {
            let figure = Figure {
                period: "2026-10-01".parse().expect("a day"),
                segment: "all".to_owned(),
                numerator: None,
                denominator: None,
                n: 1,
                value: Some(value.into()),
                parts: serde_json::json!({}),
            };
            let in_force = InForce { plan: &plan, first_month: None, month: 12 };
            let shown = Shown::of(find(id).expect(id), Grain::Month, now, in_force, figure, (1, None));
            assert_eq!((shown.status, shown.is_partial), (expected, true), "{id}");
        }
    }

    #[test]
    fn no_data_and_no_target_are_not_zero() {
        assert_eq!(status(Better::Higher, None, Some(Decimal::ZERO), false), Status::NoData);
        assert_eq!(status(Better::Higher, Some(Decimal::ZERO), None, false), Status::NoTarget);
        assert_eq!(status(Better::Higher, None, None, false), Status::NoData);
    }
}
