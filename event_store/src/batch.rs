//! One call of `ledger.append`: many commits as columns, and what came of each.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, SubsecRound, Utc};
use domain::{Partition, Position, RecordedEvent};
use rustc_hash::FxHashMap;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgConnection, PgHasArrayType, PgTypeInfo};
use sqlx::{Encode, Postgres, Row, Type};

use crate::commit::{AppendError, Appended, Commit, Expected};
use crate::error::Error;
use crate::lane::CommitResult;

/// `check_expected` of a commit that takes whatever version there is.
const ANY: i64 = -1;

/// What to do with a commit that fails its checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Nothing is appended then. The fast way where there are no repetitions: new streams need no check, for the primary
    /// key refuses what exists.
    AllOrNothing,
    /// The others are appended.
    LeaveOut,
}

/// A text that is JSON already, sent as it is.
struct JsonText<'a>(&'a str);

impl Type<Postgres> for JsonText<'_> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(114))
    }
}

impl PgHasArrayType for JsonText<'_> {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(199))
    }
}

impl Encode<'_, Postgres> for JsonText<'_> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }
}

#[derive(Default)]
struct Checks<'a> {
    types: Vec<&'static str>,
    ids: Vec<String>,
    expected: Vec<i64>,
    numbers: FxHashMap<(&'a str, &'a str, &'static str, i64), i32>,
}

impl<'a> Checks<'a> {
    /// The number of this check, from 1.
    fn number(&mut self, stream: &'a domain::Stream, expected: i64) -> i32 {
        let aggregate_type = stream.aggregate_type.as_str();
        let key = (stream.tenant.as_str(), stream.id.as_str(), aggregate_type, expected);
        *self.numbers.entry(key).or_insert_with(|| {
            self.types.push(aggregate_type);
            self.ids.push(stream.aggregate_id());
            self.expected.push(expected);
            i32::try_from(self.expected.len()).expect("a batch is small")
        })
    }
}

/// What came of a batch.
pub(crate) struct Answer {
    /// In the order of the commits.
    pub(crate) results: Vec<CommitResult>,
    pub(crate) appended_at: DateTime<Utc>,
    /// `false`: nothing was appended, and the results say nothing.
    pub(crate) is_appended: bool,
}

/// Appends commits of which no two share a stream, except for several that expect any version, and have neither guard nor
/// key: these follow each other.
pub(crate) async fn append(
    connection: &mut PgConnection,
    commits: &[Commit],
    partitions: u16,
    mode: Mode,
) -> Result<Answer, Error> {
    let places: Vec<Partition> =
        commits.iter().map(|commit| Partition::of(&commit.stream.tenant, &commit.partition_key, partitions)).collect();
    let mut counts: BTreeMap<Partition, i64> = BTreeMap::new();
    for (commit, partition) in commits.iter().zip(&places) {
        *counts.entry(*partition).or_default() += commit.events.len() as i64;
    }
    let slots: Vec<Partition> = counts.keys().copied().collect();
    let slot_of = |partition: &Partition| slots.binary_search(partition).expect("every partition of the batch has a slot");

    let mut checks = Checks::default();
    let mut own_checks = Vec::with_capacity(commits.len());
    let mut guard_checks = Vec::with_capacity(commits.len());
    let mut followers: FxHashMap<&domain::Stream, i64> = FxHashMap::default();
    let mut bases = Vec::with_capacity(commits.len());
    for commit in commits {
        let (own, base) = match commit.expected {
            Expected::Any => {
                let before = followers.entry(&commit.stream).or_default();
                let base = *before;
                *before += commit.events.len() as i64;
                (checks.number(&commit.stream, ANY), base)
            }
            Expected::Exact(0) if mode == Mode::AllOrNothing => (0, 0),
            Expected::Exact(version) => (checks.number(&commit.stream, version as i64), version as i64),
        };
        own_checks.push(own);
        bases.push(base);
        let guard = commit.guard.as_ref();
        guard_checks.push(guard.map_or(0, |guard| checks.number(&guard.stream, guard.version as i64)));
    }

    let (mut commit_keys, mut key_commits) = (Vec::with_capacity(commits.len()), Vec::new());
    let (mut key_tenants, mut key_texts, mut key_hashes) = (Vec::new(), Vec::new(), Vec::new());
    let (mut key_types, mut key_ids, mut key_lasts, mut key_events) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (number, commit) in (1_i32..).zip(commits) {
        commit_keys.push(match &commit.idempotency {
            None => 0,
            Some(key) => {
                key_commits.push(number);
                key_tenants.push(commit.stream.tenant.as_str());
                key_texts.push(key.key.as_str());
                key_hashes.push(key.request_hash.as_slice());
                key_types.push(commit.stream.aggregate_type.as_str());
                key_ids.push(commit.stream.aggregate_id());
                key_lasts.push(bases[number as usize - 1] + commit.events.len() as i64);
                let names: Vec<&str> = commit.events.iter().map(|event| event.event_type).collect();
                key_events.push(names.join(","));
                i32::try_from(key_commits.len()).expect("a batch is small")
            }
        });
    }

    // Mostly one: a batch's commits are a tenant's, decided a moment ago.
    let mut vaults: Vec<(&str, i64)> = Vec::new();
    let mut number_of = |tenant, epoch| match vaults.iter().rposition(|vault| *vault == (tenant, epoch)) {
        Some(place) => place as i32 + 1,
        None => {
            vaults.push((tenant, epoch));
            vaults.len() as i32
        }
    };
    let commit_vaults: Vec<i32> = commits
        .iter()
        .map(|commit| commit.people_as_of.map_or(0, |epoch| number_of(commit.stream.tenant.as_str(), epoch)))
        .collect();

    let total = counts.values().sum::<i64>() as usize;
    let mut columns = Columns::with_capacity(total);
    let mut offsets = vec![0_i64; slots.len()];
    for (index, (commit, partition)) in commits.iter().zip(&places).enumerate() {
        let slot = slot_of(partition);
        let aggregate_id = commit.stream.aggregate_id();
        for (event, sequence) in commit.events.iter().zip(bases[index] + 1..) {
            columns.commits.push(index as i32 + 1);
            columns.slots.push(slot as i32 + 1);
            columns.offsets.push(offsets[slot]);
            offsets[slot] += 1;
            columns.aggregate_types.push(commit.stream.aggregate_type.as_str());
            columns.aggregate_ids.push(aggregate_id.clone());
            columns.sequences.push(sequence);
            columns.types.push(event.event_type);
            columns.versions.push(event.event_version);
            columns.payloads.push(JsonText(&event.payload));
            columns.metadata.push(JsonText(&commit.metadata));
            columns.tenants.push(commit.stream.tenant.as_str());
            columns.partition_keys.push(commit.partition_key.as_str());
            columns.occurred_at.push(event.occurred_at.trunc_subsecs(6));
        }
    }
    assert_eq!(columns.commits.len(), total, "every event of the batch is in its columns");

    let expected = checks.expected.clone();
    let row = sqlx::query(include_str!("sql/append.sql"))
        .bind(mode == Mode::LeaveOut)
        .bind(slots.iter().map(|partition| i32::from(partition.0)).collect::<Vec<_>>())
        .bind(counts.values().copied().collect::<Vec<_>>())
        .bind(checks.types)
        .bind(checks.ids)
        .bind(checks.expected)
        .bind(&own_checks)
        .bind(&guard_checks)
        .bind(&commit_keys)
        .bind(key_commits)
        .bind(key_tenants)
        .bind(key_texts)
        .bind(key_hashes)
        .bind(key_types)
        .bind(key_ids)
        .bind(key_lasts)
        .bind(key_events)
        .bind(vaults.iter().map(|(tenant, _)| *tenant).collect::<Vec<_>>())
        .bind(vaults.iter().map(|(_, epoch)| *epoch).collect::<Vec<_>>())
        .bind(&commit_vaults)
        .bind(columns.commits)
        .bind(columns.slots)
        .bind(columns.offsets)
        .bind(columns.aggregate_types)
        .bind(columns.aggregate_ids)
        .bind(columns.sequences)
        .bind(columns.types)
        .bind(columns.versions)
        .bind(columns.payloads)
        .bind(columns.metadata)
        .bind(columns.tenants)
        .bind(columns.partition_keys)
        .bind(columns.occurred_at)
        .fetch_one(connection)
        .await?;

    if !row.try_get::<bool, _>("is_appended")? {
        return Ok(Answer { results: Vec::new(), appended_at: DateTime::UNIX_EPOCH, is_appended: false });
    }
    let firsts: Vec<i64> = row.try_get("first_positions")?;
    let appended: Vec<i64> = row.try_get("appended_counts")?;
    let versions: Vec<i64> = row.try_get("check_versions")?;
    let taken: Vec<bool> = row.try_get("keys_taken")?;
    let hold: Vec<bool> = row.try_get("vaults_hold")?;
    let moved = |check: i32| {
        let index = usize::try_from(check).ok()?.checked_sub(1)?;
        let (expected, actual) = (expected[index], versions[index]);
        (expected != ANY && expected != actual).then_some(actual as u64)
    };

    let mut next = firsts.clone();
    let mut results = Vec::with_capacity(commits.len());
    for (index, (commit, partition)) in commits.iter().zip(&places).enumerate() {
        let is_taken = usize::try_from(commit_keys[index]).is_ok_and(|key| key > 0 && taken[key - 1]);
        results.push(if is_taken {
            Err(AppendError::KeyTaken)
        } else if let Some(actual) = moved(own_checks[index]) {
            Err(AppendError::Conflict { actual: Some(actual) })
        } else if let Some(actual) = moved(guard_checks[index]) {
            Err(AppendError::GuardMoved { actual: Some(actual) })
        } else if commit_vaults[index] > 0 && !hold[commit_vaults[index] as usize - 1] {
            Err(AppendError::PeopleMoved)
        } else {
            let (slot, events) = (slot_of(partition), commit.events.len() as i64);
            let first = next[slot];
            next[slot] += events;
            let stream_base = match commit.expected {
                Expected::Any => versions[own_checks[index] as usize - 1] + bases[index],
                Expected::Exact(version) => version as i64,
            };
            Ok(Appended {
                version: (stream_base + events) as u64,
                partition: *partition,
                first: Position(first as u64),
                events: events as u64,
            })
        });
    }
    // The other half of the assertion in ledger.append: both sides counted the same.
    for ((slot, first), (next, appended)) in slots.iter().zip(&firsts).zip(next.iter().zip(&appended)) {
        assert_eq!(next - first, *appended, "the events appended to partition {slot}");
    }
    Ok(Answer { results, appended_at: row.try_get("appended_at")?, is_appended: true })
}

#[derive(Default)]
struct Columns<'a> {
    commits: Vec<i32>,
    slots: Vec<i32>,
    offsets: Vec<i64>,
    aggregate_types: Vec<&'static str>,
    aggregate_ids: Vec<String>,
    sequences: Vec<i64>,
    types: Vec<&'static str>,
    versions: Vec<&'static str>,
    payloads: Vec<JsonText<'a>>,
    metadata: Vec<JsonText<'a>>,
    tenants: Vec<&'a str>,
    partition_keys: Vec<&'a str>,
    occurred_at: Vec<DateTime<Utc>>,
}

impl Columns<'_> {
    fn with_capacity(events: usize) -> Self {
        Self {
            commits: Vec::with_capacity(events),
            slots: Vec::with_capacity(events),
            offsets: Vec::with_capacity(events),
            aggregate_types: Vec::with_capacity(events),
            aggregate_ids: Vec::with_capacity(events),
            sequences: Vec::with_capacity(events),
            types: Vec::with_capacity(events),
            versions: Vec::with_capacity(events),
            payloads: Vec::with_capacity(events),
            metadata: Vec::with_capacity(events),
            tenants: Vec::with_capacity(events),
            partition_keys: Vec::with_capacity(events),
            occurred_at: Vec::with_capacity(events),
        }
    }
}

/// The appended events, a run a partition, each in the order of its positions.
pub(crate) fn recorded(commits: Vec<Commit>, answer: &Answer) -> Vec<Arc<[RecordedEvent]>> {
    let mut runs: BTreeMap<Partition, Vec<RecordedEvent>> = BTreeMap::new();
    for (commit, result) in commits.into_iter().zip(&answer.results) {
        let Ok(appended) = result else { continue };
        let run = runs.entry(appended.partition).or_default();
        let first_sequence = appended.version - appended.events + 1;
        for (event, offset) in commit.events.into_iter().zip(0..) {
            let position = Position(appended.first.0 + offset);
            assert!(run.last().is_none_or(|last| last.position.next() == position), "a run has no gap");
            run.push(RecordedEvent {
                partition: appended.partition,
                position,
                tenant: commit.stream.tenant.clone(),
                aggregate_type: commit.stream.aggregate_type,
                aggregate_id: commit.stream.id.clone(),
                sequence: first_sequence + offset,
                event_type: event.event_type.to_owned(),
                event_version: event.event_version.to_owned(),
                partition_key: commit.partition_key.clone(),
                occurred_at: event.occurred_at.trunc_subsecs(6),
                recorded_at: answer.appended_at,
                payload: event.payload,
                metadata: Arc::clone(&commit.metadata),
            });
        }
    }
    runs.into_values().map(Into::into).collect()
}
