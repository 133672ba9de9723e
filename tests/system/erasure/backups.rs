//! Backups as docs/operators.md has them made: the events without the vault, and the vault apart, kept for a short time.
//!
//! By the guide's own commands where `pg_dump` is at hand, which the servers that the tests run on come without; and on any machine by
//! what these do: copies of tables.

use sqlx::Connection as _;

use super::*;
use crate::servers::fresh_place;
use crate::signed::{all_figures_are_made, all_is_signed, verify_all, with_database_copied};

/// Who is not erased.
const OTHER: &str = "somebody-else";

fn strangers() -> Value {
    json!({"name": "John Doe"})
}

/// How the backups are made.
enum Backups {
    /// By the commands of docs/operators.md, in this directory.
    Dumped(Directory),
    /// By copies of the database, and of the vault's tables in a schema of their own.
    Copied,
}

impl Backups {
    /// None where there is no `pg_dump` that knows the server's version.
    fn dumped() -> Option<Self> {
        let version = Command::new("pg_dump").arg("--version").output().ok()?;
        let version = String::from_utf8_lossy(&version.stdout).into_owned();
        let major = version.split_whitespace().nth(2)?.split('.').next()?.parse::<u32>().ok()?;
        (major >= 18).then(|| Self::Dumped(Directory::new()))
    }

    async fn of_vault(&self, place: &Place) {
        let Self::Dumped(directory) = self else {
            let mut postgres = connect(&place.database_url).await;
            for statement in COPY_VAULT {
                sqlx::query(statement).execute(&mut postgres).await.expect("backed up");
            }
            return;
        };
        documented(&format!("pg_dump {FORM} --data-only --schema=vault "), place, directory);
    }

    async fn of_events(&self, place: &Place) {
        if let Self::Dumped(directory) = self {
            documented(&format!("pg_dump {FORM} --exclude-table-data="), place, directory);
        }
    }

    /// A database restored from the backup of the events; with an empty topic.
    async fn events(&self, place: &Place) -> Place {
        let Self::Dumped(directory) = self else {
            let copied = with_database_copied(place, &["TRUNCATE vault.tenants, vault.pseudonyms".to_owned()]).await;
            return Place { topic: format!("test_{}", uuid::Uuid::new_v4().simple()), ..copied };
        };
        let empty = fresh_place().await;
        documented("pg_restore --dbname=", &empty, directory);
        empty
    }

    /// The vault's rows into its empty tables.
    async fn vault_into(&self, place: &Place) {
        let Self::Dumped(directory) = self else {
            let mut postgres = connect(&place.database_url).await;
            for statement in RESTORE_VAULT {
                sqlx::query(statement).execute(&mut postgres).await.expect("restored");
            }
            return;
        };
        documented("pg_restore --data-only ", place, directory);
    }
}

const FORM: &str = "--format=custom";
const COPY_VAULT: [&str; 3] = [
    "CREATE SCHEMA vault_dump",
    "CREATE TABLE vault_dump.tenants AS TABLE vault.tenants",
    "CREATE TABLE vault_dump.pseudonyms AS TABLE vault.pseudonyms",
];
const RESTORE_VAULT: [&str; 2] = [
    "INSERT INTO vault.tenants SELECT * FROM vault_dump.tenants",
    "INSERT INTO vault.pseudonyms SELECT * FROM vault_dump.pseudonyms",
];

/// Runs the one line of the guide that begins so.
fn documented(beginning: &str, place: &Place, directory: &Directory) {
    let guide = include_str!("../../../docs/operators.md");
    let lines: Vec<_> = guide.lines().filter(|line| line.trim_start().starts_with(beginning)).collect();
    let [line] = lines[..] else { panic!("{beginning}: {lines:?}") };
    let shell =
        Command::new("sh").args(["-c", line]).current_dir(directory.path()).env("DATABASE_URL", &place.database_url).output();
    let output = shell.expect("a shell");
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
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
    without_people_and_with_an_older_vault(&Backups::Copied).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_they_are_as_the_guides_own_commands_make_them() {
    let Some(backups) = Backups::dumped() else { return };
    without_people_and_with_an_older_vault(&backups).await;
}

async fn without_people_and_with_an_older_vault(backups: &Backups) {
    let (program, client, place, directory) = up().await;
    client.open_capsule("c1").await;
    meet(&client, "theirs", PERSON, &personal()).await;
    meet(&client, "other", OTHER, &strangers()).await;
    backups.of_vault(&place).await;
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
    backups.of_events(&place).await;

    // The events alone: all is there, and nobody.
    let alone = backups.events(&place).await;
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
    let together = backups.events(&place).await;
    backups.vault_into(&together).await;
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
