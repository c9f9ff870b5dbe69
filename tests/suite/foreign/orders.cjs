// KafkaJS as another reader of orders: MODULES BOOTSTRAP GROUP COUNT FIRST. Reads until it has the orders whose ids
// are the COUNT UUIDs from FIRST on, in whatever codec they come.
const { createRequire } = require("node:module");

const [modules, bootstrap, group, count, first] = process.argv.slice(2);
const load = createRequire(`${modules}/`);
const { Kafka, CompressionTypes, CompressionCodecs, logLevel } = load("kafkajs");
const lz4 = load("lz4js");

// KafkaJS itself has gzip only.
CompressionCodecs[CompressionTypes.Snappy] = load("kafkajs-snappy");
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async (encoder) => Buffer.from(lz4.compress(encoder.buffer)),
  decompress: async (buffer) => Buffer.from(lz4.decompress(buffer)),
});

const number = (uuid) => BigInt(`0x${uuid.replaceAll("-", "")}`);
const missing = new Set(Array.from({ length: Number(count) }, (_, n) => number(first) + BigInt(n)));

const kafka = new Kafka({ clientId: "kafkajs", brokers: bootstrap.split(","), logLevel: logLevel.NOTHING });
const consumer = kafka.consumer({ groupId: group });

async function main() {
  await consumer.connect();
  await consumer.subscribe({ topic: "orders", fromBeginning: true });
  await new Promise((done, failed) => {
    setTimeout(() => failed(new Error(`${missing.size} orders are missing`)), 60_000);
    const eachMessage = async ({ message }) => {
      const id = message.key?.toString() ?? "";
      if (!/^[0-9a-f-]{36}$/.test(id) || !missing.has(number(id))) return;
      const order = JSON.parse(message.value.toString());
      if (order.order_id !== id || order.customer_info.name !== "John Doe") failed(new Error(`${id}: ${message.value}`));
      missing.delete(number(id));
      if (missing.size === 0) done();
    };
    consumer.run({ eachMessage }).catch(failed);
  });
  await consumer.disconnect();
  console.log(`KafkaJS: ${count} orders`);
}

main().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
