#!/usr/bin/env bash
# rskafka 0.6.0, against a Kafka 4.4.0 broker with its default settings.
#
# Expected: asking for a partition of a topic that does not exist, with UnknownTopicHandling::Error,
# gives an error, and there is no such topic afterwards.
#
# Happens: the first call gives an error - and the broker has created the topic, because rskafka's
# request for metadata always allows that, and there is no setting against it. list_topics() creates
# nothing.
#
# Seen:
#     topics before: []
#     partition 0 of "nowhere": error: ... LeaderNotAvailable ... (or UnknownTopicOrPartition)
#     topics after: ["nowhere"]
#
# Why it matters: a monitor or a consumer with a mistyped name leaves topics behind; a topic that is
# deleted while a consumer runs comes back within seconds, with the broker's default partitions and
# retention, and the later `kafka-topics.sh --create` with the right ones fails.
#
# What to do: look into list_topics() first (which leaves a moment between the two), and set
# auto.create.topics.enable=false on the brokers.
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
use rskafka::client::partition::UnknownTopicHandling;
use rskafka::client::ClientBuilder;
use rskafka::BackoffConfig;
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let broker = std::env::args().nth(1).unwrap();
    let once = BackoffConfig { deadline: Some(Duration::ZERO), ..BackoffConfig::default() };
    let client = ClientBuilder::new(vec![broker]).backoff_config(once).build().await.unwrap();
    let names = |topics: Vec<rskafka::topic::Topic>| topics.into_iter().map(|t| t.name).collect::<Vec<_>>();
    println!("topics before: {:?}", names(client.list_topics().await.unwrap()));
    match client.partition_client("nowhere", 0, UnknownTopicHandling::Error).await {
        Ok(_) => println!("partition 0 of \"nowhere\": found"),
        Err(error) => println!("partition 0 of \"nowhere\": error: {error}"),
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    println!("topics after: {:?}", names(client.list_topics().await.unwrap()));
}
RUST
(cd "$work/client" && CARGO_TARGET_DIR="$work/client/target" cargo build -q)
grep -A1 '^name = "rskafka"$' "$work/client/Cargo.lock" | grep -qx 'version = "0.6.0"'

# --- what happens ----------------------------------------------------------
"$work/client/target/debug/probe" "$broker" | tee "$work/seen"

grep -qxF 'topics before: []' "$work/seen"
grep -q '^partition 0 of "nowhere": error: ' "$work/seen"
grep -qxF 'topics after: ["nowhere"]' "$work/seen"
echo "as stated: looking for a partition creates its topic"
