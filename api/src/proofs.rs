//! Proofs for those who trust nobody here: checkpoints, the tiles beneath them, and the proof of one event or position.

mod tiles;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use domain::RecordedEvent;
use domain::recorded::parse_event_id;
use event_store::trees::{TileId, TreeId, Trees};
use proof::Hash;
use proof::consistency::ConsistencyProof;
use proof::entry::Entry;
use proof::event::EventProof;
use proof::heads::log_proof;
use proof::position::PositionProof;
use proof::tree::{Head, TileData, TilePlace, Tiles, consistency, consistency_needs, inclusion, inclusion_needs};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::{Audit, Caller, Read};
use crate::events::event;
use crate::parameters::{Parameters, limit, parsed};
use crate::problem::{INTERNAL, NOT_FOUND, NOT_YET_SIGNED, Problem, ProblemDocument};
use crate::reading::in_time;
use crate::state::{Api, Shared};

const PAGE_DEFAULT: u32 = 100;
const PAGE_MAX: u32 = 1_000;
/// Entries of the log that are read at once to find the last heads; between them are only changes of keys.
const HEADS_WITHIN: u64 = 16;
/// A tile's, and a bundle of entries'.
const WIDTH: u64 = 256;
const HASH: usize = 32;

pub(crate) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(checkpoints))
        .routes(routes!(event_proof))
        .routes(routes!(position_proof))
        .routes(routes!(consistency_proof))
        .routes(routes!(checkpoint))
        .merge(tiles::router())
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct CheckpointsParameters {
    /// `next` of the page before
    cursor: Option<String>,
    /// 1 to 1000, default 100
    limit: Option<String>,
}

/// Signed heads of the ledger's log, the newest first
#[derive(Debug, Serialize, ToSchema)]
struct CheckpointsAnswer {
    data: Vec<CheckpointAnswer>,
    /// `cursor` of the next page; none: this is the last
    next: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct CheckpointAnswer {
    /// How many entries of the log it covers
    size: u64,
    /// A C2SP checkpoint: a signed note, byte for byte
    checkpoint: String,
}

/// The checkpoints
///
/// What `docs/proof-format.md` defines, byte for byte. Keep one where nobody here can change it: whoever has it can tell later whether
/// the ledger still begins with what it covers.
#[utoipa::path(
    get, path = "/v1/checkpoints", tag = "Audit", params(CheckpointsParameters),
    responses(
        (status = 200, description = "A page", body = CheckpointsAnswer),
        (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
async fn checkpoints(
    State(api): State<Shared>,
    _: Caller<Read>,
    Parameters(parameters): Parameters<CheckpointsParameters>,
) -> Result<Json<CheckpointsAnswer>, Problem> {
    let below = parsed::<u64>("cursor", parameters.cursor.as_deref())?;
    let limit = limit(parameters.limit.as_deref(), PAGE_DEFAULT, PAGE_MAX)? as usize;
    let trees = trees(&api);
    let mut found = in_time(&api, async { Ok(trees.checkpoints(below, limit + 1).await?) }).await?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| has_more).map(|(size, _)| size.to_string());
    let data = found.into_iter().map(|(size, checkpoint)| CheckpointAnswer { size, checkpoint }).collect();
    Ok(Json(CheckpointsAnswer { data, next }))
}

/// The proof of one event
///
/// It is checked offline, with nothing but the verifier key: `capsule-ledger check FILE --verifier-key KEY`. An event is covered by a
/// checkpoint a few seconds after it was recorded; before that, `not_yet_signed` says when to ask again.
#[utoipa::path(
    get, path = "/v1/events/{id}/proof", tag = "Audit", params(("id" = String, Path, description = "`PARTITION-POSITION`")),
    responses(
        (status = 200, description = "The proof, as docs/proof-format.md defines it", body = Object),
        (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
async fn event_proof(
    State(api): State<Shared>,
    caller: Caller<Audit>,
    Path(id): Path<String>,
) -> Result<Json<EventProof>, Problem> {
    let event = event(&api, &caller, &id).await?;
    let event = event.ok_or_else(|| Problem::new(&NOT_FOUND, format!("there is no event {id:?}")))?;
    in_time(&api, proved(&api, &event)).await.map(Json)
}

async fn proved(api: &Api, event: &RecordedEvent) -> Result<EventProof, Problem> {
    let what = format!("event {}", event.id());
    let heads = NewestHeads::of(trees(api), &what).await?;
    let path = heads.path(event.partition.0, event.position.0).await?.ok_or_else(|| not_yet(&what))?;
    let log_proof = heads.log_proof().await?;
    Ok(EventProof::new(event, &path, heads.text, log_proof))
}

/// The proof of what stands at a position
///
/// The leaf that the newest checkpoint has there, or that its tree ends before it: hashes alone. A receipt is held against it, offline:
/// `capsule-ledger check RECEIPT --proof FILE --verifier-key KEY`.
#[utoipa::path(
    get, path = "/v1/log/partitions/{partition}/leaves/{position}", tag = "Audit",
    params(("partition" = u16, Path), ("position" = u64, Path)),
    responses(
        (status = 200, description = "The proof, as docs/proof-format.md defines it", body = Object),
        (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
async fn position_proof(
    State(api): State<Shared>,
    _: Caller<Read>,
    Path((partition, position)): Path<(String, String)>,
) -> Result<Json<PositionProof>, Problem> {
    let id = format!("{partition}-{position}");
    let place = parse_event_id(&id).filter(|(partition, _)| partition.0 < api.store.partitions());
    let (partition, position) = place.ok_or_else(|| Problem::new(&NOT_FOUND, format!("there is no position {id:?}")))?;
    in_time(&api, stands(&api, partition.0, position.0)).await.map(Json)
}

async fn stands(api: &Api, partition: u16, position: u64) -> Result<PositionProof, Problem> {
    let heads = NewestHeads::of(trees(api), "anything").await?;
    let found = match heads.path(partition, position).await? {
        Some(path) => Some((heads.leaf(partition, position).await?, path)),
        None => None,
    };
    let found = found.as_ref().map(|(leaf, path)| (*leaf, path));
    let log_proof = heads.log_proof().await?;
    Ok(PositionProof::new((partition, position), found, heads.text, log_proof))
}

fn not_yet(what: &str) -> Problem {
    Problem::new(&NOT_YET_SIGNED, format!("no checkpoint covers {what} yet"))
}

/// The last heads that the newest checkpoint covers.
struct NewestHeads {
    trees: Trees,
    note: String,
    /// How many entries it covers.
    size: u64,
    index: u64,
    /// The entry, as hashed.
    text: String,
    heads: Vec<Head>,
}

impl NewestHeads {
    /// To prove what is asked for.
    async fn of(trees: Trees, what: &str) -> Result<Self, Problem> {
        let (size, note) = trees.checkpoints(None, 1).await?.pop().ok_or_else(|| not_yet(what))?;
        let (index, text, heads) = last_heads(&trees, size).await?.ok_or_else(|| not_yet(what))?;
        Ok(Self { trees, note, size, index, text, heads })
    }

    /// From a leaf of a partition to its head; none: the tree ends before it.
    async fn path(&self, partition: u16, position: u64) -> Result<Option<Vec<Hash>>, Problem> {
        let head = self.heads[usize::from(partition)];
        if position >= head.size {
            return Ok(None);
        }
        self.inclusion(TreeId::Partition(partition), head.size, position).await.map(Some)
    }

    async fn leaf(&self, partition: u16, position: u64) -> Result<Hash, Problem> {
        let tile = TileId { tree: TreeId::Partition(partition), level: 0, index: position / WIDTH };
        let hashes = self.trees.tiles(&[tile]).await?.pop().map(|tile| tile.hashes).unwrap_or_default();
        let from = (position % WIDTH) as usize * HASH;
        let leaf = hashes.get(from..from + HASH).and_then(|bytes| bytes.try_into().ok());
        leaf.map(Hash).ok_or_else(|| proof::Error::Tiles(format!("leaf {partition}-{position} is missing")).into())
    }

    async fn log_proof(&self) -> Result<String, Problem> {
        Ok(log_proof(self.index, &self.inclusion(TreeId::Log, self.size, self.index).await?, &self.note))
    }

    async fn inclusion(&self, tree: TreeId, size: u64, index: u64) -> Result<Vec<Hash>, Problem> {
        let tiles = tiles(&self.trees, tree, &inclusion_needs(size, index)?).await?;
        Ok(inclusion(size, index, &tiles)?)
    }
}

/// The last entry of heads below a size of the log: its index, its text, and what it says.
async fn last_heads(trees: &Trees, size: u64) -> Result<Option<(u64, String, Vec<Head>)>, Problem> {
    let mut end = size;
    while end > 0 {
        let from = end.saturating_sub(HEADS_WITHIN);
        let entries = trees.entries(from, (end - from) as usize).await?;
        for (at, text) in entries.into_iter().enumerate().rev() {
            let index = from + at as u64;
            if let Entry::Heads { partitions, .. } = Entry::parse(&text)? {
                return Ok(Some((index, text, partitions.iter().map(Head::from).collect())));
            }
        }
        end = from;
    }
    Ok(None)
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ConsistencyParameters {
    /// Size of the log in an earlier checkpoint
    from: String,
    /// Size of the log in a later checkpoint; default: the newest
    to: Option<String>,
}

/// The proof that one checkpoint goes on from another
#[utoipa::path(
    get, path = "/v1/log/consistency", tag = "Audit", params(ConsistencyParameters),
    responses(
        (status = 200, description = "The proof, as docs/proof-format.md defines it", body = Object),
        (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
async fn consistency_proof(
    State(api): State<Shared>,
    _: Caller<Read>,
    Parameters(parameters): Parameters<ConsistencyParameters>,
) -> Result<Json<ConsistencyProof>, Problem> {
    let from = parsed::<u64>("from", Some(&parameters.from))?.unwrap_or_default();
    let to = parsed::<u64>("to", parameters.to.as_deref())?;
    let trees = trees(&api);
    let prove = async {
        let unknown =
            |name: &str, size: u64| Problem::parameter(name, format!("is {size}, and there is no checkpoint of that size"));
        let earlier = trees.checkpoint(from).await?.ok_or_else(|| unknown("from", from))?;
        let (to, later) = match to {
            Some(to) => (to, trees.checkpoint(to).await?.ok_or_else(|| unknown("to", to))?),
            None => trees.checkpoints(None, 1).await?.pop().ok_or_else(|| unknown("from", from))?,
        };
        if to < from {
            return Err(Problem::parameter("to", "is smaller than from"));
        }
        let tiles = tiles(&trees, TreeId::Log, &consistency_needs(from, to)?).await?;
        Ok(ConsistencyProof::new(earlier, later, &consistency(from, to, &tiles)?))
    };
    in_time(&api, prove).await.map(Json)
}

/// The newest checkpoint
///
/// As tlog-tiles has it, with `/v1/log` as the log's prefix.
#[utoipa::path(
    get, path = "/v1/log/checkpoint", tag = "Audit",
    responses(
        (status = 200, description = "A signed note", body = String, content_type = "text/plain"),
        (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
async fn checkpoint(State(api): State<Shared>, _: Caller<Read>) -> Result<Response, Problem> {
    let trees = trees(&api);
    let newest = in_time(&api, async { Ok(trees.checkpoints(None, 1).await?.pop()) }).await?;
    let not_yet = || Problem::new(&NOT_YET_SIGNED, "nothing is signed yet");
    let (_, note) = newest.ok_or_else(not_yet)?;
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, note).into_response())
}

fn trees(api: &Api) -> Trees {
    Trees::new(api.store.pool().clone())
}

async fn tiles(trees: &Trees, tree: TreeId, places: &[TilePlace]) -> Result<Tiles, Problem> {
    let wanted: Vec<TileId> = places.iter().map(|place| tile_id(tree, *place)).collect();
    Ok(trees.tiles(&wanted).await?.into_iter().map(tile_data).collect())
}

pub(crate) fn tile_id(tree: TreeId, place: TilePlace) -> TileId {
    TileId { tree, level: place.level, index: place.index }
}

pub(crate) fn tile_data(tile: event_store::trees::Tile) -> TileData {
    TileData { place: TilePlace { level: tile.id.level, index: tile.id.index }, hashes: tile.hashes }
}

impl From<proof::Error> for Problem {
    /// What is stored does not lead to what was signed.
    fn from(error: proof::Error) -> Self {
        tracing::error!(%error, "the ledger's trees are broken");
        Self::new(&INTERNAL, format!("the ledger's trees are broken: {error}"))
    }
}
