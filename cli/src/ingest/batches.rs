//! Records packed for sending, made on a thread of their own: reading, unpacking and packing are work for a processor.

use std::io::{self, Write};
use std::path::Path;

use bytes::Bytes;
use futures::Stream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::records::{self, Place, RawBytes, Records, Unreadable};
use crate::client::Encoding;

/// Half of what the API takes: a request stays short, so answers and progress come often.
const EVENTS_MAX: usize = 5_000;
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// Batches ready and waiting to be sent.
const WAITING_MAX: usize = 2;

/// Some records in a row.
#[derive(Debug)]
pub(super) struct Batch {
    /// NDJSON.
    pub(super) plain: Bytes,
    /// The same, encoded as asked.
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
pub(super) fn read(path: &Path, place: Place, encoding: Encoding) -> io::Result<(impl Stream<Item = Batch> + use<>, Reading)> {
    let raw = RawBytes::default();
    let input = records::open(path, raw.clone())?;
    let (sender, mut receiver) = mpsc::channel(WAITING_MAX);
    let reading = tokio::task::spawn_blocking(move || {
        let mut records = Records::of(input)?;
        records.skip_to(place)?;
        while let Some(batch) = next_batch(&mut records, encoding, &raw)? {
            if sender.blocking_send(batch).is_err() {
                return Ok(End::OfInterest);
            }
        }
        Ok(End::OfFile)
    });
    Ok((futures::stream::poll_fn(move |context| receiver.poll_recv(context)), reading))
}

fn next_batch(records: &mut Records, encoding: Encoding, raw: &RawBytes) -> io::Result<Option<Batch>> {
    let mut plain = Vec::new();
    let (mut lines, mut unreadable, mut end) = (Vec::new(), Vec::new(), None);
    while lines.len() < EVENTS_MAX && unreadable.len() < EVENTS_MAX && plain.len() < BYTES_MAX - records::EVENT_BYTES_MAX {
        let Some(record) = records.next(&mut plain)? else { break };
        match record.readable {
            Ok(()) => {
                lines.push((record.line, plain.len()));
                plain.push(b'\n');
            }
            Err(reason) => unreadable.push((record.line, reason)),
        }
        end = Some(record.end);
    }
    let Some(end) = end else { return Ok(None) };
    let plain = Bytes::from(plain);
    let wire = match encoding {
        Encoding::Plain => plain.clone(),
        Encoding::Gzip => packed(&plain)?,
    };
    Ok(Some(Batch { plain, wire, lines, unreadable, end, raw_bytes: raw.get() }))
}

fn packed(plain: &[u8]) -> io::Result<Bytes> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::with_capacity(plain.len() / 4), flate2::Compression::fast());
    encoder.write_all(plain)?;
    encoder.finish().map(Bytes::from)
}
