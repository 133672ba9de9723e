//! Processes as `/proc` shows them: who still runs on a data directory, and making them stop.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The programs that devstack starts on a data directory.
const PROGRAMS: [&str; 3] = ["postgres", "initdb", "java"];

/// How long a process killed by `SIGKILL` may take to be gone.
const GONE_LIMIT: Duration = Duration::from_secs(10);

/// When the process started, in clock ticks since boot: with the pid it names one process for the life of the machine.
pub(crate) fn start_time(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(") ")?;
    let mut fields = after_name.split(' ');
    let state = fields.next()?;
    if state == "Z" || state == "X" {
        return None; // dead, and only not yet reaped
    }
    fields.nth(18)?.parse().ok() // field 22 of the line; the state is field 3
}

pub(crate) fn signal(pid: u32, signal: Signal) {
    if let Ok(pid) = i32::try_from(pid) {
        // It may have ended by itself just now: that is what was wanted.
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

/// Servers (and their tools) of ours that still run with one of `places` in an argument. Only to be trusted while the
/// data directory's lock is held: then no other program can own them.
pub(crate) fn servers_on(places: &[PathBuf]) -> Vec<u32> {
    all_pids()
        .filter(|pid| {
            let arguments = arguments(*pid);
            is_our_program(&arguments) && arguments.iter().skip(1).any(|argument| names(argument, places))
        })
        .collect()
}

/// Postgres backends that outlived their postmaster: they work in its directory, whatever their title says.
pub(crate) fn working_in(dir: &Path) -> Vec<u32> {
    all_pids()
        .filter(|pid| std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == dir))
        .filter(|pid| arguments(*pid).first().is_some_and(|title| title.contains("postgres")))
        .collect()
}

/// Whether `pid` is the very process that was recorded, and one of our programs.
pub(crate) fn is_recorded(pid: u32, started: u64) -> bool {
    start_time(pid) == Some(started) && is_our_program(&arguments(pid))
}

/// Asks with `first`, insists with `SIGKILL` after `patience`, and returns when all are gone (or cannot be killed).
pub(crate) fn end_all(pids: &[u32], first: Signal, patience: Duration) {
    let ends = |limit| {
        let since = Instant::now();
        while since.elapsed() < limit {
            if pids.iter().all(|pid| start_time(*pid).is_none()) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    };
    for pid in pids {
        signal(*pid, first);
    }
    if !ends(patience) {
        for pid in pids {
            signal(*pid, Signal::SIGKILL);
        }
        ends(GONE_LIMIT);
    }
}

fn all_pids() -> impl Iterator<Item = u32> {
    std::fs::read_dir("/proc").into_iter().flatten().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

fn arguments(pid: u32) -> Vec<String> {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    bytes.split(|byte| *byte == 0).map(|argument| String::from_utf8_lossy(argument).into_owned()).collect()
}

fn is_our_program(arguments: &[String]) -> bool {
    let program = arguments.first().map(Path::new).and_then(Path::file_name);
    PROGRAMS.iter().any(|name| program.is_some_and(|program| program == *name))
}

/// `/data/postgres` and what is made for it beside it (`/data/postgres.new`) or beneath it, but not `/data/postgres2`.
fn names(argument: &str, places: &[PathBuf]) -> bool {
    places.iter().filter_map(|place| place.to_str()).any(|place| {
        argument.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || rest == ".new")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_a_start_time_and_no_process_has_none() {
        assert!(start_time(std::process::id()).is_some());
        assert_eq!(start_time(u32::MAX), None);
    }

    #[test]
    fn a_neighbouring_directory_is_not_ours() {
        let places = [PathBuf::from("/data/postgres")];
        assert!(names("/data/postgres", &places));
        assert!(names("/data/postgres.new", &places));
        assert!(names("/data/postgres/base", &places));
        assert!(!names("/data/postgres2", &places));
        assert!(!names("/other/data/postgres", &places));
    }
}
