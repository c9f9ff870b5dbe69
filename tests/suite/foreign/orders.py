"""kafka-python as another producer of orders: BOOTSTRAP TEMPLATE COUNT FIRST. Writes the documented record and nothing
else, no headers; the order ids are UUIDs that count from FIRST."""
import json
import sys
import uuid

from kafka import KafkaProducer

bootstrap, template, count, first = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3]), uuid.UUID(sys.argv[4])
producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", compression_type="gzip")
futures = []
for n in range(count):
    order_id = str(uuid.UUID(int=first.int + n))
    order = {**template, "order_id": order_id}
    futures.append(producer.send("orders", json.dumps(order).encode(), key=order_id.encode()))
for future in futures:
    future.get(60)
producer.close(60)
print(f"kafka-python: {count} orders")
