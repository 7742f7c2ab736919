#!/usr/bin/env bash
# github.com/segmentio/kafka-go v0.4.51 (Go module), against a Kafka 4.4.0 broker; a record by the
# Java producer 4.4.0. kafka-python 3.0.12 (PyPI) for comparison.
#
# Expected: on a topic with message.timestamp.type=LogAppendTime the time of a record is the one at
# which the broker appended it. It stands in the head of the batch, with a flag that says so; the
# times of the single records stay as the producer wrote them and do not count.
#
# Happens: kafka-go's Reader ignores the flag: Message.Time is the producer's. kafka-python gives the
# broker's.
#
# Seen (the producer said 2001-09-09T01:46:40Z):
#     kafka-go:     2001-09-09T01:46:40Z
#     kafka-python: within a minute of now
#
# Why it matters: LogAppendTime is set because producers' clocks are not to be trusted: whoever reads
# with kafka-go still trusts them. Windows, lags and retention by time go wrong, and differ from what
# other consumers of the topic see.
#
# What to do: put a time that can be trusted into the message, or read such topics with another client.
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

# --- a record by the official Java producer ---------------------------------
cat > "$work/Produce.java" <<'JAVA'
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

public class Produce {
    public static void main(String[] arguments) throws Exception {
        var settings = Map.<String, Object>of("bootstrap.servers", arguments[0]);
        try (var admin = Admin.create(settings)) {
            var topic = new NewTopic("t", 1, (short) 1).configs(Map.of("message.timestamp.type", "LogAppendTime"));
            admin.createTopics(List.of(topic)).all().get();
        }
        try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            producer.send(new ProducerRecord<>("t", 0, 1_000_000_000_000L, "k", "text")).get();
        }
    }
}
JAVA
java -cp "$classpath" "$work/Produce.java" "$broker" > "$work/produce.log" 2>&1 || { cat "$work/produce.log"; exit 1; }

# --- the packages ------------------------------------------------------------
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q kafka-python==3.0.12
mkdir "$work/client"
cat > "$work/client/main.go" <<'GO'
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/segmentio/kafka-go"
)

func main() {
	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: os.Args[1:2], Topic: "t", MaxWait: 500 * time.Millisecond})
	defer reader.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	message, err := reader.ReadMessage(ctx)
	if err != nil {
		panic(err)
	}
	fmt.Printf("kafka-go: %s\n", message.Time.UTC().Format(time.RFC3339))
}
GO
(
    cd "$work/client"
    go mod init probe 2> /dev/null
    go get github.com/segmentio/kafka-go@v0.4.51 2> /dev/null
    go build -o probe .
    go list -m github.com/segmentio/kafka-go > "$work/seen"
)
cat > "$work/probe.py" <<'PY'
import sys, time
from kafka import KafkaConsumer, TopicPartition

consumer = KafkaConsumer(bootstrap_servers=sys.argv[1])
consumer.assign([TopicPartition("t", 0)])
consumer.seek_to_beginning()
record = next(consumer)
recent = abs(time.time() * 1000 - record.timestamp) < 60_000
print(f"kafka-python: {'within a minute of now' if recent else record.timestamp}")
PY

# --- what happens ----------------------------------------------------------
"$work/client/probe" "$broker" >> "$work/seen"
"$work/venv/bin/python" "$work/probe.py" "$broker" >> "$work/seen"
cat "$work/seen"

diff "$work/seen" - <<'SEEN'
github.com/segmentio/kafka-go v0.4.51
kafka-go: 2001-09-09T01:46:40Z
kafka-python: within a minute of now
SEEN
echo "as stated: kafka-go gives the producer's time where the broker's counts"
