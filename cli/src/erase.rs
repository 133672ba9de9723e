//! `erase` and `subject`: forgetting a person, and what is held of them, through the API by an admin's key.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, bail, ensure};
use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::client::ApiArguments;

#[derive(Debug, Args)]
pub(crate) struct EraseArguments {
    /// The person, by the id that clients send; `-` reads it from standard input, so that no list of processes shows it
    user_id: String,
    /// Do not ask whether it is meant
    #[arg(long)]
    yes: bool,
    /// What an earlier call, whose answer was lost, was given or named: its answer again
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Where to write the signed certificate
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArguments,
}

#[derive(Debug, Args)]
pub(crate) struct SubjectArguments {
    #[command(subcommand)]
    command: SubjectCommand,
}

#[derive(Debug, Subcommand)]
enum SubjectCommand {
    /// Write everything that is held of a person, with what is personal opened; the audit log notes it
    Export {
        /// The person, by the id that clients send; `-` reads it from standard input
        user_id: String,
        /// Where to write; without it, standard output
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        #[command(flatten)]
        api: ApiArguments,
    },
}

#[derive(Debug, Deserialize)]
struct Erased {
    subject: Uuid,
    erased_at: String,
    event: String,
    events: Option<u64>,
    certificate: Option<String>,
}

pub(crate) async fn run(arguments: EraseArguments) -> anyhow::Result<()> {
    let client = arguments.api.client("admin")?;
    let user = named(&arguments.user_id)?;
    if !arguments.yes {
        confirm()?;
    }
    let key = arguments.idempotency_key.unwrap_or_else(|| Uuid::now_v7().to_string());
    let path = ["v1", "subjects", user.as_str(), "erase"];
    let answer = client.post_keyed(&path, &key).await.map_err(|error| match error.code() {
        Some("subject_unknown" | "idempotency_key_reused") => anyhow::Error::from(error).context("nobody was erased"),
        _ => anyhow::Error::from(error).context(format!(
            "whether they are erased is not known: ask again with --idempotency-key {key} and the same person"
        )),
    })?;
    let erased: Erased = serde_json::from_slice(&answer).context("the answer is not of the expected form")?;
    if arguments.json {
        let answer: Value = serde_json::from_slice(&answer)?;
        println!("{answer}");
    } else {
        println!("Erased at {}. What they were known by, {}, is nobody's.", erased.erased_at, erased.subject);
        match erased.events {
            Some(1) => println!("1 event remains that names it. Event {} says so.", erased.event),
            Some(events) => println!("{events} events remain that name it. Event {} says so.", erased.event),
            None => println!("Event {} says so.", erased.event),
        }
    }
    // After it was said that they are erased: that holds whatever becomes of the certificate.
    let Some(path) = &arguments.output else { return Ok(()) };
    let certificate =
        erased.certificate.context("they are erased, but this server signs nothing: there is no certificate to write")?;
    std::fs::write(path, certificate).with_context(|| {
        format!(
            "they are erased, but {} cannot be written: the same person with --idempotency-key {key} gives the certificate again",
            path.display()
        )
    })
}

pub(crate) async fn subject(arguments: SubjectArguments) -> anyhow::Result<()> {
    let SubjectCommand::Export { user_id, output, api } = arguments.command;
    let client = api.client("admin")?;
    let path = ["v1", "subjects", named(&user_id)?.as_str()].map(str::to_owned);
    let held = client.bytes(&path, &[], "application/json").await.context("it could not be read")?;
    // What breaks off is no JSON.
    serde_json::from_slice::<serde::de::IgnoredAny>(&held).context("the answer is not whole")?;
    match output {
        Some(path) => std::fs::write(&path, &held).with_context(|| format!("cannot write {}", path.display())),
        None => Ok(std::io::stdout().write_all(&held)?),
    }
}

fn named(user_id: &str) -> anyhow::Result<String> {
    if user_id != "-" {
        return Ok(user_id.to_owned());
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("cannot read the id from standard input")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn confirm() -> anyhow::Result<()> {
    ensure!(std::io::stdin().is_terminal(), "nobody can be asked whether it is meant: give --yes");
    eprint!("What is personal of them will never open again. Erase them? [yes/no] ");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if answer.trim() == "yes" { Ok(()) } else { bail!("nobody was erased") }
}
