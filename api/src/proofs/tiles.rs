//! The trees' tiles, at the paths that tlog-tiles gives them.

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use event_store::trees::{TileId, TreeId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{HASH, WIDTH, trees};
use crate::auth::{Caller, Read};
use crate::problem::{INTERNAL, NOT_FOUND, Problem, ProblemDocument};
use crate::reading::in_time;
use crate::state::{Api, Shared};

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(log_tile)).routes(routes!(partition_tile))
}

/// A tile of the log, or a bundle of its entries
///
/// `LEVEL/INDEX`, `LEVEL/INDEX.p/WIDTH`, `entries/INDEX` or `entries/INDEX.p/WIDTH`, as tlog-tiles writes them (`x001/234` is 1234).
#[utoipa::path(
    get, path = "/v1/log/tile/{*place}", tag = "Audit", params(("place" = String, Path)),
    responses(
        (status = 200, description = "Hashes of 32 bytes each, or entries, each after its length in two bytes", body = [u8], content_type = "application/octet-stream"),
        (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
async fn log_tile(State(api): State<Shared>, _: Caller<Read>, Path(place): Path<String>) -> Result<Response, Problem> {
    let place = TilePath::parse(&place).ok_or_else(|| no_tile(&place))?;
    in_time(&api, tile(&api, TreeId::Log, place)).await
}

/// A tile of a partition's tree
///
/// As of the log, with `/v1/log/partitions/PARTITION` as the prefix. Its leaves are events' and are read at `/v1/events`.
#[utoipa::path(
    get, path = "/v1/log/partitions/{partition}/tile/{*place}", tag = "Audit",
    params(("partition" = u16, Path), ("place" = String, Path)),
    responses(
        (status = 200, description = "Hashes of 32 bytes each", body = [u8], content_type = "application/octet-stream"),
        (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
async fn partition_tile(
    State(api): State<Shared>,
    _: Caller<Read>,
    Path((partition, place)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let partition = partition.parse::<u16>().ok().filter(|number| *number < api.store.partitions());
    let path = TilePath::parse(&place).filter(|path| path.level.is_some());
    let (Some(partition), Some(path)) = (partition, path) else { return Err(no_tile(&place)) };
    in_time(&api, tile(&api, TreeId::Partition(partition), path)).await
}

fn no_tile(place: &str) -> Problem {
    Problem::new(&NOT_FOUND, format!("there is no tile {place:?}"))
}

async fn tile(api: &Api, tree: TreeId, TilePath { level, index, width }: TilePath) -> Result<Response, Problem> {
    let trees = trees(api);
    let missing = || Problem::new(&NOT_FOUND, format!("{tree} has no such tile"));
    let bytes = match level {
        Some(level) => {
            let tile = trees.tiles(&[TileId { tree, level, index }]).await?.pop().ok_or_else(missing)?;
            let length = width as usize * HASH;
            tile.hashes.get(..length).ok_or_else(missing)?.to_vec()
        }
        None => {
            let entries = trees.entries(index * WIDTH, width as usize).await?;
            if entries.len() as u64 != width {
                return Err(missing());
            }
            let mut bytes = Vec::new();
            for entry in entries {
                let length = u16::try_from(entry.len());
                let length =
                    length.map_err(|_| Problem::new(&INTERNAL, "an entry is longer than tlog-tiles has a form for"))?;
                bytes.extend_from_slice(&length.to_be_bytes());
                bytes.extend_from_slice(entry.as_bytes());
            }
            bytes
        }
    };
    // A whole tile never changes, and neither does what a narrower one begins with.
    let headers =
        [(header::CONTENT_TYPE, "application/octet-stream"), (header::CACHE_CONTROL, "private, max-age=31536000, immutable")];
    Ok((headers, bytes).into_response())
}

/// A tile as tlog-tiles addresses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TilePath {
    /// None: a bundle of entries.
    level: Option<u8>,
    index: u64,
    width: u64,
}

impl TilePath {
    fn parse(text: &str) -> Option<Self> {
        let (level, rest) = text.split_once('/')?;
        let level = match level {
            "entries" => None,
            level => Some(level.parse::<u8>().ok().filter(|number| *number < 64 && number.to_string() == level)?),
        };
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => {
                let parsed =
                    width.parse::<u64>().ok().filter(|number| (1..WIDTH).contains(number) && number.to_string() == width)?;
                (index, parsed)
            }
            None => (rest, WIDTH),
        };
        let parts: Vec<&str> = index.split('/').collect();
        let mut number = 0_u64;
        for (place, part) in parts.iter().enumerate() {
            let digits = if place + 1 == parts.len() { part } else { part.strip_prefix('x')? };
            if digits.len() != 3 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
                return None;
            }
            number = number.checked_mul(1_000)?.checked_add(digits.parse().ok()?)?;
        }
        let is_shortest = parts.len() == 1 || parts[0] != "x000";
        // An index of entries is multiplied by the width of their bundles.
        is_shortest.then_some(Self { level, index: number, width }).filter(|path| path.index < 1 << 48)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_addressed_as_tlog_tiles_has_them() {
        let of = |level, index, width| Some(TilePath { level, index, width });
        assert_eq!(TilePath::parse("0/000"), of(Some(0), 0, 256));
        assert_eq!(TilePath::parse("1/x001/x234/067"), of(Some(1), 1_234_067, 256));
        assert_eq!(TilePath::parse("0/x001/234.p/5"), of(Some(0), 1_234, 5));
        assert_eq!(TilePath::parse("entries/007.p/255"), of(None, 7, 255));
        for wrong in [
            "",
            "0",
            "0/",
            "0/1",
            "0/0000",
            "64/000",
            "00/000",
            "0/x000/001",
            "0/001/002",
            "0/000.p/0",
            "0/000.p/256",
            "0/000.p/01",
            "x/000",
        ] {
            assert_eq!(TilePath::parse(wrong), None, "{wrong}");
        }
    }
}
