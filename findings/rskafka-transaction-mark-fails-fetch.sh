#!/usr/bin/env bash
# rskafka 0.6.0, against a Kafka 4.4.0 broker; records by the Java producer 4.4.0.
#
# Expected: the end of a transaction is a mark in the log (a control batch) that clients pass over;
# a reader of committed records (which rskafka always is) gets the records around it, and not those
# of a transaction that was aborted.
#
# Happens: every fetch whose answer holds such a mark fails as a whole with "Unknown control batch
# record version": the mark is read without the record around it. Fetched one batch at a time, the
# records before and behind it come - those of the aborted transaction as well, like any others.
#
# Seen (offsets 0 to 6: plain, committed, its mark, plain, aborted, its mark, plain):
#     fetch of everything from 0: error: ... Unknown control batch record version: 8192
#     one batch from 0: ["plain 0"]
#     one batch from 1: ["committed"]
#     one batch from 2: error: ... Unknown control batch record version: 8192
#     one batch from 3: ["plain 3"]
#     one batch from 4: ["aborted"]
#     one batch from 5: error: ... Unknown control batch record version: 8192
#     one batch from 6: ["plain 6"]
#
# Why it matters: on a topic that Flink, Kafka Streams or any transactional producer writes to, up to
# a whole fetch of valid records is lost with each mark, or the consumer stops; and who steps over the
# marks one by one processes records that were rolled back. influxdata/rskafka#297, open since March
# 2026, is about the first, not the second.
#
# What to do: do not read such topics with rskafka.
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
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>4.4.0</version></dependency>
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
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringSerializer;

public class Produce {
    /** The broker writes the mark a moment after the producer was told that the transaction has ended. */
    private static void awaitEnd(Admin admin, long end) throws Exception {
        var partition = new TopicPartition("marks", 0);
        var committed = new ListOffsetsOptions(IsolationLevel.READ_COMMITTED);
        while (admin.listOffsets(Map.of(partition, OffsetSpec.latest()), committed).partitionResult(partition).get().offset() < end) {
            Thread.sleep(50);
        }
    }

    public static void main(String[] arguments) throws Exception {
        var strings = new StringSerializer();
        var admin = Admin.create(Map.<String, Object>of("bootstrap.servers", arguments[0]));
        var plain = new KafkaProducer<>(Map.<String, Object>of("bootstrap.servers", arguments[0]), strings, strings);
        var settings = Map.<String, Object>of("bootstrap.servers", arguments[0], "transactional.id", "t");
        var transactional = new KafkaProducer<>(settings, strings, strings);
        transactional.initTransactions();
        plain.send(new ProducerRecord<>("marks", 0, null, "plain 0")).get();
        transactional.beginTransaction();
        transactional.send(new ProducerRecord<>("marks", 0, null, "committed")).get();
        transactional.commitTransaction();
        awaitEnd(admin, 3);
        plain.send(new ProducerRecord<>("marks", 0, null, "plain 3")).get();
        transactional.beginTransaction();
        transactional.send(new ProducerRecord<>("marks", 0, null, "aborted")).get();
        transactional.abortTransaction();
        awaitEnd(admin, 6);
        plain.send(new ProducerRecord<>("marks", 0, null, "plain 6")).get();
        plain.close();
        transactional.close();
        admin.close();
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
use rskafka::client::partition::{PartitionClient, UnknownTopicHandling};
use rskafka::client::ClientBuilder;

async fn fetch(partition: &PartitionClient, what: &str, offset: i64, bytes: i32) {
    match partition.fetch_records(offset, 1..bytes, 2_000).await {
        Ok((records, _)) => {
            let values: Vec<String> = records
                .iter()
                .map(|r| String::from_utf8_lossy(r.record.value.as_deref().unwrap_or_default()).into_owned())
                .collect();
            println!("{what} from {offset}: {values:?}");
        }
        Err(error) => println!("{what} from {offset}: error: {error}"),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let broker = std::env::args().nth(1).unwrap();
    let client = ClientBuilder::new(vec![broker]).build().await.unwrap();
    let partition = client.partition_client("marks", 0, UnknownTopicHandling::Error).await.unwrap();
    fetch(&partition, "fetch of everything", 0, 1_000_000).await;
    // A limit of one byte: one batch comes in any case.
    for offset in 0..7 {
        fetch(&partition, "one batch", offset, 2).await;
    }
}
RUST
(cd "$work/client" && CARGO_TARGET_DIR="$work/client/target" cargo build -q)
grep -A1 '^name = "rskafka"$' "$work/client/Cargo.lock" | grep -qx 'version = "0.6.0"'

# --- what happens ----------------------------------------------------------
"$work/client/target/debug/probe" "$broker" | tee "$work/seen"

sed 's/error: .*\(Unknown control batch record version\): 8192$/error: \1/' "$work/seen" | diff - <(cat <<'SEEN'
fetch of everything from 0: error: Unknown control batch record version
one batch from 0: ["plain 0"]
one batch from 1: ["committed"]
one batch from 2: error: Unknown control batch record version
one batch from 3: ["plain 3"]
one batch from 4: ["aborted"]
one batch from 5: error: Unknown control batch record version
one batch from 6: ["plain 6"]
SEEN
)
echo "as stated: the mark of a transaction's end fails the whole fetch, and aborted records are handed out"
