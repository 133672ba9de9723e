//! Signs what a figure was and what it rests on: by which definition, of exactly which events, and the roots of their trees.

use domain::kpis::Kpi;
use domain::{Partition, Position, TenantId};
use event_store::trees::{TreeId, Trees};
use projections::kpis::explain::{ExplainQuery, Explanation};
use proof::attestation::{Attestation, Figure};
use proof::entry::PartitionHead;
use proof::leaf::leaf;
use proof::tree::Tree;
use rust_decimal::Decimal;

use crate::problem::Problem;
use crate::proofs::tile_data;
use crate::state::Api;

/// Events of all partitions that are hashed for it where the trees are behind the read models; they follow within seconds.
const AHEAD_MAX: u64 = 50_000;
const READ_MAX: u64 = 5_000;

/// None: this process signs nothing, the trees are far behind, or it is not the first page, which has it.
pub(super) async fn attestation(
    api: &Api,
    tenant: &TenantId,
    kpi: &Kpi,
    query: &ExplainQuery,
    explanation: &Explanation,
) -> Result<Option<String>, Problem> {
    let Some(ask) = api.signing.as_ref().filter(|_| query.after.is_none()) else { return Ok(None) };
    let Some(keys) = ask() else { return Ok(None) };
    let Some(partitions) = partitions(api, &explanation.marks).await? else { return Ok(None) };
    let text = |number: Option<Decimal>| number.map(|number| number.normalize().to_string());
    let figure = explanation.figure.as_ref().map(|shown| Figure {
        denominator: text(shown.figure.denominator),
        n: shown.figure.n.to_string(),
        numerator: text(shown.figure.numerator),
        value: text(shown.figure.value),
    });
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    let attestation = Attestation {
        as_of: query.as_of.map(|day| day.to_string()),
        definition: explanation.definition,
        events: count(explanation.totals.events),
        figure,
        grain: query.grain.as_str().to_owned(),
        kpi: kpi.id.to_owned(),
        ledger: keys.current().name().to_owned(),
        partitions,
        parts: count(explanation.totals.parts),
        period: query.grain.name(query.period),
        segment: query.segment.clone(),
        tenant: tenant.to_string(),
    };
    Ok(Some(attestation.sign(keys.current())))
}

/// The trees at these positions; none: they are far behind.
async fn partitions(api: &Api, marks: &[(Partition, Position)]) -> Result<Option<Vec<PartitionHead>>, Problem> {
    let trees = Trees::new(api.store.pool().clone());
    let heads = trees.heads().await?;
    let of = |number: u16| {
        let mark = marks.iter().find(|(partition, _)| partition.0 == number).map_or(Position(0), |(_, mark)| *mark);
        let tree = TreeId::Partition(number);
        (tree, mark, heads.iter().find(|head| head.tree == tree).map_or(0, |head| head.size))
    };
    let ahead: u64 = (0..api.store.partitions()).map(of).map(|(_, mark, stored)| mark.0.saturating_sub(stored)).sum();
    if ahead > AHEAD_MAX {
        return Ok(None);
    }
    let mut partitions = Vec::with_capacity(usize::from(api.store.partitions()));
    for number in 0..api.store.partitions() {
        let (tree, mark, stored) = of(number);
        let size = mark.0.min(stored);
        let wanted: Vec<_> = Tree::edge_places(size).into_iter().map(|place| crate::proofs::tile_id(tree, place)).collect();
        let tiles: Vec<_> = trees.tiles(&wanted).await?.into_iter().map(tile_data).collect();
        let mut grown = Tree::of(size, &tiles)?;
        while grown.size() < mark.0 {
            let count = (mark.0 - grown.size()).min(READ_MAX);
            let events = api.store.read(Partition(number), Position(grown.size()), count as usize).await?;
            if events.is_empty() {
                return Err(Problem::new(&crate::problem::INTERNAL, "the read models are ahead of the ledger"));
            }
            events.iter().for_each(|event| grown.push(leaf(event), |_, _| {}));
        }
        partitions.push(grown.head().into());
    }
    Ok(Some(partitions))
}
