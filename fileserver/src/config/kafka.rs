//! Where telemetry goes. The keys and their meaning are the telemetry crate's, the same in every program.

use netsocket_settings::{Check, Scalar};
use netsocket_telemetry::settings::{RawAccess, RawProducer, access, producer};
use netsocket_telemetry::{ProducerConfig, parse_brokers};

/// `None` where no broker is named. What is wrong with the other keys is told all the same. The files of TLS are read
/// here, so a process that is confined afterwards needs none of them.
pub(super) fn kafka(
    check: &mut Check,
    brokers: Option<&Scalar>,
    raw_producer: &RawProducer,
    raw_access: &RawAccess,
) -> Option<ProducerConfig> {
    let brokers = check.read_with(
        "kafka",
        brokers,
        Vec::new(),
        "HOST:PORT of a Kafka broker, or several with commas between",
        |text| parse_brokers(text).ok(),
    );
    let given = !brokers.is_empty();
    let security = access(check, raw_access);
    let config = producer(check, raw_producer, brokers, security);
    given.then_some(config)
}
