#!/usr/bin/env bash
# confluent-kafka 2.16.1 (PyPI), against a Kafka 4.1.0 broker; records by the Java producer 4.1.0.
#
# Expected: `poll()` returns a message or None, so `if message:` is the Python way to ask.
#
# Happens: a Message has `len()`, the length of its value, and so a message with an empty or a null
# value is false. `if message:` and `message or other` skip it. The offset moves on, nothing fails.
#
# Seen, three records in the topic, `for` loop with two ways to ask:
#     if message is not None: full, empty, tombstone
#     if message:             full
#
# Why it matters: tombstones are the deletions of a compacted topic. A consumer written like this
# keeps every key that was ever deleted, and tests with values in them do not show it. An example in
# the README of the package once had it (pull request 340), and a tracing library did later.
#
# What to do: always compare with None: `if message is None: continue`.
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
        var settings = Map.<String, Object>of("bootstrap.servers", arguments[0]);
        try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            producer.send(new ProducerRecord<>("t", 0, "full", "text")).get();
            producer.send(new ProducerRecord<>("t", 0, "empty", "")).get();
            producer.send(new ProducerRecord<>("t", 0, "tombstone", null)).get();
        }
    }
}
JAVA
java -cp "$classpath" "$work/Produce.java" "$broker" > "$work/produce.log" 2>&1 || { cat "$work/produce.log"; exit 1; }

# --- the packages ------------------------------------------------------------
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q confluent-kafka==2.16.1
cat > "$work/probe.py" <<'PY'
import sys, time
from importlib.metadata import version
from confluent_kafka import Consumer, TopicPartition

print("confluent-kafka", version("confluent-kafka"))
for question, ask in (("is not None", lambda message: message is not None), ("truth", bool)):
    consumer = Consumer({"bootstrap.servers": sys.argv[1], "group.id": "probe", "enable.auto.commit": False})
    consumer.assign([TopicPartition("t", 0, 0)])
    seen, end = [], time.monotonic() + 60
    while time.monotonic() < end:
        message = consumer.poll(1.0)
        if ask(message) and not message.error():
            seen.append(message.key().decode())
        if consumer.position([TopicPartition("t", 0)])[0].offset == 3:
            break
    consumer.close()
    print(f"{question}: {', '.join(seen)}")
PY

# --- what happens ----------------------------------------------------------
"$work/venv/bin/python" "$work/probe.py" "$broker" 2> "$work/client.log" | tee "$work/seen"

diff "$work/seen" - <<'SEEN'
confluent-kafka 2.16.1
is not None: full, empty, tombstone
truth: full
SEEN
echo "as stated: a message with an empty or null value is false"
