//! What every Kafka client of this crate has in common: how it connects, and where it logs.

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;

/// A broker that was restarted is found again within a second or two.
pub(crate) fn config(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("client.id", "capsule-ledger")
        .set("reconnect.backoff.ms", "50")
        .set("reconnect.backoff.max.ms", "1000")
        .set("socket.keepalive.enable", "true")
        .set("socket.connection.setup.timeout.ms", "5000")
        .set("topic.metadata.refresh.interval.ms", "10000")
        .set("allow.auto.create.topics", "false")
        .set_log_level(RDKafkaLogLevel::Warning);
    config
}

/// A client whose words go to `tracing`; it has nothing else to say.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        log_error(&error, reason);
    }
}

impl rdkafka::consumer::ConsumerContext for Quiet {}

/// What concerns connections is said again, and better, by [`log_error`]; so is an idempotent producer's first try that
/// comes while Kafka still starts, should it not be over by itself.
const SAID_ELSEWHERE: [&str; 3] = ["FAIL", "CONFWARN", "GETPID"];

pub(crate) fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    use RDKafkaLogLevel::{Alert, Critical, Emerg, Error, Warning};
    match level {
        _ if SAID_ELSEWHERE.contains(&facility) => tracing::debug!(target: "librdkafka", facility, "{message}"),
        Emerg | Alert | Critical | Error | Warning => tracing::warn!(target: "librdkafka", facility, "{message}"),
        _ => tracing::debug!(target: "librdkafka", facility, "{message}"),
    }
}

/// A lost connection is made again by the client itself: only the loss of all of them is worth a word. That a partition has an end
/// is none.
pub(crate) fn log_error(error: &KafkaError, reason: &str) {
    use RDKafkaErrorCode::{BrokerTransportFailure, PartitionEOF};
    match error.rdkafka_error_code() {
        Some(BrokerTransportFailure | PartitionEOF) => tracing::debug!(target: "librdkafka", %error, "{reason}"),
        _ => tracing::warn!(target: "librdkafka", %error, "{reason}"),
    }
}
