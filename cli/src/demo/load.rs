//! Puts the company into the ledger through the public API, once.
//!
//! Two capsules mark how far it is: `demo` holds in its title which company is being loaded, so that a load that was cut
//! short goes on with the same one; `demo-complete` is there when all of it is.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::activity::{Activity, Sent};
use super::company::{Company, Volume};
use super::story::{self, Fact};
use crate::client::{BatchAnswer, Client, Encoding};
use crate::progress::{Length, Progress};

const MARKER: &str = "demo";
const COMPLETE: &str = "demo-complete";
const BATCH: usize = 4_000;
/// Fewer at once: of one aggregate each waits for the one before.
const FACTS_BATCH: usize = 2_000;
/// Enough to keep a machine of a few cores busy, of which it also runs the servers.
const CONCURRENCY: usize = 4;
const VISIBLE_WITHIN: Duration = Duration::from_secs(30);

/// What the ledger holds of the demo now.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) company: Company,
    /// None: it was all there already.
    pub(crate) sent: Option<Counts>,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) capsules: u64,
    /// Everything but capsules and interactions; some of it may be there from a load that was cut short.
    pub(crate) facts: u64,
    pub(crate) accepted: u64,
    /// Sent twice on purpose, or there from a load that was cut short.
    pub(crate) duplicates: u64,
    pub(crate) voided: u64,
    pub(crate) seconds: f64,
}

/// Loads the demo as of `now`, unless it is there. None if cancelled: the next call goes on.
pub(crate) async fn load(
    client: &Client,
    now: DateTime<Utc>,
    volume: Volume,
    cancel: CancellationToken,
) -> Result<Option<Loaded>> {
    let client = &client.clone().giving_up_on(cancel.clone());
    let started = Instant::now();
    let company = begun(client, now, volume).await.context("the demo could not be begun")?;
    if client.capsule(COMPLETE).await?.is_some() {
        return Ok(Some(Loaded { company, sent: None }));
    }
    let capsules = create_capsules(client, &company).await.context("the demo's capsules could not be created")?;
    let facts = send_story(client, &company, &cancel).await.context("the demo's story could not be sent")?;
    let Some(facts) = facts else { return Ok(None) };
    let sent = send_interactions(client, &company, &cancel).await.context("the demo's interactions could not be sent")?;
    let Some((mut counts, voids)) = sent else { return Ok(None) };
    counts.voided = voids.len() as u64;
    commands(client, voids, &[]).await.context("the demo's voids could not be sent")?;
    archive_capsules(client, &company).await.context("the demo's capsules could not be archived")?;
    client.command("capsules", COMPLETE, "create", &json!({ "title": "Demo data is complete" })).await?;
    client.command("capsules", COMPLETE, "publish", &json!({})).await?;
    (counts.capsules, counts.facts, counts.seconds) = (capsules, facts, started.elapsed().as_secs_f64());
    Ok(Some(Loaded { company, sent: Some(counts) }))
}

/// The company that an earlier load began, or a new one as of `now`.
async fn begun(client: &Client, now: DateTime<Utc>, volume: Volume) -> Result<Company> {
    let company = Company::as_of(now, volume);
    match client.command("capsules", MARKER, "create", &json!({ "title": company.title() })).await {
        Ok(_) => return Ok(company),
        Err(error) if error.code() == Some("capsule_exists") => {}
        Err(error) => return Err(error.into()),
    }
    // It exists, so the read model shows it in a moment, if it does not already.
    let title = tokio::time::timeout(VISIBLE_WITHIN, async {
        loop {
            match client.capsule(MARKER).await {
                Ok(Some(capsule)) => break Ok(capsule.title().to_owned()),
                Ok(None) => tokio::time::sleep(Duration::from_millis(100)).await,
                Err(error) => break Err(error),
            }
        }
    });
    let title = title.await.context("the capsule `demo` exists and the read model does not show it")??;
    Company::from_title(&title).with_context(|| format!("the capsule `demo` is not the demo's: {title:?}"))
}

async fn create_capsules(client: &Client, company: &Company) -> Result<u64> {
    let line = |id: &str, command: &str, data: serde_json::Value| command_line("capsules", id, command, data);
    let created = company
        .capsules
        .iter()
        .map(|capsule| line(&capsule.id, "create", json!({ "title": capsule.title, "occurred_at": capsule.created_at })));
    commands(client, created.collect(), &[]).await?;
    let published = company
        .capsules
        .iter()
        .filter_map(|capsule| Some(line(&capsule.id, "publish", json!({ "occurred_at": capsule.published_at? }))));
    // Where a load was cut short in its last moments, some are archived already.
    commands(client, published.collect(), &["capsule_archived"]).await?;
    Ok(company.capsules.len() as u64)
}

/// Last, because a capsule is created, published and archived in this order, also when a load is done again.
async fn archive_capsules(client: &Client, company: &Company) -> Result<()> {
    let archived = company.capsules.iter().filter_map(|capsule| {
        Some(command_line("capsules", &capsule.id, "archive", json!({ "occurred_at": capsule.archived_at? })))
    });
    commands(client, archived.collect(), &[]).await
}

async fn commands(client: &Client, lines: Vec<String>, allowed: &[&str]) -> Result<()> {
    for chunk in lines.chunks(BATCH) {
        check(&client.post_commands_ndjson(chunk.concat().into(), Encoding::Plain).await?, allowed)?;
    }
    Ok(())
}

fn command_line(collection: &str, id: &str, command: &str, data: serde_json::Value) -> String {
    format!("{}\n", json!({ "collection": collection, "id": id, "command": command, "data": data }))
}

/// The story, one batch after the other, for its facts build on each other. None if cancelled.
///
/// Each has its own idempotency key: what is opened, closed and opened again must not be closed again by a load that goes on.
async fn send_story(client: &Client, company: &Company, cancel: &CancellationToken) -> Result<Option<u64>> {
    let facts = tokio::task::spawn_blocking({
        let company = company.clone();
        move || story::of(&company)
    });
    let facts = facts.await.expect("making the story does not panic");
    let mut progress = Progress::new("demo story", Length::Things(facts.len() as u64));
    let mut done = 0;
    for chunk in facts.chunks(FACTS_BATCH) {
        if cancel.is_cancelled() {
            break;
        }
        let lines: Vec<String> = (done..).zip(chunk).map(|(number, fact)| fact_line(number, fact)).collect();
        check(&client.post_commands_ndjson(lines.concat().into(), Encoding::Plain).await?, &[])?;
        done += chunk.len() as u64;
        progress.set(done, done);
    }
    progress.finish();
    Ok((!cancel.is_cancelled()).then_some(done))
}

fn fact_line(number: u64, fact: &Fact) -> String {
    let Fact { collection, id, command, data, .. } = fact;
    let key = format!("demo-story-{number}");
    let line = json!({ "collection": collection, "id": id, "command": command, "data": data, "idempotency_key": key });
    format!("{line}\n")
}

/// Whatever is refused here is a fault of ours.
fn check(answer: &BatchAnswer, allowed: &[&str]) -> Result<()> {
    let is_allowed = |code: Option<&str>| code.is_some_and(|code| allowed.contains(&code));
    match answer.refused().find(|result| !is_allowed(result.code.as_deref())) {
        None => Ok(()),
        Some(first) => bail!(
            "{} were refused, the first ({}) with {}: {}",
            answer.rejected,
            first.id.as_deref().unwrap_or("without an id"),
            first.code.as_deref().unwrap_or("no code"),
            first.detail.as_deref().unwrap_or("no reason"),
        ),
    }
}

/// All interactions, in order but a few requests at a time; and the voids to send when they are all there.
async fn send_interactions(
    client: &Client,
    company: &Company,
    cancel: &CancellationToken,
) -> Result<Option<(Counts, Vec<String>)>> {
    let mut progress = Progress::new("demo data", Length::Things(company.interactions_expected()));
    let (sender, mut receiver) = mpsc::channel(CONCURRENCY);
    let making = tokio::task::spawn_blocking({
        let company = company.clone();
        move || make(&company, &sender)
    });
    let batches = futures::stream::poll_fn(move |context| receiver.poll_recv(context)).take_until(cancel.cancelled());
    let mut answers = Box::pin(
        batches.map(|batch: Bytes| client.post_interactions_ndjson(batch, Encoding::Plain)).buffer_unordered(CONCURRENCY),
    );
    let mut counts = Counts::default();
    let outcome: Result<()> = async {
        while let Some(answer) = answers.try_next().await? {
            check(&answer, &[])?;
            counts.accepted += answer.accepted;
            counts.duplicates += answer.duplicates;
            let done = counts.accepted + counts.duplicates;
            progress.set(done, done);
        }
        Ok(())
    }
    .await;
    drop(answers); // who makes the batches stops when nobody takes them
    let voids = making.await.expect("making the demo does not panic");
    progress.finish();
    outcome?;
    Ok((!cancel.is_cancelled()).then_some((counts, voids)))
}

/// Runs on a thread of its own. The voids of what was sent.
fn make(company: &Company, batches: &mpsc::Sender<Bytes>) -> Vec<String> {
    let (mut body, mut count, mut voids) = (Vec::new(), 0, Vec::new());
    for sent in Activity::of(company) {
        match sent {
            Sent::Interaction(interaction) => {
                serde_json::to_writer(&mut body, &interaction).expect("string keys and whole numbers");
                body.push(b'\n');
                count += 1;
            }
            Sent::Void { interaction_id, reason, at } => {
                voids.push(command_line(
                    "interactions",
                    &interaction_id,
                    "void",
                    json!({ "reason": reason, "occurred_at": at }),
                ));
            }
        }
        if count == BATCH {
            let capacity = body.len() + body.len() / 8;
            let full = std::mem::replace(&mut body, Vec::with_capacity(capacity));
            count = 0;
            if batches.blocking_send(full.into()).is_err() {
                return voids;
            }
        }
    }
    if count > 0 {
        // Nobody to take it: the same as above, and nothing follows.
        drop(batches.blocking_send(body.into()));
    }
    voids
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::client::fake::{Asked, FakeApi, Reply};

    type Seen = Arc<Mutex<HashSet<String>>>;

    /// Creates each capsule once, and knows the marker's title.
    async fn ledger(seen: &Seen, title: Arc<Mutex<Option<String>>>) -> FakeApi {
        let seen = seen.clone();
        FakeApi::answering(move |asked| answer(asked, &mut seen.lock().expect("no test panics here"), &title)).await
    }

    fn answer(asked: &Asked, seen: &mut HashSet<String>, title: &Mutex<Option<String>>) -> Reply {
        let path = asked.line.split(' ').nth(1).expect("a path");
        match path {
            "/v1/capsules/demo/create" => {
                let mut title = title.lock().expect("no test panics here");
                if title.is_some() {
                    return Reply::new(409, r#"{"code":"capsule_exists"}"#);
                }
                *title = asked.lines()[0]["title"].as_str().map(str::to_owned);
                Reply::new(200, "{}")
            }
            "/v1/capsules/demo" => Reply::new(200, json!({ "title": *title.lock().expect("no test panics here") }).to_string()),
            "/v1/capsules/demo-complete" if !seen.contains("complete") => Reply::new(404, "{}"),
            "/v1/capsules/demo-complete" => Reply::new(200, r#"{"title":"complete"}"#),
            "/v1/capsules/demo-complete/create" => Reply::new(200, "{}"),
            "/v1/capsules/demo-complete/publish" => {
                seen.insert("complete".to_owned());
                Reply::new(200, "{}")
            }
            _ => {
                let lines = asked.lines();
                let key = |line: &serde_json::Value| format!("{}{}", line["id"], line["command"]);
                let accepted = lines.iter().filter(|line| seen.insert(key(line))).count();
                let duplicates = lines.len() - accepted;
                let body = json!({ "accepted": accepted, "duplicates": duplicates, "rejected": 0 });
                Reply::new(200, body.to_string())
            }
        }
    }

    fn now() -> DateTime<Utc> {
        "2026-10-03T15:30:00Z".parse().expect("a time")
    }

    #[tokio::test]
    async fn it_is_loaded_once_and_then_found_there() {
        let (seen, title) = (Seen::default(), Arc::default());
        let api = ledger(&seen, title).await;
        let client = Client::new(&api.url(), "key").expect("a client");
        let volume: Volume = "0.005".parse().expect("a volume");
        let load =
            async |now| load(&client, now, volume, CancellationToken::new()).await.expect("loaded").expect("not cancelled");
        let sent = load(now()).await.sent.expect("sent");
        assert!(sent.facts > 10_000 && sent.accepted > 10_000 && sent.duplicates > 0 && sent.voided > 20, "{sent:?}");

        let requests = api.requests().len();
        let again = load(now() + chrono::TimeDelta::days(40)).await;
        assert!(again.sent.is_none());
        assert_eq!(again.company.title(), Company::as_of(now(), volume).title());
        assert_eq!(api.requests().len(), requests + 3);
    }

    #[tokio::test]
    async fn a_story_cut_short_is_told_again_with_the_same_keys() {
        let (seen, title, cancel) = (Seen::default(), Arc::<Mutex<Option<String>>>::default(), CancellationToken::new());
        let cancelling = cancel.clone();
        let api = FakeApi::answering(move |asked| {
            if asked.line.contains("/v1/commands ") && asked.lines()[0].get("idempotency_key").is_some() {
                cancelling.cancel();
            }
            answer(asked, &mut seen.lock().expect("no test panics here"), &title)
        })
        .await;
        let client = Client::new(&api.url(), "key").expect("a client");
        let volume: Volume = "0.005".parse().expect("a volume");
        assert!(load(&client, now(), volume, cancel).await.expect("stopped").is_none());
        let later = now() + chrono::TimeDelta::days(40);
        load(&client, later, volume, CancellationToken::new()).await.expect("loaded").expect("not cancelled");
        let told: Vec<_> = api
            .requests()
            .iter()
            .filter(|asked| asked.line.contains("/v1/commands "))
            .flat_map(Asked::lines)
            .filter_map(|line| Some((line.get("idempotency_key")?.as_str()?.to_owned(), line)))
            .collect();
        let lines: std::collections::HashMap<_, _> = told.iter().cloned().collect();
        assert_eq!(told.len(), lines.len() + FACTS_BATCH);
        assert!(told.iter().all(|(key, line)| lines[key] == *line));
    }

    #[tokio::test]
    async fn a_load_cut_short_goes_on_with_the_same_company() {
        let (seen, title) = (Seen::default(), Arc::default());
        let api = ledger(&seen, title).await;
        let client = Client::new(&api.url(), "key").expect("a client");
        let volume: Volume = "0.005".parse().expect("a volume");
        let cancelled = CancellationToken::new();
        cancelled.cancel();
        assert!(load(&client, now(), volume, cancelled).await.expect("stopped").is_none());
        let later = now() + chrono::TimeDelta::days(40);
        let loaded = load(&client, later, volume, CancellationToken::new()).await.expect("loaded").expect("not cancelled");
        assert_eq!(loaded.company.title(), Company::as_of(now(), volume).title());
        assert!(loaded.sent.is_some());
    }
}
