//! A long random workload from two processes: what callers were told is what the ledger holds.

use std::collections::BTreeMap;

use domain::{AggregateType, Partition, Position, State, Stream};
use event_store::{Outcome, Request, Settings};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::support::*;

fn any_request(random: &mut StdRng) -> Request {
    let capsule = format!("c{}", random.random_range(0..6));
    let interaction = format!("i{}", random.random_range(0..400));
    let request = match random.random_range(0..100) {
        0..4 => create(&capsule),
        4..8 => publish(&capsule),
        8..14 => rename(&capsule, &format!("T{}", random.random_range(0..3))),
        14 if random.random_ratio(1, 10) => archive(&capsule),
        15..25 => void(&interaction),
        // Mostly the same content for the same id, in the same capsule.
        _ => {
            let number: usize = interaction[1..].parse().expect("a number");
            let content = u32::from(random.random_ratio(1, 10));
            record(&interaction, &format!("c{}", (number + usize::from(random.random_ratio(1, 20))) % 6), content)
        }
    };
    match random.random_range(0..20) {
        0 => at_version(request, random.random_range(0..5)),
        1 => {
            let hash = random.random_range(0..2);
            keyed(request, &format!("k{}", random.random_range(0..50)), hash)
        }
        _ => request,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ledger_holds_what_callers_were_told_and_nothing_else() {
    let seed: u64 = rand::random::<u32>().into();
    println!("seed {seed}");
    let ledger = Ledger::with(Settings { batch_events_max: 60, ..Settings::default() }).await;
    let other = ledger.another_store().await;
    let callers = (0..16_u64).map(|caller| {
        let store = if caller % 2 == 0 { ledger.store.clone() } else { other.clone() };
        tokio::spawn(async move {
            let mut random = StdRng::seed_from_u64(seed + caller);
            let mut told: Vec<(Request, Outcome)> = Vec::new();
            for _ in 0..60 {
                let requests: Vec<_> = (0..random.random_range(1..12)).map(|_| any_request(&mut random)).collect();
                let answers = store.execute_many(requests.clone()).await;
                for (request, answer) in requests.into_iter().zip(answers) {
                    assert!(!["unavailable", "shutting_down"].contains(&word(&answer)), "{answer:?}");
                    told.extend(answer.ok().map(|outcome| (request, outcome)));
                }
            }
            told
        })
    });
    let told: Vec<_> = futures::future::join_all(callers).await.into_iter().flat_map(Result::unwrap).collect();

    let events = ledger.everything().await;
    let mut places: BTreeMap<(Partition, Position), Stream> = BTreeMap::new();
    let mut streams: BTreeMap<Stream, Vec<_>> = BTreeMap::new();
    for event in &events {
        let stream =
            Stream { tenant: event.tenant.clone(), aggregate_type: event.aggregate_type, id: event.aggregate_id.clone() };
        places.insert((event.partition, event.position), stream.clone());
        streams.entry(stream).or_default().push(event);
    }
    // Every appended event was told to exactly one caller, and is in that caller's stream.
    let fresh = told.iter().filter(|(_, outcome)| !outcome.replayed);
    for (request, outcome) in fresh {
        for place in &outcome.appended {
            let stream = places.remove(place).expect("told to one caller only");
            assert_eq!((stream.aggregate_type, &stream.id), (request.command.aggregate_type(), &request.id));
        }
    }
    assert!(places.is_empty(), "nobody was told of {places:?}");
    for (_, outcome) in told.iter().filter(|(_, outcome)| outcome.replayed) {
        assert!(told.iter().any(|(_, first)| !first.replayed && first.appended == outcome.appended));
    }
    // Each stream is one story: sequences from 1, one partition, rising positions, and its fold is what is loaded.
    for (stream, events) in &streams {
        assert!(events.iter().zip(1..).all(|(event, sequence)| event.sequence == sequence), "{stream}");
        assert!(events.windows(2).all(|pair| pair[0].partition == pair[1].partition && pair[0].position < pair[1].position));
        let initial = State::initial(stream.aggregate_type);
        let state = events.iter().fold(initial, |state, event| state.evolve(&event.decode().expect("an event")));
        let loaded = other.load(stream).await.expect("loaded").expect("there");
        assert_eq!((loaded.state, loaded.version), (state, events.len() as u64));
        if stream.aggregate_type == AggregateType::Interaction {
            assert!(events.len() <= 2, "recorded once, voided once");
        }
    }
    assert!(events.len() > 300, "{}", events.len());
    other.shutdown().await;
    ledger.end().await;
}
