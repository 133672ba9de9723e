//! Marketing: leads, what becomes of them, and what they cost.

use super::{Better, Kpi, KpiFunction, MONTH_UP, Unit, Window};

pub(super) const KPIS: &[Kpi] = &[Kpi {
    id: "brand_awareness",
    function: KpiFunction::Marketing,
    name: "Brand awareness",
    formula: "Share of answers to brand surveys that know the brand: aided, when they see its name, and unaided, by themselves. Kept apart; how often its name was searched for beside them.",
    numerator: "answers that know it",
    denominator: Some("answers"),
    n: "answers",
    unit: Unit::Ratio,
    better: Better::Higher,
    grains: MONTH_UP,
    window: Window::Period,
    dimensions: &["kind"],
    has_total: false,
    definition: 1,
    facts: &["SurveyAnswered", "BrandSearchesMeasured"],
}];
