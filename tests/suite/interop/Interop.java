// Kafka's own client at the other end of tests/suite/interop/text.rs, which describes the lines.
// java -cp 'libs/*' Interop.java write|read HOST:PORT
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public class Interop {
    static final HexFormat HEX = HexFormat.of();

    public static void main(String[] arguments) throws Exception {
        var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        if (arguments[0].equals("write")) {
            write(arguments[1], lines);
        } else {
            read(arguments[1], lines);
        }
    }

    static void write(String bootstrap, BufferedReader lines) throws Exception {
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] begin = line.split("\t", -1);
            String topic = begin[1], mode = begin[3];
            var settings = new java.util.HashMap<String, Object>(Map.of(
                "bootstrap.servers", bootstrap, "compression.type", begin[2], "linger.ms", 50));
            boolean transaction = !mode.equals("plain");
            if (transaction) {
                settings.put("transactional.id", UUID.randomUUID().toString());
            }
            var bytes = new ByteArraySerializer();
            try (var producer = new KafkaProducer<byte[], byte[]>(settings, bytes, bytes)) {
                if (transaction) {
                    producer.initTransactions();
                    producer.beginTransaction();
                }
                var sent = new ArrayList<java.util.concurrent.Future<?>>();
                for (line = lines.readLine(); !line.equals("end"); line = lines.readLine()) {
                    String[] fields = line.split("\t", -1);
                    Integer partition = fields[0].isEmpty() ? null : Integer.valueOf(fields[0]);
                    List<Header> headers = new ArrayList<>();
                    for (String header : fields[4].isEmpty() ? new String[0] : fields[4].split(",", -1)) {
                        String[] pair = header.split(":", -1);
                        headers.add(new RecordHeader(new String(bytes(pair[0]), StandardCharsets.UTF_8), bytes(pair[1])));
                    }
                    sent.add(producer.send(new ProducerRecord<>(
                        topic, partition, Long.valueOf(fields[1]), bytes(fields[2]), bytes(fields[3]), headers)));
                }
                producer.flush();
                for (var future : sent) {
                    future.get();
                }
                if (mode.equals("commit")) {
                    producer.commitTransaction();
                } else if (mode.equals("abort")) {
                    producer.abortTransaction();
                }
            }
        }
    }

    static void read(String bootstrap, BufferedReader lines) throws Exception {
        var out = new StringBuilder();
        var bytes = new ByteArrayDeserializer();
        Map<String, Object> settings =
            Map.of("bootstrap.servers", bootstrap, "isolation.level", "read_committed", "auto.offset.reset", "earliest");
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            try (var consumer = new KafkaConsumer<byte[], byte[]>(settings, bytes, bytes)) {
                var partitions = consumer.partitionsFor(line).stream()
                    .map(info -> new TopicPartition(info.topic(), info.partition())).toList();
                consumer.assign(partitions);
                consumer.seekToBeginning(partitions);
                var ends = consumer.endOffsets(partitions);
                while (partitions.stream().anyMatch(partition -> consumer.position(partition) < ends.get(partition))) {
                    for (var record : consumer.poll(Duration.ofSeconds(1))) {
                        var headers = new StringBuilder();
                        for (Header header : record.headers()) {
                            headers.append(headers.isEmpty() ? "" : ",");
                            headers.append(HEX.formatHex(header.key().getBytes(StandardCharsets.UTF_8)));
                            headers.append(":").append(hex(header.value()));
                        }
                        out.append(String.join("\t", line, "" + record.partition(), "" + record.offset(),
                            "" + record.timestamp(), hex(record.key()), hex(record.value()), headers)).append("\n");
                    }
                }
            }
        }
        System.out.print(out);
    }

    static byte[] bytes(String text) {
        return text.equals("-") ? null : HEX.parseHex(text);
    }

    static String hex(byte[] bytes) {
        return bytes == null ? "-" : HEX.formatHex(bytes);
    }
}
