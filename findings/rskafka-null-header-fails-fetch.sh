#!/usr/bin/env bash
# rskafka 0.6.0, against a Kafka 4.1.0 broker; records by the Java producer 4.1.0.
#
# Expected: a record header may have a null value (the protocol encodes it as length -1, the Java
# client allows it); a reader shows it as absent or empty.
#
# Happens: the whole fetch fails with "out of range integral type conversion attempted". All
# records of the batch are lost, also the two that have no header at all, and each offset of the
# batch fails alike. (A null *value* of a record is read without trouble.)
#
# Seen:
#     headers from 0 of 4: error: Request error: Cannot read versioned data: Read error: Malformed
#         data: out of range integral type conversion attempted
#     (the same from 1 and 2)
#     headers from 3 of 4: ["<null>"]
#
# Why it matters: tracing agents and bridges write headers without values, often only for some
# records. One such record blocks the partition for an rskafka consumer until it expires, and the
# message names neither headers nor the offset. kafka-python, aiokafka, confluent-kafka, kafkajs,
# franz-go, sarama and kafka-go all read the same record.
#
# What to do: have producers write an empty value and not null; a consumer has to step over the
# batch (one offset at a time) instead of retrying.
set -euo pipefail

work=$(mktemp -d)
pids=()
cleanup() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$work"
}
trap cleanup EXIT

# --- a broker on loopback --------------------------------------------------
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

mkdir "$work/broker"
cat > "$work/broker/pom.xml" <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>findings</groupId><artifactId>broker</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>4.1.0</version></dependency>
  </dependencies>
</project>
XML
mvn -q -B -f "$work/broker/pom.xml" dependency:copy-dependencies -DoutputDirectory="$work/broker/lib"
port=$(free_port)
controller=$(free_port)
broker="127.0.0.1:$port"
cat > "$work/broker/server.properties" <<EOF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$work/broker/log
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
EOF
classpath="$work/broker/lib/*"
java -cp "$classpath" kafka.tools.StorageTool format -t "$(java -cp "$classpath" kafka.tools.StorageTool random-uuid 2>/dev/null)" \
    -c "$work/broker/server.properties" > "$work/broker/format.log" 2>&1
java -Xmx512m -cp "$classpath" kafka.Kafka "$work/broker/server.properties" > "$work/broker/broker.log" 2>&1 &
pids+=($!)
for _ in $(seq 240); do
    if (exec 3<> "/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi
    sleep 0.5
done

# --- records by the official Java producer ----------------------------------
cat > "$work/Produce.java" <<'JAVA'
import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

public class Produce {
    public static void main(String[] arguments) throws Exception {
        // A long linger puts the first three records into one batch.
        var settings = Map.<String, Object>of("bootstrap.servers", arguments[0], "linger.ms", 60000);
        try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            producer.partitionsFor("headers");
            producer.send(new ProducerRecord<>("headers", 0, null, "plain 0"));
            var record = new ProducerRecord<String, String>("headers", 0, null, "with a null header");
            record.headers().add("trace", null);
            producer.send(record);
            producer.send(new ProducerRecord<>("headers", 0, null, "plain 2"));
            producer.flush();
            producer.send(new ProducerRecord<>("headers", 0, "key", null));
            producer.flush();
        }
    }
}
JAVA
java -cp "$classpath" "$work/Produce.java" "$broker" > "$work/produce.log" 2>&1 || { cat "$work/produce.log"; exit 1; }

# --- the client ------------------------------------------------------------
mkdir -p "$work/client/src"
cat > "$work/client/Cargo.toml" <<'TOML'
[package]
name = "probe"
version = "0.1.0"
edition = "2021"

[dependencies]
rskafka = { version = "=0.6.0", default-features = false }
tokio = { version = "=1.54.1", features = ["rt", "macros", "time"] }

[profile.dev]
debug = false
TOML
cat > "$work/client/src/main.rs" <<'RUST'
use rskafka::client::partition::{OffsetAt, UnknownTopicHandling};
use rskafka::client::ClientBuilder;
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let client = ClientBuilder::new(vec![arguments[1].clone()]).build().await.unwrap();
    for topic in &arguments[2..] {
        let partition = client.partition_client(topic.clone(), 0, UnknownTopicHandling::Retry).await.unwrap();
        let end = partition.get_offset(OffsetAt::Latest).await.unwrap();
        for offset in 0..=end {
            let fetch = partition.fetch_records(offset, 1..1_000_000, 500);
            match tokio::time::timeout(Duration::from_secs(20), fetch).await {
                Ok(Ok((records, _))) => {
                    let values: Vec<String> = records
                        .iter()
                        .map(|r| String::from_utf8_lossy(r.record.value.as_deref().unwrap_or(b"<null>")).into_owned())
                        .collect();
                    println!("{topic} from {offset} of {end}: {values:?}");
                }
                Ok(Err(error)) => println!("{topic} from {offset} of {end}: error: {error}"),
                Err(_) => println!("{topic} from {offset} of {end}: no answer"),
            }
        }
    }
}
RUST
(cd "$work/client" && CARGO_TARGET_DIR="$work/client/target" cargo build -q)
grep -A1 '^name = "rskafka"$' "$work/client/Cargo.lock" | grep -qx 'version = "0.6.0"'

# --- what happens ----------------------------------------------------------
"$work/client/target/debug/probe" "$broker" headers | tee "$work/seen"

for offset in 0 1 2; do
    grep -q "^headers from $offset of 4: error: .*out of range integral type conversion attempted" "$work/seen"
done
grep -qxF 'headers from 3 of 4: ["<null>"]' "$work/seen"
echo "as stated: one null header value fails the whole fetch"
