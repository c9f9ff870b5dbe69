// Prints assignments.txt: what Kafka's own assignors give to random groups, a case per line:
// ASSIGNOR | TOPIC:PARTITIONS … | MEMBER[@INSTANCE]=TOPIC,… … | MEMBER=TOPIC-PARTITION,… …
// javac -cp kafka-clients-4.3.1.jar -d /tmp/assignors Assignors.java
// java -cp kafka-clients-4.3.1.jar:slf4j-api-1.7.36.jar:/tmp/assignors Assignors > assignments.txt
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.GroupSubscription;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.Subscription;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.clients.consumer.RoundRobinAssignor;
import org.apache.kafka.common.Cluster;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;

public class Assignors {
    static final String[] TOPICS = {"a", "b", "b.c", "b-c", "B", "t10", "t9"};
    static final String[] NAMES = {"c1", "c10", "c2", "C3", "ottla-7", "\uff41", "\ud83d\ude00", "m-a", "m_a"};

    public static void main(String[] arguments) throws Exception {
        Random random = new Random(42);
        for (int i = 0; i < 40; i++) {
            print(random, new RangeAssignor(), i);
            print(random, new RoundRobinAssignor(), i);
        }
    }

    static void print(Random random, ConsumerPartitionAssignor assignor, int round) throws Exception {
        Node node = new Node(0, "localhost", 9092);
        Map<String, Integer> counts = new TreeMap<>();
        List<PartitionInfo> partitions = new ArrayList<>();
        for (String topic : TOPICS) {
            if (random.nextInt(3) == 0) continue;
            int count = 1 + random.nextInt(7);
            counts.put(topic, count);
            for (int p = 0; p < count; p++) partitions.add(new PartitionInfo(topic, p, node, null, null));
        }
        Map<String, Subscription> members = new TreeMap<>();
        boolean alike = round % 2 == 0;
        List<String> common = some(random);
        for (String name : NAMES) {
            if (random.nextInt(2) == 0) continue;
            Subscription subscription = new Subscription(alike ? common : some(random));
            if (random.nextInt(3) == 0) subscription.setGroupInstanceId(Optional.of("i" + (99 - name.hashCode() % 50)));
            members.put(name, subscription);
        }
        if (members.isEmpty()) return;
        Cluster cluster = new Cluster("id", List.of(node), partitions, java.util.Set.of(), java.util.Set.of());
        var assigned = new TreeMap<>(assignor.assign(cluster, new GroupSubscription(members)).groupAssignment());
        String topics = counts.entrySet().stream().map(e -> e.getKey() + ":" + e.getValue()).collect(Collectors.joining(" "));
        String subscribed = members.entrySet().stream().map(e -> e.getKey()
            + e.getValue().groupInstanceId().map(id -> "@" + id).orElse("")
            + "=" + String.join(",", e.getValue().topics())).collect(Collectors.joining(" "));
        String shares = assigned.entrySet().stream().map(e -> e.getKey() + "=" + e.getValue().partitions().stream()
            .sorted(java.util.Comparator.comparing(TopicPartition::topic).thenComparing(TopicPartition::partition))
            .map(TopicPartition::toString).collect(Collectors.joining(","))).collect(Collectors.joining(" "));
        new java.io.PrintStream(System.out, true, "UTF-8").println(
            assignor.name() + " | " + topics + " | " + subscribed + " | " + shares);
    }

    static List<String> some(Random random) {
        List<String> topics = new ArrayList<>();
        for (String topic : TOPICS) if (random.nextInt(2) == 0) topics.add(topic);
        return topics;
    }
}
