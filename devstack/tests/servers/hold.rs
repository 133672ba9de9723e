//! Another program that holds a devstack: `examples/hold.rs`.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub(crate) struct Hold {
    pub(crate) child: Child,
    pub(crate) database_url: String,
    pub(crate) kafka_brokers: String,
}

impl Hold {
    /// Returns when its servers are up.
    pub(crate) fn start(data_dir: &Path) -> Self {
        let mut child = command(data_dir).stderr(Stdio::inherit()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut next = || lines.next().expect("it says where its servers are").unwrap();
        Self { database_url: next(), kafka_brokers: next(), child }
    }
}

/// In a process group of its own, as a shell would run it.
pub(crate) fn command(data_dir: &Path) -> Command {
    let mut command = Command::new(program());
    command
        .arg(data_dir)
        .env_remove("DATABASE_URL")
        .env_remove("KAFKA_BROKERS")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    command
}

fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.ancestors().nth(2).unwrap().join("examples/hold");
    assert!(program.exists(), "build it: cargo build -p devstack --example hold");
    program
}
