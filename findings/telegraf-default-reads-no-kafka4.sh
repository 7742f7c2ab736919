#!/usr/bin/env bash
# Telegraf 1.37.2 (the Go module github.com/influxdata/telegraf), plugin kafka_consumer with its default
# settings, against a Kafka 4.4.0 broker with its default settings.
#
# Expected: the newest of both understand each other without a setting, as every client in use does
# that asks the broker for its versions.
#
# Happens: Telegraf starts, joins its group, reads nothing, and says again and again "error while
# consuming records/0: EOF", which reads like a network that breaks. The plugin fetches as in Kafka
# 0.10.2 unless kafka_version names a newer one, and a broker of the fourth generation closes the
# connection upon such a request.
#
# Seen:
#     E! [inputs.kafka_consumer] Error in plugin: channel: kafka: error while consuming records/0: EOF
#     default: 0 of 3 records
#     newer (kafka_version = "2.1.0"): 3 of 3 records
#
# Why it matters: after a broker's upgrade from 3.9 to 4 a pipeline stands still although everything is
# of a supported version, and Telegraf names none.
#
# What to do: kafka_version = "2.1.0" or newer, before the brokers are upgraded.
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

# --- three records, and Telegraf with what it needs -------------------------
cat > "$work/Three.java" <<'JAVA'
import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

public class Three {
    public static void main(String[] arguments) throws Exception {
        var settings = Map.<String, Object>of("bootstrap.servers", arguments[0]);
        try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            for (int number = 0; number < 3; number++) {
                producer.send(new ProducerRecord<>("records", "{\"number\":" + number + "}")).get();
            }
        }
    }
}
JAVA
java -cp "$classpath" "$work/Three.java" "$broker" > "$work/three.log" 2>&1
mkdir "$work/telegraf"
cat > "$work/telegraf/go.mod" <<'MOD'
module probe
go 1.24
require github.com/influxdata/telegraf v1.37.2
MOD
(
    cd "$work/telegraf"
    go build -mod=mod -tags custom,inputs.kafka_consumer,outputs.file,parsers.json,serializers.influx \
        -o telegraf github.com/influxdata/telegraf/cmd/telegraf
)

# What it says of errors and gives out, with a line more in its settings.
run() {
    cat > "$work/$1.conf" <<EOF
[agent]
  interval = "1s"
  flush_interval = "1s"
[[inputs.kafka_consumer]]
  brokers = ["$broker"]
  topics = ["records"]
  consumer_group = "$1"
  offset = "oldest"
  data_format = "json"
  $2
[[outputs.file]]
  files = ["$work/$1.out"]
EOF
    "$work/telegraf/telegraf" --config "$work/$1.conf" > "$work/$1.log" 2>&1 &
    local telegraf=$!
    pids+=("$telegraf")
    for _ in $(seq 120); do
        sleep 0.5
        if [ "$(grep -c number= "$work/$1.out" 2> /dev/null)" = 3 ]; then break; fi
        if [ "$(grep -c 'records/0: EOF' "$work/$1.log")" -ge 3 ]; then break; fi
    done
    kill "$telegraf"
    wait "$telegraf" || true
    { grep -o 'E! \[inputs.kafka_consumer\] .*' "$work/$1.log" || true; } | sort -u
    echo "$1: $(grep -c number= "$work/$1.out" || true) of 3 records"
}

# --- what happens ----------------------------------------------------------
{
    run default ''
    run newer 'kafka_version = "2.1.0"'
} | tee "$work/seen"

grep -qxF 'E! [inputs.kafka_consumer] Error in plugin: channel: kafka: error while consuming records/0: EOF' "$work/seen"
grep -qxF 'default: 0 of 3 records' "$work/seen"
grep -qxF 'newer: 3 of 3 records' "$work/seen"
echo "as stated: with its default settings Telegraf reads nothing from Kafka 4"
