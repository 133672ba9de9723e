//! `FILE.rejected.ndjson`: what was refused, with the line it stood on and why, ready to be mended and sent again.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::value::RawValue;

use super::batches::Batch;
use super::beside;
use super::kind::Kind;
use crate::client::{BatchAnswer, Status};

#[derive(Debug)]
pub(super) struct RejectedLines {
    path: PathBuf,
    file: Option<File>,
    bytes: u64,
    /// Of this run, for people to see at once.
    first: Vec<String>,
}

const SHOWN_MAX: usize = 5;

#[derive(Serialize)]
struct Rejected<'a> {
    line: u64,
    status: Status,
    code: Option<&'a str>,
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a RawValue>,
    /// The line as it was, where it is no JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

/// A record of the other kind is refused by the API, but for a field; this is the reason behind it.
fn mixed(kind: Kind) -> &'static str {
    match kind {
        Kind::Interactions => "is a command, in a file that begins with an interaction; put it into a file of its own",
        Kind::Commands => "is an interaction, in a file that begins with a command; put it into a file of its own",
    }
}

impl Rejected<'_> {
    fn in_words(&self) -> String {
        let code = self.code.unwrap_or("rejected");
        let place = self.field.filter(|field| !field.is_empty()).map(|field| format!(" (at {field})")).unwrap_or_default();
        format!("line {}: {code}: {}{place}", self.line, self.detail.unwrap_or_default())
    }
}

impl RejectedLines {
    /// Keeps the first `bytes` of what an interrupted run wrote. Without any, the file is made when it is needed.
    pub(super) fn open(source: &Path, dir: Option<&Path>, bytes: u64) -> Result<Self> {
        let mut lines = Self { path: beside(source, dir, ".rejected.ndjson"), file: None, bytes, first: Vec::new() };
        if bytes > 0 {
            lines.file().and_then(|file| file.set_len(bytes)).with_context(|| lines.failed())?;
        } else if let Err(error) = std::fs::remove_file(&lines.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error).with_context(|| lines.failed());
        }
        Ok(lines)
    }

    /// What of this batch was refused, in the order of its lines.
    pub(super) fn write(&mut self, batch: &Batch, answer: &BatchAnswer) -> Result<()> {
        let mut rejected: Vec<Rejected<'_>> = batch
            .unreadable
            .iter()
            .map(|(line, reason)| Rejected {
                line: *line,
                status: Status::Rejected,
                code: Some(reason.code),
                detail: Some(&reason.detail),
                field: None,
                event: None,
                text: None,
            })
            .collect();
        for result in answer.refused() {
            let json = batch.event(result.index).context("the API answered for an event that it was not sent")?;
            let event = serde_json::from_slice(json).ok();
            let is_other = Kind::of(json).is_some_and(|kind| kind != batch.kind);
            rejected.push(Rejected {
                line: batch.lines[result.index].0,
                status: result.status,
                code: if is_other { Some("mixed_file") } else { result.code.as_deref() },
                detail: if is_other { Some(mixed(batch.kind)) } else { result.detail.as_deref() },
                field: result.field.as_deref().filter(|_| !is_other),
                text: event.is_none().then(|| String::from_utf8_lossy(json).into_owned()),
                event,
            });
        }
        if rejected.is_empty() {
            return Ok(());
        }
        rejected.sort_by_key(|rejected| rejected.line);
        let shown = rejected.iter().take(SHOWN_MAX - self.first.len()).map(Rejected::in_words).collect::<Vec<_>>();
        let mut text = Vec::new();
        for line in &rejected {
            serde_json::to_writer(&mut text, line).expect("writing to memory cannot fail");
            text.push(b'\n');
        }
        self.file().and_then(|file| file.write_all(&text)).with_context(|| self.failed())?;
        self.bytes += text.len() as u64;
        self.first.extend(shown);
        Ok(())
    }

    pub(super) fn into_first(self) -> Vec<String> {
        self.first
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Where the lines are, if there are any.
    pub(super) fn path(&self) -> Option<PathBuf> {
        (self.bytes > 0).then(|| self.path.clone())
    }

    fn file(&mut self) -> io::Result<&mut File> {
        match &mut self.file {
            Some(file) => Ok(file),
            none => Ok(none.insert(OpenOptions::new().create(true).append(true).open(&self.path)?)),
        }
    }

    fn failed(&self) -> String {
        format!("cannot write {}", self.path.display())
    }
}
