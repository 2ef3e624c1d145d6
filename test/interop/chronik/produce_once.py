"""Produces one record with all acknowledgements, once: prints its partition and offset, or the name of the error."""
import sys

from confluent_kafka import Producer

endpoints, topic, partition = sys.argv[1], sys.argv[2], int(sys.argv[3])
producer = Producer({'bootstrap.servers': endpoints, 'acks': 'all', 'retries': 0})


def delivered(error, message):
    print(f'{message.partition()} {message.offset()}' if error is None else error.name())


producer.produce(topic, value='once', partition=partition, on_delivery=delivered)
sys.exit(producer.flush(60))
