//! Each event counts once, whatever happens; and what cannot be applied stops its partition alone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::Grain;
use domain::{Partition, Position, RecordedEvent};
use projections::{
    BoxError, FaultKind, Generation, PartitionBatch, Runner, Settings, Source, SourceBatch, SourceFault, Sourced, Start,
    Stopped, compare, faults, marks, starts,
};
use sqlx::PgPool;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::database::{apply, with_database};
use crate::figures::{assert_figures, query, small};
use crate::generate::{Ledger, tenant};
use crate::memory::Memory;

type Events = BTreeMap<Partition, Vec<RecordedEvent>>;

/// Gives exactly these batches, one a call.
struct Batches(std::collections::VecDeque<SourceBatch>);

impl Source for Batches {
    async fn next_batch(&mut self, _: usize, _: Duration) -> Result<SourceBatch, BoxError> {
        let mut batch = self.0.pop_front().unwrap_or_default();
        batch.ended = self.0.is_empty();
        Ok(batch)
    }
}

fn batch(events: &[RecordedEvent]) -> SourceBatch {
    let events: Vec<Sourced> = events.iter().map(|event| Sourced { event: event.clone(), offset: None }).collect();
    let partition = events[0].event.partition;
    SourceBatch { partitions: vec![PartitionBatch { partition, events }], ..SourceBatch::default() }
}

async fn run(pool: &PgPool, generation: &Generation, batches: impl IntoIterator<Item = SourceBatch>) {
    let source = Batches(batches.into_iter().collect());
    let stopped =
        Runner::run(pool.clone(), generation.clone(), source, Settings::default(), CancellationToken::new()).await.unwrap();
    assert_eq!(stopped, Stopped::SourceEnded);
}

async fn assert_all_figures(pool: &PgPool, ledger: &Ledger) {
    for name in ["demo", "other"] {
        for grain in Grain::ALL {
            assert_figures(pool, ledger, &tenant(name), query(grain)).await;
        }
    }
}

/// The partition with the most events.
fn busiest(events: &Events) -> (Partition, &[RecordedEvent]) {
    let (partition, events) = events.iter().max_by_key(|(_, events)| events.len()).unwrap();
    (*partition, events)
}

#[test]
fn events_that_come_again_or_overlap_or_late_from_a_zombie_count_once() {
    with_database(async |pool| {
        let live = Generation::live(&pool).await.unwrap();
        let ledger = Ledger::generate(21, &small());
        apply(&pool, &live, &ledger.events, 800).await;
        apply(&pool, &live, &ledger.events, 300).await;
        assert_all_figures(&pool, &ledger).await;

        // In another generation: a zombie holds a batch that its successor has applied half of meanwhile.
        let second = Generation::create_building(&pool).await.unwrap();
        let (partition, events) = busiest(&ledger.events);
        run(&pool, &second, [batch(&events[..60])]).await;
        run(&pool, &second, [batch(&events[..100]), batch(&events[20..80]), batch(&events[100..140])]).await;
        run(&pool, &second, [batch(&events[90..])]).await;
        let rest: Events = ledger.events.clone().into_iter().filter(|(other, _)| *other != partition).collect();
        apply(&pool, &second, &rest, 5000).await;
        assert_eq!(compare(&pool, &live, &second).await.unwrap(), []);
        let start = starts(&pool, &second, &[partition, Partition(99)]).await.unwrap();
        let next_position = Position(events.len() as u64);
        assert_eq!(
            start,
            [
                Start { partition, next_position, offset_hint: None },
                Start { partition: Partition(99), next_position: Position(0), offset_hint: None },
            ]
        );
    });
}

#[test]
fn any_split_into_batches_gives_the_same_rows() {
    with_database(async |pool| {
        let live = Generation::live(&pool).await.unwrap();
        let ledger = Ledger::generate(22, &small());
        apply(&pool, &live, &ledger.events, usize::MAX).await;
        for batch_events_max in [60, 333, 1500] {
            let other = Generation::create_building(&pool).await.unwrap();
            apply(&pool, &other, &ledger.events, batch_events_max).await;
            assert_eq!(compare(&pool, &live, &other).await.unwrap(), [], "batches of {batch_events_max}");
        }
    });
}

#[test]
fn two_runners_that_share_users_and_months_neither_lock_each_other_out_nor_miscount() {
    with_database(async |pool| {
        let live = Generation::live(&pool).await.unwrap();
        let ledger = Ledger::generate(23, &small());
        let (left, right): (Events, Events) =
            ledger.events.clone().into_iter().partition(|(partition, _)| partition.0 % 2 == 0);
        let both = async { tokio::join!(apply(&pool, &live, &left, 64), apply(&pool, &live, &right, 64)) };
        tokio::time::timeout(Duration::from_secs(120), both).await.unwrap();
        assert_all_figures(&pool, &ledger).await;
    });
}

#[test]
fn two_runners_on_the_same_partitions_count_everything_once() {
    with_database(async |pool| {
        let live = Generation::live(&pool).await.unwrap();
        let ledger = Ledger::generate(24, &small());
        let both = async { tokio::join!(apply(&pool, &live, &ledger.events, 100), apply(&pool, &live, &ledger.events, 170)) };
        tokio::time::timeout(Duration::from_secs(120), both).await.unwrap();
        assert_all_figures(&pool, &ledger).await;
    });
}

#[test]
fn an_event_that_cannot_be_read_stops_its_partition_alone_until_it_can() {
    with_database(async |pool| {
        let live = Generation::live(&pool).await.unwrap();
        let ledger = Ledger::generate(25, &small());
        let (partition, events) = busiest(&ledger.events);
        let mut broken = ledger.events.clone();
        broken.get_mut(&partition).unwrap()[50].event_type = "MoonLanded".to_owned();
        apply(&pool, &live, &broken, 400).await;

        let found = faults(&pool).await.unwrap();
        assert_eq!((found.len(), found[0].partition, found[0].position), (1, partition, Position(50)));
        assert!(found[0].kind == FaultKind::Refused && found[0].detail.contains("MoonLanded"), "{:?}", found[0]);
        for mark in marks(&pool).await.unwrap() {
            let expected = if mark.partition == partition { 50 } else { ledger.events[&mark.partition].len() as u64 };
            assert_eq!(mark.next_position, Position(expected));
        }

        // A build that can read it goes on from there, and the fault is gone.
        run(&pool, &live, [batch(&events[50..])]).await;
        assert_eq!(faults(&pool).await.unwrap(), []);
        assert_all_figures(&pool, &ledger).await;
    });
}

#[test]
fn an_event_that_is_skipped_is_left_out_live_and_in_every_fold_anew() {
    with_database(async |pool| {
        let live = Generation::live(&pool).await.unwrap();
        let mut ledger = Ledger::generate(30, &small());
        let partition = busiest(&ledger.events).0;
        // The last one there: nothing after it rests on it.
        let events = ledger.events.get_mut(&partition).unwrap();
        let last = events.len() - 1;
        events[last].event_type = "MoonLanded".to_owned();
        let events = events.clone();
        apply(&pool, &live, &ledger.events, 400).await;
        assert_eq!(faults(&pool).await.unwrap()[0].position, Position(last as u64));

        let settings =
            Settings { skipped: Arc::new([(partition, Position(last as u64))].into()), writers: 2, ..Settings::default() };
        let source = Batches([batch(&events[last..])].into());
        let skipping = Runner::run(pool.clone(), live.clone(), source, settings.clone(), CancellationToken::new());
        assert_eq!(skipping.await.unwrap(), Stopped::SourceEnded);
        assert_eq!(faults(&pool).await.unwrap(), []);
        let mark = marks(&pool).await.unwrap().into_iter().find(|mark| mark.partition == partition).unwrap();
        assert_eq!(mark.next_position, Position(last as u64 + 1));

        let anew = Generation::create_building(&pool).await.unwrap();
        let source = Memory::of(&ledger.events, 300);
        let folding = Runner::run(pool.clone(), anew.clone(), source, settings, CancellationToken::new());
        assert_eq!(folding.await.unwrap(), Stopped::SourceEnded);
        assert_eq!(compare(&pool, &live, &anew).await.unwrap(), []);
    });
}

#[test]
fn a_row_that_postgres_refuses_is_narrowed_down_to_its_event() {
    with_database(async |pool| {
        let live = Generation::live(&pool).await.unwrap();
        let ledger = Ledger::generate(26, &small());
        let (partition, events) = busiest(&ledger.events);
        let poison = events.iter().rposition(|event| event.sequence == 1).unwrap().min(events.len() - 2);
        let refuse = format!(
            "ALTER TABLE {}.interactions ADD CONSTRAINT refused CHECK (NOT (partition = {partition} AND position >= {poison}))",
            live.schema
        );
        sqlx::raw_sql(&refuse).execute(&pool).await.unwrap();
        let first_refused = (poison..).find(|position| events[*position].event_type == "InteractionRecorded").unwrap();
        apply(&pool, &live, &ledger.events, usize::MAX).await;

        let found = faults(&pool).await.unwrap();
        assert_eq!((found.len(), found[0].partition, found[0].position), (1, partition, Position(first_refused as u64)));
        assert!(found[0].kind == FaultKind::Refused && found[0].detail.contains("refused"), "{:?}", found[0]);
        for mark in marks(&pool).await.unwrap() {
            let all = ledger.events[&mark.partition].len();
            let expected = if mark.partition == partition { first_refused } else { all };
            assert_eq!(mark.next_position, Position(expected as u64));
        }

        sqlx::raw_sql(&format!("ALTER TABLE {}.interactions DROP CONSTRAINT refused", live.schema))
            .execute(&pool)
            .await
            .unwrap();
        apply(&pool, &live, &ledger.events, 300).await;
        assert_eq!(faults(&pool).await.unwrap(), []);
        assert_all_figures(&pool, &ledger).await;
    });
}

#[test]
fn a_hole_in_the_events_is_a_fault_and_never_passed_over() {
    with_database(async |pool| {
        let live = Generation::live(&pool).await.unwrap();
        let ledger = Ledger::generate(27, &small());
        let (partition, events) = busiest(&ledger.events);
        run(&pool, &live, [batch(&events[..10]), batch(&events[12..20]), batch(&events[10..])]).await;
        let found = faults(&pool).await.unwrap();
        assert_eq!((found[0].partition, found[0].position, found[0].kind), (partition, Position(10), FaultKind::Missing));
        assert_eq!(marks(&pool).await.unwrap()[0].next_position, Position(10), "it stands still until it is started again");

        // Inside one batch, and as the source itself tells it.
        let mut holed = events[10..30].to_vec();
        holed.remove(5);
        run(&pool, &live, [batch(&holed)]).await;
        assert_eq!(faults(&pool).await.unwrap()[0].position, Position(15));
        let (position, detail) = (Position(15), "the topic lost it".to_owned());
        let told = SourceFault { partition, position, kind: FaultKind::Missing, detail };
        run(&pool, &live, [SourceBatch { faults: vec![told], ..SourceBatch::default() }]).await;
        assert_eq!(faults(&pool).await.unwrap()[0].detail, "the topic lost it");
        run(&pool, &live, [batch(&events[15..])]).await;
        assert_eq!(faults(&pool).await.unwrap(), []);
    });
}

#[test]
fn a_runner_waits_for_postgres_and_tells_what_it_committed() {
    with_database(async |pool| {
        let live = Generation::live(&pool).await.unwrap();
        let ledger = Ledger::generate(28, &small());
        // The tables are away: nothing that an event could be blamed for.
        let away = format!("ALTER TABLE {0}.members RENAME TO hidden", live.schema);
        sqlx::raw_sql(&away).execute(&pool).await.unwrap();
        let (sender, mut receiver) = watch::channel(projections::Progress::new());
        let settings = Settings { progress: Some(sender), ..Settings::default() };
        let source = Memory::of(&ledger.events, 500);
        let running = tokio::spawn(Runner::run(pool.clone(), live.clone(), source, settings, CancellationToken::new()));
        assert!(tokio::time::timeout(Duration::from_millis(300), receiver.changed()).await.is_err(), "nothing is committed");
        assert_eq!((faults(&pool).await.unwrap(), marks(&pool).await.unwrap()), (vec![], vec![]));
        sqlx::raw_sql(&format!("ALTER TABLE {0}.hidden RENAME TO members", live.schema)).execute(&pool).await.unwrap();
        let ends: projections::Progress =
            ledger.events.iter().map(|(partition, events)| (*partition, Position(events.len() as u64))).collect();
        tokio::time::timeout(Duration::from_secs(60), receiver.wait_for(|progress| *progress == ends)).await.unwrap().unwrap();
        assert_eq!(running.await.unwrap().unwrap(), Stopped::SourceEnded);
        assert_all_figures(&pool, &ledger).await;
    });
}

#[test]
fn a_runner_stops_where_it_is_told_and_when_it_is_cancelled() {
    with_database(async |pool| {
        let live = Generation::live(&pool).await.unwrap();
        let ledger = Ledger::generate(29, &small());
        let until: projections::Progress = ledger.events.keys().map(|partition| (*partition, Position(33))).collect();
        let settings = Settings { until: Some(until.clone()), ..Settings::default() };
        let source = Memory::of(&ledger.events, 100);
        let stopped =
            Runner::run(pool.clone(), live.clone(), source, settings.clone(), CancellationToken::new()).await.unwrap();
        assert_eq!(stopped, Stopped::ReachedUntil);
        let reached: projections::Progress =
            marks(&pool).await.unwrap().into_iter().map(|mark| (mark.partition, mark.next_position)).collect();
        assert_eq!(reached, until);
        let source = Batches([SourceBatch::default()].into());
        let again = Runner::run(pool.clone(), live.clone(), source, settings, CancellationToken::new()).await.unwrap();
        assert_eq!(again, Stopped::ReachedUntil, "it is there already");

        let cancel = CancellationToken::new();
        cancel.cancel();
        let source = Memory::of(&ledger.events, 100);
        assert_eq!(Runner::run(pool.clone(), live, source, Settings::default(), cancel).await.unwrap(), Stopped::Cancelled);
    });
}
