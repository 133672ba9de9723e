//! An RFC 6962 tree that only grows, kept as tiles of 256 hashes.
//!
//! [`Tree`] holds the right edge alone, some kilobytes however large the tree is: enough to append and to know the root. What
//! it fills goes to a store of tiles, from which any proof is made later ([`inclusion`], [`consistency`]).

mod stored;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tlog_tiles::{
    EMPTY_HASH, HASH_SIZE, Hash, HashReader, RecordProof, Tile, TreeProof, check_record, check_tree, prove_record, prove_tree,
    tree_hash,
};

use crate::error::Error;

/// A tile has 2^8 hashes, as in tlog-tiles.
const HEIGHT: u8 = 8;
const WIDTH: usize = 1 << HEIGHT;

/// Where a tile lies: level 0 holds the leaves, each level above the roots of 256 hashes of the one below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TilePlace {
    pub level: u8,
    pub index: u64,
}

/// A tile's hashes, 32 bytes each, 1 to 256 of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TileData {
    pub place: TilePlace,
    pub hashes: Vec<u8>,
}

/// The size of a tree, and its root.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Head {
    pub size: u64,
    pub root: Hash,
}

impl Head {
    pub const EMPTY: Self = Self { size: 0, root: EMPTY_HASH };
}

/// The right edge of a tree.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(try_from = "stored::Stored", into = "stored::Stored")]
pub struct Tree {
    size: u64,
    /// Of each level the last tile, where it is not full.
    edge: Vec<Vec<u8>>,
}

impl Tree {
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The last tiles of a tree of this size: what [`Tree::resume`] needs.
    pub fn edge_places(size: u64) -> Vec<TilePlace> {
        edge(size).map(|(place, _)| place).collect()
    }

    /// Goes on where a tree ended. A tile may hold more than the tree had then.
    ///
    /// # Errors
    /// [`Error::Tiles`] unless they are the edge of a tree with this head.
    pub fn resume(head: Head, tiles: &[TileData]) -> Result<Self, Error> {
        let tree = Self::of(head.size, tiles)?;
        if tree.head() == head {
            Ok(tree)
        } else {
            Err(Error::Tiles("the last ones are not those of the tree's root".to_owned()))
        }
    }

    /// A tree as it was when it had this size.
    ///
    /// # Errors
    /// [`Error::Tiles`] where some are missing. Whether they are right is not seen here.
    pub fn of(size: u64, tiles: &[TileData]) -> Result<Self, Error> {
        let mut tree = Self { size, edge: Vec::new() };
        for (place, width) in edge(size) {
            let length = width * HASH_SIZE;
            let tile = tiles.iter().find(|tile| tile.place == place && tile.hashes.len() >= length);
            let missing = || Error::Tiles(format!("tile {} of level {} lacks hashes", place.index, place.level));
            tree.edge.resize(usize::from(place.level) + 1, Vec::new());
            tree.edge[usize::from(place.level)] = tile.ok_or_else(missing)?.hashes[..length].to_vec();
        }
        Ok(tree)
    }

    /// Its last tiles, of which [`Tree::resume`] makes the same tree.
    pub fn edge(&self) -> Vec<TileData> {
        let tile = |(place, width): (TilePlace, usize)| TileData {
            place,
            hashes: self.edge[usize::from(place.level)][..width * HASH_SIZE].to_vec(),
        };
        edge(self.size).map(tile).collect()
    }

    /// Adds leaves; what tiles are filled by them, whole or in part, each once and as they are afterwards.
    pub fn extend(&mut self, leaves: impl IntoIterator<Item = Hash>) -> Vec<TileData> {
        let before = self.size;
        let mut filled = Vec::new();
        for leaf in leaves {
            self.push(leaf, |place, hashes| filled.push(TileData { place, hashes }));
        }
        for (level, hashes) in self.edge.iter().enumerate().filter(|(_, hashes)| !hashes.is_empty()) {
            let bits = usize::from(HEIGHT) * level;
            if before >> bits != self.size >> bits {
                filled.push(TileData { place: self.last(level), hashes: hashes.clone() });
            }
        }
        filled
    }

    /// Adds a leaf, and hands on the tiles that it makes full.
    pub fn push(&mut self, leaf: Hash, mut full: impl FnMut(TilePlace, Vec<u8>)) {
        let mut hash = leaf;
        for level in 0.. {
            if self.edge.len() <= level {
                self.edge.push(Vec::with_capacity(WIDTH * HASH_SIZE));
            }
            self.edge[level].extend_from_slice(&hash.0);
            if self.edge[level].len() < WIDTH * HASH_SIZE {
                break;
            }
            let hashes = std::mem::replace(&mut self.edge[level], Vec::with_capacity(WIDTH * HASH_SIZE));
            hash = Tile::subtree_hash(&hashes);
            full(self.last(level), hashes);
        }
        self.size += 1;
    }

    fn last(&self, level: usize) -> TilePlace {
        TilePlace { level: level as u8, index: self.size >> (usize::from(HEIGHT) * (level + 1)) }
    }

    pub fn head(&self) -> Head {
        let root = tree_hash(self.size, self).expect("the edge holds what the root is made of");
        Head { size: self.size, root }
    }
}

/// Reads the edge, which holds the roots of all complete subtrees that the tree ends with.
impl HashReader for Tree {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog_tiles::Error> {
        let of = |index: &u64| {
            let tile = Tile::from_index(HEIGHT, *index);
            let level = usize::from(tile.level());
            let hashes = self.edge.get(level).filter(|_| self.last(level).index == tile.level_index());
            tile.hash_at_index(hashes.ok_or(tlog_tiles::Error::IndexesNotInTree)?, *index)
        };
        indexes.iter().map(of).collect()
    }
}

/// Of each level the last tile of a tree, where it is not full, and how many hashes it has.
fn edge(size: u64) -> impl Iterator<Item = (TilePlace, usize)> {
    let levels = (0..8).take_while(move |level| size >> (HEIGHT * level) > 0);
    levels.filter_map(move |level| {
        let hashes = size >> (HEIGHT * level);
        let width = (hashes % WIDTH as u64) as usize;
        (width > 0).then_some((TilePlace { level, index: hashes >> HEIGHT }, width))
    })
}

/// Tiles at hand, for proofs.
#[derive(Debug, Default)]
pub struct Tiles(BTreeMap<TilePlace, Vec<u8>>);

impl FromIterator<TileData> for Tiles {
    fn from_iter<T: IntoIterator<Item = TileData>>(tiles: T) -> Self {
        Self(tiles.into_iter().map(|tile| (tile.place, tile.hashes)).collect())
    }
}

impl HashReader for Tiles {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog_tiles::Error> {
        let of = |index: &u64| {
            let tile = Tile::from_index(HEIGHT, *index);
            let place = TilePlace { level: tile.level(), index: tile.level_index() };
            tile.hash_at_index(self.0.get(&place).ok_or(tlog_tiles::Error::IndexesNotInTree)?, *index)
        };
        indexes.iter().map(of).collect()
    }
}

/// Notes what is asked for, and has none of it.
#[derive(Default)]
struct Wanted(RefCell<BTreeSet<TilePlace>>);

impl HashReader for Wanted {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog_tiles::Error> {
        let places = indexes.iter().map(|index| {
            let tile = Tile::from_index(HEIGHT, *index);
            TilePlace { level: tile.level(), index: tile.level_index() }
        });
        self.0.borrow_mut().extend(places);
        Ok(vec![EMPTY_HASH; indexes.len()])
    }
}

/// What the proof that a leaf is in a tree of this size is made of.
///
/// # Errors
/// [`Error::NotCovered`] where the tree ends before the leaf.
pub fn inclusion_needs(size: u64, index: u64) -> Result<Vec<TilePlace>, Error> {
    let wanted = Wanted::default();
    prove_record(size, index, &wanted).map_err(|_| Error::NotCovered(format!("leaf {index}")))?;
    Ok(wanted.0.into_inner().into_iter().collect())
}

/// That the leaf of this index is in the tree of this size.
///
/// # Errors
/// [`Error::Tiles`] where tiles are missing.
pub fn inclusion(size: u64, index: u64, tiles: &Tiles) -> Result<RecordProof, Error> {
    prove_record(size, index, tiles).map_err(|error| Error::Tiles(error.to_string()))
}

/// # Errors
/// [`Error::NotProved`] unless the path leads from the leaf to the root.
pub fn check_inclusion(path: &RecordProof, head: Head, index: u64, leaf: Hash) -> Result<(), Error> {
    check_record(path, head.size, head.root, index, leaf).map_err(|_| Error::NotProved("the path from the leaf"))
}

/// What the proof is made of that a tree of the later size begins with that of the earlier one.
///
/// # Errors
/// [`Error::NotCovered`] where the later one is smaller.
pub fn consistency_needs(earlier: u64, later: u64) -> Result<Vec<TilePlace>, Error> {
    let wanted = Wanted::default();
    if earlier > 0 {
        prove_tree(later, earlier, &wanted).map_err(|_| Error::NotCovered(format!("size {later}")))?;
    }
    Ok(wanted.0.into_inner().into_iter().collect())
}

/// That a tree of the later size begins with that of the earlier one.
///
/// # Errors
/// [`Error::Tiles`] where tiles are missing.
pub fn consistency(earlier: u64, later: u64, tiles: &Tiles) -> Result<TreeProof, Error> {
    if earlier == 0 {
        return Ok(Vec::new()); // every tree begins with the empty one
    }
    prove_tree(later, earlier, tiles).map_err(|error| Error::Tiles(error.to_string()))
}

/// # Errors
/// [`Error::NotProved`] unless the later tree begins with the earlier one.
pub fn check_consistency(path: &TreeProof, earlier: Head, later: Head) -> Result<(), Error> {
    if earlier.size == 0 && path.is_empty() && earlier == Head::EMPTY {
        return Ok(());
    }
    check_tree(path, later.size, later.root, earlier.size, earlier.root)
        .map_err(|_| Error::NotProved("the path from the earlier checkpoint"))
}

#[cfg(test)]
mod tests {
    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use proptest::prelude::*;
    use tlog_tiles::record_hash;

    use super::*;

    fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|number| record_hash(&number.to_be_bytes())).collect()
    }

    fn bytes(path: &[Hash]) -> Vec<u8> {
        path.iter().flat_map(|hash| hash.0).collect()
    }

    /// A store of tiles, as a database keeps them.
    fn store(tiles: &mut BTreeMap<TilePlace, Vec<u8>>, written: Vec<TileData>) {
        for tile in written {
            let before = tiles.insert(tile.place, tile.hashes.clone());
            assert!(before.is_none_or(|before| tile.hashes.starts_with(&before)), "a tile only grows");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn however_a_tree_grows_it_is_the_same_and_an_independent_library_agrees(
            steps in prop::collection::vec(0_u64..700, 1..8), index in any::<prop::sample::Index>(), resumed: bool
        ) {
            let total = steps.iter().sum::<u64>();
            prop_assume!(total > 0);
            let all = leaves(total);
            let mut tree = Tree::default();
            let mut tiles = BTreeMap::new();
            let mut heads = Vec::new();
            for step in &steps {
                let from = tree.size() as usize;
                store(&mut tiles, tree.extend(all[from..from + *step as usize].iter().copied()));
                heads.push(tree.head());
                if resumed {
                    let stored = |place: TilePlace| TileData { place, hashes: tiles[&place].clone() };
                    let edge: Vec<TileData> = Tree::edge_places(tree.size()).into_iter().map(stored).collect();
                    tree = Tree::resume(tree.head(), &edge).expect("the edge");
                    let text = serde_json::to_string(&tree).expect("JSON");
                    tree = serde_json::from_str(&text).expect("the same tree");
                    let other = text.replacen(&format!(r#""size":{}"#, tree.size()), r#""size":1000000"#, 1);
                    prop_assert!(serde_json::from_str::<Tree>(&other).is_err(), "a tree that is not of its root");
                }
            }
            // Another implementation of RFC 6962.
            let mut other = MemoryBackedTree::<sha2_for_ct_merkle::Sha256, Vec<u8>>::new();
            (0..total).for_each(|number| other.push(number.to_be_bytes().to_vec()));
            let head = tree.head();
            let root = other.root();
            prop_assert_eq!(head.root.0.as_slice(), root.as_bytes().as_slice());

            let tiles: Tiles = tiles.into_iter().map(|(place, hashes)| TileData { place, hashes }).collect();
            let index = index.index(total as usize) as u64;
            let path = inclusion(total, index, &tiles).expect("a proof");
            check_inclusion(&path, head, index, all[index as usize]).expect("it holds");
            prop_assert!(check_inclusion(&path, head, index, record_hash(b"another")).is_err());
            let theirs = other.prove_inclusion(index as usize);
            prop_assert_eq!(theirs.as_bytes(), bytes(&path));
            for earlier in heads {
                let path = consistency(earlier.size, total, &tiles).expect("a proof");
                check_consistency(&path, earlier, head).expect("it holds");
                let forged = Head { root: record_hash(b"another"), ..earlier };
                prop_assert!(check_consistency(&path, forged, head).is_err());
                if earlier.size > 0 {
                    let theirs = other.prove_consistency((total - earlier.size) as usize);
                    prop_assert_eq!(theirs.as_bytes(), bytes(&path));
                }
            }
        }
    }

    #[test]
    fn an_edge_that_is_not_the_trees_is_refused() {
        let mut tree = Tree::default();
        let mut tiles = tree.extend(leaves(300));
        let head = tree.head();
        assert!(Tree::resume(head, &tiles).is_ok());
        assert!(Tree::resume(head, &tiles[..1]).is_err(), "tiles are missing");
        tiles.iter_mut().for_each(|tile| tile.hashes[0] ^= 1);
        assert!(Tree::resume(head, &tiles).is_err(), "a bit is another");
        assert_eq!(Tree::default().head(), Head::EMPTY);
    }
}
