//! Reading a request's body, plain or gzip, within limits that hold while it streams: a decompression bomb is stopped
//! at the limit, not after it.

use std::io;

use async_compression::tokio::bufread::GzipDecoder;
use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use futures::{StreamExt as _, TryStreamExt as _};
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::sync::SemaphorePermit;
use tokio_util::io::StreamReader;

use crate::problem::{BODY_TOO_LARGE, INVALID_BODY, INVALID_ENCODING, Problem, TOO_BUSY, UNSUPPORTED_ENCODING};
use crate::state::Api;

/// A client that sends too much hears so only if it can send on meanwhile: so much is read and thrown away for it.
const DRAIN_BYTES_MAX: usize = 64 << 20;
const DRAIN_TIME_MAX: Duration = Duration::from_secs(5);
const TURN_WAIT_MAX: Duration = Duration::from_secs(5);

/// A body, and its share of all the memory that bodies may take.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    pub(crate) bytes: Bytes,
    _share: SemaphorePermit<'a>,
}

/// Reads a body of at most `bytes_max` bytes, decompressed.
pub(crate) async fn read<'a>(api: &'a Api, headers: &HeaderMap, body: Body, bytes_max: usize) -> Result<Held<'a>, Problem> {
    let encoding = Encoding::of(headers)?;
    let share = share(api, headers, encoding, bytes_max).await?;
    let bytes = match encoding {
        Encoding::Identity => plain(headers, body, bytes_max).await?,
        Encoding::Gzip => gunzip(body, bytes_max).await?,
    };
    Ok(Held { bytes, _share: share })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Identity,
    Gzip,
}

impl Encoding {
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let Some(value) = headers.get(header::CONTENT_ENCODING) else { return Ok(Self::Identity) };
        match value.to_str().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Self::Identity),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            other => Err(Problem::new(&UNSUPPORTED_ENCODING, format!("Content-Encoding {other:?} is not known; gzip is"))),
        }
    }
}

fn declared_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn share<'a>(
    api: &'a Api,
    headers: &HeaderMap,
    encoding: Encoding,
    bytes_max: usize,
) -> Result<SemaphorePermit<'a>, Problem> {
    let bytes = match encoding {
        Encoding::Identity => declared_length(headers).unwrap_or(bytes_max).min(bytes_max),
        Encoding::Gzip => bytes_max,
    };
    let kib = u32::try_from(bytes >> 10).expect("limits are far below 4 TiB") + 1;
    match tokio::time::timeout(TURN_WAIT_MAX, api.bodies.acquire_many(kib)).await {
        Ok(Ok(share)) => Ok(share),
        _ => Err(Problem::new(&TOO_BUSY, "more bodies are being read than this server holds at once")),
    }
}

async fn plain(headers: &HeaderMap, body: Body, bytes_max: usize) -> Result<Bytes, Problem> {
    let declared = declared_length(headers);
    let mut chunks = body.into_data_stream();
    if declared.is_some_and(|length| length > bytes_max) {
        drain(chunks).await;
        return Err(too_large(bytes_max));
    }
    let mut first = match chunks.next().await {
        None => return Ok(Bytes::new()),
        Some(chunk) => chunk.map_err(|_| ended_early())?,
    };
    let mut held = None::<BytesMut>;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| ended_early())?;
        let bytes = held.get_or_insert_with(|| {
            let mut bytes = BytesMut::with_capacity(declared.unwrap_or(0).max(first.len() + chunk.len()));
            bytes.extend_from_slice(&std::mem::take(&mut first));
            bytes
        });
        if bytes.len() + chunk.len() > bytes_max {
            drain(chunks).await;
            return Err(too_large(bytes_max));
        }
        bytes.extend_from_slice(&chunk);
    }
    let bytes = held.map_or(first, BytesMut::freeze);
    if bytes.len() > bytes_max { Err(too_large(bytes_max)) } else { Ok(bytes) }
}

async fn gunzip(body: Body, bytes_max: usize) -> Result<Bytes, Problem> {
    // What is compressed is limited too: empty members without end would never reach the other limit.
    let mut compressed_left = bytes_max;
    let chunks = body.into_data_stream().map_err(io::Error::other).map(move |chunk| {
        let chunk = chunk?;
        compressed_left =
            compressed_left.checked_sub(chunk.len()).ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge))?;
        Ok::<_, io::Error>(chunk)
    });
    let mut decoder = GzipDecoder::new(StreamReader::new(chunks));
    decoder.multiple_members(true);
    let mut bytes = BytesMut::with_capacity(64 << 10);
    loop {
        let room = bytes_max + 1 - bytes.len();
        let read = (&mut decoder).take(room as u64).read_buf(&mut bytes).await;
        match read {
            Ok(0) => return Ok(bytes.freeze()),
            Ok(_) if bytes.len() > bytes_max => {
                drain(decoder.into_inner().into_inner()).await;
                return Err(too_large(bytes_max));
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => return Err(too_large(bytes_max)),
            Err(error) if error.get_ref().is_some_and(|source| source.is::<axum::Error>()) => return Err(ended_early()),
            Err(error) => return Err(Problem::new(&INVALID_ENCODING, format!("the body is not gzip: {error}"))),
        }
    }
}

async fn drain<E>(chunks: impl futures::Stream<Item = Result<Bytes, E>>) {
    let mut chunks = std::pin::pin!(chunks);
    let draining = async {
        let mut drained = 0;
        while let Some(Ok(chunk)) = chunks.next().await {
            drained += chunk.len();
            if drained > DRAIN_BYTES_MAX {
                return;
            }
        }
    };
    // Whether all was read or not, the client gets the same answer.
    tokio::time::timeout(DRAIN_TIME_MAX, draining).await.ok();
}

fn too_large(bytes_max: usize) -> Problem {
    Problem::new(&BODY_TOO_LARGE, format!("a body may hold {bytes_max} bytes, decompressed"))
}

fn ended_early() -> Problem {
    Problem::new(&INVALID_BODY, "the body ended before its end")
}

#[cfg(test)]
mod tests {
    use async_compression::tokio::write::GzipEncoder;
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    async fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzipEncoder::new(Vec::new());
        encoder.write_all(bytes).await.expect("in memory");
        encoder.shutdown().await.expect("in memory");
        encoder.into_inner()
    }

    fn in_chunks(bytes: &[u8]) -> Body {
        let chunks: Vec<_> = bytes.chunks(1_000).map(|chunk| Ok::<_, io::Error>(Bytes::copy_from_slice(chunk))).collect();
        Body::from_stream(futures::stream::iter(chunks))
    }

    #[tokio::test]
    async fn a_body_arrives_whole_however_it_is_cut() {
        let sent: Vec<u8> = (0..=255).cycle().take(5_000).collect();
        for body in [Body::from(sent.clone()), in_chunks(&sent)] {
            assert_eq!(plain(&HeaderMap::new(), body, 5_000).await.expect("small enough"), sent);
        }
        assert_eq!(gunzip(in_chunks(&gzip(&sent).await), 5_000).await.expect("small enough"), sent);
    }

    #[tokio::test]
    async fn a_gzip_body_may_have_several_members() {
        let mut sent = gzip(b"one\n").await;
        sent.extend(gzip(b"two\n").await);
        assert_eq!(gunzip(Body::from(sent), 100).await.expect("small enough"), "one\ntwo\n");
    }

    #[tokio::test]
    async fn a_byte_too_many_is_too_many() {
        let sent = vec![b'x'; 5_001];
        for body in [Body::from(sent.clone()), in_chunks(&sent)] {
            assert_eq!(plain(&HeaderMap::new(), body, 5_000).await.expect_err("too large").kind.code, "body_too_large");
        }
        let zipped = gzip(&sent).await;
        assert_eq!(gunzip(Body::from(zipped), 5_000).await.expect_err("too large").kind.code, "body_too_large");
    }

    #[tokio::test]
    async fn a_decompression_bomb_is_stopped_at_the_limit() {
        let bomb = gzip(&vec![b' '; 64 << 20]).await;
        assert!(bomb.len() < 100_000);
        let problem = gunzip(in_chunks(&bomb), 10 << 20).await.expect_err("a bomb");
        assert_eq!((problem.kind.code, problem.kind.status), ("body_too_large", 413));
        let nothing_for_ever = gzip(b"").await.repeat(1_000);
        assert_eq!(gunzip(in_chunks(&nothing_for_ever), 5_000).await.expect_err("no end").kind.code, "body_too_large");
    }

    #[tokio::test]
    async fn what_is_no_gzip_is_said_to_be_none() {
        let problem = gunzip(Body::from("not gzip"), 100).await.expect_err("no gzip");
        assert_eq!((problem.kind.code, problem.kind.status), ("invalid_encoding", 400));
        let mut cut = gzip(b"something longer than a little").await;
        cut.truncate(20);
        assert_eq!(gunzip(Body::from(cut), 100).await.expect_err("cut").kind.code, "invalid_encoding");
    }

    #[test]
    fn only_gzip_is_an_encoding() {
        let headers =
            |value: &'static str| HeaderMap::from_iter([(header::CONTENT_ENCODING, value.parse().expect("a header"))]);
        assert_eq!(Encoding::of(&headers("GZIP")).expect("known"), Encoding::Gzip);
        assert_eq!(Encoding::of(&HeaderMap::new()).expect("none"), Encoding::Identity);
        assert_eq!(Encoding::of(&headers("br")).expect_err("unknown").kind.code, "unsupported_encoding");
    }
}
