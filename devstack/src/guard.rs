//! The servers must not outlive the program, even when it is killed with `SIGKILL`.
//!
//! The guard is a small shell process that reads a pipe of which only this program holds the other end. It is told which
//! processes run; when the pipe closes, whatever the reason, it ends them: Postgres by `SIGQUIT` (an immediate shutdown:
//! the next start recovers from the WAL), Kafka by `SIGKILL`.
//!
//! A parent-death signal would not do: the kernel sends it when the *thread* that spawned the child ends, and a change of
//! user clears it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::Mutex;

use crate::error::{Error, While};
use crate::lock::DataDirLock;

/// Checks the command line before it kills: the pid of a server that ended may belong to somebody else by now.
const SCRIPT: &str = r#"
postgres= kafka=
while read -r name pid; do
    case $name in
        postgres) postgres=$pid ;;
        kafka) kafka=$pid ;;
        dismissed) exit 0 ;;
    esac
done
runs() { [ -n "$1" ] && grep -qsF -e "$2" "/proc/$1/cmdline"; }
runs "$postgres" "$1" && kill -QUIT "$postgres"
runs "$kafka" "$2" && kill -KILL "$kafka"
tenths=0
while runs "$postgres" "$1" || runs "$kafka" "$2"; do
    [ "$tenths" -eq 80 ] && kill -KILL "$postgres"
    [ "$tenths" -eq 150 ] && exit 1
    tenths=$((tenths + 1))
    sleep 0.1
done
"#;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ward {
    Postgres,
    Kafka,
}

impl Ward {
    fn name(self) -> &'static str {
        match self {
            Ward::Postgres => "postgres",
            Ward::Kafka => "kafka",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Guard {
    postgres_dir: PathBuf,
    kafka_dir: PathBuf,
    lock: DataDirLock,
    shell: Mutex<Shell>,
}

#[derive(Debug)]
struct Shell {
    child: Child,
    pipe: ChildStdin,
    /// What it has been told, to tell a successor.
    told: Vec<(Ward, u32)>,
}

impl Guard {
    pub(crate) fn post(postgres_dir: &Path, kafka_dir: &Path, lock: DataDirLock) -> Result<Self, Error> {
        let (child, pipe) = spawn(postgres_dir, kafka_dir, &lock)?;
        Ok(Self {
            postgres_dir: postgres_dir.to_path_buf(),
            kafka_dir: kafka_dir.to_path_buf(),
            lock,
            shell: Mutex::new(Shell { child, pipe, told: Vec::new() }),
        })
    }

    /// Once this returns, `pid` dies with the program.
    pub(crate) async fn watch(&self, ward: Ward, pid: u32) -> Result<(), Error> {
        let mut shell = self.shell.lock().await;
        shell.told.retain(|(other, _)| *other != ward);
        shell.told.push((ward, pid));
        match shell.tell(ward, pid).await {
            Ok(()) => Ok(()),
            Err(_) => self.replace(&mut shell).await, // somebody killed it
        }
    }

    /// Posts another guard where the present one was killed.
    pub(crate) async fn renew(&self) -> Result<(), Error> {
        let mut shell = self.shell.lock().await;
        match shell.child.try_wait() {
            Ok(None) => Ok(()),
            _ => self.replace(&mut shell).await,
        }
    }

    /// The servers have stopped: nothing to guard. Gives the data directory free.
    pub(crate) async fn dismiss(self) {
        let Shell { mut child, mut pipe, .. } = self.shell.into_inner();
        // If it is gone already, so be it.
        let _ = pipe.write_all(b"dismissed\n").await;
        let _ = child.wait().await;
    }

    async fn replace(&self, shell: &mut Shell) -> Result<(), Error> {
        (shell.child, shell.pipe) = spawn(&self.postgres_dir, &self.kafka_dir, &self.lock)?;
        for (ward, pid) in shell.told.clone() {
            shell.tell(ward, pid).await.while_doing("instruct the guard of", &self.kafka_dir)?;
        }
        Ok(())
    }
}

impl Shell {
    async fn tell(&mut self, ward: Ward, pid: u32) -> std::io::Result<()> {
        self.pipe.write_all(format!("{} {pid}\n", ward.name()).as_bytes()).await
    }
}

fn spawn(postgres_dir: &Path, kafka_dir: &Path, lock: &DataDirLock) -> Result<(Child, ChildStdin), Error> {
    let start = || -> std::io::Result<(Child, ChildStdin)> {
        let arguments: [OsString; 5] =
            ["-c".into(), SCRIPT.into(), "devstack-guard".into(), postgres_dir.into(), kafka_dir.into()];
        let mut child = Command::new("/bin/sh")
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .current_dir("/")
            .process_group(0) // Ctrl-C is for the program alone
            .stdin(Stdio::piped())
            .stdout(lock.share()?) // never written to: keeps the data directory locked until the guard is done
            .stderr(Stdio::null())
            .spawn()?;
        let pipe = child.stdin.take().expect("its standard input was just piped");
        Ok((child, pipe))
    };
    start().while_doing("post a guard (/bin/sh) for", kafka_dir)
}
