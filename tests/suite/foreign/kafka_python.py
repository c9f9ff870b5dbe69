"""kafka-python against a broker: BOOTSTRAP TOPIC GROUP. Ends with 0 if everything came as it was sent."""
import sys
import time

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

bootstrap, topic, group = sys.argv[1:4]
LIMIT = 60
# snappy, lz4 and zstd need C libraries of their own.
codecs = [None, "gzip"]
sent = {}
for codec in codecs:
    producer = KafkaProducer(bootstrap_servers=bootstrap, compression_type=codec, acks="all", linger_ms=5)
    futures = []
    for n in range(200):
        key = f"{codec}-{n}".encode()
        sent[key] = f"value of {n} ".encode() * 20
        futures.append(producer.send(topic, sent[key], key=key, headers=[("codec", str(codec).encode())]))
    for future in futures:
        future.get(LIMIT)
    producer.close(LIMIT)

consumer = KafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest",
                         enable_auto_commit=False, session_timeout_ms=30000, heartbeat_interval_ms=3000)
got, deadline = {}, time.monotonic() + LIMIT
while len(got) < len(sent) and time.monotonic() < deadline:
    for records in consumer.poll(timeout_ms=5000).values():
        for record in records:
            got[record.key] = record.value
            assert record.headers == [("codec", record.key.split(b"-")[0])], record.headers
assert got == sent, f"{len(got)} of {len(sent)}"
consumer.commit()
partitions = [TopicPartition(topic, partition) for partition in sorted(consumer.partitions_for_topic(topic))]
ends = consumer.end_offsets(partitions)
assert {partition: consumer.committed(partition) or 0 for partition in partitions} == ends, ends
assert sum(ends.values()) == len(sent), ends
consumer.close()
print(f"kafka-python: {len(sent)} records in {len(codecs)} codecs")
