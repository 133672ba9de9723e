//! What a formula reads, as SQL that finds what was recorded of it since.

use domain::AggregateType;
use domain::kpis::Kpi;

use crate::facts::columns::{aggregate_types, column_names, id_column, table_name};
use crate::kpis::formula::formula;

/// What parts are called that are of somebody, and the column that says of whom a stream is.
const OF_WHOM: [(&str, &str); 3] = [("account", "account_id"), ("new_account", "account_id"), ("user", "user_id")];

/// What a formula reads: the kinds of aggregates by their facts, and whether interactions.
pub(super) struct Reads {
    pub(super) kinds: Vec<AggregateType>,
    interactions: bool,
}

impl Reads {
    pub(super) fn of(kpi: &Kpi) -> Self {
        let text = formula(kpi, "read");
        let is_read = |table: &str| text.contains(&format!("read.{table}"));
        Self {
            kinds: aggregate_types().filter(|kind| is_read(&table_name(*kind))).collect(),
            interactions: is_read("interactions"),
        }
    }

    /// The facts recorded since of what is no part any more, or of whom it was: what the formula does not see, it does not name.
    pub(super) fn gone(&self, schema: &str) -> String {
        let of = |kind: &AggregateType| {
            let (table, id) = (table_name(*kind), id_column(*kind));
            let named = |name: &str, streams: &str, column: &str| {
                format!(
                    "    UNION
    SELECT segment, part, facts.partition || '-' || facts.position
    FROM changed{streams}
    JOIN {schema}.{table} AS facts ON facts.tenant = $1 AND facts.{id} = {column}
    WHERE starts_with(part, '{name}:') AND now_amounts IS NULL AND facts.recorded_at >= $5\n"
                )
            };
            let part = |name: &str| format!("substr(part, {})", name.len() + 2);
            let own = named(kind.as_str(), "", &part(kind.as_str()));
            let of_whom =
                OF_WHOM.into_iter().filter(|(_, column)| column_names(*kind).contains(*column)).map(|(name, column)| {
                    let whose = part(name);
                    let streams = format!(
                        "\n    JOIN {schema}.{table} AS streams ON streams.tenant = $1 AND streams.{column}::text = {whose}"
                    );
                    named(name, &streams, &format!("streams.{id}"))
                });
            own + &of_whom.collect::<String>()
        };
        let of_members = format!(
            "    UNION
    SELECT segment, part, event FROM changed JOIN voids ON part = 'user:' || user_id
    UNION
    SELECT segment, part, event
    FROM changed
    JOIN {schema}.sign_up_facts AS members ON members.tenant = $1 AND part = 'account:' || members.account_id
    JOIN voids USING (user_id)\n"
        );
        self.kinds.iter().map(of).chain(self.interactions.then_some(of_members)).collect()
    }

    /// What took interactions back since, and whose they were; looked for only where parts are of something else, as an interaction
    /// that is a part names its void itself.
    pub(super) fn voids(&self, schema: &str) -> String {
        if !self.interactions {
            return "SELECT NULL::uuid AS user_id, NULL AS event WHERE false".to_owned();
        }
        format!(
            "SELECT user_id, partition || '-' || void_position AS event FROM {schema}.interactions
         WHERE tenant = $1 AND recorded_at < $5 AND void_recorded_at >= $5 AND occurred_at < $4
           AND EXISTS (SELECT FROM changed WHERE NOT starts_with(part, 'interaction:'))"
        )
    }

    /// All that was recorded since of it: facts may be of later, such as what is found out of an incident.
    pub(super) fn facts(&self, schema: &str) -> String {
        let since = |table: &str, rest: &str| {
            format!(
                "SELECT partition || '-' || position AS event FROM {schema}.{table} WHERE tenant = $1 AND recorded_at >= $5{rest}"
            )
        };
        let interactions = self.interactions.then(|| since("interactions", " AND occurred_at < $4"));
        let facts = self.kinds.iter().map(|kind| since(&table_name(*kind), "")).chain(interactions);
        facts.chain(["SELECT event FROM voids".to_owned()]).collect::<Vec<_>>().join(" UNION ALL ")
    }
}
