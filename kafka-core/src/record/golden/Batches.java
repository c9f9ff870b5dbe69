// Prints batches.txt: record batches as Kafka's own client writes them, a name and hexadecimal bytes per line.
// javac -cp kafka-clients-4.3.1.jar -d /tmp/batches Batches.java
// java -cp 'libs/*:/tmp/batches' Batches > batches.txt, with kafka-clients and the codecs' jars in libs
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.DefaultRecordBatch;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.SimpleRecord;

public class Batches {
    static final long TIME = 1_700_000_000_000L;

    public static void main(String[] arguments) {
        print("producer", MemoryRecords.withRecords(Compression.NONE, records()));
        for (Compression compression : new Compression[] {
            Compression.gzip().build(), Compression.snappy().build(), Compression.lz4().build(), Compression.zstd().build(),
        }) {
            print(compression.type().name, MemoryRecords.withRecords(compression, records()));
            // More than one block of snappy's 32 KiB and lz4's 64 KiB.
            print(compression.type().name + "-long", MemoryRecords.withRecords(compression,
                new SimpleRecord(TIME, null, bytes("0123456789".repeat(7000)))));
        }
        // Declares a window of 128 MiB, as an encoder must that does not know how much is to come.
        print("zstd-22", MemoryRecords.withRecords(Compression.zstd().level(22).build(), records()));
        print("idempotent", MemoryRecords.withIdempotentRecords(Compression.NONE, 4001, (short) 7, 90,
            new SimpleRecord(TIME, bytes("a"), bytes("1")),
            new SimpleRecord(TIME, bytes("b"), bytes("2"))));
        print("transactional", MemoryRecords.withTransactionalRecords(50L, Compression.NONE, 4002, (short) 1, 0, 12,
            new SimpleRecord(TIME, bytes("a"), bytes("1"))));
        print("commit", MemoryRecords.withEndTransactionMarker(51L, TIME, 12, 4002, (short) 1,
            new EndTransactionMarker(ControlRecordType.COMMIT, 3)));
        print("abort", MemoryRecords.withEndTransactionMarker(52L, TIME, 12, 4002, (short) 1,
            new EndTransactionMarker(ControlRecordType.ABORT, 3)));
        var appended = MemoryRecords.builder(ByteBuffer.allocate(1000), (byte) 2, Compression.NONE,
            TimestampType.LOG_APPEND_TIME, 60L, TIME + 5000);
        appended.append(new SimpleRecord(TIME, bytes("a"), bytes("1")));
        appended.append(new SimpleRecord(TIME + 1, bytes("b"), bytes("2")));
        print("log-append-time", appended.build());
        ByteBuffer emptied = ByteBuffer.allocate(DefaultRecordBatch.RECORD_BATCH_OVERHEAD);
        DefaultRecordBatch.writeEmptyHeader(emptied, (byte) 2, 4001, (short) 7, 90, 100, 119, 12,
            TimestampType.CREATE_TIME, TIME, false, false);
        emptied.flip();
        print("emptied", emptied);
        print("magic-1", MemoryRecords.withRecords((byte) 1, 80L, Compression.NONE,
            new SimpleRecord(TIME, bytes("a"), bytes("1"))));
    }

    static SimpleRecord[] records() {
        return new SimpleRecord[] {
            new SimpleRecord(TIME, bytes("key"), bytes("value")),
            new SimpleRecord(TIME + 1500, null, bytes("no key")),
            new SimpleRecord(TIME - 3, bytes("no value"), null),
            new SimpleRecord(TIME, bytes(""), bytes(""), new Header[0]),
            new SimpleRecord(TIME, bytes("k"), bytes("v"), new Header[] {
                new RecordHeader("trace", bytes("one")),
                new RecordHeader("null", (byte[]) null),
                new RecordHeader("trace", bytes("two")),
                new RecordHeader("", bytes("")),
            }),
            new SimpleRecord(TIME, bytes("long"), bytes("x".repeat(300))),
        };
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static void print(String name, MemoryRecords records) {
        print(name, records.buffer());
    }

    static void print(String name, ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        System.out.println(name + " " + HexFormat.of().formatHex(bytes));
    }
}
