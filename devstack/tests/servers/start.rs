//! Starting, stopping, and starting again.

use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::{Duration, Instant};

use devstack::{Devstack, Error, Options};

use crate::data_dir::DataDir;
use crate::hold;
use crate::look::{host, kafka_answers, postgres_answers, processes_on, wait_until};

#[tokio::test]
async fn a_second_start_finds_everything_as_it_was() {
    let dir = DataDir::new();

    let first = Devstack::start(Options::new(dir.path())).await.unwrap();
    let (url, brokers) = (first.database_url().to_owned(), first.kafka_brokers().to_owned());
    assert!(postgres_answers(&url) && kafka_answers(&brokers));
    assert!(first.postgres_pid().is_some() && first.kafka_pid().is_some());
    assert_eq!(dir.json()["postgres"]["process"]["pid"], first.postgres_pid().unwrap());
    let made = database_inode(&dir);
    first.stop().await.unwrap();
    assert_eq!(processes_on(dir.path()), Vec::<String>::new());
    assert!(dir.json()["postgres"]["process"].is_null());
    assert!(dir.log("postgres.log").contains("database system is shut down"));

    let since = Instant::now();
    let second = Devstack::start(Options::new(dir.path())).await.unwrap();
    println!("second start: {:.1} s", since.elapsed().as_secs_f32());
    assert_eq!((second.database_url(), second.kafka_brokers()), (url.as_str(), brokers.as_str()));
    assert!(postgres_answers(&url) && kafka_answers(&brokers));
    assert_eq!(database_inode(&dir), made);
    second.stop().await.unwrap();
}

fn database_inode(dir: &DataDir) -> u64 {
    std::fs::metadata(dir.path().join("postgres/PG_VERSION")).unwrap().ino()
}

#[tokio::test]
async fn secrets_are_the_owners_alone() {
    let dir = DataDir::new();
    let devstack = Devstack::start(Options::new(dir.path())).await.unwrap();
    let mode = |name: &str| std::fs::metadata(dir.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("devstack.json"), 0o600);
    assert_eq!(mode("postgres"), 0o700);
    assert!(!dir.path().join("postgres.password").exists());
    let all_interfaces = host(devstack.database_url()).replace("127.0.0.1", "127.0.0.2");
    assert!(std::net::TcpStream::connect(all_interfaces).is_err(), "only 127.0.0.1 listens");
    devstack.stop().await.unwrap();
}

#[tokio::test]
async fn a_data_directory_in_use_is_refused() {
    let dir = DataDir::new();
    let first = Devstack::start(Options::new(dir.path())).await.unwrap();

    let error = Devstack::start(Options::new(dir.path())).await.unwrap_err();
    assert!(matches!(error, Error::InUse { .. }), "{error}");
    assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");

    let other_program = hold::command(dir.path()).output().unwrap();
    assert!(!other_program.status.success());
    assert!(String::from_utf8_lossy(&other_program.stderr).contains("is in use by another program"));

    assert!(postgres_answers(first.database_url()) && kafka_answers(first.kafka_brokers()));
    first.stop().await.unwrap();
}

#[tokio::test]
async fn what_is_named_is_not_started() {
    let dir = DataDir::new();
    let named = Options {
        database_url: Some("postgres://elsewhere/ledger".to_owned()),
        kafka_brokers: Some("elsewhere:9092".to_owned()),
        ..Options::new(dir.path().join("never-made"))
    };
    let devstack = Devstack::start(named.clone()).await.unwrap();
    assert_eq!(devstack.database_url(), "postgres://elsewhere/ledger");
    assert_eq!(devstack.kafka_brokers(), "elsewhere:9092");
    assert_eq!((devstack.postgres_pid(), devstack.kafka_pid()), (None, None));
    assert!(!named.data_dir.exists());
    devstack.stop().await.unwrap();

    let only_postgres = Options { database_url: None, ..Options { data_dir: dir.path().to_path_buf(), ..named } };
    let devstack = Devstack::start(only_postgres).await.unwrap();
    assert!(postgres_answers(devstack.database_url()));
    assert_eq!(devstack.kafka_pid(), None);
    devstack.stop().await.unwrap();
}

#[tokio::test]
async fn ports_that_others_took_meanwhile_are_given_up() {
    let dir = DataDir::new();
    let first = Devstack::start(Options::new(dir.path())).await.unwrap();
    let (url, brokers) = (first.database_url().to_owned(), first.kafka_brokers().to_owned());
    first.stop().await.unwrap();

    let _squatters = [&url, &brokers].map(|address| TcpListener::bind(host(address)).unwrap());
    let second = Devstack::start(Options::new(dir.path())).await.unwrap();
    assert_ne!(second.database_url(), url);
    assert_ne!(second.kafka_brokers(), brokers);
    assert!(postgres_answers(second.database_url()) && kafka_answers(second.kafka_brokers()));
    second.stop().await.unwrap();
}

#[test]
fn the_servers_outlive_the_runtime_that_started_them() {
    let dir = DataDir::new();
    let runtime = || tokio::runtime::Runtime::new().unwrap();
    let devstack = runtime().block_on(Devstack::start(Options::new(dir.path()))).unwrap();
    assert!(postgres_answers(devstack.database_url()) && kafka_answers(devstack.kafka_brokers()));
    runtime().block_on(devstack.stop()).unwrap();
    assert_eq!(processes_on(dir.path()), Vec::<String>::new());
}

#[tokio::test]
async fn a_start_given_up_leaves_nothing_running() {
    let dir = DataDir::new();
    let start = Devstack::start(Options::new(dir.path()));
    let given_up = tokio::time::timeout(Duration::from_millis(1500), start).await;
    assert!(given_up.is_err(), "too quick for this test");
    wait_until("all processes gone", || processes_on(dir.path()).is_empty());
    Devstack::start(Options::new(dir.path())).await.unwrap().stop().await.unwrap();
}

#[tokio::test]
async fn a_data_directory_closed_to_others_will_do() {
    let dir = DataDir::new();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let inner = dir.path().join("data");
    for _ in 0..2 {
        let devstack = Devstack::start(Options::new(&inner)).await.unwrap();
        assert!(postgres_answers(devstack.database_url()));
        devstack.stop().await.unwrap();
    }
    let record: serde_json::Value = serde_json::from_slice(&std::fs::read(inner.join("devstack.json")).unwrap()).unwrap();
    if nix::unistd::Uid::effective().is_root() {
        let elsewhere = record["postgres"]["dir"].as_str().unwrap();
        assert!(elsewhere.starts_with("/var/tmp/capsule-ledger-0/"), "{elsewhere}");
        std::fs::remove_dir_all(elsewhere).unwrap();
    } else {
        assert!(record["postgres"]["dir"].is_null());
    }
}

#[tokio::test]
async fn a_record_that_was_lost_is_made_again() {
    let dir = DataDir::new();
    Devstack::start(Options::new(dir.path())).await.unwrap().stop().await.unwrap();
    let made = database_inode(&dir);
    std::fs::remove_file(dir.path().join("devstack.json")).unwrap();
    let again = Devstack::start(Options::new(dir.path())).await.unwrap();
    assert!(postgres_answers(again.database_url()) && kafka_answers(again.kafka_brokers()));
    assert_eq!(database_inode(&dir), made);
    again.stop().await.unwrap();
}

#[tokio::test]
async fn a_database_that_vanished_is_not_silently_replaced() {
    let dir = DataDir::new();
    Devstack::start(Options::new(dir.path())).await.unwrap().stop().await.unwrap();
    std::fs::remove_dir_all(dir.path().join("postgres")).unwrap();
    let error = Devstack::start(Options::new(dir.path())).await.unwrap_err();
    assert!(matches!(error, Error::Lost { .. }), "{error}");
}

#[test]
fn without_maven_one_sentence_says_what_to_install() {
    let (dir, cache) = (DataDir::new(), DataDir::new());
    let output = hold::command(dir.path()).env("PATH", "").env("XDG_CACHE_HOME", cache.path()).output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.trim(), "Maven is not installed; on Debian or Ubuntu: apt-get install maven");
}
