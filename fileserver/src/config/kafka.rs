//! The settings for telemetry. The telemetry crate defines the keys, the same for every program.

use netsocket_settings::{Check, Scalar};
use netsocket_telemetry::settings::{RawAccess, RawProducer, access, producer};
use netsocket_telemetry::{ProducerConfig, parse_brokers};

/// `None` if no broker is set; the other keys are checked all the same. TLS files are read here, so the sandbox need
/// not allow them.
pub(super) fn kafka(
    check: &mut Check,
    brokers: Option<&Scalar>,
    raw_producer: &RawProducer,
    raw_access: &RawAccess,
) -> Option<ProducerConfig> {
    let brokers = check.read_list(
        "kafka",
        brokers,
        Vec::new(),
        "HOST:PORT of a Kafka broker, or several separated by commas",
        |text| parse_brokers(text).ok(),
    );
    let given = !brokers.is_empty();
    let security = access(check, raw_access);
    let config = producer(check, raw_producer, brokers, security);
    given.then_some(config)
}
