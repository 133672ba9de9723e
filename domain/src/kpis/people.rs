//! People: who works where, who would follow whom, how ripe the processes are.

use super::{Better, Kpi, KpiFunction, MONTH_UP, Unit, WEEK_UP, Window};

pub(super) const KPIS: &[Kpi] = &[
    Kpi {
        id: "headcount_vs_plan",
        function: KpiFunction::People,
        name: "Headcount against plan",
        formula: "Full-time equivalents employed, each by the function they work in then: half-time people are 0.5. Held against \
                  the hiring plan of the company's month.",
        numerator: "full-time equivalents employed",
        denominator: None,
        n: "people employed",
        unit: Unit::Fte,
        better: Better::OnTarget,
        grains: WEEK_UP,
        window: Window::AtEnd,
        dimensions: &["function"],
        has_total: true,
        definition: 1,
        facts: &["HireMade", "RoleChanged", "Departed"],
    },
    Kpi {
        id: "leadership_pipeline",
        function: KpiFunction::People,
        name: "Leadership pipeline",
        formula: "People at team lead and above, divided by all people employed; by level, the people of that level. Beside it \
                  the period's promotions, and the share of key roles that have a named successor.",
        numerator: "people at team lead and above; of a level, its people",
        denominator: Some("people employed"),
        n: "people employed",
        unit: Unit::Ratio,
        better: Better::OnTarget,
        grains: MONTH_UP,
        window: Window::AtEnd,
        dimensions: &["level"],
        has_total: true,
        definition: 1,
        facts: &["HireMade", "RoleChanged", "Departed", "SuccessorNamed", "SuccessorWithdrawn"],
    },
    Kpi {
        id: "process_maturity",
        function: KpiFunction::People,
        name: "Process maturity",
        formula: "Mean level of the assessed process areas, each by its newest assessment: 1 ad hoc, 2 repeatable, 3 defined. The \
                  lowest level beside it.",
        numerator: "levels, summed",
        denominator: Some("areas assessed"),
        n: "areas assessed",
        unit: Unit::Level,
        better: Better::Higher,
        grains: MONTH_UP,
        window: Window::AtEnd,
        dimensions: &["area"],
        has_total: true,
        definition: 1,
        facts: &["ProcessAssessed"],
    },
];
