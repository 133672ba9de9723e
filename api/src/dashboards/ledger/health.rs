//! How far each partition is carried from the ledger to the read models, and how whoever carries it is.

use domain::Position;

use crate::dashboards::format::Locale;
use crate::health::{CheckAnswer, PartitionAnswer, Readiness, UnderwayAnswer};
use crate::state::Api;

/// How far each partition is carried, and who carries it.
#[derive(Debug)]
pub(super) struct Health {
    pub(super) is_ready: bool,
    /// The relay is in this process, so that it can be asked.
    pub(super) has_relay: bool,
    pub(super) relay_error: Option<String>,
    pub(super) checks: Vec<CheckAnswer>,
    pub(super) partitions: Vec<PartitionRow>,
    /// Of read models that are to serve next.
    pub(super) underway: Option<String>,
}

#[derive(Debug)]
pub(super) struct PartitionRow {
    pub(super) partition: usize,
    pub(super) head: String,
    pub(super) published: String,
    pub(super) mark: String,
    pub(super) lag: String,
    pub(super) class: &'static str,
    pub(super) icon: &'static str,
    pub(super) word: &'static str,
    pub(super) detail: String,
}

impl Health {
    pub(super) async fn of(api: &Api, locale: Locale) -> Self {
        let readiness = Readiness::of(api).await;
        let relayed = api.relay.as_ref().map(|ask| ask()).unwrap_or_default();
        let of = |answer: &PartitionAnswer| {
            let relayed = relayed.iter().find(|relayed| usize::from(relayed.partition.0) == answer.partition);
            PartitionRow::of(answer, relayed.and_then(|relayed| relayed.published), locale)
        };
        Self {
            is_ready: readiness.is_ready(),
            has_relay: api.relay.is_some(),
            relay_error: relayed.iter().find_map(|relayed| relayed.error.clone()),
            partitions: readiness.partitions.iter().map(of).collect(),
            underway: readiness.underway.as_ref().map(|underway| underway.in_words(locale)),
            checks: readiness.checks,
        }
    }
}

impl UnderwayAnswer {
    fn in_words(&self, locale: Locale) -> String {
        let count = |count: u64| locale.count(i64::try_from(count).unwrap_or(i64::MAX));
        let left = match (self.state, self.seconds_left) {
            ("moving", Some(0)) => "; making figures and indexes".to_owned(),
            ("moving", Some(seconds)) => format!("; some {seconds} s left"),
            ("moving", None) => String::new(),
            ("standing", _) => "; it does not get on".to_owned(),
            _ => "; nobody fills it at the moment".to_owned(),
        };
        let what = if self.purpose == "rebuild" { "Rebuild" } else { "Replay" };
        let (done, target) = (count(self.done_events), count(self.target_events));
        format!("{what} into generation {}: {done} of {target} events{left}", self.generation)
    }
}

impl PartitionRow {
    fn of(answer: &PartitionAnswer, published: Option<Position>, locale: Locale) -> Self {
        let count = |count: u64| locale.count(i64::try_from(count).unwrap_or(i64::MAX));
        let (class, icon, word) = match answer.state {
            "live" => ("reached", "✓", "Live"),
            "behind" => ("in-progress", "◔", "Behind"),
            "rebuilding" => ("in-progress", "◔", "Being rebuilt"),
            "stalled" => ("missed", "✕", "Stands still"),
            _ => ("missed", "✕", "Fault"),
        };
        Self {
            partition: answer.partition,
            head: count(answer.head),
            // What the read models have came from Kafka; the relay was asked a moment before.
            published: published.map_or("–".to_owned(), |published| count(published.0.max(answer.mark))),
            mark: count(answer.mark),
            lag: count(answer.lag_events),
            class,
            icon,
            word,
            detail: answer.detail.clone().unwrap_or_default(),
        }
    }
}
