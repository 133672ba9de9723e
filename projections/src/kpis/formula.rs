//! The formulas as SQL: a query each, over one period `p`, giving a row for each segment. A set-wise one reads all `periods`
//! at once and gives the `period` too, where looking at the facts once for each period would be dear.
//!
//! `p` has `tenant`, `starts` and `ends` (exclusive), `now`, `at` (the end, or now), `known` (only facts recorded before it),
//! `currency` (the plan's; money in another is left out), `definition` (its parameters) and `plan` (the `month` of the
//! company, the `stage` of the plan in force, its `gate_items` and `service_levels`). The query gives `segment`, `numerator`,
//! `denominator`, `n`, `value` and `parts`; no row, or no value, where there is no data.
//!
//! The same text explains the figure. Its last query before `-- The figure` is `parts`: a row for each deal, deployment, user, …
//! of a segment, with the `numerator` and `denominator` that it adds, and what else the figure needs. What stands in
//! `/*: … */` is there only when explaining: `events` (ids with blanks between), a `note` that says why the part counts as it
//! does, a `value` whose median the figure is, and `amounts`, what it adds to the figure's `parts` by their names. After
//! `-- Left out` come the facts that do not count: `part`, `reason`, `events` and, where it is of one only, the `segment`.

use domain::kpis::Kpi;

/// What more than one formula needs, by the name that stands for it in braces.
const SHARED: &[(&str, &str)] = &[
    ("{acquisition}", include_str!("formulas/shared/acquisition.sql")),
    ("{active_interactions}", include_str!("formulas/shared/active_interactions.sql")),
    ("{causes}", include_str!("formulas/shared/causes.sql")),
    ("{deals}", include_str!("formulas/shared/deals.sql")),
    ("{deployments}", include_str!("formulas/shared/deployments.sql")),
    ("{employments}", include_str!("formulas/shared/employments.sql")),
    ("{is_active}", include_str!("formulas/shared/is_active.sql")),
    ("{event_and_void}", include_str!("formulas/shared/event_and_void.sql")),
    ("{events_and_end}", "concat_ws(' ', events, CASE WHEN ends < p.at THEN next_event END)"),
    ("{event}", "(partition || '-' || position)"),
    ("{events}", "string_agg(partition || '-' || position, ' ')"),
    ("{recurring_revenue}", include_str!("formulas/shared/recurring_revenue.sql")),
    ("{slo}", include_str!("formulas/shared/slo.sql")),
    ("{left_out_deployments}", include_str!("formulas/left_out/deployments.sql")),
    ("{left_out_interactions}", include_str!("formulas/left_out/interactions.sql")),
    ("{left_out_measured_interactions}", include_str!("formulas/left_out/measured_interactions.sql")),
    ("{left_out_spend}", include_str!("formulas/left_out/spend.sql")),
    ("{left_out_subscriptions}", include_str!("formulas/left_out/subscriptions.sql")),
    ("{terms_of_any_currency}", include_str!("formulas/shared/terms_of_any_currency.sql")),
    ("{terms}", include_str!("formulas/shared/terms.sql")),
    ("{trailing_months}", include_str!("formulas/shared/trailing_months.sql")),
    ("{unit_economics_inputs}", include_str!("formulas/shared/unit_economics_inputs.sql")),
    ("{unit_economics}", include_str!("formulas/shared/unit_economics.sql")),
];

macro_rules! formulas {
    ($($id:literal),* $(,)?) => {
        const FORMULAS: &[(&str, &str)] = &[$(($id, include_str!(concat!("formulas/", $id, ".sql")))),*];
    };
}

#[rustfmt::skip]
formulas!(
    // sales
    "average_deal_size",
    "pipeline_coverage",
    "sales_cycle_length",
    "win_rate",
    // engineering
    "change_failure_rate",
    "deployment_frequency",
    "deployment_rework_rate",
    "lead_time_for_changes",
    "mttr",
    // marketing
    "brand_awareness",
    "cost_per_lead",
    "marketing_sourced_revenue",
    "mql_to_sql_conversion",
    // customer success
    "customer_health_score",
    "net_revenue_retention",
    "nps",
    // finance
    "arr",
    "budget_variance",
    "cac",
    "cac_payback_months",
    "ltv",
    "ltv_to_cac",
    "mrr",
    // people
    "headcount_vs_plan",
    "leadership_pipeline",
    "process_maturity",
    // operations
    "gate_readiness",
    "okr_progress",
    "open_risks",
    "slo_api_latency",
    "slo_uptime",
    "stage_capacity",
    // product
    "active_capsule_interactions",
    "csat",
    "feature_adoption_rate",
    "time_to_value",
    "user_engagement_score",
);

/// KPIs with one formula for all, over one of an interaction's measures each.
const OF_MEASURES: &[(&str, &str)] =
    &[("slo_ai_response", "ai_response_ms"), ("slo_page_load", "page_load_ms"), ("slo_response", "response_ms")];

/// KPIs whose formula is set-wise.
const SET_WISE: &[&str] = &["time_to_value"];

/// The figures of a KPI over all `periods`, from the views of one schema.
pub(crate) fn over_periods(kpi: &Kpi, schema: &str) -> String {
    let formula = formula(kpi, schema);
    if SET_WISE.contains(&kpi.id) {
        return formula;
    }
    format!("SELECT p.period, of_period.* FROM periods AS p CROSS JOIN LATERAL (\n{formula}\n) AS of_period")
}

/// The formula of a KPI over the views of one schema.
pub(crate) fn formula(kpi: &Kpi, schema: &str) -> String {
    let text = text(kpi, schema);
    let (text, _) = text.split_once(LEFT_OUT).unwrap_or((&text, ""));
    // What only explains may share what only explains.
    let (mut formula, mut depth) = (String::with_capacity(text.len()), 0);
    for (opened, text) in text.split(EXPLAINING).enumerate() {
        depth += usize::from(opened > 0);
        for (closed, text) in text.split(EXPLAINED).enumerate() {
            depth -= usize::from(closed > 0);
            if depth == 0 {
                formula.push_str(text);
            }
        }
    }
    formula
}

/// The parts of a KPI's figures over one period of `periods`, and what they leave out, in one shape; of the segments that a condition
/// asks for.
pub(crate) fn parts(kpi: &Kpi, schema: &str, is_asked: &str) -> String {
    let text = text(kpi, schema).replace(EXPLAINING, "").replace(EXPLAINED, "");
    let (parts, rest) = text.split_once(FIGURE).expect("a test holds that every formula has its parts");
    let left_out = rest.split_once(LEFT_OUT).map_or("SELECT NULL AS part WHERE false", |(_, left_out)| left_out);
    let told = include_str!("told.sql").replace("{is_asked}", is_asked);
    let told = told.replace("{parts}", parts).replace("{left_out}", left_out);
    if SET_WISE.contains(&kpi.id) {
        told
    } else {
        format!("SELECT of_period.* FROM periods AS p CROSS JOIN LATERAL (\n{told}\n) AS of_period")
    }
}

/// Marks in the text of a formula: see above.
const FIGURE: &str = "\n-- The figure\n";
const LEFT_OUT: &str = "\n-- Left out\n";
const EXPLAINING: &str = "/*: ";
const EXPLAINED: &str = " */";

/// All of a formula's text, with what it shares.
fn text(kpi: &Kpi, schema: &str) -> String {
    let text = match OF_MEASURES.iter().find(|(id, _)| *id == kpi.id) {
        Some((id, measure)) => include_str!("formulas/slo_interactions.sql").replace("{id}", id).replace("{measure}", measure),
        None => {
            let (_, text) = FORMULAS.iter().find(|(id, _)| *id == kpi.id).expect("a test holds formulas and register together");
            (*text).to_owned()
        }
    };
    // A shared part may need another, and that one more.
    let with_shared = (0..5).fold(text, |text, _| SHARED.iter().fold(text, |text, (name, shared)| text.replace(name, shared)));
    with_shared.replace("{read}", schema)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_kpi_has_its_formula_and_every_formula_its_kpi() {
        let formulas: BTreeSet<&str> = FORMULAS.iter().chain(OF_MEASURES).map(|(id, _)| *id).collect();
        let kpis: BTreeSet<&str> = domain::kpis::register().map(|kpi| kpi.id).collect();
        assert_eq!(formulas, kpis);
    }

    #[test]
    fn every_formula_marks_its_parts_once_and_ends_what_only_explains() {
        for kpi in domain::kpis::register() {
            let text = text(kpi, "read");
            assert_eq!(text.matches(FIGURE).count(), 1, "{}", kpi.id);
            assert!(text.matches(LEFT_OUT).count() <= 1, "{}", kpi.id);
            assert_eq!(text.matches(EXPLAINING).count(), text.matches(EXPLAINED).count(), "{}", kpi.id);
            assert!(!text.contains("/* ") && !formula(kpi, "read").contains("/*"), "{}", kpi.id);
        }
    }

    #[test]
    fn the_formulas_about_people_list_every_function_and_every_level_from_the_lowest() {
        let hired = domain::AggregateType::Employment.events().into_iter().find(|event| event.name == "HireMade").unwrap();
        let schema = (hired.schema)().to_value();
        for (id, name) in [("headcount_vs_plan", "Function"), ("leadership_pipeline", "Level")] {
            let names = schema["$defs"][name]["enum"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
            let listed = format!("ARRAY['{}']", names.collect::<Vec<_>>().join("', '"));
            let (_, text) = FORMULAS.iter().find(|(known, _)| *known == id).unwrap();
            assert!(text.contains(&listed), "{id} lists {listed}");
        }
    }
}
