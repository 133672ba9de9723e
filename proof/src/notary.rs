//! Keeps all trees of a ledger and signs for them. It decides and keeps; whoever runs it reads events and stores what it gives.

use std::collections::BTreeMap;
use std::mem;

use chrono::{DateTime, Utc};
use tlog_tiles::Hash;

use crate::checkpoint::{Checkpoint, SigningKey, VerifierKey, origin};
use crate::entry::{self, Entry};
use crate::error::Error;
use crate::tree::{Head, TileData, TilePlace, Tree};

/// The signing keys at hand, the one that signs first; those before it may be needed to hand over.
#[derive(Debug, Clone)]
pub struct SigningKeys(Vec<SigningKey>);

impl SigningKeys {
    pub fn generate(ledger_id: &str) -> Self {
        Self(vec![SigningKey::generate(&origin(ledger_id))])
    }

    /// # Errors
    /// [`Error::Malformed`] unless the text is of one key or more, two lines each.
    pub fn from_file(text: &str) -> Result<Self, Error> {
        let lines: Vec<&str> = text.lines().collect();
        let keys = lines.chunks(2).map(|lines| SigningKey::from_file(&lines.join("\n"))).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() { Err(Error::malformed("the signing key's file", "is empty")) } else { Ok(Self(keys)) }
    }

    pub fn to_file(&self) -> String {
        self.0.iter().map(SigningKey::to_file).collect()
    }

    /// The same with a new key before them.
    #[must_use]
    pub fn rotated(&self) -> Self {
        let new = SigningKey::generate(self.0[0].name());
        Self([vec![new], self.0.clone()].concat())
    }

    /// What signs now.
    pub fn current(&self) -> &SigningKey {
        &self.0[0]
    }

    /// Of all of them, the one that signs first.
    pub fn verifier_keys(&self) -> Vec<VerifierKey> {
        self.0.iter().map(SigningKey::verifier_key).collect()
    }

    fn find(&self, key: &VerifierKey) -> Option<&SigningKey> {
        self.0.iter().find(|known| known.verifier_key() == *key)
    }
}

/// What a notary is told of the log: where it ends, and what was said of keys last.
#[derive(Debug, Clone)]
pub struct LogState {
    pub tree: Tree,
    /// That signs by what the log says; none: the log is empty.
    pub key: Option<VerifierKey>,
}

/// Something to be stored, all of it or nothing, and then published.
#[derive(Debug, Clone)]
pub struct Sealed {
    /// Of each partition that grew: its size before, and its head.
    pub heads: Vec<(usize, u64, Head)>,
    pub tiles: Vec<(usize, TileData)>,
    pub log_from: u64,
    pub log_head: Head,
    pub log_tiles: Vec<TileData>,
    pub entries: Vec<String>,
    pub checkpoint: String,
}

/// All trees of a ledger, in the memory of the one who signs.
#[derive(Debug)]
pub struct Notary {
    ledger_id: String,
    partitions: Vec<Tree>,
    /// Their sizes when they were sealed last.
    sealed: Vec<u64>,
    tiles: BTreeMap<(usize, TilePlace), Vec<u8>>,
    log: LogState,
}

impl Notary {
    pub fn new(ledger_id: String, partitions: Vec<Tree>, log: LogState) -> Self {
        let sealed = partitions.iter().map(Tree::size).collect();
        Self { ledger_id, partitions, sealed, tiles: BTreeMap::new(), log }
    }

    /// How many events of a partition are in its tree: the next position.
    pub fn next(&self, partition: usize) -> u64 {
        self.partitions[partition].size()
    }

    /// The leaves of the next events of a partition.
    pub fn extend(&mut self, partition: usize, leaves: impl IntoIterator<Item = Hash>) {
        let tiles = self.partitions[partition].extend(leaves);
        self.tiles.extend(tiles.into_iter().map(|tile| ((partition, tile.place), tile.hashes)));
    }

    /// What has grown since the last time, with the key that signs it. None: nothing, and no key is new.
    ///
    /// # Errors
    /// [`Error::Untrusted`] where the log's key is not among those at hand: another key's signature would be refused by
    /// whoever checks.
    pub fn seal(&mut self, keys: &SigningKeys, at: DateTime<Utc>) -> Result<Option<Sealed>, Error> {
        let current = keys.current();
        let mut signers = vec![current];
        let mut entries = Vec::new();
        match &self.log.key {
            None => {
                let partitions = u16::try_from(self.partitions.len()).expect("as many as a ledger has");
                entries.push(Entry::ledger(&self.ledger_id, partitions, current.verifier_key(), at));
            }
            Some(key) if *key != current.verifier_key() => {
                let before = keys.find(key).ok_or_else(|| Error::untrusted("the log", key))?;
                signers.push(before);
                entries.push(Entry::key(current.verifier_key(), at));
            }
            Some(_) => {}
        }
        let grown: Vec<usize> =
            (0..self.partitions.len()).filter(|at| self.partitions[*at].size() > self.sealed[*at]).collect();
        if !grown.is_empty() {
            let heads: Vec<Head> = self.partitions.iter().map(Tree::head).collect();
            entries.push(Entry::heads(&heads, at));
        }
        if entries.is_empty() {
            return Ok(None);
        }
        let entries: Vec<String> = entries.iter().map(Entry::canonical).collect();
        let log_from = self.log.tree.size();
        let log_tiles = self.log.tree.extend(entries.iter().map(|entry| entry::leaf(entry)));
        let log_head = self.log.tree.head();
        let checkpoint = Checkpoint { origin: origin(&self.ledger_id), head: log_head }.sign(&signers);
        self.log.key = Some(current.verifier_key());
        let heads = grown.iter().map(|at| (*at, self.sealed[*at], self.partitions[*at].head())).collect();
        self.sealed = self.partitions.iter().map(Tree::size).collect();
        let tiles = mem::take(&mut self.tiles).into_iter();
        let tiles = tiles.map(|((partition, place), hashes)| (partition, TileData { place, hashes })).collect();
        Ok(Some(Sealed { heads, tiles, log_from, log_head, log_tiles, entries, checkpoint }))
    }
}

/// The key that signs by what these entries say, the last said.
///
/// # Errors
/// [`Error::Malformed`].
pub fn key_of(entries: &[String]) -> Result<Option<VerifierKey>, Error> {
    for entry in entries.iter().rev() {
        if let Entry::Ledger { verifier_key, .. } | Entry::Key { verifier_key, .. } = Entry::parse(entry)? {
            return Ok(Some(verifier_key));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use tlog_tiles::record_hash;

    use super::*;

    fn noon() -> DateTime<Utc> {
        "2026-10-31T12:00:00Z".parse().expect("a time")
    }

    fn notary() -> Notary {
        Notary::new("1".to_owned(), vec![Tree::default(); 3], LogState { tree: Tree::default(), key: None })
    }

    #[test]
    fn the_log_begins_with_the_ledger_and_grows_when_something_has() {
        let keys = SigningKeys::generate("1");
        let mut notary = notary();
        let first = notary.seal(&keys, noon()).expect("signed").expect("the ledger itself");
        assert!(matches!(Entry::parse(&first.entries[0]), Ok(Entry::Ledger { partitions: 3, .. })));
        assert!(notary.seal(&keys, noon()).expect("nothing to sign").is_none());
        notary.extend(1, (0_u8..5).map(|number| record_hash(&[number])));
        let second = notary.seal(&keys, noon()).expect("signed").expect("it has grown");
        assert_eq!((second.log_from, second.log_head.size, second.heads.len()), (1, 2, 1));
        assert_eq!((second.heads[0].0, second.heads[0].1, second.heads[0].2.size), (1, 0, 5));
        let opened = Checkpoint::open(&second.checkpoint, &[keys.current().verifier_key()]).expect("signed");
        assert_eq!(opened.head, second.log_head);
    }

    #[test]
    fn a_new_key_takes_over_by_an_entry_that_the_one_before_signs_too() {
        let keys = SigningKeys::generate("1");
        let mut notary = notary();
        notary.seal(&keys, noon()).expect("signed");
        let rotated = SigningKeys::from_file(&keys.rotated().to_file()).expect("two keys");
        let handed = notary.seal(&rotated, noon()).expect("signed").expect("the key is new");
        assert_eq!(key_of(&handed.entries).expect("entries"), Some(rotated.current().verifier_key()));
        for key in [&keys, &rotated] {
            Checkpoint::open(&handed.checkpoint, &[key.current().verifier_key()]).expect("signed by both");
        }
        notary.extend(0, [record_hash(b"x")]);
        let after = notary.seal(&rotated, noon()).expect("signed").expect("it has grown");
        assert!(Checkpoint::open(&after.checkpoint, &[keys.current().verifier_key()]).is_err(), "the old key signs no more");
        notary.extend(0, [record_hash(b"y")]);
        assert!(
            matches!(notary.seal(&keys, noon()), Err(Error::Untrusted(_))),
            "a key that the log does not name signs nothing"
        );
    }
}
