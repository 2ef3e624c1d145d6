"""Produces numbers 0, 1, 2 ... with all acknowledgements, idempotently, until its input is closed.

A line on stdout for each that was acknowledged: number, partition, offset. A line on stderr for each that was given up.
"""
import sys
import threading
import time

from confluent_kafka import Producer

endpoints, topic, pause_ms = sys.argv[1], sys.argv[2], float(sys.argv[3])
stopped = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stopped.set()), daemon=True).start()

producer = Producer({
    'bootstrap.servers': endpoints,
    'enable.idempotence': True,
    'acks': 'all',
    'linger.ms': 5,
    'delivery.timeout.ms': 120000,
    'reconnect.backoff.max.ms': 500,
    'topic.metadata.refresh.interval.ms': 2000,
})


def delivered(number):
    def report(error, message):
        if error is None:
            print(number, message.partition(), message.offset(), flush=True)
        else:
            print('given up', number, error, file=sys.stderr, flush=True)
    return report


number = 0
while not stopped.is_set():
    try:
        producer.produce(topic, value=str(number), partition=number % 3, on_delivery=delivered(number))
        number += 1
    except BufferError:
        pass
    producer.poll(0)
    time.sleep(pause_ms / 1000)
left = producer.flush(120)
sys.exit(0 if left == 0 else 3)
