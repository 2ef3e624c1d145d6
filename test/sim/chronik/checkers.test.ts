import { expect, test } from 'vitest';

import { nodeId } from '../../../core/base/ids.ts';
import { noLeader } from '../../../core/chronik/types.ts';
import { kafkaErrors } from '../../../core/wire/kafka/error-codes.ts';
import { AcknowledgedWhenReplicated } from '../../../sim/chronik/checkers/acknowledged-when-replicated.ts';
import { EpochFencing } from '../../../sim/chronik/checkers/epoch-fencing.ts';
import { HighWatermarkRule } from '../../../sim/chronik/checkers/high-watermark.ts';
import { Idempotence } from '../../../sim/chronik/checkers/idempotence.ts';
import { IsrHoldsTruth } from '../../../sim/chronik/checkers/isr-holds-truth.ts';
import { IsrJoins } from '../../../sim/chronik/checkers/isr-joins.ts';
import { LeaderHasTruth } from '../../../sim/chronik/checkers/leader-has-truth.ts';
import { MetadataAgrees } from '../../../sim/chronik/checkers/metadata-agrees.ts';
import { OneLeader } from '../../../sim/chronik/checkers/one-leader.ts';
import { ReplicasAgree } from '../../../sim/chronik/checkers/replicas-agree.ts';
import { ReplicasConverge } from '../../../sim/chronik/checkers/replicas-converge.ts';
import { chronikCheckerNames, createChronikCheckers } from '../../../sim/chronik/checkers/registry.ts';
import { ServedRecords } from '../../../sim/chronik/checkers/served-records.ts';
import { Truncation } from '../../../sim/chronik/checkers/truncation.ts';
import { UncleanElections } from '../../../sim/chronik/checkers/unclean-elections.ts';
import { appended, batchOf, cutTo, row, topicName, viewOf, WatchedBrokers } from './subject.ts';

const nodes = (...ids: number[]) => ids.map(nodeId);

test('every checker is known by its name, and another name is refused with those that there are', () => {
  expect(createChronikCheckers().map(({ name }) => name)).toEqual(chronikCheckerNames);
  expect(createChronikCheckers(['truncation']).map(({ name }) => name)).toEqual(['truncation']);
  expect(() => createChronikCheckers(['none'])).toThrow('no checker is called none; there are');
});

test('leader-has-truth fires for a leader whose log is short, and for one with another record', () => {
  const leads = (end: number) => [viewOf({ role: 'leader', leaderEpoch: 6, logEndOffset: end })];
  const short = new WatchedBrokers(new LeaderHasTruth());
  short.tell(0, 'a');
  expect(() => {
    short.step(2, { views: leads(0) });
  }).toThrow('a log that ends at 0, where the world was told of everything below 1');

  const other = new WatchedBrokers(new LeaderHasTruth());
  other.tell(0, 'a');
  other.step(2, { effects: [appended(batchOf(['b']))] });
  expect(() => {
    other.step(2, { views: leads(1) });
  }).toThrow('b at offset 0, where a was acknowledged');

  const good = new WatchedBrokers(new LeaderHasTruth());
  good.tell(0, 'a');
  good.step(2, { effects: [appended(batchOf(['a']))] });
  good.step(2, { views: leads(1) });

  // Elected in epoch 6 and replaced before it heard of that: what the leader of epoch 7 has told, it need not have.
  const late = new WatchedBrokers(new LeaderHasTruth());
  late.tell(0, 'a');
  late.tell(1, 'b', 7);
  late.step(2, { effects: [appended(batchOf(['a']))] });
  late.step(2, { views: leads(1) });
  expect(() => {
    late.step(2, { views: [viewOf({ role: 'leader', leaderEpoch: 7, logEndOffset: 1 })] });
  }).toThrow('in epoch 7, has a log that ends at 1, where the world was told of everything below 2');
});

test('leader-has-truth fires for a leader of a later epoch that lacks what an older one has just acknowledged', () => {
  const brokers = new WatchedBrokers(new LeaderHasTruth());
  brokers.step(1, { views: [viewOf({ role: 'leader', logEndOffset: 1 })] });
  brokers.step(2, { views: [viewOf({ role: 'leader', leaderEpoch: 6 })] });
  expect(() => {
    brokers.answer(1, produceOf(batchOf(['a'])), producedAt(0));
  }).toThrow('n2, which leads Topic-0 in epoch 6, has a log that ends at 0');
});

test('isr-holds-truth fires for a member in sync whose log ends below what was told, not for one that is not', () => {
  const brokers = new WatchedBrokers(new IsrHoldsTruth());
  brokers.tell(0, 'a');
  const views = [viewOf({ highWatermark: 1 })];
  expect(() => {
    brokers.step(3, { views });
  }).toThrow('n3 is in sync with Topic-0 (epoch 5), and its log ends at 0');
  const others = new WatchedBrokers(new IsrHoldsTruth());
  others.step(1, { row: row({ isr: nodes(1, 2), partitionEpoch: 9 }) });
  others.tell(0, 'a');
  others.step(3, { views });
});

test('replicas-agree fires for another batch below a high watermark, also for one that differs by its epoch alone', () => {
  for (const wrong of [batchOf(['b']), batchOf(['a'], { epoch: 4 })]) {
    const brokers = new WatchedBrokers(new ReplicasAgree());
    brokers.step(1, { effects: [appended(batchOf(['a']))] });
    brokers.step(1, { views: [viewOf({ role: 'leader', logEndOffset: 1, highWatermark: 1 })] });
    brokers.step(2, { effects: [appended(wrong)] });
    brokers.step(2, { views: [viewOf({ logEndOffset: 1 })] });
    expect(() => {
      brokers.step(2, { views: [viewOf({ logEndOffset: 1, highWatermark: 1 })] });
    }).toThrow('where another replica has shown');
  }
});

test('served-records fires for what is above the high watermark, for another value, and for a gap', () => {
  const brokers = new WatchedBrokers(new ServedRecords());
  const serve = (records: Uint8Array, { highWatermark = 9, from = 0 } = {}) => {
    brokers.answer(1, fetchFrom(from), fetched(records, { highWatermark }));
  };
  serve(batchOf(['a']));
  expect(() => {
    serve(batchOf(['a']), { highWatermark: 0 });
  }).toThrow('offset 0, where its bound is 0');
  expect(() => {
    serve(batchOf(['b']));
  }).toThrow('b at offset 0, where a was served');
  expect(() => {
    serve(batchOf(['c'], { offset: 3 }), { from: 1 });
  }).toThrow('offsets 3 to 3 where 1 was to come');
});

test('high-watermark fires for one above what a member has on its disk, for a small set, and for one that falls', () => {
  const leads = (changes: object) => [
    viewOf({ role: 'leader', logEndOffset: 5, syncedEndOffset: 5, ...changes }),
  ];
  const brokers = new WatchedBrokers(new HighWatermarkRule());
  expect(() => {
    brokers.step(1, { views: leads({ highWatermark: 3 }) });
  }).toThrow('has advanced it to 3, where n2, in sync, has 0 on its disk');

  const alone = { inSyncReplicas: nodes(1), inSyncReplicasMaximal: nodes(1) };
  const small = new WatchedBrokers(new HighWatermarkRule());
  small.step(1, { views: leads(alone), settings: { minInsyncReplicas: 2 } });
  expect(() => {
    small.step(1, { views: leads({ ...alone, highWatermark: 3 }) });
  }).toThrow('has advanced it to 3 with 1 in sync, of 2 that it takes');

  const falling = new WatchedBrokers(new HighWatermarkRule());
  falling.step(1, { views: leads(alone) });
  falling.step(1, { views: leads({ ...alone, highWatermark: 3 }) });
  expect(() => {
    falling.step(1, { views: leads({ ...alone, highWatermark: 2 }) });
  }).toThrow('has let it fall from 3 to 2');
});

test('acknowledged-when-replicated fires for success below the high watermark, and with too few in sync', () => {
  const brokers = new WatchedBrokers(new AcknowledgedWhenReplicated());
  const answers = [{ call: produceOf(batchOf(['a', 'b'])) as never, body: producedAt(3) }];
  expect(() => {
    brokers.step(1, { views: [viewOf({ role: 'leader', highWatermark: 4 })], answers });
  }).toThrow('offsets 3 to 4 of Topic-0 with its high watermark at 4');
  brokers.step(1, { views: [viewOf({ role: 'leader', highWatermark: 5 })], answers });
  const views = [viewOf({ role: 'leader', highWatermark: 5, inSyncReplicas: nodes(1) })];
  brokers.step(1, { views, answers, settings: { minInsyncReplicas: 2 } });
  expect(() => {
    brokers.step(1, { answers });
  }).toThrow('with 1 in sync, of 2 that it takes');

  const changing = new WatchedBrokers(new AcknowledgedWhenReplicated());
  const two = [viewOf({ role: 'leader', highWatermark: 5, inSyncReplicas: nodes(1, 2) })];
  changing.step(1, { views: two, settings: { minInsyncReplicas: 2 } });
  // The disk has come further, and what it holds of the metadata asks for more: the answer was given before.
  changing.step(1, { answers, settings: { minInsyncReplicas: 3 } });
  expect(() => {
    changing.step(1, { answers });
  }).toThrow('with 2 in sync, of 3 that it takes');
});

test('one-leader fires for two leaders of one epoch, for epochs that fall, and for a log out of order', () => {
  const brokers = new WatchedBrokers(new OneLeader());
  expect(() => {
    brokers.step(2, { views: [viewOf({ role: 'leader' })] });
  }).toThrow('both n1 and n2 lead Topic-0 in epoch 5');
  expect(() => {
    brokers.step(1, { row: row({ leaderEpoch: 4, partitionEpoch: 9 }) });
  }).toThrow("the leader's epoch of Topic-0 falls from 5 to 4");
  expect(() => {
    brokers.step(1, { row: row({ leaderEpoch: 6, partitionEpoch: 8 }) });
  }).toThrow('Topic-0 has changed, and its epoch goes from 9 to 8');

  const logs = new WatchedBrokers(new OneLeader());
  logs.step(1, { effects: [appended(batchOf(['a']))] });
  expect(() => {
    logs.step(1, { effects: [appended(batchOf(['b'], { offset: 1, epoch: 4 }))] });
  }).toThrow('epoch 4 behind 5, at offset 1');
  expect(() => {
    logs.step(1, { effects: [appended(batchOf(['c'], { offset: 5 }))] });
  }).toThrow('offset 5 behind 1');
});

test('truncation fires for a cut of what was committed and told, not of what never was', () => {
  const brokers = new WatchedBrokers(new Truncation());
  brokers.step(2, { effects: [appended(batchOf(['a']))] });
  const [batch] = brokers.state.mirror(nodeId(2)).batches('partitions/Topic-0.17') ?? [];
  brokers.step(2, { effects: [cutTo(0)] });
  brokers.step(2, { effects: [appended(batchOf(['a']))] });
  if (batch !== undefined) brokers.state.committed('17.0').show(batch);
  brokers.tell(0, 'a');
  expect(() => {
    brokers.step(2, { effects: [cutTo(0)] });
  }).toThrow('n2 has cut offsets 0 to 0 of Topic-0');
});

test('isr-joins fires for one who is fenced, and for one who lacks something', () => {
  const without = row({ isr: nodes(1, 2), partitionEpoch: 9 });
  const brokers = new WatchedBrokers(new IsrJoins());
  brokers.step(1, { row: without });
  expect(() => {
    brokers.step(1, { row: row({ partitionEpoch: 10 }), fenced: [3] });
  }).toThrow('n3 has joined the in-sync set of Topic-0 (epoch 5, 10), and is fenced');
  const leaderless = { isr: nodes(3), leader: noLeader } as const;
  const hidden = new WatchedBrokers(new IsrJoins());
  hidden.step(1, { row: without });
  expect(() => {
    hidden.step(1, { row: row({ leaderEpoch: 7, partitionEpoch: 12 }), fenced: [3] });
  }).toThrow('n3 has joined the in-sync set of Topic-0 (epoch 7, 12), and is fenced');
  const atOnce = new WatchedBrokers(new IsrJoins());
  atOnce.step(1, { row: without });
  expect(() => {
    atOnce.step(1, { row: row({ ...leaderless, leaderEpoch: 6, partitionEpoch: 10 }), fenced: [1, 2, 3] });
  }).toThrow('n3 has joined the in-sync set of Topic-0 (epoch 6, 10), and is fenced');
  const lacking = new WatchedBrokers(new IsrJoins());
  lacking.step(1, { row: without });
  lacking.tell(0, 'a');
  expect(() => {
    lacking.step(1, { row: row({ partitionEpoch: 10 }) });
  }).toThrow('with 0 of 1 on its disk');
});

test('isr-joins knows one who has joined, and was then the last to be fenced, from one who was fenced before', () => {
  const brokers = new WatchedBrokers(new IsrJoins());
  brokers.step(1, { row: row({ isr: nodes(1), partitionEpoch: 9 }) });
  // It joins, the leader is fenced, and it is fenced while it leads: three changes, applied at once.
  const last = row({ isr: nodes(3), leader: noLeader, leaderEpoch: 7, partitionEpoch: 12 });
  brokers.step(1, { row: last, fenced: [1, 2, 3] });
});

test('unclean-elections fires for one that is not allowed, and for one of which nothing is said', () => {
  const without = row({ isr: nodes(1, 2), partitionEpoch: 9 });
  const elected = { leader: nodeId(3), isr: nodes(3), leaderEpoch: 6, partitionEpoch: 10 };
  const brokers = new WatchedBrokers(new UncleanElections());
  brokers.step(1, { row: without });
  expect(() => {
    brokers.step(1, { row: row({ ...elected, uncleanElections: 1 }) });
  }).toThrow('by an unclean election, which its topic does not allow');
  const silent = new WatchedBrokers(new UncleanElections());
  silent.step(1, { row: without, settings: { uncleanLeaderElection: true } });
  expect(() => {
    silent.step(1, { row: row(elected) });
  }).toThrow('n3 leads Topic-0 in epoch 6, was not in sync, and nothing is recorded of it');
});

test('epoch-fencing fires for an answer to another epoch, and for an error that does not fit', () => {
  const brokers = new WatchedBrokers(new EpochFencing());
  const asked = (currentLeaderEpoch: number, errorCode: number) => {
    const call = fetchFrom(0, currentLeaderEpoch);
    const body = fetched(new Uint8Array(), { errorCode });
    brokers.step(1, { answers: [{ call: call as never, body }] });
  };
  asked(5, kafkaErrors.NONE);
  asked(4, kafkaErrors.FENCED_LEADER_EPOCH);
  asked(6, kafkaErrors.UNKNOWN_LEADER_EPOCH);
  expect(() => {
    asked(4, kafkaErrors.NONE);
  }).toThrow('in epoch 4, and follows epoch 5');
  expect(() => {
    asked(5, kafkaErrors.FENCED_LEADER_EPOCH);
  }).toThrow('with error 74, and follows epoch 5');
});

test('idempotence fires for a gap, for a batch that is there twice, and for a producer that is told of a mistake', () => {
  const shown = (...batches: Uint8Array[]) => {
    const brokers = new WatchedBrokers(new Idempotence());
    for (const batch of batches) brokers.step(1, { effects: [appended(batch)] });
    for (const batch of brokers.state.mirror(nodeId(1)).batches('partitions/Topic-0.17') ?? []) {
      brokers.state.committed('17.0').show(batch);
    }
    return () => {
      new Idempotence().onEnd(brokers.state);
    };
  };
  const first = batchOf(['a', 'b'], { producerId: 7, sequence: 0 });
  expect(shown(first, batchOf(['c'], { offset: 2, producerId: 7, sequence: 2 }))).not.toThrow();
  const where = 'producer 7 has sequence';
  expect(shown(first, batchOf(['c'], { offset: 2, producerId: 7, sequence: 3 }))).toThrow(
    `${where} 3 of epoch 0 at offset 2 of Topic-0, where 2 was to come`,
  );
  expect(shown(first, batchOf(['a', 'b'], { offset: 2, producerId: 7, sequence: 0 }))).toThrow(
    `${where} 0 of epoch 0 at offset 2 of Topic-0, where 2 was to come`,
  );

  const brokers = new WatchedBrokers(new Idempotence());
  brokers.state.history.produced.push({
    client: 1,
    topic: topicName,
    partition: 0,
    acks: -1,
    producerId: 7,
    producerEpoch: 0,
    baseSequence: 2,
    values: ['c'],
    startUs: 0,
    endUs: 1,
    outcome: { kind: 'refused', error: kafkaErrors.OUT_OF_ORDER_SEQUENCE_NUMBER },
    attempts: 1,
  });
  expect(() => {
    new Idempotence().onEnd(brokers.state);
  }).toThrow('was refused with error 45, though nothing before it is missing');
});

test('metadata-agrees fires for brokers that know other things by the same entries, and for a topic that is gone', () => {
  const brokers = new WatchedBrokers(new MetadataAgrees());
  brokers.step(2, { applied: 1 });
  brokers.step(1, { row: row({ partitionEpoch: 9 }) });
  expect(() => {
    brokers.step(3, { applied: 1 });
  }).toThrow("n3 and n1 have applied the metadata's log up to 1, and do not know the same");

  const gone = new WatchedBrokers(new MetadataAgrees());
  const call = { client: 0, startUs: 0, endUs: 1, errors: [kafkaErrors.NONE] };
  gone.state.history.admin.push({ ...call, what: 'create Lost' });
  expect(() => {
    new MetadataAgrees().onEnd(gone.state);
  }).toThrow('topic Lost is gone, whose creation was acknowledged');
  gone.state.history.admin.push({ ...call, what: 'delete Lost' });
  new MetadataAgrees().onEnd(gone.state);
});

test('replicas-converge fires for replicas that hold different batches in the end', () => {
  const brokers = new WatchedBrokers(new ReplicasConverge());
  for (const node of [1, 2, 3]) brokers.step(node, { effects: [appended(batchOf(['a']))] });
  new ReplicasConverge().onEnd(brokers.state);
  brokers.step(3, { effects: [appended(batchOf(['b'], { offset: 1 }))] });
  expect(() => {
    new ReplicasConverge().onEnd(brokers.state);
  }).toThrow('n3 and n1 differ in Topic-0 from offset 1 on');
});

function produceOf(records: Uint8Array): object {
  const topicData = [{ name: topicName, partitionData: [{ index: 0, records }] }];
  return {
    api: 'produce',
    version: 9,
    body: { acks: -1, timeoutMs: 1, transactionalId: undefined, topicData },
  };
}

function producedAt(baseOffset: number): object {
  return { responses: [{ name: topicName, partitionResponses: [{ index: 0, errorCode: 0, baseOffset }] }] };
}

function fetchFrom(fetchOffset: number, currentLeaderEpoch = -1): object {
  const partitions = [{ partition: 0, fetchOffset, currentLeaderEpoch }];
  const topics = [{ topic: topicName, partitions }];
  return { api: 'fetch', version: 12, body: { replicaId: -1, isolationLevel: 0, topics } };
}

function fetched(
  records: Uint8Array,
  { highWatermark = 9, errorCode = 0 }: { highWatermark?: number; errorCode?: number } = {},
): object {
  const partition = { partitionIndex: 0, errorCode, highWatermark, lastStableOffset: highWatermark, records };
  return { errorCode: 0, responses: [{ topic: topicName, partitions: [partition] }] };
}
