//! A record that the Kafka client itself fails at is told as what it is, and ends no thread that reads.

use domain::Partition;
use event_log::checkpoints::{self, next_index, read_all};
use event_log::copy::Copy;
use event_log::record::RecordError;
use event_log::{Error, ensure_topic};

use crate::support::{brokers, unused_name};
use crate::wire;

/// Not UTF-8.
const NAME: &[u8] = &[0xff, 0xfe];

#[tokio::test]
async fn a_header_whose_name_is_no_text_makes_a_record_no_entry_of_a_log() {
    let name = unused_name();
    checkpoints::ensure(&brokers(), &name).await.expect("a topic");
    wire::write(&checkpoints::topic_of(&name), b"0", b"{}", NAME);
    let refused = [read_all(&brokers(), &name).await.map(|_| ()), next_index(&brokers(), &name).await.map(|_| ())];
    for refused in refused {
        match refused {
            Err(Error::WrongTopic { reason, .. }) => assert_eq!(reason, "the record at offset 0 is no entry of a log"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_header_whose_name_is_no_text_makes_a_record_no_event() {
    let name = unused_name();
    ensure_topic(&brokers(), &name, 1).await.expect("a topic");
    wire::write(&name, b"k", b"{}", NAME);
    let mut copy = Copy::open(&brokers(), &name, Partition(0), None).await.expect("a copy");
    let records = copy.next().await.expect("a chunk").expect("records");
    assert_eq!(records[0].event, Err(RecordError::Unreadable));
}
