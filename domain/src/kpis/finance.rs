//! Finance: what comes in, what goes out.

use super::{Better, Kpi, KpiFunction, MONTH_UP, Unit, Window};

pub(super) const KPIS: &[Kpi] = &[Kpi {
    id: "budget_variance",
    function: KpiFunction::Finance,
    name: "Budget variance",
    formula: "Money spent less the budget, by category. The budget is the one that was set for the month, else the plan's share of the stage's budget, spread evenly over its months.",
    numerator: "money spent",
    denominator: Some("budget"),
    n: "records of money spent",
    unit: Unit::Money,
    better: Better::Lower,
    grains: MONTH_UP,
    window: Window::Period,
    dimensions: &["category"],
    has_total: true,
    definition: 1,
    facts: &["SpendRecorded", "BudgetSet", "PlanAdopted"],
}];
