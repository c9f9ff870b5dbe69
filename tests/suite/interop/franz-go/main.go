// franz-go at the other end of tests/suite/interop/text.rs, which describes the lines.
// interop write|read HOST:PORT
package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	if os.Args[1] == "write" {
		write(ctx, os.Args[2], lines)
	} else {
		read(ctx, os.Args[2], lines)
	}
}

func write(ctx context.Context, bootstrap string, lines *bufio.Scanner) {
	codecs := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}
	for lines.Scan() {
		begin := strings.Split(lines.Text(), "\t")
		topic, mode := begin[1], begin[3]
		options := []kgo.Opt{
			kgo.SeedBrokers(bootstrap), kgo.ProducerBatchCompression(codecs[begin[2]]),
			kgo.ProducerLinger(50 * time.Millisecond), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		}
		if mode != "plain" {
			options = append(options, kgo.TransactionalID(fmt.Sprintf("%s-%d", topic, time.Now().UnixNano())))
		}
		client, err := kgo.NewClient(options...)
		check(err)
		if mode != "plain" {
			check(client.BeginTransaction())
		}
		for lines.Scan() && lines.Text() != "end" {
			fields := strings.Split(lines.Text(), "\t")
			partition, err := strconv.Atoi(fields[0])
			check(err)
			timestamp, err := strconv.ParseInt(fields[1], 10, 64)
			check(err)
			record := &kgo.Record{
				Topic: topic, Partition: int32(partition), Timestamp: time.UnixMilli(timestamp),
				Key: unhex(fields[2]), Value: unhex(fields[3]),
			}
			for _, header := range strings.Split(fields[4], ",") {
				if name, value, found := strings.Cut(header, ":"); found {
					record.Headers = append(record.Headers, kgo.RecordHeader{Key: string(unhex(name)), Value: unhex(value)})
				}
			}
			client.Produce(ctx, record, func(_ *kgo.Record, err error) { check(err) })
		}
		check(client.Flush(ctx))
		if mode != "plain" {
			check(client.EndTransaction(ctx, kgo.TransactionEndTry(mode == "commit")))
		}
		client.Close()
	}
}

func read(ctx context.Context, bootstrap string, lines *bufio.Scanner) {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for lines.Scan() {
		topic := lines.Text()
		client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.ConsumeTopics(topic))
		check(err)
		for left := end(ctx, client, topic); left > 0; {
			fetches := client.PollFetches(ctx)
			check(fetches.Err())
			fetches.EachRecord(func(record *kgo.Record) {
				left--
				headers := make([]string, len(record.Headers))
				for at, header := range record.Headers {
					headers[at] = tohex([]byte(header.Key), false) + ":" + tohex(header.Value, header.Value == nil)
				}
				fmt.Fprintf(out, "%s\t%d\t%d\t%d\t%s\t%s\t%s\n", record.Topic, record.Partition, record.Offset,
					record.Timestamp.UnixMilli(), tohex(record.Key, record.Key == nil),
					tohex(record.Value, record.Value == nil), strings.Join(headers, ","))
			})
		}
		client.Close()
	}
}

// The end of the topic's one partition, which holds records only.
func end(ctx context.Context, client *kgo.Client, topic string) int64 {
	request := kmsg.NewPtrListOffsetsRequest()
	request.ReplicaID = -1
	asked := kmsg.NewListOffsetsRequestTopic()
	asked.Topic = topic
	partition := kmsg.NewListOffsetsRequestTopicPartition()
	partition.Timestamp = -1
	asked.Partitions = append(asked.Partitions, partition)
	request.Topics = append(request.Topics, asked)
	answer, err := request.RequestWith(ctx, client)
	check(err)
	return answer.Topics[0].Partitions[0].Offset
}

func unhex(text string) []byte {
	if text == "-" {
		return nil
	}
	bytes, err := hex.DecodeString(text)
	check(err)
	return bytes
}

func tohex(bytes []byte, null bool) string {
	if null {
		return "-"
	}
	return hex.EncodeToString(bytes)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
