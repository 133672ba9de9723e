//! What can go wrong, and what the person at the terminal can do about it.

use std::path::{Path, PathBuf};

/// Why the servers could not be started, kept or stopped. Each text says what failed and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "{} is in use by another program{}: stop that one, or choose another data directory",
        dir.display(),
        pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    InUse { dir: PathBuf, pid: Option<u32> },

    #[error("Could not {doing} {}: check the disk and who owns it", path.display())]
    Io {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },

    #[error("{} cannot be read: restore it, or remove the whole data directory to start anew", path.display())]
    Damaged {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },

    #[error("Maven is not installed; on Debian or Ubuntu: apt-get install maven")]
    MavenMissing,

    #[error("Java is not installed; on Debian or Ubuntu: apt-get install openjdk-17-jre-headless")]
    JavaMissing,

    #[error("Kafka needs Java 17 or newer and `{java}` is Java {found}: install one, or set JAVA_HOME to it")]
    JavaTooOld { java: String, found: u32 },

    #[error("Maven could not fetch PostgreSQL and Kafka from Maven Central: check the network, then try again\n{output}")]
    Fetch { output: String },

    #[error("{} does not hold PostgreSQL as expected: remove {} and try again", archive.display(), cache.display())]
    Unpack {
        archive: PathBuf,
        cache: PathBuf,
        #[source]
        source: std::io::Error,
    },

    #[error("PostgreSQL is not published for {arch} at Maven Central: set DATABASE_URL and KAFKA_BROKERS instead")]
    UnsupportedMachine { arch: &'static str },

    #[error("PostgreSQL does not run as root and there is no user `nobody` to run it as: start as another user")]
    NoUnprivilegedUser,

    #[error("{} belongs to another user (uid {owner}): start as that user, or choose another data directory", dir.display())]
    WrongOwner { dir: PathBuf, owner: u32 },

    #[error("PostgreSQL's user (uid {uid}) cannot enter {}: chmod a+x it and the directories above it", dir.display())]
    Closed { dir: PathBuf, uid: u32 },

    #[error("The database in {} is gone; restore it, or remove the whole of {} to start anew", dir.display(), data_dir.display())]
    Lost { dir: PathBuf, data_dir: PathBuf },

    #[error("No directory that user `nobody` can enter could be made ({tried}): choose a data directory elsewhere")]
    NoSharedPlace { tried: String },

    #[error("{tool} failed\n{output}")]
    Tool { tool: &'static str, output: String },

    #[error("{server} ended as it started ({status}); the end of {}:\n{tail}", log.display())]
    Died { server: &'static str, status: String, log: PathBuf, tail: String },

    #[error("{server} is not up and has said nothing for {silence_s} s; the end of {}:\n{tail}", log.display())]
    NotReady { server: &'static str, silence_s: u64, log: PathBuf, tail: String },

    #[error("No free port between {from} and {below} on 127.0.0.1: close some programs and try again")]
    NoFreePort { from: u16, below: u16 },

    #[error("The thread that keeps the servers has ended; its last words are on standard error")]
    KeeperGone,
}

impl Error {
    /// Another program took one of the server's ports between our look and its bind.
    pub(crate) fn is_port_taken(&self) -> bool {
        matches!(self, Error::Died { tail, .. } if tail.contains("Address already in use"))
    }
}

/// Names the path and the deed in an I/O error.
pub(crate) trait While<T> {
    fn while_doing(self, doing: &'static str, path: &Path) -> Result<T, Error>;
}

impl<T> While<T> for std::io::Result<T> {
    fn while_doing(self, doing: &'static str, path: &Path) -> Result<T, Error> {
        self.map_err(|source| Error::Io { doing, path: path.to_path_buf(), source })
    }
}
