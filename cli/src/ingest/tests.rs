//! Whole runs against an API that keeps what it is sent.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};

use super::*;
use crate::client::fake::{Asked, FakeApi, Reply};

/// A folder of this test's own, gone when it ends.
pub(in crate::ingest) struct Folder {
    pub(in crate::ingest) path: PathBuf,
}

impl Folder {
    pub(in crate::ingest) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("ingest-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&path).expect("a new folder");
        Self { path }
    }

    pub(in crate::ingest) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path.join(name);
        std::fs::write(&path, text).expect("written");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.path));
    }
}

pub(in crate::ingest) fn options(files: impl IntoIterator<Item = PathBuf>) -> Options {
    let (files, named) = (files.into_iter().collect(), Named::default());
    Options { files, named, capsules: None, concurrency: 4, gzip: false, restart: false, state_dir: None }
}

fn interactions(count: usize) -> String {
    (0..count).map(|number| format!("{{\"id\":\"i{number}\",\"capsule_id\":\"c\",\"kind\":\"view\"}}\n")).collect()
}

/// Accepts what has an id and no `bad`, each id once.
async fn ledger() -> FakeApi {
    let known = Mutex::new(HashSet::new());
    FakeApi::answering(move |asked| answer(asked, &mut known.lock().expect("no test panics here"))).await
}

fn answer(asked: &Asked, known: &mut HashSet<String>) -> Reply {
    let (mut accepted, mut duplicates, mut results) = (0, 0, Vec::new());
    for (index, line) in asked.lines().iter().enumerate() {
        if line.get("bad").is_some() {
            results.push(serde_json::json!({"index": index, "id": null, "status": "rejected", "code": "unknown_field",
                "detail": "unknown field `bad`", "field": "/bad"}));
        } else if known.insert(format!("{}{}", line["id"], line["command"])) {
            accepted += 1;
        } else {
            duplicates += 1;
        }
    }
    let rejected = results.len();
    let body = serde_json::json!({"accepted": accepted, "duplicates": duplicates, "rejected": rejected,
        "results": results, "token": format!("t{}", known.len())});
    Reply::new(if rejected > 0 { 207 } else { 200 }, body.to_string())
}

fn client(api: &FakeApi) -> Client {
    Client::new(&api.url(), "key").expect("a client")
}

fn rejected_lines(path: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).expect("the rejected lines");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[tokio::test]
async fn everything_is_sent_in_batches_and_a_second_run_finds_it_all_there() {
    let (folder, api) = (Folder::new(), ledger().await);
    let file = folder.write("a.ndjson", &interactions(12_000));
    let run = async || send(&client(&api), &options([file.clone()]), CancellationToken::new()).await.expect("ran");
    let first = run().await;
    assert!(first.is_success(), "{first}");
    assert_eq!((first.files[0].accepted, api.requests().len()), (12_000, 3));
    assert_eq!(first.files[0].token.as_deref(), Some("t12000"));
    assert_eq!(run().await.files[0].duplicates, 12_000);
    assert_eq!(std::fs::read_dir(&folder.path).expect("a folder").count(), 1, "no state is left");
}

#[tokio::test]
async fn a_refused_line_is_told_with_its_number_and_the_others_are_recorded() {
    let (folder, api) = (Folder::new(), ledger().await);
    let long = format!("{{\"id\":\"{}\"}}\n", "x".repeat(40_000));
    let file = folder.write("a.ndjson", &format!("{}\n{{\"bad\": 1}}\n{long}", interactions(2)));
    let summary = send(&client(&api), &options([file]), CancellationToken::new()).await.expect("ran");
    assert!(!summary.is_success());
    assert_eq!((summary.files[0].accepted, summary.files[0].rejected), (2, 2));
    let lines = rejected_lines(summary.files[0].rejected_lines.as_ref().expect("written"));
    assert!(summary.to_string().contains("line 4: unknown_field: unknown field `bad` (at /bad)\n"), "{summary}");
    assert_eq!(lines[0]["line"], 4);
    assert_eq!(lines[0]["code"], "unknown_field");
    assert_eq!(lines[0]["event"], serde_json::json!({"bad": 1}));
    assert_eq!((&lines[1]["line"], &lines[1]["code"]), (&5.into(), &"event_too_large".into()));
}

#[tokio::test]
async fn an_interrupted_run_goes_on_where_it_stopped() {
    let folder = Folder::new();
    let file = folder
        .write("a.csv", &format!("id,capsule_id,kind\n{}", (0..20_000).map(|n| format!("i{n},c,view\n")).collect::<String>()));
    let cancel = CancellationToken::new();
    let (known, cancelling) = (Mutex::new(HashSet::new()), cancel.clone());
    let api = FakeApi::answering(move |asked| {
        cancelling.cancel();
        answer(asked, &mut known.lock().expect("no test panics here"))
    })
    .await;
    let mut options = options([file]);
    options.concurrency = 1;
    let first = send(&client(&api), &options, cancel).await.expect("ran");
    assert!(first.interrupted && !first.is_success());
    let done = first.files[0].accepted;
    assert!((5_000..20_000).contains(&done), "{done}");

    let second = send(&client(&api), &options, CancellationToken::new()).await.expect("ran");
    assert!(second.is_success(), "{second}");
    let file = &second.files[0];
    assert_eq!((file.skipped, file.accepted, file.duplicates), (done, 20_000, 0));
}

#[tokio::test]
async fn an_error_for_the_whole_batch_ends_the_run_and_keeps_the_place() {
    let folder = Folder::new();
    let file = folder.write("a.ndjson", &interactions(6_000));
    let api = FakeApi::scripted([
        Reply::new(200, r#"{"accepted":5000,"duplicates":0,"rejected":0,"results":[],"token":"t"}"#),
        Reply::new(401, r#"{"code":"key_expired","detail":"the key expired"}"#),
    ])
    .await;
    let mut options = options([file.clone()]);
    options.concurrency = 1;
    let error = send(&client(&api), &options, CancellationToken::new()).await.expect_err("stopped");
    assert!(format!("{error:#}").contains("401 key_expired: the key expired"), "{error:#}");
    let state = StateFile::open(&file, &options, client(&api).base()).expect("a state");
    assert_eq!((state.answered().place.line, state.answered().accepted), (5_000, 5_000));
}

#[tokio::test]
async fn an_answer_that_does_not_add_up_is_not_believed() {
    let folder = Folder::new();
    let file = folder.write("a.ndjson", &interactions(2));
    let api = FakeApi::answering(|_| Reply::new(200, r#"{"accepted":1,"duplicates":0,"rejected":0,"results":[]}"#)).await;
    let error = send(&client(&api), &options([file]), CancellationToken::new()).await.expect_err("stopped");
    assert!(format!("{error:#}").contains("1 events of the 2"), "{error:#}");
}

fn commands(count: usize) -> String {
    let line = |n| format!("{{\"collection\":\"deals\",\"id\":\"d{}\",\"command\":\"c{n}\",\"data\":{{}}}}\n", n % 7);
    (0..count).map(line).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_go_one_request_after_the_other_each_line_with_its_key() {
    let folder = Folder::new();
    let overtaken = Arc::new(AtomicBool::new(false));
    let (known, in_the_air, seen) = (Mutex::new(HashSet::new()), AtomicBool::new(false), overtaken.clone());
    let api = FakeApi::answering(move |asked| {
        seen.fetch_or(in_the_air.swap(true, SeqCst), SeqCst);
        // Time for another request to come in, if one is on its way.
        std::thread::sleep(Duration::from_millis(20));
        let reply = answer(asked, &mut known.lock().expect("no test panics here"));
        in_the_air.store(false, SeqCst);
        reply
    })
    .await;
    let file = folder.write("a.ndjson", &commands(3_500));
    let run = async || send(&client(&api), &options([file.clone()]), CancellationToken::new()).await.expect("ran");
    let first = run().await;
    assert!(first.is_success(), "{first}");
    assert_eq!((first.files[0].accepted, api.requests().len()), (3_500, 4));
    assert!(!overtaken.load(SeqCst), "two requests were in the air at once");
    assert_eq!(api.requests()[0].line, "POST /v1/commands HTTP/1.1");
    assert_eq!(run().await.files[0].duplicates, 3_500);
    let requests = api.requests();
    let keys = |requests: &[Asked]| -> Vec<_> {
        requests.iter().flat_map(Asked::lines).map(|line| line["idempotency_key"].to_string()).collect()
    };
    assert_eq!(keys(&requests[..4]), keys(&requests[4..]), "the same keys in every run");
    assert_eq!(keys(&requests[..4]).iter().collect::<HashSet<_>>().len(), 3_500);
}

#[tokio::test]
async fn commands_that_are_interrupted_go_on_with_the_keys_of_a_run_in_one() {
    let folder = Folder::new();
    let line = "{\"collection\":\"deals\",\"id\":\"d\",\"command\":\"win\"}\n";
    let file = folder.write("a.ndjson", &line.repeat(1_500));
    let cancel = CancellationToken::new();
    let cancelling = cancel.clone();
    let api = FakeApi::answering(move |asked| {
        cancelling.cancel();
        let count = asked.lines().len();
        Reply::new(200, format!(r#"{{"accepted":{count},"duplicates":0,"rejected":0,"results":[]}}"#))
    })
    .await;
    let options = options([file]);
    let first = send(&client(&api), &options, cancel).await.expect("ran");
    assert!(first.interrupted, "{first}");
    let second = send(&client(&api), &options, CancellationToken::new()).await.expect("ran");
    assert_eq!((second.files[0].skipped, second.files[0].accepted), (1_000, 1_500));
    let keys: HashSet<_> =
        api.requests().iter().flat_map(Asked::lines).map(|line| line["idempotency_key"].to_string()).collect();
    assert_eq!(keys.len(), 1_500, "each time that it is said is a fact of its own");
}

#[tokio::test]
async fn a_record_of_the_other_kind_is_refused_with_the_reason() {
    let (folder, view) = (Folder::new(), interactions(1));
    let api = FakeApi::answering(|asked| {
        let count = asked.lines().len();
        let results = serde_json::json!([{"index": count - 1, "id": null, "status": "rejected", "code": "unknown_field",
            "detail": "unknown field", "field": "/x"}]);
        let body = serde_json::json!({"accepted": count - 1, "duplicates": 0, "rejected": 1, "results": results});
        Reply::new(207, body.to_string())
    })
    .await;
    let files = [
        folder.write("a.ndjson", &format!("{}{view}", commands(1))),
        folder.write("b.ndjson", &format!("{view}{}", commands(1))),
    ];
    let summary = send(&client(&api), &options(files), CancellationToken::new()).await.expect("ran");
    let said: Vec<_> = summary.files.iter().flat_map(|file| &file.first_rejected).collect();
    assert!(said[0].starts_with("line 2: mixed_file: is an interaction, in a file that begins with a command"), "{said:?}");
    assert!(said[1].starts_with("line 2: mixed_file: is a command, in a file that begins with an interaction"), "{said:?}");
    let lines = rejected_lines(summary.files[0].rejected_lines.as_ref().expect("written"));
    assert_eq!(lines[0]["event"]["capsule_id"], "c", "as it stood in the file");
}

#[tokio::test]
async fn rows_of_commands_are_sent_as_commands() {
    let (folder, api) = (Folder::new(), ledger().await);
    let mut options = options([folder.write("spend.csv", "id,category,amount.amount,amount.currency\ns,personnel,7.00,USD\n")]);
    options.named = Named { collection: Some("spend".to_owned()), command: Some("record".to_owned()) };
    let summary = send(&client(&api), &options, CancellationToken::new()).await.expect("ran");
    assert!(summary.is_success(), "{summary}");
    let sent = &api.requests()[0];
    assert_eq!(
        (sent.line.as_str(), &sent.lines()[0]["data"]["amount"]["amount"]),
        ("POST /v1/commands HTTP/1.1", &"7.00".into())
    );
}

#[tokio::test]
async fn capsules_are_created_and_then_published_before_the_rest() {
    let (folder, api) = (Folder::new(), ledger().await);
    let capsules = folder.write("c.ndjson", "{\"id\":\"c\",\"title\":\"C\"}\n{\"id\":\"d\",\"title\":\"D\"}\n");
    let mut options = options([folder.write("a.ndjson", &interactions(1))]);
    options.capsules = Some(capsules);
    let summary = send(&client(&api), &options, CancellationToken::new()).await.expect("ran");
    assert_eq!(summary.capsules.expect("sent").created, 2);
    let requests = api.requests();
    let commands: Vec<_> = requests[..2].iter().map(|asked| asked.lines()[1]["command"].clone()).collect();
    assert_eq!(commands, ["create", "publish"]);
    assert_eq!(requests[0].lines()[1]["data"]["title"], "D");
    assert_eq!(requests[2].line, "POST /v1/interactions HTTP/1.1");
}

#[tokio::test]
async fn what_is_packed_on_the_wire_is_said_to_be() {
    let folder = Folder::new();
    let api = FakeApi::answering(|asked| {
        assert_eq!(asked.header("content-encoding"), Some("gzip"));
        let packed = flate2::read::GzDecoder::new(&asked.body[..]);
        let lines = std::io::BufRead::lines(std::io::BufReader::new(packed)).count();
        Reply::new(200, format!(r#"{{"accepted":{lines},"duplicates":0,"rejected":0,"results":[]}}"#))
    })
    .await;
    let mut options = options([folder.write("a.ndjson", &interactions(7))]);
    options.gzip = true;
    assert_eq!(send(&client(&api), &options, CancellationToken::new()).await.expect("ran").files[0].accepted, 7);
}
