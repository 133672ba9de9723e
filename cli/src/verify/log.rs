//! The log first: its entries in PostgreSQL and in Kafka, against every checkpoint that was published anywhere.

use anyhow::Context as _;
use event_store::PgPool;
use event_store::trees::Trees;
use proof::audit::{LogAudit, LogFault, hold_kept};
use proof::checkpoint::VerifierKey;

use super::report::{Copy, Log, Report};
use super::{Place, stored_entries};

/// The log of a copy that leads to all checkpoints, those that were brought among them, PostgreSQL's if both do; none: neither does.
pub(super) async fn audit(
    place: &Place,
    pool: &PgPool,
    trusted: &[VerifierKey],
    brought: &[String],
    report: &mut Report,
) -> anyhow::Result<Option<LogAudit>> {
    let trees = Trees::new(pool.clone());
    // Those that are published come first, so that what they cover is stored.
    let mut notes = brought.to_vec();
    if let Some(folder) = &place.checkpoints {
        match std::fs::read_to_string(folder.join("latest")) {
            Ok(note) => notes.push(note),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", folder.join("latest").display())),
        }
    }
    let in_kafka = match event_log::checkpoints::read_all(&place.kafka_brokers, &place.topic).await {
        Ok(records) => records,
        Err(event_log::Error::WrongTopic { topic, reason }) => {
            report.find(Copy::Kafka, None, None, format!("{topic}: {reason}"));
            Vec::new()
        }
        Err(error) => return Err(error).context("cannot read the checkpoints' topic"),
    };
    notes.extend(in_kafka.iter().filter_map(|record| record.checkpoint.clone()));
    let stored = trees.checkpoints(None, usize::MAX >> 1).await?;
    let entries = match stored_entries(&trees).await {
        Ok(entries) => entries,
        Err(event_store::Error::Broken(reason)) => {
            report.find(Copy::Postgres, None, None, reason);
            Vec::new()
        }
        Err(error) => return Err(error).context("cannot read the log"),
    };
    // Kafka follows: it may lack the newest of those in PostgreSQL.
    let of_postgres: Vec<String> = notes.iter().cloned().chain(stored.into_iter().map(|(_, note)| note)).collect();
    let postgres = audited(&entries, &of_postgres, brought, trusted);
    let in_kafka: Vec<String> = in_kafka.into_iter().map(|record| record.entry).collect();
    let kafka = audited(&in_kafka, &notes, brought, trusted);
    if let Err(fault) = &postgres {
        report.find(Copy::Postgres, None, None, fault.to_string());
    }
    match &kafka {
        // It follows PostgreSQL, and leads the folder: the first entries may be on their way.
        Err(LogFault::Empty) if postgres.is_ok() && notes.is_empty() => {}
        Err(fault) => report.find(Copy::Kafka, None, None, fault.to_string()),
        Ok(_) => {}
    }
    let entries_in_kafka = in_kafka.len() as u64;
    let sound = match (postgres, kafka) {
        (Ok(postgres), _) => Some(postgres),
        (Err(_), kafka) => kafka.ok(),
    };
    report.log = sound.as_ref().and_then(|log| log.sound().ok()).map(|sound| Log {
        origin: sound.checkpoint.origin.clone(),
        size: sound.checkpoint.head.size,
        entries_in_kafka,
        root: sound.checkpoint.head.root.to_string(),
        taken_at: sound.taken_at.clone(),
        verifier_keys: sound.keys.iter().map(ToString::to_string).collect(),
        checkpoints: sound.held,
        is_self_declared: trusted.is_empty(),
    });
    Ok(sound)
}

/// Of a log that is believed.
fn audited(
    entries: &[String],
    checkpoints: &[String],
    brought: &[String],
    trusted: &[VerifierKey],
) -> Result<LogAudit, LogFault> {
    let mut audit = LogAudit::new(trusted);
    audit.take_all(entries, checkpoints)?;
    hold_kept(entries, brought, &audit.sound()?.keys)?;
    Ok(audit)
}
