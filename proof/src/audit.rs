//! Holds a whole copy of the ledger against what was signed, and names the first place that differs.
//!
//! The log first ([`LogAudit`]): its entries lead to every signed head. It then says what the partitions' trees were, time and
//! again; a copy's events, one after another, must lead to the same ([`PartitionAudit`]). Both may go on from where another ended.

mod log;
mod partition;

pub use self::log::{LogAudit, LogFault, SoundLog, audit_log, hold_kept};
pub use self::partition::{Fault, PartitionAudit};

#[cfg(test)]
mod tests {
    use domain::{Partition, Position, RecordedEvent};
    use tlog_tiles::Hash;

    use super::*;
    use crate::Error;
    use crate::checkpoint::{Checkpoint, SigningKey, VerifierKey};
    use crate::entry::{self, Entry};
    use crate::leaf::leaf;
    use crate::notary::{LogState, Notary, SigningKeys};
    use crate::tree::{Head, Tree};

    fn event(position: u64) -> RecordedEvent {
        RecordedEvent {
            partition: Partition(0),
            position: Position(position),
            payload: format!(r#"{{"n":{position}}}"#),
            ..crate::leaf::tests::event()
        }
    }

    /// A ledger of one partition that was signed after 10, 20 and 30 events.
    fn signed(keys: &SigningKeys) -> (Vec<String>, Vec<String>) {
        let log = LogState { tree: Tree::default(), key: None };
        let mut notary = Notary::new("1".to_owned(), vec![Tree::default()], log);
        let (mut entries, mut notes) = (Vec::new(), Vec::new());
        for step in 0..3_u64 {
            notary.extend(0, (step * 10..step * 10 + 10).map(|position| leaf(&event(position))));
            let sealed = notary.seal(keys, "2026-10-31T12:00:00Z".parse().expect("a time")).expect("signed").expect("grown");
            entries.extend(sealed.entries);
            notes.push(sealed.checkpoint);
        }
        (entries, notes)
    }

    fn audited(marks: &[Head], events: impl IntoIterator<Item = RecordedEvent>) -> PartitionAudit {
        let mut audit = PartitionAudit::new(Partition(0), marks.to_vec());
        events.into_iter().for_each(|event| audit.take(&event));
        audit.end();
        audit
    }

    #[test]
    fn what_was_signed_is_sound_and_what_came_since_is_counted() {
        let keys = SigningKeys::generate("1");
        let (entries, notes) = signed(&keys);
        let log = audit_log(&entries, &notes, &[keys.current().verifier_key()]).expect("a sound log");
        assert_eq!((log.checkpoint.head.size, log.partitions, log.marks[0].len()), (4, 1, 3));
        let audit = audited(&log.marks[0], (0..33).map(event));
        assert_eq!((audit.fault(), audit.unsigned()), (None, 3));
        assert!(audit_log(&entries, &notes, &[]).is_ok(), "who trusts no key trusts the one that the log names");
    }

    #[test]
    fn whatever_is_done_to_an_event_is_found_and_named() {
        let keys = SigningKeys::generate("1");
        let (entries, notes) = signed(&keys);
        let marks = &audit_log(&entries, &notes, &[]).expect("a sound log").marks[0];
        let all: Vec<RecordedEvent> = (0..30).map(event).collect();
        for position in [0, 1, 9, 10, 15, 28, 29] {
            let at = position as usize;
            let mut changed = all.clone();
            changed[at].payload.push(' ');
            let mut audit = audited(marks, changed);
            let range = audit.wanted().expect("a range");
            assert!(range.contains(&position), "{range:?}");
            let right: Vec<Hash> = all[range.start as usize..range.end as usize].iter().map(leaf).collect();
            assert!(!audit.clone().narrow(&right[1..]), "leaves that are not the signed ones do not help");
            assert!(audit.narrow(&right));
            assert_eq!(audit.fault(), Some(&Fault::Changed { position }));

            let mut dropped = all.clone();
            dropped.remove(at);
            let expected = if position == 29 { Fault::Short { position, signed: 30 } } else { Fault::Missing { position } };
            assert_eq!(audited(marks, dropped).fault(), Some(&expected));

            let mut twice = all.clone();
            twice.insert(at, all[at].clone());
            assert_eq!(audited(marks, twice).fault(), Some(&Fault::Repeated { position }));

            let cut = all[..at].to_vec();
            assert_eq!(audited(marks, cut).fault(), Some(&Fault::Short { position, signed: 30 }));
        }
        // Consistently: all that follows is moved up.
        let shifted = (0..30).map(|position| RecordedEvent { payload: "{}".to_owned(), ..event(position) });
        assert_eq!(audited(marks, shifted).fault().map(Fault::position), Some(0));
    }

    #[test]
    fn a_partition_that_was_empty_when_first_signed_is_held_against_all_that_came_later() {
        let keys = SigningKeys::generate("1");
        let log = LogState { tree: Tree::default(), key: None };
        let mut notary = Notary::new("1".to_owned(), vec![Tree::default(), Tree::default()], log);
        let (mut entries, mut notes) = (Vec::new(), Vec::new());
        for step in 0..3_u64 {
            // The second partition gets its first event in the second round.
            notary.extend(0, [Hash([step as u8; 32])]);
            notary.extend(1, (step > 0).then(|| leaf(&event(step - 1))));
            let sealed = notary.seal(&keys, "2026-10-31T12:00:00Z".parse().expect("a time")).expect("signed").expect("grown");
            entries.extend(sealed.entries);
            notes.push(sealed.checkpoint);
        }
        let marks = &audit_log(&entries, &notes, &[]).expect("a sound log").marks[1];
        assert_eq!(marks.iter().map(|mark| mark.size).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(audited(marks, (0..2).map(event)).fault(), None);
        for position in [0, 1] {
            let mut changed: Vec<RecordedEvent> = (0..2).map(event).collect();
            changed[position].payload.push(' ');
            assert_eq!(audited(marks, changed).fault().map(Fault::position), Some(position as u64));
        }
    }

    #[test]
    fn an_audit_goes_on_where_another_ended() {
        let keys = SigningKeys::generate("1");
        let (entries, notes) = signed(&keys);
        let mut log = LogAudit::new(&[keys.current().verifier_key()]);
        // The newest entries are read before their checkpoint can be.
        log.take_all(&entries[..3], &notes[..1]).expect("sound");
        assert_eq!(log.sound().expect("signed").checkpoint.head.size, 2);
        let mut audit = audited(&log.take_marks()[0], (0..13).map(event));
        assert_eq!((audit.sound().size(), audit.unsigned()), (10, 3));
        log.take_all(&entries[3..], &notes).expect("sound");
        assert_eq!(log.sound().expect("signed").checkpoint.head.size, 4);
        let marks = log.take_marks().remove(0);
        let text = serde_json::to_string(audit.sound()).expect("JSON");
        audit.marked(marks.clone());
        (13..30).for_each(|position| audit.take(&event(position)));
        audit.end();
        assert_eq!((audit.fault(), audit.sound().size()), (None, 30));
        // Another day, from what was written down.
        let sound = || serde_json::from_str::<Tree>(&text).expect("a tree");
        let mut audit = PartitionAudit::resume(Partition(0), sound(), marks.clone());
        (10..30).for_each(|position| audit.take(&event(position)));
        audit.end();
        assert_eq!((audit.fault(), audit.signed()), (None, 30));
        let mut audit = PartitionAudit::resume(Partition(0), sound(), marks.clone());
        (10..30).for_each(|position| audit.take(&RecordedEvent { payload: "{}".to_owned(), ..event(position) }));
        assert_eq!(audit.fault(), Some(&Fault::ChangedWithin { from: 10, to: 20 }));
        // What was found sound was signed differently since, or is no longer signed at all.
        let other = Head { size: 10, root: Hash([7; 32]) };
        for marks in [vec![other], vec![Head { size: 9, ..other }], vec![other, marks[1]]] {
            let fault = PartitionAudit::resume(Partition(0), sound(), marks).fault().cloned();
            assert_eq!(fault, Some(Fault::ChangedWithin { from: 0, to: 10 }));
        }
        // A log that was cut since.
        assert!(matches!(log.take_all(&[], &[]), Ok(())), "nothing new");
        let mut log = LogAudit::new(&[keys.current().verifier_key()]);
        log.take_all(&entries[..2], &notes[..1]).expect("sound");
        assert!(matches!(log.take_all(&[], &notes[2..]), Err(LogFault::RolledBack { size: 2, signed: 4 })));
    }

    #[test]
    fn whatever_is_done_to_the_log_is_found() {
        let keys = SigningKeys::generate("1");
        let (entries, notes) = signed(&keys);
        let trusted = [keys.current().verifier_key()];
        let fault = |entries: &[String], notes: &[String]| audit_log(entries, notes, &trusted).expect_err("a fault");
        for index in 0..entries.len() {
            let mut changed = entries.clone();
            changed[index] = changed[index].replacen("2026", "2025", 1);
            assert!(matches!(fault(&changed, &notes), LogFault::Changed { .. }), "entry {index}");
            let mut dropped = entries.clone();
            dropped.remove(index);
            fault(&dropped, &notes);
            let mut swapped = entries.clone();
            swapped.swap(index, (index + 1) % entries.len());
            fault(&swapped, &notes);
        }
        assert!(matches!(fault(&entries[..3], &notes), LogFault::RolledBack { size: 3, signed: 4 }));
        assert!(matches!(fault(&entries[..3], &notes[2..]), LogFault::RolledBack { size: 3, signed: 4 }));
        let forged = notes[2].replacen("\n4\n", "\n3\n", 1);
        assert!(matches!(fault(&entries, &[forged]), LogFault::Checkpoint { size: 3, .. }));
        // Another ledger, written and signed from the first event on by somebody else.
        let (others, others_notes) = signed(&SigningKeys::generate("1"));
        assert!(matches!(fault(&others, &others_notes), LogFault::Checkpoint { size: 4, source: Error::Untrusted(_) }));
        // Entries that another key signed after those of the ledger's.
        let mut theirs = notes.clone();
        theirs[2] = others_notes[2].clone();
        assert!(matches!(fault(&entries, &theirs), LogFault::Checkpoint { size: 4, source: Error::Untrusted(_) }));
        assert!(matches!(fault(&[], &[]), LogFault::Empty));
    }

    #[test]
    fn a_key_that_only_its_own_checkpoint_names_is_not_believed() {
        let keys = SigningKeys::generate("1");
        let (mut entries, mut notes) = signed(&keys);
        let trusted = [keys.current().verifier_key()];
        let stranger = SigningKey::generate("capsule-ledger/1");
        let at = "2026-10-31T13:00:00Z".parse().expect("a time");
        let more = Head { size: 31, root: Hash([7; 32]) };
        entries.extend([Entry::key(stranger.verifier_key(), at).canonical(), Entry::heads(&[more], at).canonical()]);
        let mut tree = Tree::default();
        tree.extend(entries.iter().map(|entry| entry::leaf(entry)));
        let forged = Checkpoint { origin: "capsule-ledger/1".to_owned(), head: tree.head() };
        notes.push(forged.sign(&[&stranger]));
        for trusted in [&trusted[..], &[]] {
            let fault = audit_log(&entries, &notes, trusted).expect_err("a fault");
            assert!(matches!(fault, LogFault::Checkpoint { size: 6, source: Error::Untrusted(_) }), "{fault}");
        }
        // The hand-over is believed once the key before signs it too.
        notes.push(forged.sign(&[&stranger, keys.current()]));
        let log = audit_log(&entries, &notes, &trusted).expect("a sound log");
        assert_eq!(log.keys, [keys.current().verifier_key(), stranger.verifier_key()]);
    }

    #[test]
    fn a_checkpoint_that_was_kept_is_held_against_the_log_or_said_to_be_signed_by_nobody_trusted() {
        let keys = SigningKeys::generate("1");
        let trusted = [keys.current().verifier_key()];
        let (mut entries, mut notes) = signed(&keys);
        let head = |entries: &[String]| {
            let mut tree = Tree::default();
            tree.extend(entries.iter().map(|entry| entry::leaf(entry)));
            tree.head()
        };
        let next = SigningKey::generate("capsule-ledger/1");
        let at = "2026-10-31T13:00:00Z".parse().expect("a time");
        entries.push(Entry::key(next.verifier_key(), at).canonical());
        let checkpoint = |head| Checkpoint { origin: "capsule-ledger/1".to_owned(), head };
        notes.push(checkpoint(head(&entries)).sign(&[&next, keys.current()]));
        let hold = |kept: &[String], trusted: &[VerifierKey]| {
            let log = audit_log(&entries, &[&notes, kept].concat(), trusted)?;
            hold_kept(&entries, kept, &log.keys).map(|()| (log.held, log.keys.len()))
        };
        assert!(matches!(hold(&notes[1..2], &trusted), Ok((_, 2))), "as it was signed");
        let by_next = [next.verifier_key()];
        assert!(hold(&[], &by_next).is_ok(), "what the key before signed is published, and says nothing");
        assert!(matches!(hold(&notes[1..2], &by_next), Err(LogFault::Kept { size: 3, source: Error::Untrusted(_) })));
        let both = [next.verifier_key(), keys.current().verifier_key()];
        assert!(matches!(hold(&notes[1..2], &both), Ok((_, 2))), "each key once");
        // Of another history, in which the key took over sooner.
        let other = checkpoint(Head { size: 2, root: Hash([7; 32]) }).sign(&[&next]);
        assert!(
            audit_log(&entries, &[&notes[..], std::slice::from_ref(&other)].concat(), &trusted).is_ok(),
            "it may be anybody's"
        );
        assert!(matches!(hold(&[other], &trusted), Err(LogFault::Changed { .. })));
        let (_, others) = signed(&SigningKeys::generate("2"));
        assert!(matches!(hold(&others[..1], &trusted), Err(LogFault::Kept { size: 2, source: Error::Untrusted(_) })));
    }
}
