"""librdkafka (by confluent-kafka) or kafka-python at the other end of tests/suite/interop/text.rs, which describes the lines.

python interop.py confluent|kafka-python write|read HOST:PORT
"""

import sys
import uuid


def unhex(text):
    return None if text == "-" else bytes.fromhex(text)


def tohex(value):
    return "-" if value is None else value.hex()


def sections():
    lines = (line.rstrip("\n") for line in sys.stdin)
    for line in lines:
        _, topic, codec, mode = line.split("\t")
        records = []
        for line in lines:
            if line == "end":
                break
            partition, timestamp, key, value, headers = line.split("\t")
            pairs = [header.split(":") for header in headers.split(",")] if headers else []
            headers = [(bytes.fromhex(name).decode(), unhex(value)) for name, value in pairs]
            records.append((int(partition), int(timestamp), unhex(key), unhex(value), headers))
        yield topic, codec, mode, records


def show(topic, partition, offset, timestamp, key, value, headers):
    headers = ",".join(f"{name.encode().hex()}:{tohex(value)}" for name, value in headers or [])
    print(topic, partition, offset, timestamp, tohex(key), tohex(value), headers, sep="\t")


def confluent_write(bootstrap):
    from confluent_kafka import Producer

    for topic, codec, mode, records in sections():
        settings = {"bootstrap.servers": bootstrap, "compression.type": codec, "linger.ms": 50}
        if mode != "plain":
            settings["transactional.id"] = str(uuid.uuid4())
        producer = Producer(settings)
        if mode != "plain":
            producer.init_transactions(60)
            producer.begin_transaction()
        failed = []
        for partition, timestamp, key, value, headers in records:
            producer.produce(
                topic, value, key, partition, timestamp=timestamp, headers=headers or None,
                on_delivery=lambda error, _: failed.append(error) if error else None,
            )
        left = producer.flush(60)
        assert left == 0 and not failed, (left, failed)
        if mode == "commit":
            producer.commit_transaction(60)
        elif mode == "abort":
            producer.abort_transaction(60)


def confluent_read(bootstrap):
    from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

    for topic in map(str.strip, sys.stdin):
        consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": str(uuid.uuid4()), "enable.auto.commit": False})
        partitions = consumer.list_topics(topic, 60).topics[topic].partitions
        for partition in sorted(partitions):
            _, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), 60)
            consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
            offset = -1
            while offset + 1 < end:
                message = consumer.poll(60)
                assert message is not None and not message.error(), message and message.error()
                offset = message.offset()
                show(topic, partition, offset, message.timestamp()[1], message.key(), message.value(), message.headers())
        consumer.close()


def kafka_python_write(bootstrap):
    from kafka import KafkaProducer

    for topic, codec, mode, records in sections():
        settings = {"transactional_id": str(uuid.uuid4())} if mode != "plain" else {}
        producer = KafkaProducer(
            bootstrap_servers=bootstrap, compression_type=None if codec == "none" else codec, linger_ms=50, **settings
        )
        if mode != "plain":
            producer.init_transactions()
            producer.begin_transaction()
        sent = [
            producer.send(topic, value, key, headers, partition, timestamp)
            for partition, timestamp, key, value, headers in records
        ]
        producer.flush(60)
        for future in sent:
            future.get(60)
        if mode == "commit":
            producer.commit_transaction()
        elif mode == "abort":
            producer.abort_transaction()
        producer.close()


def kafka_python_read(bootstrap):
    from kafka import KafkaConsumer, TopicPartition

    for topic in map(str.strip, sys.stdin):
        consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, group_id=None)
        partitions = [TopicPartition(topic, partition) for partition in sorted(consumer.partitions_for_topic(topic))]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        ends = consumer.end_offsets(partitions)
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            for records in consumer.poll(1000).values():
                for record in records:
                    show(
                        topic, record.partition, record.offset, record.timestamp, record.key, record.value, record.headers
                    )
        consumer.close()


PROGRAMS = {
    ("confluent", "write"): confluent_write,
    ("confluent", "read"): confluent_read,
    ("kafka-python", "write"): kafka_python_write,
    ("kafka-python", "read"): kafka_python_read,
}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1], sys.argv[2]](sys.argv[3])
