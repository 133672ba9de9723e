//! PostgreSQL: making its data directory, its settings, how to run it and how to know that it is ready.

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use rand::Rng;
use rand::distr::Alphanumeric;
use tokio::process::Command;
use tracing::warn;

use crate::account::{self, Account};
use crate::error::{Error, While};
use crate::fetch::Programs;
use crate::guard::Ward;
use crate::launch::Program;
use crate::ports;
use crate::process;
use crate::record::{ProcessRecord, RecordFile};
use crate::supervisor::Server;
use crate::tool;

const USER: &str = "postgres";
const DATABASE: &str = "capsule_ledger";
const PASSWORD_LENGTH: usize = 32;

/// Where the data lies and whom the server runs as; settled before anything runs.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) dir: PathBuf,
    pub(crate) account: Account,
}

impl Place {
    pub(crate) fn settle(data_dir: &Path, record: &RecordFile) -> Result<Self, Error> {
        let recorded = record.read().postgres;
        let beside = data_dir.join("postgres");
        let dir = recorded.dir.clone().unwrap_or_else(|| beside.clone());
        if recorded.made && !dir.join("PG_VERSION").exists() {
            return Err(Error::Lost { dir, data_dir: data_dir.to_path_buf() });
        }
        let account = Account::for_postgres(&dir)?;
        let above = dir.parent().unwrap_or(data_dir);
        match account {
            Account::Other { uid, .. } if !account.can_enter(above) => {
                if dir.join("PG_VERSION").exists() {
                    return Err(Error::Closed { dir: above.to_path_buf(), uid });
                }
                Self::elsewhere(data_dir, account, record)
            }
            _ => Ok(Self { dir, account }),
        }
    }

    /// The data directory lies where the server's user cannot enter (beneath `/root`, say).
    fn elsewhere(data_dir: &Path, account: Account, record: &RecordFile) -> Result<Self, Error> {
        let place = account::shared_place()?;
        if !account.can_enter(&place) {
            return Err(Error::NoSharedPlace { tried: place.display().to_string() });
        }
        let name: String = rand::rng().sample_iter(Alphanumeric).take(12).map(char::from).collect();
        let dir = place.join(format!("postgres-{name}"));
        warn!(
            "PostgreSQL does not run as root, and its user cannot enter {}: its data goes to {}",
            data_dir.display(),
            dir.display()
        );
        record.update(|record| record.postgres.dir = Some(dir.clone()))?;
        Ok(Self { dir, account })
    }
}

#[derive(Debug)]
pub(crate) struct Postgres {
    place: Place,
    programs: Programs,
    port: u16,
    password: String,
    record: Arc<RecordFile>,
}

impl Postgres {
    /// Makes the database where there is none.
    pub(crate) async fn open(place: Place, programs: Programs, record: Arc<RecordFile>) -> Result<Self, Error> {
        let known = record.read().postgres;
        let is_made = place.dir.join("PG_VERSION").exists();
        let password = known.password.clone().unwrap_or_else(random_password);
        let port = match known.port.filter(|port| ports::is_free(*port)) {
            Some(port) => port,
            None => ports::choose(1)?[0],
        };
        let postgres = Self { place, programs, port, password, record };
        if !is_made {
            postgres.make().await?;
        } else if known.password.is_none() {
            // The record was lost, but not the data: whoever may read the data may set the password.
            postgres.clear_stale_pid_file()?;
            let reset = format!("ALTER ROLE {USER} PASSWORD '{}'\n", postgres.password);
            postgres.alone(&postgres.place.dir, &reset).await?;
        }
        postgres.record.update(|record| {
            record.postgres.made = true;
            record.postgres.password = Some(postgres.password.clone());
            record.postgres.port = Some(postgres.port);
        })?;
        Ok(postgres)
    }

    pub(crate) fn url(&self) -> String {
        let Self { password, port, .. } = self;
        format!("postgres://{USER}:{password}@127.0.0.1:{port}/{DATABASE}")
    }

    /// In a directory beside the final one, so that what is found there is always whole.
    async fn make(&self) -> Result<(), Error> {
        let dir = &self.place.dir;
        let unfinished = dir.with_extension("new");
        if unfinished.exists() {
            // An initdb that was killed may leave the Postgres at work that it started.
            process::end_all(&process::working_in(&unfinished), Signal::SIGKILL, Duration::ZERO);
            std::fs::remove_dir_all(&unfinished).while_doing("remove", &unfinished)?;
        }
        std::fs::DirBuilder::new().mode(0o700).create(&unfinished).while_doing("make", &unfinished)?;
        self.place.account.give(&unfinished)?;

        let password_file = dir.with_extension("password");
        write_private(&password_file, &self.password).while_doing("write", &password_file)?;
        self.place.account.give(&password_file)?;
        let mut initdb = self.command("initdb");
        initdb
            .args(["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--username", USER])
            .arg("--pwfile")
            .arg(&password_file)
            .arg("--pgdata")
            .arg(&unfinished);
        let made = tool::run("initdb", initdb, "").await;
        std::fs::remove_file(&password_file).while_doing("remove", &password_file)?;
        made?;
        self.alone(&unfinished, &format!("CREATE DATABASE {DATABASE}\n")).await?;
        std::fs::rename(&unfinished, dir).while_doing("rename", &unfinished)
    }

    /// Runs one statement in single-user mode, which needs neither a client nor a password.
    async fn alone(&self, dir: &Path, statement: &str) -> Result<(), Error> {
        let mut command = self.command("postgres");
        command.args(["--single", "-c", "exit_on_error=on", "-D"]).arg(dir).arg("postgres");
        tool::run("postgres --single", command, statement).await.map(drop)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.postgres(program));
        self.place.account.apply(&mut command);
        command.current_dir("/");
        clean_environment(&mut command);
        command
    }

    /// Postgres itself clears away the file of a dead predecessor, unless its pid lives on in another program (after the
    /// machine was started anew, say): then it refuses to start.
    fn clear_stale_pid_file(&self) -> Result<(), Error> {
        let path = self.place.dir.join("postmaster.pid");
        let owner = PidFile::read(&self.place.dir).map(|file| file.pid);
        let still_there = process::servers_on(std::slice::from_ref(&self.place.dir));
        match owner {
            Some(pid) if process::start_time(pid).is_some() && !still_there.contains(&pid) => {
                std::fs::remove_file(&path).while_doing("remove", &path)
            }
            _ => Ok(()),
        }
    }

    fn write_settings(&self) -> Result<(), Error> {
        let path = self.place.dir.join("postgresql.conf");
        std::fs::write(&path, settings(self.port, memory())).while_doing("write", &path)
    }
}

impl Server for Postgres {
    const NAME: &'static str = "PostgreSQL";
    const WARD: Ward = Ward::Postgres;
    /// Fast shutdown (rolls back and disconnects), immediate shutdown (the next start recovers), and the last resort.
    const STOP: &'static [(Signal, Duration)] = &[
        (Signal::SIGINT, Duration::from_secs(60)),
        (Signal::SIGQUIT, Duration::from_secs(10)),
        (Signal::SIGKILL, Duration::from_secs(10)),
    ];

    fn prepare(&self) -> Result<Program, Error> {
        // Backends that outlive a killed postmaster hold its shared memory, and a new one refuses to start beside them.
        process::end_all(&process::working_in(&self.place.dir), Signal::SIGQUIT, Duration::from_secs(2));
        self.clear_stale_pid_file()?;
        self.write_settings()?;
        let mut program = Program::new(&self.programs.postgres("postgres"), self.place.account);
        program.command.arg("-D").arg(&self.place.dir);
        clean_environment(&mut program.command);
        Ok(program)
    }

    async fn is_ready(&self, pid: u32) -> bool {
        // What `pg_ctl --wait` looks at. A knock at the port could be answered by somebody else.
        PidFile::read(&self.place.dir).is_some_and(|file| file.pid == pid && file.is_ready)
    }

    fn choose_other_ports(&mut self) -> Result<(), Error> {
        self.port = ports::choose(1)?[0];
        self.record.update(|record| record.postgres.port = Some(self.port))
    }

    fn record(&self, process: Option<ProcessRecord>) -> Result<(), Error> {
        self.record.update(|record| record.postgres.process = process)
    }
}

/// `postmaster.pid`: the pid is its first line, the state its eighth.
struct PidFile {
    pid: u32,
    is_ready: bool,
}

impl PidFile {
    fn read(dir: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(dir.join("postmaster.pid")).ok()?;
        let mut lines = text.lines();
        Some(Self {
            pid: lines.next()?.trim().parse().ok()?,
            is_ready: lines.nth(6).is_some_and(|state| state.trim() == "ready"),
        })
    }
}

/// Neither the caller's `PGDATA` nor its locale or time zone are the server's.
fn clean_environment(command: &mut Command) {
    command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C");
}

fn random_password() -> String {
    rand::rng().sample_iter(Alphanumeric).take(PASSWORD_LENGTH).map(char::from).collect()
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

/// The whole of `postgresql.conf`; what is not here is PostgreSQL's default.
fn settings(port: u16, memory: u64) -> String {
    // An eighth for its buffers: others live on this machine too. What they do not use, the kernel caches files in.
    let buffers = (memory / 8).clamp(128 << 20, 4 << 30) >> 20;
    format!("port = {port}\nshared_buffers = '{buffers}MB'\neffective_cache_size = '{}MB'\n{SETTINGS}", buffers * 4)
}

/// The memory of this machine, or of the container that this runs in; in bytes.
fn memory() -> u64 {
    let machine = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
    });
    let container = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    machine.into_iter().chain(container).min().unwrap_or(1 << 30)
}

const SETTINGS: &str = include_str!("postgresql.conf");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_an_eighth_of_the_memory_within_limits() {
        let buffers = |memory| settings(1, memory).lines().nth(1).unwrap().to_owned();
        assert_eq!(buffers(16 << 30), "shared_buffers = '2048MB'");
        assert_eq!(buffers(256 << 20), "shared_buffers = '128MB'");
        assert_eq!(buffers(1 << 40), "shared_buffers = '4096MB'");
        assert!(memory() > 256 << 20);
    }
}
