//! Records packed for sending, made on a thread of their own: reading, unpacking and packing are work for a processor.

use std::io::{self, Write};
use std::path::Path;

use bytes::Bytes;
use futures::Stream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Named;
use super::keys::Keys;
use super::kind::Kind;
use super::records::{self, Place, RawBytes, Records, Unreadable};
use crate::client::Encoding;

/// Half of what the API takes: a request stays short, so answers and progress come often.
const INTERACTIONS_MAX: usize = 5_000;
/// Fewer, for those of one aggregate are carried out one after the other.
const COMMANDS_MAX: usize = 1_000;
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// Batches ready and waiting to be sent.
const WAITING_MAX: usize = 2;

/// Some records in a row.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) kind: Kind,
    /// NDJSON.
    pub(super) plain: Bytes,
    /// The same, commands with their keys, encoded as asked.
    pub(super) wire: Bytes,
    /// Of each event, the line that it starts on and its end in `plain`.
    pub(super) lines: Vec<(u64, usize)>,
    /// Records that could not be sent, by line.
    pub(super) unreadable: Vec<(u64, Unreadable)>,
    pub(super) end: Place,
    /// How much of the file itself was read by then.
    pub(super) raw_bytes: u64,
}

impl Batch {
    /// The JSON of an event.
    pub(super) fn event(&self, index: usize) -> Option<&[u8]> {
        let end = self.lines.get(index)?.1;
        let start = if index == 0 { 0 } else { self.lines[index - 1].1 + 1 };
        self.plain.get(start..end)
    }
}

/// Why the reading ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    OfFile,
    /// Nobody takes batches any more.
    OfInterest,
}

type Reading = JoinHandle<io::Result<End>>;

/// The batches of a file from `place` on.
pub(super) fn read(
    path: &Path,
    named: &Named,
    place: Place,
    encoding: Encoding,
) -> io::Result<(impl Stream<Item = Batch> + use<>, Reading)> {
    let named = named.clone();
    let raw = RawBytes::default();
    let input = records::open(path, raw.clone())?;
    let (sender, mut receiver) = mpsc::channel(WAITING_MAX);
    let reading = tokio::task::spawn_blocking(move || {
        let mut records = Records::of(input, &named)?;
        let mut keys = Keys::default();
        let kind = records.kind();
        records.skip_to(place, |json| {
            if kind == Kind::Commands {
                keys.next(json);
            }
        })?;
        while let Some(batch) = next_batch(&mut records, &mut keys, encoding, &raw)? {
            if sender.blocking_send(batch).is_err() {
                return Ok(End::OfInterest);
            }
        }
        Ok(End::OfFile)
    });
    Ok((futures::stream::poll_fn(move |context| receiver.poll_recv(context)), reading))
}

fn next_batch(records: &mut Records, keys: &mut Keys, encoding: Encoding, raw: &RawBytes) -> io::Result<Option<Batch>> {
    let kind = records.kind();
    let count_max = match kind {
        Kind::Interactions => INTERACTIONS_MAX,
        Kind::Commands => COMMANDS_MAX,
    };
    let (mut plain, mut keyed) = (Vec::new(), Vec::new());
    let (mut lines, mut unreadable, mut end) = (Vec::new(), Vec::new(), None);
    while lines.len() < count_max && unreadable.len() < count_max && plain.len() < BYTES_MAX - records::EVENT_BYTES_MAX {
        let start = plain.len();
        let Some(record) = records.next(&mut plain)? else { break };
        match record.readable {
            Ok(()) => {
                if kind == Kind::Commands {
                    keys.write(&plain[start..], &mut keyed);
                    keyed.push(b'\n');
                }
                lines.push((record.line, plain.len()));
                plain.push(b'\n');
            }
            Err(reason) => unreadable.push((record.line, reason)),
        }
        end = Some(record.end);
    }
    let Some(end) = end else { return Ok(None) };
    let plain = Bytes::from(plain);
    let sent = if kind == Kind::Commands { Bytes::from(keyed) } else { plain.clone() };
    let wire = match encoding {
        Encoding::Plain => sent,
        Encoding::Gzip => packed(&sent)?,
    };
    Ok(Some(Batch { kind, plain, wire, lines, unreadable, end, raw_bytes: raw.get() }))
}

fn packed(plain: &[u8]) -> io::Result<Bytes> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::with_capacity(plain.len() / 4), flate2::Compression::fast());
    encoder.write_all(plain)?;
    encoder.finish().map(Bytes::from)
}
