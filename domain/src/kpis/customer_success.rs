//! Customer success: who stays, and how they are.

use super::{Better, Kpi, KpiFunction, MONTH_UP, Unit, Window};

pub(super) const KPIS: &[Kpi] = &[Kpi {
    id: "nps",
    function: KpiFunction::CustomerSuccess,
    name: "Net promoter score",
    formula: "Share of answers of 9 or 10 less the share of 0 to 6, in points from −100 to 100, over the 90 days up to the period's end. 7 and 8 are passive: they count in the number of answers alone.",
    numerator: "promoters less detractors",
    denominator: Some("answers"),
    n: "answers",
    unit: Unit::Points,
    better: Better::Higher,
    grains: MONTH_UP,
    window: Window::TrailingDays(90),
    dimensions: &[],
    has_total: true,
    definition: 1,
    facts: &["SurveyAnswered"],
}];
