"""What python3-kafka does against a cluster; one JSON object on stdout says what it saw."""
import json
import sys

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic

endpoints = sys.argv[1].split(',')
seen = {}

admin = KafkaAdminClient(bootstrap_servers=endpoints)
admin.create_topics([NewTopic('python', num_partitions=2, replication_factor=3,
                              topic_configs={'retention.ms': '3600000'})])
admin.create_partitions({'python': NewPartitions(3)})
described = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, 'python')])
entries = {entry[0]: entry[1] for entry in described[0].resources[0][4]}
seen['retention'] = entries['retention.ms']

producer = KafkaProducer(bootstrap_servers=endpoints, acks='all', compression_type='gzip', retries=10)
futures = [producer.send('python', value=str(number).encode(), partition=number % 3,
                         headers=[('from', b'python')]) for number in range(90)]
seen['offsets'] = sorted({future.get(timeout=30).offset for future in futures})
producer.close()


def consume(count):
    consumer = KafkaConsumer('python', bootstrap_servers=endpoints, group_id='pythons',
                             auto_offset_reset='earliest', enable_auto_commit=False, consumer_timeout_ms=30000)
    values = []
    for message in consumer:
        values.append(int(message.value))
        if len(values) == count:
            break
    consumer.commit()
    consumer.close()
    return values


seen['values'] = sorted(consume(90))
producer = KafkaProducer(bootstrap_servers=endpoints, acks=1)
producer.send('python', b'90', partition=0).get(timeout=30)
producer.close()
# The group goes on behind what it has committed.
seen['later'] = consume(1)

consumer = KafkaConsumer(bootstrap_servers=endpoints)
partitions = [TopicPartition('python', number) for number in range(3)]
seen['ends'] = [consumer.end_offsets(partitions)[partition] for partition in partitions]
seen['beginnings'] = [consumer.beginning_offsets(partitions)[partition] for partition in partitions]
consumer.close()

committed = admin.list_consumer_group_offsets('pythons')
seen['committed'] = [committed[partition].offset for partition in partitions]
seen['groups'] = [group[0] for group in admin.list_consumer_groups()]
group = admin.describe_consumer_groups(['pythons'])[0]
seen['state'] = group.state
admin.delete_topics(['python'])
seen['topics'] = [topic for topic in admin.list_topics() if topic == 'python']
admin.close()
print(json.dumps(seen))
