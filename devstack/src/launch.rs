//! Starting a server as a child of ours.

use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

use crate::account::Account;
use crate::error::{Error, While};
use crate::guard::{Guard, Ward};
use crate::logs::Log;

/// What to run. The command line must name the data directory: guard and next start know a server by that.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) command: Command,
    pub(crate) account: Account,
}

impl Program {
    /// A program in its own process group (Ctrl-C in a terminal is for us: we decide the order of stopping).
    pub(crate) fn new(program: &std::path::Path, account: Account) -> Self {
        // A shell that waits for a word before it becomes the server (same pid): the guard knows of it first, and where
        // we die before that word, so does it.
        let mut command = Command::new("/bin/sh");
        command.args(["-c", r#"read -r _ && exec "$@" </dev/null"#, "devstack"]).arg(program).current_dir("/");
        Self { command, account }
    }
}

/// Starts `program` under guard; gives it and its pid.
pub(crate) async fn launch(mut program: Program, ward: Ward, guard: &Guard, log: &Log) -> Result<(Child, u32), Error> {
    let output = log.open()?;
    let errors = output.try_clone().while_doing("write", log.path())?;
    program.account.apply(&mut program.command);
    let mut child = program
        .command
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(output)
        .stderr(errors)
        .spawn()
        .while_doing("run /bin/sh for", log.path())?;
    let pid = child.id().expect("it has not been waited for");
    let mut pipe = child.stdin.take().expect("its standard input was just piped");
    guard.watch(ward, pid).await?;
    // Where the shell is gone already, its end is found by whoever waits for the server to be ready.
    let _ = pipe.write_all(b"go\n").await;
    Ok((child, pid))
}
