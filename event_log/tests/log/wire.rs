//! A record by Kafka's own protocol (Produce, version 3), for what its client cannot write: a header whose name is not UTF-8.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::brokers;

/// Writes a record with one header to the first partition of a topic.
pub(crate) fn write(topic: &str, key: &[u8], value: &[u8], header_name: &[u8]) {
    let batch = batch(&record(key, value, header_name));
    let mut body = Vec::new();
    body.extend(0_i16.to_be_bytes()); // Produce
    body.extend(3_i16.to_be_bytes()); // version
    body.extend(1_i32.to_be_bytes()); // correlation id
    body.extend((-1_i16).to_be_bytes()); // no client id
    body.extend((-1_i16).to_be_bytes()); // no transaction
    body.extend((-1_i16).to_be_bytes()); // answered by all replicas
    body.extend(10_000_i32.to_be_bytes()); // milliseconds
    body.extend(1_i32.to_be_bytes()); // topics
    body.extend(i16::try_from(topic.len()).expect("a short name").to_be_bytes());
    body.extend(topic.as_bytes());
    body.extend(1_i32.to_be_bytes()); // partitions
    body.extend(0_i32.to_be_bytes());
    body.extend(length(&batch).to_be_bytes());
    body.extend(&batch);
    let mut stream = TcpStream::connect(brokers()).expect("a broker");
    stream.write_all(&length(&body).to_be_bytes()).and_then(|()| stream.write_all(&body)).expect("written");
    // Its length, correlation id, one topic, its name, one partition, its number; then how it went.
    let mut answer = vec![0; 4 + 4 + 4 + 2 + topic.len() + 4 + 4 + 2];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(answer[answer.len() - 2..], [0, 0], "the record was taken");
}

fn record(key: &[u8], value: &[u8], header_name: &[u8]) -> Vec<u8> {
    let mut record = vec![0, 0, 0]; // attributes, and no distance in time and offset
    for bytes in [key, value] {
        record.push(small(bytes.len()));
        record.extend(bytes);
    }
    record.push(small(1)); // headers
    for bytes in [header_name, b"x"] {
        record.push(small(bytes.len()));
        record.extend(bytes);
    }
    record.insert(0, small(record.len()));
    record
}

fn batch(record: &[u8]) -> Vec<u8> {
    let mut checked = Vec::new();
    checked.extend(0_i16.to_be_bytes()); // attributes
    checked.extend(0_i32.to_be_bytes()); // last offset
    checked.extend([1_793_448_000_000_i64.to_be_bytes(); 2].concat()); // times
    checked.extend((-1_i64).to_be_bytes()); // no producer
    checked.extend((-1_i16).to_be_bytes());
    checked.extend((-1_i32).to_be_bytes());
    checked.extend(1_i32.to_be_bytes()); // records
    checked.extend(record);
    let mut rest = Vec::new();
    rest.extend((-1_i32).to_be_bytes()); // no epoch
    rest.push(2); // version of the format
    rest.extend(crc32c(&checked).to_be_bytes());
    rest.extend(checked);
    [0_i64.to_be_bytes().to_vec(), length(&rest).to_be_bytes().to_vec(), rest].concat()
}

/// A length in the form of a zigzag varint of one byte.
fn small(length: usize) -> u8 {
    u8::try_from(2 * length).ok().filter(|byte| *byte < 128).expect("a short record")
}

fn length(bytes: &[u8]) -> i32 {
    i32::try_from(bytes.len()).expect("a short request")
}

fn crc32c(bytes: &[u8]) -> u32 {
    let shift = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), shift))
}
