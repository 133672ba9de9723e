//! The records of a file, one at a time, each as one line of JSON: NDJSON as it is, CSV by its header.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;
use serde::{Deserialize, Serialize};

use super::kind::Kind;
use super::{Named, is_stdin};

mod rows;
use rows::Rows;

/// The API's limit for one event. A longer one is refused here, so that no line can fill the memory.
pub(super) const EVENT_BYTES_MAX: usize = 32 * 1024;
const BUFFER_BYTES: usize = 256 * 1024;
/// Records that are looked at for what a file holds: the first may be broken. Where none says it, they are interactions.
const TELLING_MAX: usize = 100;

/// A place between two records, in the file as it is after unpacking.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) bytes: u64,
    /// The last line before it, from 1; 0 at the start.
    pub(crate) line: u64,
}

/// Why a record cannot even be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unreadable {
    pub(super) code: &'static str,
    pub(super) detail: String,
}

#[derive(Debug)]
pub(super) struct Record {
    /// Where it starts, from 1.
    pub(super) line: u64,
    pub(super) end: Place,
    /// If it can be sent, its JSON was put into the buffer.
    pub(super) readable: Result<(), Unreadable>,
}

/// Bytes taken from the file itself, packed as they are; for the progress bar.
#[derive(Debug, Clone, Default)]
pub(super) struct RawBytes(Arc<AtomicU64>);

impl RawBytes {
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

struct Counting<R> {
    inner: R,
    count: RawBytes,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count.0.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

type Input = Box<dyn BufRead + Send>;

/// The unpacked content of a file, gzipped or not, without a byte order mark.
pub(super) fn open(path: &Path, count: RawBytes) -> io::Result<Input> {
    let source: Box<dyn Read + Send> = if is_stdin(path) { Box::new(io::stdin()) } else { Box::new(File::open(path)?) };
    unpacked(Counting { inner: source, count })
}

fn unpacked(source: impl Read + Send + 'static) -> io::Result<Input> {
    let mut input = BufReader::with_capacity(BUFFER_BYTES, source);
    let mut input: Input = match input.fill_buf()? {
        [0x1f, 0x8b, ..] => Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(input))),
        _ => Box::new(input),
    };
    if input.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
        input.consume(3);
    }
    Ok(input)
}

pub(super) enum Records {
    Lines(Box<Lines>),
    Rows(Box<Rows>),
}

impl Records {
    /// Tells NDJSON from CSV by its first character, and what it holds by its header or first record.
    pub(super) fn of(mut input: Input, named: &Named) -> io::Result<Self> {
        match input.fill_buf()?.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'[') => Err(invalid("it holds a JSON array; one object a line (NDJSON) is needed")),
            Some(b'{') | None if named.is_given() => {
                Err(invalid("--collection and --command are for CSV; a line of NDJSON names its own"))
            }
            Some(b'{') | None => Ok(Self::Lines(Box::new(Lines::of(input)?))),
            Some(_) => Ok(Self::Rows(Box::new(Rows::of(input, named)?))),
        }
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Lines(lines) => lines.kind,
            Self::Rows(rows) => rows.kind(),
        }
    }

    /// Puts the next record's JSON behind what is in `json`, without a line's end.
    pub(super) fn next(&mut self, json: &mut Vec<u8>) -> io::Result<Option<Record>> {
        match self {
            Self::Lines(lines) => lines.next(json),
            Self::Rows(rows) => rows.next(json),
        }
    }

    /// Passes over everything before `place`, and shows each record's JSON.
    pub(super) fn skip_to(&mut self, place: Place, mut passed: impl FnMut(&[u8])) -> io::Result<()> {
        let mut json = Vec::new();
        let mut at = Place::default();
        while at.bytes < place.bytes {
            json.clear();
            match self.next(&mut json)? {
                Some(record) => at = record.end,
                None => break,
            }
            passed(&json);
        }
        Ok(())
    }
}

fn invalid(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.into())
}

pub(super) struct Lines {
    input: Input,
    place: Place,
    kind: Kind,
    /// Read already, to know the kind.
    first: VecDeque<(Vec<u8>, Record)>,
}

impl Lines {
    fn of(input: Input) -> io::Result<Self> {
        let mut lines = Self { input, place: Place::default(), kind: Kind::Interactions, first: VecDeque::new() };
        while lines.first.len() < TELLING_MAX {
            let mut json = Vec::new();
            let Some(record) = lines.read(&mut json)? else { break };
            let kind = Kind::of(&json);
            lines.first.push_back((json, record));
            if let Some(kind) = kind {
                lines.kind = kind;
                break;
            }
        }
        Ok(lines)
    }

    fn next(&mut self, json: &mut Vec<u8>) -> io::Result<Option<Record>> {
        match self.first.pop_front() {
            Some((first, record)) => {
                json.extend_from_slice(&first);
                Ok(Some(record))
            }
            None => self.read(json),
        }
    }

    fn read(&mut self, json: &mut Vec<u8>) -> io::Result<Option<Record>> {
        loop {
            let start = json.len();
            let read = (&mut self.input).take(EVENT_BYTES_MAX as u64 + 2).read_until(b'\n', json)?;
            if read == 0 {
                return Ok(None);
            }
            self.place.line += 1;
            self.place.bytes += read as u64;
            let ended = json.last() == Some(&b'\n');
            let blanks = json[start..].iter().rev().take_while(|byte| byte.is_ascii_whitespace()).count();
            json.truncate(json.len() - blanks);
            let (line, length) = (self.place.line, json.len() - start);
            let mut readable = Ok(());
            if length > EVENT_BYTES_MAX {
                json.truncate(start);
                readable = Err(too_large());
            }
            if !ended {
                self.place.bytes += skip_line(&mut self.input)?;
            }
            if length > 0 {
                return Ok(Some(Record { line, end: self.place, readable }));
            }
        }
    }
}

fn too_large() -> Unreadable {
    Unreadable { code: "event_too_large", detail: format!("the event is larger than {EVENT_BYTES_MAX} bytes") }
}

/// Passes over the rest of a line without keeping it.
fn skip_line(input: &mut Input) -> io::Result<u64> {
    let mut skipped = 0;
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(skipped);
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(buffer.len(), |end| end + 1);
        input.consume(taken);
        skipped += taken as u64;
        if end.is_some() {
            return Ok(skipped);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use super::*;

    pub(super) fn all(bytes: impl Into<Vec<u8>>) -> Vec<(u64, Result<String, &'static str>)> {
        all_named(bytes, &Named::default())
    }

    pub(super) fn all_named(bytes: impl Into<Vec<u8>>, named: &Named) -> Vec<(u64, Result<String, &'static str>)> {
        let mut records = Records::of(unpacked(Cursor::new(bytes.into())).expect("opened"), named).expect("known form");
        let mut found = Vec::new();
        let mut json = Vec::new();
        while let Some(record) = records.next(&mut json).expect("read") {
            let text = String::from_utf8(std::mem::take(&mut json)).expect("UTF-8");
            found.push((record.line, record.readable.map(|()| text).map_err(|unreadable| unreadable.code)));
        }
        found
    }

    fn ok(line: u64, text: &str) -> (u64, Result<String, &'static str>) {
        (line, Ok(text.to_owned()))
    }

    #[test]
    fn ndjson_lines_are_taken_as_they_are_and_blank_ones_passed_over() {
        assert_eq!(all("{\"a\":1}\n\n  \r\n{\"b\": 2}\r\n{}"), [ok(1, "{\"a\":1}"), ok(4, "{\"b\": 2}"), ok(5, "{}")]);
        assert_eq!(all(""), []);
        assert_eq!(all("\u{feff}{}\n"), [ok(1, "{}")]);
    }

    #[test]
    fn gzip_is_seen_by_its_first_bytes_and_may_have_several_members() {
        let packed = |text: &str| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(text.as_bytes()).expect("in memory");
            encoder.finish().expect("in memory")
        };
        assert_eq!(all([packed("{\"a\":1}\n"), packed("{\"b\":2}\n")].concat()), [ok(1, "{\"a\":1}"), ok(2, "{\"b\":2}")]);
    }

    #[test]
    fn a_line_too_long_is_refused_alone() {
        let exact = format!("{{{}}}", " ".repeat(EVENT_BYTES_MAX - 2));
        let long = "{".repeat(EVENT_BYTES_MAX * 3);
        let found = all(format!("{exact}\n{long}\n{{}}\n"));
        assert_eq!(found[0].1.as_ref().expect("sent").len(), EVENT_BYTES_MAX);
        assert_eq!(found[1..], [(2, Err("event_too_large")), ok(3, "{}")]);
    }

    #[test]
    fn reading_goes_on_where_it_stopped() {
        for text in [
            "{\"a\":1}\n\n{\"a\":2}\n{\"a\":3}\n",
            "id,capsule_id,kind,feature\n1,c,view,\"two\nlines\"\n2,c,view,\n3,c,view,\n",
        ] {
            let records = || Records::of(unpacked(Cursor::new(text)).expect("opened"), &Named::default()).expect("known form");
            let (mut first, mut json) = (records(), Vec::new());
            let place = first.next(&mut json).expect("read").expect("a record").end;
            let mut second = records();
            let mut passed = 0;
            second.skip_to(place, |_| passed += 1).expect("skipped");
            assert_eq!(passed, 1);
            let (mut rest, mut resumed) = (Vec::new(), Vec::new());
            while let Some(record) = first.next(&mut rest).expect("read") {
                let other = second.next(&mut resumed).expect("read").expect("the same record");
                assert_eq!((record.line, record.end), (other.line, other.end));
            }
            assert!(second.next(&mut resumed).expect("read").is_none());
            assert!(!rest.is_empty() && rest == resumed);
        }
    }

    #[test]
    fn an_array_is_refused_with_what_to_do() {
        let refusal = |text: &'static str, named: &Named| {
            Records::of(unpacked(Cursor::new(text)).expect("opened"), named).err().expect("refused").to_string()
        };
        assert!(refusal("[{}]", &Named::default()).contains("one object a line"));
        let named = Named { collection: Some("deals".to_owned()), command: None };
        assert!(refusal("{}", &named).contains("are for CSV"));
    }

    #[test]
    fn what_a_file_holds_is_told_by_its_first_record_that_says_so() {
        let kind =
            |text: String| Records::of(unpacked(Cursor::new(text)).expect("opened"), &Named::default()).expect("known").kind();
        const WIN: &str = "{\"collection\":\"deals\",\"id\":\"d\",\"command\":\"win\"}\n";
        const VIEW: &str = "{\"id\":\"i\",\"capsule_id\":\"c\",\"kind\":\"view\"}\n";
        assert_eq!(kind(format!("{WIN}{VIEW}")), Kind::Commands);
        assert_eq!(kind(format!("{{broken\n{{}}\n{WIN}")), Kind::Commands);
        assert_eq!(kind(format!("{VIEW}{WIN}")), Kind::Interactions);
        assert_eq!(kind(String::new()), Kind::Interactions);
        assert_eq!(kind("collection,id,command\n".to_owned()), Kind::Commands);
        assert_eq!(kind("id,capsule_id,kind\n".to_owned()), Kind::Interactions);
    }
}
