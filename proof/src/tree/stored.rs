//! A tree's right edge as text, for whoever goes on with it another day.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use tlog_tiles::Hash;

use super::{Head, TileData, Tree};
use crate::entry::base64_hash;
use crate::error::Error;

/// Read only where it leads to its root.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stored {
    size: u64,
    #[serde(with = "base64_hash")]
    root: Hash,
    /// The hashes of each tile of the edge, base64, the leaves' first.
    edge: Vec<String>,
}

impl From<Tree> for Stored {
    fn from(tree: Tree) -> Self {
        let Head { size, root } = tree.head();
        Self { size, root, edge: tree.edge().iter().map(|tile| BASE64_STANDARD.encode(&tile.hashes)).collect() }
    }
}

impl TryFrom<Stored> for Tree {
    type Error = Error;

    fn try_from(Stored { size, root, edge }: Stored) -> Result<Self, Error> {
        let places = Self::edge_places(size);
        let tile = |(place, hashes): (_, &String)| {
            let hashes = BASE64_STANDARD.decode(hashes).map_err(|error| Error::malformed("a stored tree", error))?;
            Ok(TileData { place, hashes })
        };
        let tiles = places.into_iter().zip(&edge).map(tile).collect::<Result<Vec<_>, Error>>()?;
        Self::resume(Head { size, root }, &tiles)
    }
}
