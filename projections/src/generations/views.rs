//! What readers see of a generation: stable views, in schemas `read` and `kpi`.

use std::collections::BTreeMap;

use sqlx::{Executor, PgConnection, PgPool, Row};

use super::{Generation, lock};
use crate::analysts;
use crate::error::Error;
use crate::facts::columns;
use crate::kpis;

/// The stable views over one generation; those of facts beside them.
const VIEWS: &[(&str, &str)] = &[
    ("capsules", include_str!("../../../migrations/read_views/capsules.sql")),
    ("interactions", include_str!("../../../migrations/read_views/interactions.sql")),
    ("daily_counts", include_str!("../../../migrations/read_views/daily_counts.sql")),
    ("daily_totals", include_str!("../../../migrations/read_views/daily_totals.sql")),
    ("monthly_counts", include_str!("../../../migrations/read_views/monthly_counts.sql")),
    ("members", include_str!("../../../migrations/read_views/members.sql")),
    ("distincts", include_str!("../../../migrations/read_views/distincts.sql")),
    ("figures", include_str!("../../../migrations/read_views/figures.sql")),
    ("figure_times", include_str!("../../../migrations/read_views/figure_times.sql")),
    ("figures_due", include_str!("../../../migrations/read_views/figures_due.sql")),
];

/// Every stable view over one generation: its name, and how it is made.
pub(crate) fn all_views() -> Vec<(String, String)> {
    let facts = columns::aggregate_types().map(|kind| (columns::table_name(kind), columns::create_view(kind)));
    VIEWS.iter().map(|(name, view)| ((*name).to_owned(), (*view).to_owned())).chain(facts).collect()
}

/// All that readers see: the views over a generation, and those of the KPIs over them.
pub(super) async fn show_all(connection: &mut PgConnection, generation: &Generation) -> Result<(), Error> {
    show(connection, generation, "read").await?;
    kpis::views::show(connection, "read", "kpi").await?;
    analysts::grant_views(connection).await
}

/// Makes the views over a generation in the schema `views`. Replacing keeps grants, and what others built on the views.
pub(crate) async fn show(connection: &mut PgConnection, generation: &Generation, views: &str) -> Result<(), Error> {
    for (name, view) in all_views() {
        let statements = view.replace("{generation}", &generation.schema).replace("{views}", views);
        // Whoever reads the view is who the tables' row security asks about.
        let invoked = format!("{statements}\nALTER VIEW {views}.{name} SET (security_invoker = true)");
        (&mut *connection).execute(invoked.as_str()).await?;
    }
    Ok(())
}

/// Views in schemas `read` and `kpi` that are not as this program makes them over the live generation: somebody has changed or removed
/// them. They are held against others that are made beside them, and are gone with the transaction.
pub async fn changed(pool: &PgPool) -> Result<Vec<String>, Error> {
    let mut transaction = pool.begin().await?;
    // As in a cut-over: the live generation stays live meanwhile.
    lock(&mut transaction).await?;
    let live = Generation::live(pool).await?;
    (&mut *transaction).execute("CREATE SCHEMA made_read; CREATE SCHEMA made_kpi").await?;
    show(&mut transaction, &live, "made_read").await?;
    kpis::views::show(&mut transaction, "made_read", "made_kpi").await?;
    let found = definitions(&mut transaction, "").await?;
    let made = definitions(&mut transaction, "made_").await?;
    transaction.rollback().await?;
    Ok(made.into_iter().filter(|(name, definition)| found.get(name) != Some(definition)).map(|(name, _)| name).collect())
}

/// How each view is defined, by its name, in the schemas whose names begin so; without that in what is said.
async fn definitions(connection: &mut PgConnection, prefix: &str) -> Result<BTreeMap<String, String>, Error> {
    let rows = sqlx::query(
        "SELECT nspname || '.' || relname AS name, pg_get_viewdef(pg_class.oid) || coalesce(reloptions::text, '') AS definition
         FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
         WHERE relkind = 'v' AND nspname IN ($1 || 'read', $1 || 'kpi')",
    );
    let rows = rows.bind(prefix).fetch_all(connection).await?;
    let bare = |text: &str| if prefix.is_empty() { text.to_owned() } else { text.replace(prefix, "") };
    rows.iter().map(|row| Ok((bare(row.try_get("name")?), bare(row.try_get("definition")?)))).collect()
}
