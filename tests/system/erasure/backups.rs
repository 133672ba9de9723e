//! Backups as docs/operators.md has them made: the events without the vault, and the vault apart, kept for a short time.

use sqlx::Connection as _;

use super::*;
use crate::servers::{fresh_place, leave_out};
use crate::signed::{all_figures_are_made, all_is_signed, verify_all};

/// Who is not erased.
const OTHER: &str = "somebody-else";

fn strangers() -> Value {
    json!({"name": "John Doe"})
}

/// Runs the guide's own commands, with dumps in a directory.
struct Guide {
    /// With PostgreSQL's own programs first.
    path: String,
    directory: Directory,
}

impl Guide {
    /// None where there is no `pg_dump` that knows the server's version.
    fn new() -> Option<Self> {
        let installed = concat!(env!("CARGO_TARGET_TMPDIR"), "/postgresql-tools/bin");
        let path = format!("{installed}:{}", std::env::var("PATH").expect("set"));
        let version = Command::new("sh").args(["-c", "pg_dump --version"]).env("PATH", &path).output().expect("a shell");
        let version = String::from_utf8_lossy(&version.stdout).into_owned();
        let major = version.split_whitespace().nth(2).and_then(|version| version.split('.').next()?.parse::<u32>().ok());
        if major < Some(18) {
            leave_out("PostgreSQL 18's pg_dump is not on the PATH; scripts/setup.sh --tests installs it");
            return None;
        }
        Some(Self { path, directory: Directory::new() })
    }

    /// Runs the one line of the guide that begins so.
    fn run(&self, beginning: &str, place: &Place) {
        let guide = include_str!("../../../docs/operators.md");
        let lines: Vec<_> = guide.lines().filter(|line| line.trim_start().starts_with(beginning)).collect();
        let [line] = lines[..] else { panic!("{beginning}: {lines:?}") };
        let mut shell = Command::new("sh");
        shell.args(["-c", line]).current_dir(self.directory.path()).env("PATH", &self.path);
        let output = shell.env("DATABASE_URL", &place.database_url).output().expect("a shell");
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// A database restored from the backup of the events; with an empty topic.
    async fn restored_events(&self) -> Place {
        let empty = fresh_place().await;
        self.run("pg_restore --dbname=", &empty);
        empty
    }
}

/// What is held of somebody; none: nothing is known of them.
async fn held(client: &Client, user: &str) -> Option<Value> {
    let path = format!("/v1/subjects/{}", user.replace('@', "%40"));
    let (status, held) = answer_of(client.request("admin", Method::GET, &path)).await;
    if status == StatusCode::NOT_FOUND {
        assert_eq!(held["code"], "subject_unknown", "{held}");
        return None;
    }
    assert_eq!(status, StatusCode::OK, "{held}");
    Some(held)
}

async fn people_in_vault(postgres: &mut PgConnection) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM vault.pseudonyms").fetch_one(postgres).await.expect("a count")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_the_events_is_a_ledger_without_people_and_an_older_vault_forgets_who_was_erased_since() {
    let Some(guide) = Guide::new() else { return };
    let (program, client, place, directory) = up().await;
    client.open_capsule("c1").await;
    meet(&client, "theirs", PERSON, &personal()).await;
    meet(&client, "other", OTHER, &strangers()).await;
    guide.run("pg_dump --format=custom --data-only --schema=vault ", &place);
    let (status, erased) = erase(&client, PERSON, "e1").await;
    assert_eq!(status, StatusCode::OK, "{erased}");
    let known = pseudonym_in(&client, "i-other").await;
    all_figures_are_made(&place).await;
    all_is_signed(&place).await;
    let mut postgres = connect(&place.database_url).await;
    let before = figures(&client, &mut postgres).await;
    let key = connection(&directory)["verifier_key"].as_str().expect("a key").to_owned();
    let kept = directory.path().join("kept");
    std::fs::copy(directory.path().join("checkpoints/latest"), &kept).expect("a checkpoint");
    let kept = ["--checkpoint", kept.to_str().expect("a path")];
    postgres.close().await.expect("closed");
    assert!(program.stop().await, "it stops well");
    guide.run("pg_dump --format=custom --exclude-table-data=", &place);

    // The events alone: all is there, and nobody.
    let alone = guide.restored_events().await;
    let program = start_up(&directory, Some(&alone), &[]);
    let client = Client::of(directory.path()).await;
    let mut postgres = connect(&alone.database_url).await;
    assert_eq!(people_in_vault(&mut postgres).await, 0);
    all_figures_are_made(&alone).await;
    assert_eq!(figures(&client, &mut postgres).await, before, "every figure is as it was");
    for user in [PERSON, OTHER] {
        assert_eq!(held(&client, user).await, None, "{user}");
    }
    all_is_signed(&alone).await;
    let (ok, report) = verify_all(&alone, &key, &kept);
    assert!(ok && report["read_models_compared"] == json!(true), "{report}");
    visits(&client, &[visit_of("i-again", OTHER, &strangers())]).await;
    assert_ne!(pseudonym_in(&client, "i-again").await, known, "who comes again is somebody new");
    postgres.close().await.expect("closed");
    assert!(program.stop().await, "it stops well");

    // With a vault older than the erasure.
    let together = guide.restored_events().await;
    guide.run("pg_restore --data-only ", &together);
    let mut postgres = connect(&together.database_url).await;
    assert_eq!(people_in_vault(&mut postgres).await, 2, "the backup of the vault has both");
    let program = start_up(&directory, Some(&together), &[]);
    let client = Client::of(directory.path()).await;
    assert_eq!(people_in_vault(&mut postgres).await, 1, "whoever was erased since is gone again");
    assert_eq!(held(&client, PERSON).await, None);
    let opened = held(&client, OTHER).await.expect("the other is known");
    assert_eq!((&opened["subject"], &opened["events"]), (&json!(known), &json!(4)), "{opened}");
    assert_eq!(opened["data"].to_string().matches("John Doe").count(), 4, "and opens: {opened}");
    let (status, again) = erase(&client, PERSON, "e1").await;
    assert_eq!((status, &again["event"]), (StatusCode::OK, &erased["event"]), "the same erasure still");
    all_is_signed(&together).await;
    let (ok, report) = verify_all(&together, &key, &kept);
    assert!(ok, "{report}");
    assert!(program.stop().await, "it stops well");
}
