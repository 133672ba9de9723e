//! Servers and programs that are killed.
//!
//! Devstack has a thread of its own: these tests may block theirs.

use std::time::Instant;

use devstack::{Devstack, Options};
use nix::sys::signal::Signal;

use crate::data_dir::DataDir;
use crate::hold::Hold;
use crate::look::{host, kafka_answers, kill_9, postgres_answers, processes_on, signal, wait_until};

#[tokio::test]
async fn a_killed_server_comes_back_on_its_port() {
    let dir = DataDir::new();
    let devstack = Devstack::start(Options::new(dir.path())).await.unwrap();

    for _ in 0..2 {
        let (postgres, kafka) = (devstack.postgres_pid(), devstack.kafka_pid());
        let since = Instant::now();
        kill_9(postgres.unwrap());
        kill_9(kafka.unwrap());
        let is_another = |now: Option<u32>, before| now.is_some() && now != before;
        wait_until("another Postgres", || {
            is_another(devstack.postgres_pid(), postgres) && postgres_answers(devstack.database_url())
        });
        println!("Postgres is back after {:.1} s", since.elapsed().as_secs_f32());
        wait_until("another Kafka", || is_another(devstack.kafka_pid(), kafka) && kafka_answers(devstack.kafka_brokers()));
        println!("Kafka is back after {:.1} s", since.elapsed().as_secs_f32());
    }
    devstack.stop().await.unwrap();
    assert_eq!(processes_on(dir.path()), Vec::<String>::new());
}

#[tokio::test]
async fn a_server_killed_while_it_restarts_comes_back_all_the_same() {
    let dir = DataDir::new();
    let devstack = Devstack::start(Options::new(dir.path())).await.unwrap();
    let mut before = devstack.kafka_pid();
    for _ in 0..3 {
        kill_9(before.unwrap());
        wait_until("another Kafka", || devstack.kafka_pid().is_some() && devstack.kafka_pid() != before);
        before = devstack.kafka_pid();
    }
    wait_until("Kafka answers", || kafka_answers(devstack.kafka_brokers()));
    devstack.stop().await.unwrap();
}

#[test]
fn nothing_outlives_a_killed_program() {
    let dir = DataDir::new();
    let mut program = Hold::start(dir.path());
    kill_9(program.child.id());
    program.child.wait().unwrap();
    let since = Instant::now();
    wait_until("all processes gone", || processes_on(dir.path()).is_empty());
    println!("all gone after {:.1} s", since.elapsed().as_secs_f32());
    assert!(dir.log("postgres.log").contains("received immediate shutdown request"));

    let mut next = Hold::start(dir.path());
    assert_eq!(next.database_url, program.database_url);
    assert_eq!(next.kafka_brokers, program.kafka_brokers);
    assert!(postgres_answers(&next.database_url) && kafka_answers(&next.kafka_brokers));
    drop(next.child.stdin.take());
    assert!(next.child.wait().unwrap().success());
}

#[test]
fn a_next_start_ends_what_a_program_and_its_guard_left_behind() {
    let dir = DataDir::new();
    let mut program = Hold::start(dir.path());
    let guard = guard_on(&dir);
    kill_9(guard);
    kill_9(program.child.id());
    program.child.wait().unwrap();
    assert!(!processes_on(dir.path()).is_empty(), "the servers are left behind");

    let mut next = Hold::start(dir.path());
    assert_eq!(next.database_url, program.database_url);
    assert!(postgres_answers(&next.database_url) && kafka_answers(&next.kafka_brokers));
    drop(next.child.stdin.take());
    assert!(next.child.wait().unwrap().success());
    assert_eq!(processes_on(dir.path()), Vec::<String>::new());
}

#[test]
fn a_killed_guard_is_replaced() {
    let dir = DataDir::new();
    let mut program = Hold::start(dir.path());
    let guard = guard_on(&dir);
    kill_9(guard);
    wait_until("another guard", || {
        processes_on(dir.path())
            .iter()
            .any(|process| process.contains("devstack-guard") && !process.starts_with(&guard.to_string()))
    });
    // It is told of the servers as soon as it is there; give the words time to be read.
    wait_until("the pipe is written", || processes_on(dir.path()).len() >= 3);
    kill_9(program.child.id());
    program.child.wait().unwrap();
    wait_until("all processes gone", || processes_on(dir.path()).is_empty());
}

#[test]
fn ctrl_c_in_a_terminal_lets_the_program_decide() {
    let dir = DataDir::new();
    let mut program = Hold::start(dir.path());
    let group = nix::unistd::Pid::from_raw(i32::try_from(program.child.id()).unwrap());
    nix::sys::signal::killpg(group, Signal::SIGINT).unwrap();
    assert!(program.child.wait().unwrap().success());
    let log = dir.log("postgres.log");
    assert_eq!(log.matches("received fast shutdown request").count(), 1, "{log}");
    assert!(log.contains("database system is shut down"), "{log}");
    assert!(dir.path().join("kafka/data/.kafka_cleanshutdown").exists());
    assert_eq!(processes_on(dir.path()), Vec::<String>::new());
}

#[tokio::test]
async fn a_stop_in_the_midst_of_a_restart_is_a_stop() {
    let dir = DataDir::new();
    let devstack = Devstack::start(Options::new(dir.path())).await.unwrap();
    let brokers = host(devstack.kafka_brokers()).to_owned();
    kill_9(devstack.kafka_pid().unwrap());
    signal(devstack.postgres_pid().unwrap(), Signal::SIGKILL);
    devstack.stop().await.unwrap();
    assert!(!kafka_answers(&brokers));
    assert_eq!(processes_on(dir.path()), Vec::<String>::new());
}

fn guard_on(dir: &DataDir) -> u32 {
    let processes = processes_on(dir.path());
    let guard = processes.iter().find(|process| process.contains("devstack-guard")).unwrap();
    guard.split(' ').next().unwrap().parse().unwrap()
}
