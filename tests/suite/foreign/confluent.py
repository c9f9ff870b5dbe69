"""confluent-kafka (librdkafka) against a broker: BOOTSTRAP TOPIC GROUP. Ends with 0 if everything came as it was sent."""
import sys
import time

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, OffsetSpec, ResourceType,
)

bootstrap, topic, group = sys.argv[1:4]
LIMIT = 60
codecs = ["none", "gzip", "snappy", "lz4", "zstd"]
admin = AdminClient({"bootstrap.servers": bootstrap})


def done(futures):
    return {key: future.result(LIMIT) for key, future in futures.items()}


done(admin.create_topics([NewTopic(topic, 2, 1, config={"retention.ms": "3600000000"})]))
done(admin.create_partitions([NewPartitions(topic, 3)]))
resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[
    ConfigEntry("max.message.bytes", "900000", incremental_operation=AlterConfigOpType.SET)])
done(admin.incremental_alter_configs([resource]))
settings = done(admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]))[resource]
assert settings["max.message.bytes"].value == "900000", settings["max.message.bytes"]
assert settings["retention.ms"].value == "3600000000", settings["retention.ms"]
assert len(admin.list_topics(topic, LIMIT).topics[topic].partitions) == 3

def consumer(name):
    return Consumer({
        "bootstrap.servers": bootstrap, "group.id": group, "client.id": name, "auto.offset.reset": "earliest",
        "enable.auto.commit": False, "session.timeout.ms": 6000,
    })


# Two members share the partitions.
members, got = [consumer("one"), consumer("two")], {}
for member in members:
    member.subscribe([topic])
deadline = time.monotonic() + LIMIT
while not all(member.assignment() for member in members) and time.monotonic() < deadline:
    assert not any(member.poll(0.2) for member in members)
assert sorted(len(member.assignment()) for member in members) == [1, 2]

now = int(time.time() * 1000)
sent, failed = {}, []
for codec in codecs:
    producer = Producer({
        "bootstrap.servers": bootstrap, "enable.idempotence": True, "compression.type": codec, "linger.ms": 5,
    })
    for n in range(200):
        key = f"{codec}-{n}".encode()
        sent[key] = f"value of {n} ".encode() * 20
        producer.produce(topic, sent[key], key, headers=[("codec", codec.encode()), ("empty", None)], timestamp=now,
                         on_delivery=lambda error, _: error and failed.append(error))
    assert producer.flush(LIMIT) == 0
assert not failed, failed

# All records come, each once.
while len(got) < len(sent) and time.monotonic() < deadline:
    for member in members:
        for message in member.consume(500, 0.2):
            assert not message.error(), message.error()
            assert message.key() not in got, message.key()
            got[message.key()] = message.value()
            assert dict(message.headers())["codec"] == message.key().split(b"-")[0], message.headers()
            assert message.timestamp() == (1, now), message.timestamp()
assert got == sent, f"{len(got)} of {len(sent)}"
described = admin.describe_consumer_groups([group])[group].result(LIMIT)
assert described.state.name == "STABLE" and len(described.members) == 2, described.state
# Both commit where they are; one leaves, the other takes over its partitions.
for member in members:
    member.commit(asynchronous=False)
members[1].close()
while len(members[0].assignment()) < 3 and time.monotonic() < deadline:
    members[0].consume(1, 0.2)
assert len(members[0].assignment()) == 3
partitions = [TopicPartition(topic, partition) for partition in range(3)]
ends = {partition.partition: members[0].get_watermark_offsets(partition, LIMIT)[1] for partition in partitions}
committed = {partition.partition: partition.offset for partition in members[0].committed(partitions, LIMIT)}
assert committed == ends and sum(ends.values()) == len(sent), (committed, ends)
assert [p.offset for p in members[0].offsets_for_times([TopicPartition(topic, 0, now)], LIMIT)] == [0]
assert [p.offset for p in members[0].offsets_for_times([TopicPartition(topic, 0, now + 1)], LIMIT)] == [-1]
members[0].close()

listed = done(admin.list_offsets({TopicPartition(topic, 0): OffsetSpec.max_timestamp()}))
assert all(result.timestamp == now for result in listed.values()), listed
assert group in [listing.group_id for listing in admin.list_consumer_groups().result(LIMIT).valid]
deleted = done(admin.delete_records([TopicPartition(topic, 0, 1)]))
assert all(result.low_watermark == 1 for result in deleted.values()), deleted
done(admin.delete_consumer_groups([group]))
done(admin.delete_topics([topic]))
print(f"confluent-kafka: {len(sent)} records in {len(codecs)} codecs")
