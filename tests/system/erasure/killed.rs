//! Erasures that are killed at every step: whole or not done, whoever asked for them, and nothing else is another then.

use std::sync::Arc;

use chrono::Utc;
use domain::{AggregateType, Command, Metadata, TenantId};
use event_store::{Request, Settings, Store};

use super::nowhere::{absent, tables_lack_them, topics_lack_them};
use super::*;
use crate::program::Program;
use crate::servers::fresh_place;
use crate::signed::{all_figures_are_made, all_is_signed, verify_all};

/// Where an erasure is killed, and whether it is done by then.
const STEPS: [(&str, bool); 4] = [("asked", false), ("recorded", false), ("destroyed", false), ("committed", true)];
/// Who is erased by a retention rule.
const IDLE: &str = "quincy.zwetschge-idle@example.org";
const RETENTION: [&str; 2] = ["--retention-every", "1"];

fn user(number: usize) -> String {
    format!("quincy.zwetschge-{number}@example.org")
}

/// How many vault rows have this pseudonym, and how many events say that it was erased.
async fn traces(postgres: &mut PgConnection, pseudonym: &str) -> (i64, i64) {
    sqlx::query_as(
        "SELECT (SELECT count(*) FROM vault.pseudonyms WHERE pseudonym::text = $1),
                (SELECT count(*) FROM ledger.events WHERE event_type = 'SubjectErased' AND aggregate_id = 'demo/' || $1)",
    )
    .bind(pseudonym)
    .fetch_one(postgres)
    .await
    .expect("counts")
}

/// Somebody of whom nothing was recorded for two days. All of it is before anything is signed.
async fn meet_two_days_ago(place: &Place) {
    let pool = event_store::connect(&place.database_url, 2).await.expect("PostgreSQL answers");
    event_store::migrate(&pool, 8).await.expect("a ledger");
    let tenant = TenantId::parse("demo").expect("a tenant");
    event_store::keys::ensure_tenant(&pool, &tenant).await.expect("a tenant");
    let store = Store::open(pool.clone(), Settings::default()).await.expect("a store");
    let mut visit = visit("i-idle", IDLE);
    let id = visit.as_object_mut().and_then(|visit| visit.remove("id")).expect("an id");
    for (collection, id, command, data) in [
        ("capsules", "c1", "create", json!({"title": "c1"})),
        ("capsules", "c1", "publish", json!({})),
        ("interactions", id.as_str().expect("text"), "record", visit),
    ] {
        let kind = AggregateType::from_collection(collection).expect("a collection");
        let parsed = Command::parse(kind, command, data.to_string().as_bytes()).expect("a command");
        let (key, command) = ("elsewhere".to_owned(), format!("{collection}/{command}"));
        let metadata = Metadata { key, command, correlation_id: "c".to_owned(), received_at: Utc::now() };
        let (tenant, id, metadata) = (tenant.clone(), id.to_owned(), Arc::new(metadata));
        let request = Request { tenant, id, command: parsed, expected_version: None, metadata, idempotency: None };
        store.execute(request).await.expect("recorded");
    }
    store.shutdown().await;
    for statement in [
        "UPDATE ledger.events SET recorded_at = recorded_at - interval '2 days'",
        "UPDATE ledger.partition_heads SET last_recorded_at = last_recorded_at - interval '2 days'",
        "UPDATE vault.pseudonyms SET created_at = created_at - interval '2 days'",
    ] {
        sqlx::query(statement).execute(&pool).await.expect("moved");
    }
    pool.close().await;
}

/// A ledger whose process is killed while it erases somebody.
struct Killed {
    place: Place,
    directory: Directory,
    /// What the test itself writes down.
    aside: Directory,
    program: Program,
    postgres: PgConnection,
}

impl Killed {
    async fn start() -> Self {
        let (place, directory) = (fresh_place().await, Directory::new());
        meet_two_days_ago(&place).await;
        let program = start_up(&directory, Some(&place), &[]);
        Client::of(directory.path()).await;
        let postgres = connect(&place.database_url).await;
        Self { place, directory, aside: Directory::new(), program, postgres }
    }

    async fn client(&self) -> Client {
        Client::of(self.directory.path()).await
    }

    fn tool(&self, arguments: &[&str]) -> String {
        let data_dir = self.directory.path().to_str().expect("a path");
        let (ok, said) = run(&[arguments, &["--data-dir", data_dir]].concat());
        assert!(ok, "{arguments:?}: {said}");
        said
    }

    fn aside(&self, name: &str) -> String {
        self.aside.path().join(name).to_str().expect("a path").to_owned()
    }

    /// The address of the dead is not to be taken for that of the next.
    fn kill(&mut self) {
        self.program.kill();
        let path = self.directory.path().join("connection.json");
        let mut connection = connection(&self.directory);
        connection["api"] = json!("");
        std::fs::write(&path, connection.to_string()).expect("written");
    }

    async fn start_again(&mut self, more: &[&str]) -> Client {
        self.program = start_up(&self.directory, Some(&self.place), more);
        self.client().await
    }

    /// Its erasures stand still at this step.
    fn start_held(&mut self, step: &str, more: &[&str]) {
        let path = self.directory.path().to_str().expect("a path in UTF-8");
        let arguments = [&["up", "--data-dir", path, "--listen", "127.0.0.1:0"], more].concat();
        let set = [("LEDGER_TEST_HOLD_ERASURE_AT", step)];
        self.program = Program::spawn_with(self.directory.path(), Some(&self.place), &arguments, &set);
    }

    async fn is_held(&self, step: &str) {
        eventually(&format!("the erasure is at {step}"), SOON, async || {
            self.program.said().contains("an erasure is held").then_some(())
        })
        .await;
    }

    /// The server notices that the connection is gone, and undoes what was not committed.
    async fn comes_to(&mut self, pseudonym: &str, expected: (i64, i64), what: &str) {
        eventually(&format!("{what} it is whole or was not"), SOON, async || {
            (traces(&mut self.postgres, pseudonym).await == expected).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_that_is_killed_at_any_step_is_whole_or_was_not() {
    let mut ledger = Killed::start().await;
    let client = ledger.client().await;
    for number in 0..STEPS.len() {
        meet(&client, &number.to_string(), &user(number), &personal()).await;
    }
    let kept = Kept::of(&mut ledger).await;
    for (number, (step, is_done)) in STEPS.into_iter().enumerate() {
        by_request(&mut ledger, number, step, is_done).await;
    }
    by_retention(&mut ledger, "destroyed").await;
    kept.is_as_it_was(&mut ledger).await;

    absent("the logs", &logs(&ledger.directory));
    tables_lack_them(&mut ledger.postgres).await;
    topics_lack_them(&ledger.place, &ledger.place.topic);
    assert!(ledger.program.stop().await, "it stops well");
}

async fn by_request(ledger: &mut Killed, number: usize, step: &str, is_done: bool) {
    let (user, key) = (user(number), format!("erase-{number}"));
    let pseudonym = pseudonym_in(&ledger.client().await, &format!("i-{number}")).await;
    ledger.kill();
    ledger.start_held(step, &[]);
    let client = ledger.client().await;
    let asked = tokio::spawn({
        let request = client.request("admin", Method::POST, &format!("/v1/subjects/{user}/erase"));
        request.header("Idempotency-Key", &key).send()
    });
    ledger.is_held(step).await;
    ledger.kill();
    asked.await.expect("no panic").expect_err("nobody was answered");
    let expected = if is_done { (0, 1) } else { (1, 0) };
    ledger.comes_to(&pseudonym, expected, &format!("killed at {step}")).await;

    let client = ledger.start_again(&[]).await;
    assert_eq!(traces(&mut ledger.postgres, &pseudonym).await, expected, "a start changes nothing of it");
    let (status, first) = erase(&client, &user, &key).await;
    assert_eq!((status, &first["subject"], &first["events"]), (StatusCode::OK, &json!(pseudonym), &json!(4)), "{first}");
    assert_eq!(traces(&mut ledger.postgres, &pseudonym).await, (0, 1), "{step}");
    let (status, again) = erase(&client, &user, &key).await;
    assert_eq!((status, &again), (StatusCode::OK, &first), "the same answer again");
    let (status, unknown) = erase(&client, &user, "another").await;
    assert_eq!((status, &unknown["code"]), (StatusCode::NOT_FOUND, &json!("subject_unknown")), "{unknown}");
}

async fn by_retention(ledger: &mut Killed, step: &str) {
    let client = ledger.client().await;
    let pseudonym = pseudonym_in(&client, "i-idle").await;
    let rule = client.request("admin", Method::POST, "/v1/retention_rules/r1/set").json(&json!({"after_days": 1}));
    assert_eq!(answer_of(rule).await.0, StatusCode::OK);
    ledger.kill();
    ledger.start_held(step, &RETENTION);
    ledger.is_held(step).await;
    ledger.kill();
    ledger.comes_to(&pseudonym, (1, 0), "killed in a retention rule's erasure").await;
    ledger.start_again(&RETENTION).await;
    ledger.comes_to(&pseudonym, (0, 1), "started again").await;
}

/// What was taken along before anybody was erased.
struct Kept {
    checkpoint: String,
    proofs: Vec<String>,
    figures: Value,
}

impl Kept {
    async fn of(ledger: &mut Killed) -> Self {
        let client = ledger.client().await;
        all_figures_are_made(&ledger.place).await;
        all_is_signed(&ledger.place).await;
        let checkpoint = ledger.aside("kept");
        std::fs::write(&checkpoint, ledger.tool(&["checkpoint", "show"])).expect("written");
        let mut proofs = Vec::new();
        for interaction in ["i-idle", "i-0", "i-1", "i-2", "i-3"] {
            let events = client.get(&format!("/v1/events?collection=interactions&id={interaction}")).await;
            let proof = ledger.aside(interaction);
            ledger.tool(&["prove", events["data"][0]["id"].as_str().expect("an id"), "-o", &proof]);
            proofs.push(proof);
        }
        let figures = figures(&client, &mut ledger.postgres).await;
        assert_eq!(figures[3][0]["n"], json!(STEPS.len()), "they count: {figures}");
        Self { checkpoint, proofs, figures }
    }

    async fn is_as_it_was(&self, ledger: &mut Killed) {
        let client = ledger.client().await;
        all_figures_are_made(&ledger.place).await;
        assert_eq!(figures(&client, &mut ledger.postgres).await, self.figures, "no figure moved");
        all_is_signed(&ledger.place).await;
        let key = connection(&ledger.directory)["verifier_key"].as_str().expect("a key").to_owned();
        for proof in &self.proofs {
            let (ok, said) = run(&["check", proof, "--verifier-key", &key]);
            assert!(ok, "an earlier proof: {said}");
        }
        let (ok, report) = verify_all(&ledger.place, &key, &["--checkpoint", &self.checkpoint]);
        assert!(ok, "{report}");
        let erased = client.get("/v1/audit?action=SubjectErased").await;
        assert_eq!(erased["data"].as_array().map(Vec::len), Some(STEPS.len() + 1), "each is in the audit log once: {erased}");
    }
}

/// All that was said by the processes of this directory.
fn logs(directory: &Directory) -> Vec<u8> {
    let files = std::fs::read_dir(directory.path()).expect("a directory").map(|file| file.expect("a file").path());
    let logs: Vec<_> = files.filter(|path| path.extension().is_some_and(|kind| kind == "txt")).collect();
    assert!(logs.len() > 2 * STEPS.len(), "{logs:?}");
    logs.iter().flat_map(|log| std::fs::read(log).expect("a log")).collect()
}
