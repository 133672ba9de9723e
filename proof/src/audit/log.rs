//! The log's entries against checkpoints over it.

use std::collections::BTreeMap;

use crate::checkpoint::{Checkpoint, VerifierKey};
use crate::entry::{self, Entry};
use crate::error::Error;
use crate::tree::{Head, Tree};

/// What is wrong with a log.
#[derive(Debug, thiserror::Error)]
pub enum LogFault {
    #[error("the log is empty: nothing was signed yet")]
    Empty,
    /// The log, or the checkpoint, is not in the form that the format defines.
    #[error("entry {index} of the log: {source}")]
    Entry { index: u64, source: Error },
    #[error("entry {index} of the log: {reason}")]
    Unfit { index: u64, reason: &'static str },
    #[error("a checkpoint over {size} entries: {source}")]
    Checkpoint { size: u64, source: Error },
    /// Something in the log was changed, put in or taken out.
    #[error("the log was changed between its entries {from} and {to}: they do not lead to a root that was signed")]
    Changed { from: u64, to: u64 },
    /// The log ends before a checkpoint that was signed.
    #[error("the log has {size} entries, and a checkpoint over {signed} was signed: it was rolled back")]
    RolledBack { size: u64, signed: u64 },
    #[error("none of the checkpoints is signed by a key that is trusted")]
    Untrusted,
    /// Somebody kept it, and it could not be held against anything.
    #[error("the checkpoint over {size} entries that was kept: {source}; name the key that signed it, too")]
    Kept { size: u64, source: Error },
}

/// Of each partition so many heads are kept to hold its events against: with more, every second, fourth and so on.
const MARKS_MAX: usize = 4_096;

/// A log that leads to every checkpoint over it.
#[derive(Debug, Clone)]
pub struct SoundLog {
    /// The newest that a trusted key signed.
    pub checkpoint: Checkpoint,
    /// The same, as it is signed.
    pub note: String,
    /// How many entries there are; those after the checkpoint are not signed yet.
    pub entries: u64,
    /// How many checkpoints were held against it: all but those that no trusted key signed.
    pub held: usize,
    /// That sign, the newest last.
    pub keys: Vec<VerifierKey>,
    /// How many partitions the ledger has.
    pub partitions: u16,
    /// Of each partition, heads that the log says it had, as far as they are signed: in order of size, from 1 on, none twice, the
    /// newest always. Of a long log not all.
    pub marks: Vec<Vec<Head>>,
    /// When the last heads were taken.
    pub taken_at: Option<String>,
}

/// Holds a log's entries against checkpoints over it, from wherever they were published, in any order.
///
/// Who trusts no key yet trusts the one that the log names first; the answer says which keys signed.
///
/// # Errors
/// The first fault.
pub fn audit_log(entries: &[String], checkpoints: &[String], trusted: &[VerifierKey]) -> Result<SoundLog, LogFault> {
    let mut audit = LogAudit::new(trusted);
    audit.take_all(entries, checkpoints)?;
    audit.sound()
}

/// Holds a log against checkpoints that somebody kept, each of them, by the keys that [`audit_log`] found to sign. Those published
/// say nothing where nobody trusted signed them; and of a key that takes over, nothing that it signed before.
///
/// # Errors
/// The first fault.
pub fn hold_kept(entries: &[String], kept: &[String], keys: &[VerifierKey]) -> Result<(), LogFault> {
    for note in kept {
        if let Err(source) = Checkpoint::open(note, keys) {
            let size = Checkpoint::unverified(note).map_or(0, |checkpoint| checkpoint.head.size);
            return Err(LogFault::Kept { size, source });
        }
    }
    if kept.is_empty() { Ok(()) } else { LogAudit::new(keys).take_all(entries, kept) }
}

/// A log that is read entry by entry, and may be gone on with when it has grown.
#[derive(Debug, Clone, Default)]
pub struct LogAudit {
    trusts_first: bool,
    tree: Tree,
    keys: Vec<VerifierKey>,
    /// A key that took over by an entry which is not signed yet.
    announced: Vec<VerifierKey>,
    partitions: u16,
    signed: Option<(Checkpoint, String)>,
    held: usize,
    /// The last that no trusted key signed, if none that one signed came after it.
    doubtful: Option<(u64, Error)>,
    /// Of each partition the newest head, signed or not.
    heads: Vec<Head>,
    marks: Vec<Marks>,
    /// Heads that are not signed yet.
    unsigned: Vec<Vec<Head>>,
    taken_at: Option<String>,
    unsigned_taken_at: Option<String>,
}

impl LogAudit {
    /// From the first entry on. Who trusts no key yet trusts the one that the log names first.
    pub fn new(trusted: &[VerifierKey]) -> Self {
        Self { trusts_first: trusted.is_empty(), keys: trusted.to_vec(), ..Self::default() }
    }

    /// How many entries were read.
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// All further entries that there are, and checkpoints over them or over those before, in any order. A checkpoint over fewer
    /// entries than were read before says nothing more.
    ///
    /// # Errors
    /// The first fault. Nothing is to be read after it.
    pub fn take_all(&mut self, entries: &[String], checkpoints: &[String]) -> Result<(), LogFault> {
        let mut notes: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
        for note in checkpoints {
            let size = Checkpoint::unverified(note).map_err(|source| LogFault::Checkpoint { size: 0, source })?.head.size;
            let of_size = notes.entry(size).or_default();
            // Each is looked at once, wherever else it was published.
            if !of_size.contains(&note.as_str()) {
                of_size.push(note);
            }
        }
        let mut notes = notes.split_off(&self.size());
        let mut hold_against = |audit: &mut Self| match notes.remove(&audit.size()) {
            Some(notes) if audit.size() > 0 => audit.hold_against(&notes),
            _ => Ok(()),
        };
        // The entries that were read last may have been signed meanwhile.
        hold_against(self)?;
        for text in entries {
            self.take(text)?;
            hold_against(self)?;
        }
        // What is left are checkpoints over more than there is; one that nobody trusted signed says nothing.
        for (signed, notes) in notes {
            if notes.iter().any(|note| Checkpoint::open(note, &self.keys).is_ok()) {
                return Err(LogFault::RolledBack { size: self.size(), signed });
            }
            if self.size() == 0 {
                return Err(LogFault::Untrusted);
            }
        }
        Ok(())
    }

    /// What came of it.
    ///
    /// # Errors
    /// [`LogFault::Empty`] where nothing was signed yet; else why the log is not believed.
    pub fn sound(&self) -> Result<SoundLog, LogFault> {
        if self.size() == 0 {
            return Err(LogFault::Empty);
        }
        if let Some((size, source)) = &self.doubtful {
            return Err(LogFault::Checkpoint { size: *size, source: source.clone() });
        }
        let (checkpoint, note) = self.signed.clone().ok_or(LogFault::Untrusted)?;
        Ok(SoundLog {
            checkpoint,
            note,
            entries: self.size(),
            held: self.held,
            keys: self.keys.clone(),
            partitions: self.partitions,
            marks: self.marks.iter().map(|marks| marks.kept.clone()).collect(),
            taken_at: self.taken_at.clone(),
        })
    }

    /// Marks that came since they were last taken, by partition.
    pub fn take_marks(&mut self) -> Vec<Vec<Head>> {
        self.marks.iter_mut().map(|marks| std::mem::take(marks).kept).collect()
    }

    fn take(&mut self, text: &str) -> Result<(), LogFault> {
        let index = self.size();
        let unfit = |reason| Err(LogFault::Unfit { index, reason });
        match Entry::parse(text).map_err(|source| LogFault::Entry { index, source })? {
            Entry::Ledger { partitions, verifier_key, .. } if index == 0 => {
                self.partitions = partitions;
                self.marks = vec![Marks::default(); usize::from(partitions)];
                self.heads = vec![Head::EMPTY; usize::from(partitions)];
                if self.trusts_first {
                    self.keys.push(verifier_key);
                }
            }
            Entry::Ledger { .. } => return unfit("the ledger is made a second time"),
            _ if index == 0 => return unfit("the log does not begin with its ledger"),
            Entry::Key { verifier_key, .. } => self.announced.push(verifier_key),
            Entry::Heads { partitions, taken_at } => {
                let heads: Vec<Head> = partitions.iter().map(Head::from).collect();
                if heads.len() != usize::from(self.partitions) {
                    return unfit("it has not as many heads as the ledger has partitions");
                }
                // Of size 0 there is one head only, the empty tree's.
                let shrinks = |(last, head): (&Head, &Head)| head.size < last.size || head.size == last.size && head != last;
                if self.heads.iter().zip(&heads).any(shrinks) {
                    return unfit("a partition is smaller than before, or of the same size and another");
                }
                self.heads.clone_from(&heads);
                self.unsigned.push(heads);
                self.unsigned_taken_at = Some(taken_at);
            }
        }
        self.tree.push(entry::leaf(text), |_, _| {});
        Ok(())
    }

    /// Checkpoints over exactly what was read.
    fn hold_against(&mut self, notes: &[&str]) -> Result<(), LogFault> {
        let size = self.tree.size();
        let from = self.signed.as_ref().map_or(0, |(signed, _)| signed.head.size);
        for note in notes {
            let opened = match Checkpoint::open(note, &self.keys) {
                Ok(opened) => opened,
                // Of a key that is not trusted, perhaps not yet: one after it says.
                Err(source @ Error::Untrusted(_)) if !self.names_a_trusted_key(note) => {
                    self.doubtful = Some((size, source));
                    continue;
                }
                Err(source) => return Err(LogFault::Checkpoint { size, source }),
            };
            if opened.head != self.tree.head() {
                return Err(LogFault::Changed { from, to: size });
            }
            self.held += 1;
            self.signed = Some((opened, (*note).to_owned()));
            self.doubtful = None;
            self.keys.retain(|key| !self.announced.contains(key));
            self.keys.append(&mut self.announced);
            for heads in self.unsigned.drain(..) {
                self.marks.iter_mut().zip(heads).for_each(|(marks, head)| marks.push(head));
            }
            self.taken_at = self.unsigned_taken_at.clone();
        }
        Ok(())
    }

    /// It claims to be signed by a key that is trusted, so a signature that does not hold is a forgery.
    fn names_a_trusted_key(&self, note: &str) -> bool {
        self.keys.iter().any(|key| {
            let name_and_id = key.to_string();
            let id = name_and_id.split('+').nth(1).and_then(|id| u32::from_str_radix(id, 16).ok());
            signed_note::Note::from_bytes(note.as_bytes()).is_ok()
                && note
                    .lines()
                    .filter_map(|line| signed_note::Signature::from_bytes(line.as_bytes()).ok())
                    .any(|signature| signature.name() == key.name() && Some(signature.id()) == id)
        })
    }
}

/// Heads in order of size, evenly apart where they would be too many, and the newest always.
#[derive(Debug, Clone, Default)]
struct Marks {
    kept: Vec<Head>,
    /// Of so many, one is kept, by a power of 2.
    stride: u32,
    /// So many came since the last that stays; the newest of them is kept until the next comes.
    passing: u64,
}

impl Marks {
    /// Nothing leads to the head of an empty partition, so nothing could be held against it.
    fn push(&mut self, head: Head) {
        if self.kept.last().map_or(0, |last| last.size) >= head.size {
            return;
        }
        if self.passing > 0 {
            self.kept.pop();
        }
        self.kept.push(head);
        self.passing = (self.passing + 1) % (1 << self.stride);
        if self.passing == 0 && self.kept.len() == MARKS_MAX {
            let mut places = 0..;
            self.kept.retain(|_| places.next().is_some_and(|place| place % 2 == 1));
            self.stride += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_log_leaves_fewer_heads_to_hold_against_but_always_the_newest() {
        let mut marks = Marks::default();
        for size in 0..50_000 {
            marks.push(Head { size, ..Head::EMPTY });
            marks.push(Head { size, ..Head::EMPTY });
            assert_eq!(marks.kept.last().map_or(0, |last| last.size), size);
        }
        let kept = &marks.kept;
        assert!((MARKS_MAX / 2..=MARKS_MAX).contains(&kept.len()), "{}", kept.len());
        assert!(kept.is_sorted_by(|before, after| before.size < after.size) && kept[0].size > 0);
        let widest = kept.windows(2).map(|two| two[1].size - two[0].size).max();
        assert!(widest <= Some(50_000 / (MARKS_MAX as u64 / 2)), "{widest:?}");
    }
}
