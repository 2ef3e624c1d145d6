"""What python3-confluent-kafka (librdkafka) does against a cluster; one JSON object on stdout says what it saw."""
import json
import sys

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic

endpoints = sys.argv[1]
bootstrap = {'bootstrap.servers': endpoints}
seen = {}

admin = AdminClient(bootstrap)


def result_of(futures):
    return [future.result(timeout=30) for future in futures.values()]


result_of(admin.create_topics([NewTopic('confluent', num_partitions=1, replication_factor=3),
                               NewTopic('copied', num_partitions=1, replication_factor=3)]))
result_of(admin.create_partitions([NewPartitions('confluent', 2)]))
resource = ConfigResource('topic', 'confluent', set_config={'retention.ms': '7200000'})
result_of(admin.alter_configs([resource]))
described = result_of(admin.describe_configs([ConfigResource('topic', 'confluent')]))[0]
seen['retention'] = described['retention.ms'].value
metadata = admin.list_topics('confluent', timeout=30)
seen['isrs'] = [sorted(partition.isrs) for partition in metadata.topics['confluent'].partitions.values()]

offsets = []
for codec in ['gzip', 'snappy', 'lz4', 'zstd']:
    producer = Producer({**bootstrap, 'enable.idempotence': True, 'compression.type': codec})
    for number in range(100):
        producer.produce('confluent', value=f'{codec} {number}', partition=0,
                         on_delivery=lambda error, message: offsets.append(message.offset()))
    seen[codec] = producer.flush(30)
seen['offsets'] = offsets == list(range(400))


def consumer_of(group, **more):
    return Consumer({**bootstrap, 'group.id': group, 'auto.offset.reset': 'earliest',
                     'enable.auto.commit': False, **more})


def read(consumer, count):
    values = []
    while len(values) < count:
        message = consumer.poll(30)
        if message is None:
            break
        if message.error() is None:
            values.append(message.value().decode())
    return values


# Consume, transform, produce: offsets and records go in one transaction (KIP-98, KIP-447).
source = consumer_of('copiers')
source.subscribe(['confluent'])
copier = Producer({**bootstrap, 'transactional.id': 'copier', 'transaction.timeout.ms': 30000})
copier.init_transactions(30)
copied = 0
for isGood in [False, True, True]:
    values = read(source, 100)
    copier.begin_transaction()
    for value in values:
        copier.produce('copied', value=f'{value} copied')
    copier.send_offsets_to_transaction(source.position(source.assignment()), source.consumer_group_metadata(), 30)
    if isGood:
        copier.commit_transaction(30)
        copied += len(values)
    else:
        copier.flush(30)
        copier.abort_transaction(30)
        # What was aborted is read again.
        for partition in source.committed(source.assignment(), timeout=30):
            source.seek(TopicPartition(partition.topic, partition.partition, max(partition.offset, 0)))
committed = source.committed([TopicPartition('confluent', 0)], timeout=30)
seen['committed'] = committed[0].offset
source.close()
seen['copied'] = copied

reader = consumer_of('readers', **{'isolation.level': 'read_committed'})
reader.subscribe(['copied'])
values = read(reader, copied)
seen['readCommitted'] = values == [f'{codec} {number} copied' for codec in ['gzip', 'snappy'] for number in range(100)]
seen['nothingMore'] = reader.poll(1) is None
reader.close()

# A second producer of the same transactional id fences the first one off.
first = Producer({**bootstrap, 'transactional.id': 'fenced'})
first.init_transactions(30)
first.begin_transaction()
first.produce('copied', value='of the first')
first.flush(30)
second = Producer({**bootstrap, 'transactional.id': 'fenced'})
second.init_transactions(30)
try:
    first.commit_transaction(30)
    seen['fenced'] = 'it was not'
except Exception as error:
    seen['fenced'] = error.args[0].name()

groups = admin.list_groups(timeout=30)
seen['groups'] = sorted(group.id for group in groups)
watermarks = consumer_of('marks')
seen['watermarks'] = watermarks.get_watermark_offsets(TopicPartition('confluent', 0), timeout=30)
watermarks.close()
result_of(admin.delete_topics(['confluent', 'copied']))
print(json.dumps(seen))
