/*
 * Load on a cluster of Kafka's protocol, through librdkafka, in a process of its own.
 *
 *   load produce BROKERS TOPIC BYTES COUNT RATE INFLIGHT_MESSAGES IDEMPOTENT
 *   load consume BROKERS TOPIC COUNT PARTITIONS
 *
 * `produce` sends COUNT messages of BYTES random bytes with acks=all, at most RATE a second (0: as fast as they are taken), and
 * prints one line of JSON: how many were acknowledged, in how many seconds, and after how many µs (percentiles). One message to
 * each partition goes before them, which is not counted: a client that has just begun opens its connections first, and finds out
 * on a timer of a second which of them are there. `consume` reads COUNT messages from the beginning and prints how many messages
 * and bytes came in how many seconds.
 */
#include <librdkafka/rdkafka.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void fail(const char *what, const char *why) {
  fprintf(stderr, "%s: %s\n", what, why);
  exit(1);
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
  char why[512];
  if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK) fail(name, why);
}

static int64_t *latencies;
static int64_t acknowledged, failed;

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque) {
  (void)client;
  (void)opaque;
  if (message->err) {
    if (failed++ == 0) fprintf(stderr, "first failure: %s\n", rd_kafka_err2str(message->err));
    return;
  }
  if (message->_private == NULL) return;
  latencies[acknowledged++] = now_us() - (int64_t)(intptr_t)message->_private;
}

/* One message to each partition, until all of them are acknowledged. */
static void open_connections(rd_kafka_t *client, const char *topic, const void *bytes, size_t length) {
  const struct rd_kafka_metadata *metadata;
  rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
  rd_kafka_resp_err_t error = rd_kafka_metadata(client, 0, handle, &metadata, 30000);
  if (error) fail("metadata", rd_kafka_err2str(error));
  for (int partition = 0; partition < metadata->topics[0].partition_cnt; partition += 1) {
    error = rd_kafka_producev(client, RD_KAFKA_V_RKT(handle), RD_KAFKA_V_PARTITION(partition),
                              RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_VALUE((void *)bytes, length),
                              RD_KAFKA_V_OPAQUE(NULL), RD_KAFKA_V_END);
    if (error) fail("produce", rd_kafka_err2str(error));
  }
  rd_kafka_metadata_destroy(metadata);
  error = rd_kafka_flush(client, 30000);
  if (error) fail("first messages", rd_kafka_err2str(error));
  rd_kafka_topic_destroy(handle);
}

static int by_value(const void *left, const void *right) {
  int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
  return a < b ? -1 : a > b;
}

static int64_t percentile(int per_mille) {
  return acknowledged == 0 ? 0 : latencies[(acknowledged - 1) * per_mille / 1000];
}

static int produce(char **arguments) {
  const char *topic = arguments[1];
  size_t bytes = strtoul(arguments[2], NULL, 10);
  int64_t count = atoll(arguments[3]), rate = atoll(arguments[4]);
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  char why[512];
  set(conf, "bootstrap.servers", arguments[0]);
  set(conf, "acks", "all");
  set(conf, "linger.ms", "5");
  set(conf, "batch.size", "1000000");
  set(conf, "compression.codec", "none");
  set(conf, "queue.buffering.max.messages", arguments[5]);
  set(conf, "enable.idempotence", arguments[6]);
  set(conf, "message.timeout.ms", "120000");
  rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
  rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
  if (client == NULL) fail("producer", why);
  latencies = malloc(sizeof *latencies * (count + 1));
  /* Bytes that do not compress, and differ from message to message. */
  size_t pool_bytes = bytes + 1048576;
  uint8_t *pool = malloc(pool_bytes);
  FILE *random = fopen("/dev/urandom", "rb");
  if (random == NULL || fread(pool, 1, pool_bytes, random) != pool_bytes) fail("random bytes", "cannot be read");
  open_connections(client, topic, pool, bytes);
  int64_t started = now_us();
  for (int64_t sent = 0; sent < count;) {
    if (rate > 0) {
      int64_t due = started + sent * 1000000 / rate;
      while (now_us() < due) rd_kafka_poll(client, 1);
    }
    int64_t at = now_us();
    rd_kafka_resp_err_t error =
        rd_kafka_producev(client, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                          RD_KAFKA_V_VALUE(pool + sent * 61 % 1048576, bytes),
                          RD_KAFKA_V_OPAQUE((void *)(intptr_t)at), RD_KAFKA_V_END);
    if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      rd_kafka_poll(client, 10);
      continue;
    }
    if (error) fail("produce", rd_kafka_err2str(error));
    sent += 1;
    if (sent % 64 == 0) rd_kafka_poll(client, 0);
  }
  while (rd_kafka_outq_len(client) > 0) rd_kafka_poll(client, 10);
  double seconds = (now_us() - started) / 1e6;
  qsort(latencies, acknowledged, sizeof *latencies, by_value);
  printf("{\"acknowledged\":%lld,\"failed\":%lld,\"seconds\":%.6f,\"p50Us\":%lld,\"p99Us\":%lld,\"maxUs\":%lld}\n",
         (long long)acknowledged, (long long)failed, seconds, (long long)percentile(500),
         (long long)percentile(990), (long long)percentile(1000));
  return failed > 0;
}

static int consume(char **arguments) {
  const char *topic = arguments[1];
  int64_t count = atoll(arguments[2]);
  int partitions = atoi(arguments[3]);
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  char why[512];
  set(conf, "bootstrap.servers", arguments[0]);
  set(conf, "group.id", "load");
  set(conf, "enable.auto.commit", "false");
  set(conf, "auto.offset.reset", "earliest");
  set(conf, "queued.max.messages.kbytes", "1048576");
  set(conf, "queued.min.messages", "1000000");
  set(conf, "fetch.message.max.bytes", "8388608");
  set(conf, "check.crcs", "false");
  rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
  if (client == NULL) fail("consumer", why);
  rd_kafka_poll_set_consumer(client);
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
  for (int partition = 0; partition < partitions; partition += 1)
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = RD_KAFKA_OFFSET_BEGINNING;
  rd_kafka_assign(client, list);
  rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(client);
  enum { batch = 10000 };
  static rd_kafka_message_t *messages[batch];
  int64_t read = 0, bytes = 0, started = now_us(), first = 0;
  while (read < count) {
    ssize_t got = rd_kafka_consume_batch_queue(queue, 1000, messages, batch);
    if (got > 0 && first == 0) first = now_us();
    for (ssize_t at = 0; at < got; at += 1) {
      if (!messages[at]->err) {
        read += 1;
        bytes += messages[at]->len;
      }
      rd_kafka_message_destroy(messages[at]);
    }
    if (now_us() - started > 120000000) fail("consume", "not all messages came within two minutes");
  }
  printf("{\"messages\":%lld,\"bytes\":%lld,\"seconds\":%.6f,\"firstUs\":%lld}\n", (long long)read,
         (long long)bytes, (now_us() - started) / 1e6, (long long)(first - started));
  return 0;
}

int main(int count, char **arguments) {
  if (count == 9 && strcmp(arguments[1], "produce") == 0) return produce(arguments + 2);
  if (count == 6 && strcmp(arguments[1], "consume") == 0) return consume(arguments + 2);
  fprintf(stderr, "usage: load produce BROKERS TOPIC BYTES COUNT RATE INFLIGHT IDEMPOTENT | consume BROKERS TOPIC COUNT PARTITIONS\n");
  return 2;
}
