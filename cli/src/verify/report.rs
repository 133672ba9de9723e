//! What was verified, and what is wrong: for people, and as JSON.

use std::fmt;

use serde::Serialize;

use super::count;

#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) ok: bool,
    pub(crate) log: Option<Log>,
    pub(crate) events: Events,
    /// Folded anew from the log and held against the live ones, row for row.
    pub(crate) read_models_compared: bool,
    /// As TENANT/KPI: what new facts concern, and was still to be made of them.
    pub(crate) figures_left_out: Vec<String>,
    /// The first of each partition of each copy, and of each read model.
    pub(crate) findings: Vec<Finding>,
    pub(crate) seconds: f64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Log {
    pub(crate) origin: String,
    /// Entries that the newest checkpoint covers.
    pub(crate) size: u64,
    /// Kafka follows PostgreSQL, a moment later.
    pub(crate) entries_in_kafka: u64,
    /// Base64.
    pub(crate) root: String,
    /// When the last heads of the partitions were taken.
    pub(crate) taken_at: Option<String>,
    /// The keys that were trusted, and those that they handed over to.
    pub(crate) verifier_keys: Vec<String>,
    /// How many checkpoints were held against it.
    pub(crate) checkpoints: usize,
    /// No key was given: the one that the log itself names was trusted.
    pub(crate) is_self_declared: bool,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct Events {
    /// Found sound by the verification that this one goes on from, and not read again.
    pub(crate) sound_before: u64,
    pub(crate) signed: u64,
    pub(crate) postgres: u64,
    pub(crate) kafka: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Copy {
    Postgres,
    Kafka,
    /// They differ, and nobody knows which is right.
    Both,
    /// What follows from the events.
    ReadModels,
}

#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    pub(crate) copy: Copy,
    /// None: it is about the log, or the copy as a whole.
    pub(crate) partition: Option<u16>,
    /// The first that is wrong.
    pub(crate) position: Option<u64>,
    pub(crate) what: String,
}

impl Copy {
    fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Kafka => "Kafka",
            Self::Both => "PostgreSQL or Kafka",
            Self::ReadModels => "Read models",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match (self.partition, self.position) {
            (Some(partition), Some(position)) => format!(", event {partition}-{position}"),
            (Some(partition), None) => format!(", partition {partition}"),
            _ => String::new(),
        };
        write!(formatter, "{}{place}: {}", self.copy.name(), self.what)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(log) = &self.log {
            let taken_at = log.taken_at.as_deref().unwrap_or("never");
            writeln!(formatter, "Ledger       {}", log.origin)?;
            writeln!(
                formatter,
                "Signed       {} entries of the log ({} in Kafka), the last heads taken {taken_at}",
                count(log.size),
                count(log.entries_in_kafka)
            )?;
            writeln!(formatter, "Root         {}", log.root)?;
            for key in &log.verifier_keys {
                let trusted =
                    if log.is_self_declared { "  (named by the ledger itself: note it, and give it next time)" } else { "" };
                writeln!(formatter, "Verifier key {key}{trusted}")?;
            }
            writeln!(formatter, "Checkpoints  {} held against the log", count(log.checkpoints as u64))?;
        }
        let Events { sound_before, signed, postgres, kafka } = &self.events;
        writeln!(
            formatter,
            "Events       {} in PostgreSQL, {} in Kafka, {} of them signed",
            count(*postgres),
            count(*kafka),
            count(*signed)
        )?;
        if *sound_before > 0 {
            writeln!(formatter, "             {} of them were found sound before, and not read again", count(*sound_before))?;
        }
        if !self.figures_left_out.is_empty() {
            writeln!(
                formatter,
                "Left out     figures that were still to be made of new facts: {}. Verify again when the program is through with them",
                self.figures_left_out.join(", ")
            )?;
        }
        for finding in &self.findings {
            writeln!(formatter, "✕ {finding}")?;
        }
        if self.ok {
            let read_models = if self.read_models_compared { "; the read models are their fold, row for row" } else { "" };
            writeln!(formatter, "✓ Both copies are what was signed, event for event{read_models} ({:.1} s)", self.seconds)?;
        } else {
            writeln!(formatter, "✕ {} findings ({:.1} s)", self.findings.len(), self.seconds)?;
        }
        Ok(())
    }
}
