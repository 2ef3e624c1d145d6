import { type Explanation } from './explanation.ts';

const raftFigure = 'Raft (Ongaro, 2014), figure 3.2';
const kafkaModel = "Kafka's replication, as its formal models have it (KIP-101, KIP-279, KIP-966)";

/** What brokers must keep to. */
export const chronikExplanations: Readonly<Record<string, Explanation>> = {
  'torn-batch': {
    sentence:
      "Every file of a partition's log that a broker has opened holds whole record batches and nothing else.",
    source: "Kafka's record batch, version 2",
  },
  'told-otherwise': {
    sentence: 'What the world was told of an offset is never told otherwise.',
    source: kafkaModel,
  },
  'acknowledged-when-replicated': {
    sentence:
      'A producer that waits for all is told of success only when the high watermark lies above its records.',
    source: `${kafkaModel}: acks=-1`,
  },
  'epoch-fencing': {
    sentence: 'Whoever names the epoch of a leader is answered by the leader of that epoch alone.',
    source: 'KIP-320',
  },
  'groups-keep-word': {
    sentence:
      'A partition has one owner a generation of its group, and acknowledged commits are known to later ones.',
    source: "Kafka's group membership protocol",
  },
  'high-watermark': {
    sentence:
      'The high watermark lies nowhere above what any in-sync replica has on its disk, and never falls.',
    source: kafkaModel,
  },
  idempotence: {
    sentence: "An idempotent producer's batches lie in the log once, in the order of their sequence numbers.",
    source: 'KIP-98',
  },
  'isr-holds-truth': {
    sentence: 'Every in-sync replica that runs has whatever was acknowledged or served.',
    source: kafkaModel,
  },
  'isr-joins': {
    sentence: 'Only a replica that is unfenced and caught up joins the in-sync set.',
    source: 'KIP-903',
  },
  'leader-has-truth': {
    sentence: 'Whoever leads a partition has every record that was acknowledged or served.',
    source: kafkaModel,
  },
  'metadata-agrees': {
    sentence: 'Brokers that have applied the same entries of the metadata know the same.',
    source: `${raftFigure}: State Machine Safety`,
  },
  'one-leader': {
    sentence: 'At most one broker leads a partition in an epoch, and epochs only rise.',
    source: kafkaModel,
  },
  'replicas-agree': {
    sentence: 'Replicas hold the same batches below the smaller of their high watermarks.',
    source: `${kafkaModel}: log matching`,
  },
  'replicas-converge': {
    sentence: 'With everything healed, all replicas of a partition come to hold the same.',
    source: kafkaModel,
  },
  'served-records': {
    sentence: 'A consumer is served what was committed, at its offset, without gap.',
    source: kafkaModel,
  },
  'transactions-whole': {
    sentence: 'All records of a transaction are seen by readers of what is committed, or none of them.',
    source: 'KIP-98',
  },
  truncation: {
    sentence: 'No replica cuts from its log what was committed and is still wanted.',
    source: 'KIP-101, KIP-279',
  },
  'unclean-elections': {
    sentence:
      'Who is not in sync leads only where the topic allows it, and the metadata says that it happened.',
    source: kafkaModel,
  },
};
