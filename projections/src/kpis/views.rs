//! A view for each KPI in schema `kpi`, all of one shape, over the figures that are kept.

use domain::kpis::{Kpi, register};
use sqlx::{Executor, PgConnection};

use crate::error::Error;

/// The columns of every view, and what they mean where the register does not say more.
const COLUMNS: [(&str, &str); 14] = [
    ("tenant", "Whose it is."),
    ("grain", "day, week (ISO, from Monday), month or quarter."),
    ("period", "The period's first day, UTC."),
    ("segment", "all, or DIMENSION:VALUE."),
    ("numerator", ""),
    ("denominator", ""),
    ("n", ""),
    ("value", ""),
    ("target", "What the plan in force names for it; null: no target."),
    (
        "status",
        "reached, missed, in_progress (missed so far, by what is counted up to the end of a period that is not over), no_target or no_data.",
    ),
    ("definition", "The version of the definition that it is made by."),
    ("plan_version", "The version of the plan in force at the period's end."),
    ("is_partial", "The period is not over."),
    ("restated_from", "What the figure was when the period closed, where it has changed since; else null."),
];

/// Makes all of them in the schema `views`, over the figures in the schema `read`. Replacing keeps grants, and what others built on them.
pub(crate) async fn show(connection: &mut PgConnection, read: &str, views: &str) -> Result<(), Error> {
    let statements: String = register().map(|kpi| create_view(kpi, read, views)).collect();
    connection.execute(statements.as_str()).await?;
    Ok(())
}

fn create_view(kpi: &Kpi, read: &str, views: &str) -> String {
    let id = kpi.id;
    let columns = COLUMNS.map(|(name, _)| name).join(", ");
    let mut text = format!(
        "CREATE OR REPLACE VIEW {views}.{id} WITH (security_invoker = true) AS SELECT {columns}, parts FROM {read}.figures WHERE kpi = '{id}';\n"
    );
    let comment = |what: &str, comment: &str| format!("COMMENT ON {what} IS '{}';\n", comment.replace('\'', "''"));
    text.push_str(&comment(&format!("VIEW {views}.{id}"), &format!("{}. {}", kpi.name, kpi.formula)));
    for (name, meaning) in COLUMNS {
        let meaning = match name {
            "numerator" => sentence(kpi.numerator),
            "denominator" => kpi.denominator.map_or_else(|| "Null: a plain count, sum or state.".to_owned(), sentence),
            "n" => format!("How many facts it rests on: {}.", kpi.n),
            "value" => format!("{}; null: no data, which is not zero.", kpi.name),
            _ => meaning.to_owned(),
        };
        text.push_str(&comment(&format!("COLUMN {views}.{id}.{name}"), &meaning));
    }
    text.push_str(&comment(&format!("COLUMN {views}.{id}.parts"), "What the formula shows beside it."));
    text
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).chain(['.']).collect())
}
