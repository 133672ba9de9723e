//! Asks Kafka whether it is ready: one Metadata request (version 2), by hand, for want of a client here.
//!
//! An open port means little: it accepts connections before the broker does work, and may belong to another Kafka. Ready
//! is when our cluster lists a broker.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const LIMIT: Duration = Duration::from_secs(1);
/// Far more than an answer that lists no topics.
const ANSWER_BYTES_MAX: u32 = 64 * 1024;

pub(crate) async fn has_brokers(broker: SocketAddr, cluster_id: &str) -> bool {
    let answer = tokio::time::timeout(LIMIT, ask(broker)).await;
    match answer {
        Ok(Ok(answer)) => parse(&answer).is_some_and(|(brokers, cluster)| brokers > 0 && cluster == cluster_id),
        _ => false,
    }
}

async fn ask(broker: SocketAddr) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(broker).await?;
    stream.write_all(&request()).await?;
    let length = stream.read_u32().await?;
    if length > ANSWER_BYTES_MAX {
        return Err(std::io::ErrorKind::InvalidData.into());
    }
    let mut answer = vec![0; length as usize];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

fn request() -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(3_i16.to_be_bytes()); // Metadata
    body.extend(2_i16.to_be_bytes()); // version
    body.extend(1_i32.to_be_bytes()); // correlation id
    body.extend((-1_i16).to_be_bytes()); // no client id
    body.extend(0_i32.to_be_bytes()); // no topics
    let mut request = u32::try_from(body.len()).expect("16 bytes").to_be_bytes().to_vec();
    request.extend(body);
    request
}

/// How many brokers, and which cluster.
fn parse(answer: &[u8]) -> Option<(i32, String)> {
    let mut rest = answer;
    take::<4>(&mut rest)?; // correlation id
    let brokers = i32::from_be_bytes(take(&mut rest)?);
    for _ in 0..brokers {
        take::<4>(&mut rest)?; // node id
        take_string(&mut rest)?; // host
        take::<4>(&mut rest)?; // port
        take_string(&mut rest)?; // rack
    }
    Some((brokers, take_string(&mut rest)?))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(*head)
}

/// A missing string (length -1) is an empty one here.
fn take_string(rest: &mut &[u8]) -> Option<String> {
    let length = usize::try_from(i16::from_be_bytes(take(rest)?)).unwrap_or(0);
    let (head, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    String::from_utf8(head.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_tells_brokers_and_cluster() {
        let mut answer = vec![0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, b'h', 0, 0, 0, 9, 0xff, 0xff, 0, 2];
        answer.extend(b"id");
        assert_eq!(parse(&answer), Some((1, "id".to_owned())));
    }

    #[test]
    fn an_answer_cut_short_is_none() {
        assert_eq!(parse(&[0, 0, 0, 1, 0, 0, 0, 1, 0, 0]), None);
    }
}
