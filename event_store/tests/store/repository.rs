use cqrs_es::persist::{PersistedEventRepository, PersistedEventStore};
use cqrs_es::{AggregateError, CqrsFramework, EventStore};
use domain::capsule::{CapsuleCommand, PublishCapsule};
use domain::{Capsule, Command, Context};
use event_store::repository::LedgerRepository;
use postgres_es::PostgresEventRepository;

use crate::support::*;

#[tokio::test]
async fn the_cqrs_framework_runs_on_the_ledger_and_postgres_es_reads_it() {
    let ledger = Ledger::new().await;
    let repository = LedgerRepository::new(ledger.store.clone());
    let store = PersistedEventStore::<_, Capsule>::new_event_store(repository.clone());
    let cqrs = CqrsFramework::new(store, vec![], Context::at(noon()));
    let Command::Capsule(create) = create("c1").command else { unreachable!() };
    cqrs.execute("acme/c1", create.clone()).await.expect("created");
    cqrs.execute("acme/c1", CapsuleCommand::Publish(PublishCapsule::default())).await.expect("published");
    assert!(matches!(
        cqrs.execute("acme/c2", CapsuleCommand::Publish(PublishCapsule::default())).await,
        Err(AggregateError::UserError(_))
    ));
    // The same stream, written through both doors.
    ledger.store.execute(rename("c1", "Two")).await.expect("renamed");
    ledger.store.execute(record("i1", "c1", 1)).await.expect("recorded");

    let ours = repository.get_events::<Capsule>("acme/c1").await.expect("events");
    let names: Vec<_> = ours.iter().map(|event| event.event_type.as_str()).collect();
    assert_eq!(names, ["CapsuleCreated", "CapsulePublished", "CapsuleRenamed"]);
    let stock = PostgresEventRepository::new(ledger.pool().clone()).with_tables("ledger.events", "ledger.snapshots");
    assert_eq!(stock.get_events::<Capsule>("acme/c1").await.expect("events"), ours);
    assert_eq!(repository.get_last_events::<Capsule>("acme/c1", 2).await.expect("events"), ours[2..]);

    // Two writers at one version: one loses, as the framework expects.
    let store = PersistedEventStore::<_, Capsule>::new_event_store(repository.clone());
    let context = store.load_aggregate("acme/c1").await.expect("loaded");
    let stale = store.load_aggregate("acme/c1").await.expect("loaded");
    let event =
        || vec![domain::capsule::CapsuleEvent::CapsuleArchived(domain::capsule::CapsuleArchived { occurred_at: noon() })];
    store.commit(event(), context, Default::default()).await.expect("archived");
    assert!(matches!(store.commit(event(), stale, Default::default()).await, Err(AggregateError::AggregateConflict)));

    let mut stream = repository.stream_all_events::<Capsule>().await.expect("a stream");
    let mut count = 0;
    while let Some(event) = stream.next::<Capsule>(&[]).await {
        event.expect("an event");
        count += 1;
    }
    assert_eq!(count, 4);
    ledger.everything().await;
    ledger.end().await;
}
