//! One program at a time on a data directory.
//!
//! The lock is `flock` on a file in it. The guard (see [`crate::guard`]) holds the same open file, so the directory stays
//! locked until the guard has ended the servers of a program that died; a next start waits for that, but does not wait for
//! a program that is alive.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::{Error, While};
use crate::process;

/// How long the guard of a dead program may take to end its servers.
const GUARD_LIMIT: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub(crate) struct DataDirLock(File);

impl DataDirLock {
    pub(crate) async fn take(dir: &Path) -> Result<Self, Error> {
        let path = dir.join("devstack.lock");
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).while_doing("open", &path)?;
        let since = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(source)) => return Err(source).while_doing("lock", &path),
                Err(TryLockError::WouldBlock) => {}
            }
            let holder = read_holder(&mut file);
            let alive = holder.is_some_and(|(pid, started)| process::start_time(pid) == Some(started));
            if alive || since.elapsed() > GUARD_LIMIT {
                return Err(Error::InUse { dir: dir.to_path_buf(), pid: holder.map(|(pid, _)| pid) });
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let pid = std::process::id();
        let started = process::start_time(pid).unwrap_or_default();
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| write!(file, "{pid} {started}"))
            .while_doing("write", &path)?;
        Ok(Self(file))
    }

    /// The same lock, for the guard to hold on to.
    pub(crate) fn share(&self) -> std::io::Result<File> {
        self.0.try_clone()
    }
}

impl Drop for DataDirLock {
    fn drop(&mut self) {
        // Tells a next start that it waits for the guard only. Failing to costs that start a wrong "in use", no more.
        let _ = self.0.set_len(0);
    }
}

fn read_holder(file: &mut File) -> Option<(u32, u64)> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    let (pid, started) = text.split_once(' ')?;
    Some((pid.parse().ok()?, started.parse().ok()?))
}
