import java.time.Duration;
import java.util.HashMap;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Prints every record of a topic as it comes, committed or not: partition, offset and value, one a line. Marks of Kafka's own
 * are no records: their offsets are missing.
 */
public class Witness {
    public static void main(String[] arguments) {
        var topic = arguments[1];
        var settings = new HashMap<String, Object>();
        settings.put("bootstrap.servers", arguments[0]);
        settings.put("isolation.level", "read_uncommitted");
        settings.put("auto.offset.reset", "earliest");
        try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            var partitions = consumer.partitionsFor(topic).stream()
                    .map(found -> new TopicPartition(topic, found.partition()))
                    .toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            while (true) {
                for (var record : consumer.poll(Duration.ofSeconds(1))) {
                    System.out.println(record.partition() + " " + record.offset() + " " + record.value());
                }
            }
        }
    }
}
