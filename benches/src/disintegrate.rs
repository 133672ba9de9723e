//! Commands through the store, in process, against disintegrate-postgres: a decision that records an interaction if its id is
//! new, used as its documentation says.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use disintegrate::serde::json::Json;
use disintegrate::{Decision, Event, EventStore as _, NoSnapshot, StateMutate, StateQuery};
use disintegrate_postgres::PgEventStore;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

use crate::report::{Report, median, rate};
use crate::servers::Servers;
use crate::store::{CAPSULES, TURNS, command, metadata, open_capsules, record, request, turn};

const WRITERS: usize = 64;
const HISTORY: usize = 200_000;

#[derive(Debug, Clone, PartialEq, Eq, Event, Serialize, Deserialize)]
#[stream(InteractionEvent, [InteractionRecorded])]
enum BenchEvent {
    InteractionRecorded {
        #[id]
        interaction_id: String,
        #[id]
        capsule_id: String,
        content: Value,
    },
}

#[derive(Debug, Clone, Default, StateQuery, Serialize, Deserialize)]
#[state_query(InteractionEvent)]
struct Recorded {
    #[id]
    interaction_id: String,
    is_recorded: bool,
}

impl StateMutate for Recorded {
    fn mutate(&mut self, _: Self::Event) {
        self.is_recorded = true;
    }
}

#[derive(Debug)]
struct Record {
    interaction_id: String,
    event: BenchEvent,
}

#[derive(Debug, thiserror::Error)]
#[error("the interaction is recorded already")]
struct Duplicate;

impl Decision for Record {
    type Event = BenchEvent;
    type StateQuery = Recorded;
    type Error = Duplicate;

    fn state_query(&self) -> Recorded {
        Recorded { interaction_id: self.interaction_id.clone(), is_recorded: false }
    }

    fn process(&self, state: &Recorded) -> Result<Vec<BenchEvent>, Duplicate> {
        if state.is_recorded {
            return Err(Duplicate);
        }
        Ok(vec![self.event.clone()])
    }
}

/// Gives it a history. Its serializable transactions lock pages of indexes, and in small ones every writer meets the others.
async fn settle(peer: &PgEventStore<BenchEvent, Json<BenchEvent>>, pool: &PgPool) -> anyhow::Result<()> {
    for batch in 0..HISTORY / 1_000 {
        let events = (0..1_000).map(|n| recorded(Uuid::new_v4().to_string(), batch * 1_000 + n)).collect();
        peer.append_without_validation(events).await?;
    }
    sqlx::query("VACUUM ANALYZE event").execute(pool).await?;
    Ok(())
}

fn recorded(interaction_id: String, number: usize) -> BenchEvent {
    let content = serde_json::from_slice(&record(number)).expect("JSON");
    BenchEvent::InteractionRecorded { interaction_id, capsule_id: format!("c{}", number % CAPSULES), content }
}

pub(crate) async fn against_disintegrate(servers: &Servers, report: &mut Report) -> anyhow::Result<()> {
    let (store, _pool, _url) = servers.ledger("store_again").await?;
    open_capsules(&store).await?;
    let url = servers.database("disintegrate").await?;
    let pool = PgPoolOptions::new().max_connections(64).connect(&url).await?;
    let peer = PgEventStore::try_new(pool.clone(), Json::<BenchEvent>::default()).await?;
    settle(&peer, &pool).await?;
    let peer = Arc::new(disintegrate_postgres::decision_maker(peer, NoSnapshot));
    let conflicts = Arc::new(AtomicU64::new(0));
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let (store, about) = (store.clone(), metadata());
        ours.push(
            turn(WRITERS, move |number| {
                let (store, about) = (store.clone(), about.clone());
                async move {
                    let outcome = store.execute(request(Uuid::new_v4().to_string(), command(number), &about)).await;
                    assert!(!outcome.expect("recorded").appended.is_empty());
                }
            })
            .await,
        );
        let (peer, met) = (peer.clone(), conflicts.clone());
        theirs.push(
            turn(WRITERS, move |number| {
                let (peer, conflicts) = (peer.clone(), met.clone());
                async move {
                    let interaction_id = Uuid::new_v4().to_string();
                    // Its transactions are serializable: where two got into each other's way, it is made again.
                    loop {
                        let event = recorded(interaction_id.clone(), number);
                        let decision = Record { interaction_id: interaction_id.clone(), event };
                        if peer.make(decision).await.is_ok() {
                            return;
                        }
                        conflicts.fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
            .await,
        );
        println!("   {WRITERS} writers: {} against {}", rate(ours[ours.len() - 1]), rate(theirs[theirs.len() - 1]));
    }
    println!("   its decisions that met another and were made again: {}", conflicts.load(Ordering::Relaxed));
    let (ours, theirs) = (median(&ours), median(&theirs));
    report.add(
        "commands through the store, 64 writers, against disintegrate-postgres",
        format!("{:.1}× ({} against {})", ours / theirs, rate(ours), rate(theirs)),
        "≥ 5×",
    );
    store.shutdown().await;
    Ok(())
}
