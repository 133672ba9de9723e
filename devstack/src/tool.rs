//! Programs that are run to their end: Maven, `java -version`, `initdb`, `StorageTool`.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::error::Error;
use crate::logs::last_lines;

/// Fetching over a slow line is the longest of them.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// Runs `command` with `input` and gives what it printed, or its last words where it fails.
pub(crate) async fn run(tool: &'static str, mut command: Command, input: &str) -> Result<String, Error> {
    let failed = |output: String| Error::Tool { tool, output };
    command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| failed(format!("it cannot be run: {error}")))?;
    let mut group = Group(child.id());
    let mut pipe = child.stdin.take().expect("its standard input was just piped");
    // A tool that ends without reading its input says itself what is wrong.
    let _ = pipe.write_all(input.as_bytes()).await;
    drop(pipe);
    let output = match tokio::time::timeout(LIMIT, child.wait_with_output()).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => return Err(failed(error.to_string())),
        Err(_) => {
            return Err(failed(format!("it took more than {} minutes", LIMIT.as_secs() / 60)));
        }
    };
    group.0 = None; // ended by itself
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(text) } else { Err(failed(last_lines(&text))) }
}

/// A tool and what it started (Maven is a script that runs Java, initdb runs Postgres): given up, all of it is killed.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0.and_then(|pid| i32::try_from(pid).ok()) {
            // Gone by itself just now: as wanted.
            let _ = killpg(Pid::from_raw(leader), Signal::SIGKILL);
        }
    }
}

/// The program `name` on the PATH.
pub(crate) fn find(name: impl AsRef<OsStr>) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(name.as_ref()))
        .find(|candidate| candidate.is_absolute() && candidate.is_file())
}
