import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Another program that writes to the topic, in ways that ours do not: with transactions that stay open, and with headers
 * without a value. One command a line on standard input; each is answered by a line when Kafka has taken it.
 */
public class Neighbour {
    private static final Map<String, KafkaProducer<String, String>> producers = new HashMap<>();
    private static String brokers;
    private static String topic;
    private static int timeout;

    public static void main(String[] arguments) throws Exception {
        brokers = arguments[0];
        topic = arguments[1];
        timeout = Integer.parseInt(arguments[2]);
        var lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = lines.readLine()) != null; ) {
            try {
                obey(line.split(" ", 4));
                System.out.println("done");
            } catch (Exception error) {
                System.out.println("failed: " + error);
            }
        }
    }

    /** begin ID - | send ID PARTITION VALUE | null-header ID PARTITION VALUE | commit ID | abort ID */
    private static void obey(String[] words) {
        var producer = producers.computeIfAbsent(words[1], Neighbour::open);
        switch (words[0]) {
            case "begin" -> producer.beginTransaction();
            case "commit" -> producer.commitTransaction();
            case "abort" -> producer.abortTransaction();
            default -> {
                var record = new ProducerRecord<String, String>(topic, Integer.valueOf(words[2]), null, words[3]);
                if (words[0].equals("null-header")) {
                    record.headers().add("trace", null);
                }
                producer.send(record, (metadata, error) -> {
                    if (error != null) {
                        System.out.println("failed later: " + error);
                    }
                });
                producer.flush();
            }
        }
    }

    /** A producer with a name has transactions, one called "-" has none. */
    private static KafkaProducer<String, String> open(String name) {
        var settings = new HashMap<String, Object>();
        settings.put("bootstrap.servers", brokers);
        // Kafka itself aborts a transaction that is left alone for so long.
        settings.put("transaction.timeout.ms", timeout);
        settings.put("max.block.ms", 30000);
        if (!name.equals("-")) {
            settings.put("transactional.id", name);
        }
        var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
        if (!name.equals("-")) {
            producer.initTransactions();
        }
        return producer;
    }
}
