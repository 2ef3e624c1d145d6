import { expect, test } from 'vitest';
import { DataLossError } from '../../../core/raft/data-loss.ts';
import { Cluster } from './cluster.ts';
import {
  accepted,
  alone,
  appendRequest,
  commands,
  heartbeat,
  received,
  sentOf,
  terms,
  voteRequest,
} from './scene.ts';

/**
 * Member 1 of three, follower of 2 in term 1, has acknowledged entries 1 … 6, each in its own batch, and another batch
 * behind them; then batches were damaged, and it has started again, in boot 2. Batch 1 is the start's, batch 2 holds entry 1
 * with the term; hence entry n lies in batch n + 1.
 */
function damaged(...batches: readonly number[]): Cluster {
  const cluster = new Cluster({ members: 3 });
  alone(cluster);
  const places: { file: string; positionBytes: number; lengthBytes: number }[] = [];
  const note = (): void => {
    const [file] = cluster.member(1).segments.list('log/');
    if (file === undefined) throw new Error('no log');
    const end = places.at(-1);
    const positionBytes = end === undefined ? 0 : end.positionBytes + end.lengthBytes;
    places.push({ file: file.file, positionBytes, lengthBytes: file.lengthBytes - positionBytes });
  };
  note();
  for (let index = 1; index <= 6; index += 1) {
    const previous = [index - 1, index === 1 ? 0 : 1] as const;
    cluster.step(1, received(2, appendRequest({ term: 1, previous, entries: commands(index, 1) })));
    cluster.sync(1);
    note();
  }
  // What comes behind bears witness that all of it was durable. The vote is the newest hard state.
  cluster.nowUs += 5_000_000;
  cluster.step(1, received(3, voteRequest({ term: 2, lastTerm: 1, lastIndex: 6 })));
  cluster.sync(1);
  cluster.crash(1);
  for (const batch of batches) {
    const place = places[batch - 1];
    if (place !== undefined)
      cluster.member(1).segments.damage(place.file, place.positionBytes + place.lengthBytes - 1);
  }
  cluster.restart(1);
  cluster.sync(1);
  return cluster;
}

test('without damage nothing needs repair', () => {
  const cluster = damaged();
  expect(cluster.member(1).view).toMatchObject({ repairing: false, lastIndex: 6, term: 2, vote: 3 });
});

test('a damaged log keeps what is intact below, and the newest term and vote', () => {
  const cluster = damaged(5);
  expect(cluster.member(1).view).toMatchObject({ repairing: true, lastIndex: 3, term: 2, vote: 3 });
});

test('a repairing member neither votes, nor pre-votes, nor campaigns', () => {
  const cluster = damaged(5);
  cluster.nowUs += 5_000_000;
  for (const preVote of [true, false]) {
    const request = voteRequest({ term: 3, lastTerm: 9, lastIndex: 99, preVote });
    expect(sentOf(cluster.step(1, received(2, request)), 'voteResponse')).toMatchObject([{ granted: false }]);
  }
  cluster.nowUs += 5_000_000;
  expect(sentOf(cluster.step(1, { kind: 'tick' }), 'voteRequest')).toEqual([]);
  cluster.step(1, received(2, heartbeat(3)));
  cluster.step(1, received(2, { kind: 'timeoutNow', term: 3 }));
  expect(cluster.member(1).view.role).toBe('follower');
});

test('it refuses what it no longer has and acknowledges what it truly holds', () => {
  const cluster = damaged(5);
  const beyond = appendRequest({ term: 3, previous: [6, 1], entries: commands(7, 3), boot: 2 });
  expect(sentOf(cluster.step(1, received(2, beyond)), 'appendResponse')).toMatchObject([
    { rejected: true, hintIndex: 3, boot: 2 },
  ]);
  const again = appendRequest({ term: 3, previous: [3, 1], entries: commands(4, 1, 1), boot: 2 });
  expect(sentOf(cluster.step(1, received(2, again)), 'appendResponse')).toEqual([accepted(3, 5, 2)]);
  expect(cluster.member(1).view.repairing).toBe(true);
});

const rest = commands(4, 1, 1, 1, 3);

test('the repair ends when the leader’s commit of its own term is durable here', () => {
  const cluster = damaged(5);
  cluster.step(
    1,
    received(2, appendRequest({ term: 3, previous: [3, 1], entries: rest, commitIndex: 7, boot: 2 })),
  );
  expect(cluster.member(1).view.repairing).toBe(true);
  cluster.sync(1);
  expect(cluster.member(1).view.repairing).toBe(false);
  cluster.nowUs += 5_000_000;
  const request = voteRequest({ term: 4, lastTerm: 3, lastIndex: 7 });
  expect(sentOf(cluster.step(1, received(3, request)), 'voteResponse')).toMatchObject([{ granted: true }]);
});

test('a leader that has not heard of this start may still count what was lost: its commit does not end the repair', () => {
  const cluster = damaged(5);
  cluster.step(
    1,
    received(2, appendRequest({ term: 3, previous: [3, 1], entries: rest, commitIndex: 7, boot: 1 })),
  );
  cluster.sync(1);
  expect(cluster.member(1).view.repairing).toBe(true);
  // The same with nothing new in it, once the leader knows.
  cluster.step(1, received(2, appendRequest({ term: 3, previous: [7, 3], commitIndex: 7, boot: 2 })));
  expect(cluster.member(1).view.repairing).toBe(false);
});

test('a commit index of an earlier term does not end it: more may be committed than the leader knows', () => {
  const cluster = damaged(5);
  const known = appendRequest({
    term: 3,
    previous: [3, 1],
    entries: commands(4, 1, 1, 1),
    commitIndex: 4,
    boot: 2,
  });
  cluster.step(1, received(2, known));
  cluster.sync(1);
  expect(cluster.member(1).view.repairing).toBe(true);
});

test('nor does a commit index beyond what has arrived', () => {
  const cluster = damaged(5);
  const part = appendRequest({
    term: 3,
    previous: [3, 1],
    entries: commands(4, 1, 1),
    commitIndex: 7,
    boot: 2,
  });
  cluster.step(1, received(2, part));
  cluster.sync(1);
  expect(cluster.member(1).view.repairing).toBe(true);
});

test('a repair that has not ended goes on after a restart, and one that has does not begin again', () => {
  const cluster = damaged(5);
  cluster.crash(1);
  cluster.restart(1);
  cluster.sync(1);
  expect(cluster.member(1).view).toMatchObject({ repairing: true, lastIndex: 3 });
  cluster.step(
    1,
    received(2, appendRequest({ term: 3, previous: [3, 1], entries: rest, commitIndex: 7, boot: 3 })),
  );
  cluster.sync(1);
  expect(cluster.member(1).view.repairing).toBe(false);
  cluster.sync(1);
  cluster.crash(1);
  expect(cluster.restart(1).view).toMatchObject({ repairing: false, lastIndex: 7, term: 3 });
});

test('a start’s batch that is damaged costs nothing: what follows states everything anew', () => {
  const cluster = damaged(1);
  expect(cluster.member(1).view).toMatchObject({ repairing: false, lastIndex: 6, term: 2, vote: 3 });
  expect(terms(cluster, 1)).toEqual([1, 1, 1, 1, 1, 1]);
});

test('when the newest entries are gone the log looks whole, and is not', () => {
  expect(damaged(7).member(1).view).toMatchObject({ repairing: true, lastIndex: 5 });
});

test('when the oldest entries are gone, the log does not begin with the oldest that is left', () => {
  expect(damaged(1, 2).member(1).view).toMatchObject({
    repairing: true,
    firstIndex: 1,
    lastIndex: 0,
    term: 2,
  });
});

test('damage in several places: what lies between is not trusted', () => {
  expect(damaged(4, 6).member(1).view).toMatchObject({ repairing: true, lastIndex: 2 });
});

test('what damage has hidden is not mixed with an older history (Log Matching, Raft §5.3)', () => {
  const cluster = new Cluster({ members: 3 });
  alone(cluster);
  const { segments } = cluster.member(1);
  const length = (): number => segments.list('log/')[0]?.lengthBytes ?? 0;
  cluster.step(1, received(2, appendRequest({ term: 1, entries: commands(1, 1, 1, 1, 1) })));
  cluster.sync(1);
  const from = length();
  // A later leader replaces 2 … 4; that batch will be lost. What follows belongs to the new history.
  cluster.step(1, received(3, appendRequest({ term: 2, previous: [1, 1], entries: commands(2, 2, 2, 2) })));
  cluster.sync(1);
  cluster.step(1, received(3, appendRequest({ term: 2, previous: [4, 2], entries: commands(5, 2) })));
  cluster.sync(1);
  cluster.step(1, received(3, appendRequest({ term: 2, previous: [5, 2], entries: commands(6, 2) })));
  cluster.sync(1);
  cluster.crash(1);
  segments.damage(segments.list('log/')[0]?.file ?? '', from + 50);
  cluster.restart(1);
  expect(terms(cluster, 1)).toEqual([1, 1, 1, 1]);
  expect(cluster.member(1).view).toMatchObject({ repairing: true, term: 2 });
});

test('a history that was replaced as a whole behind the damage is whole again', () => {
  const cluster = new Cluster({ members: 3 });
  alone(cluster);
  const { segments } = cluster.member(1);
  const length = (): number => segments.list('log/')[0]?.lengthBytes ?? 0;
  cluster.step(1, received(2, appendRequest({ term: 1, entries: commands(1, 1) })));
  cluster.sync(1);
  const from = length();
  cluster.step(1, received(2, appendRequest({ term: 1, previous: [1, 1], entries: commands(2, 1, 1) })));
  cluster.sync(1);
  cluster.step(1, received(3, appendRequest({ term: 2, previous: [1, 1], entries: commands(2, 2, 2) })));
  cluster.sync(1);
  cluster.step(1, received(3, appendRequest({ term: 2, previous: [3, 2], entries: commands(4, 2) })));
  cluster.sync(1);
  cluster.crash(1);
  segments.damage(segments.list('log/')[0]?.file ?? '', from + 50);
  cluster.restart(1);
  expect(terms(cluster, 1)).toEqual([1, 2, 2, 2]);
  expect(cluster.member(1).view.repairing).toBe(false);
});

test('the only voter of a group has nobody to fetch from: it stops and says so', () => {
  const cluster = new Cluster({ members: 1 });
  cluster.settle();
  const { segments } = cluster.member(1);
  const from = segments.list('log/')[0]?.lengthBytes ?? 0;
  for (const command of ['a', 'b', 'c', 'd']) {
    cluster.propose(1, command);
    cluster.sync(1);
  }
  cluster.crash(1);
  cluster.member(1).store = { index: 0, term: 0, configuration: cluster.initial, applied: [] };
  segments.damage(segments.list('log/')[0]?.file ?? '', from + 50);
  expect(() => cluster.restart(1)).toThrow(DataLossError);
});

test('the same damage below what the store has applied costs nothing', () => {
  const cluster = new Cluster({ members: 1 });
  cluster.settle();
  const { segments } = cluster.member(1);
  const from = segments.list('log/')[0]?.lengthBytes ?? 0;
  for (const command of ['a', 'b', 'c', 'd']) {
    cluster.propose(1, command);
    cluster.sync(1);
  }
  cluster.crash(1);
  cluster.member(1).store.index = 3;
  cluster.member(1).store.applied = ['a', 'b'];
  segments.damage(segments.list('log/')[0]?.file ?? '', from + 50);
  cluster.restart(1);
  cluster.settle();
  expect(cluster.member(1).store.applied).toEqual(['a', 'b', 'c', 'd']);
});

test('damage where the newest term and vote may have been stops the member: it may have promised what it does not know', () => {
  const cluster = new Cluster({ members: 3 });
  alone(cluster);
  const { segments } = cluster.member(1);
  const file = (): { file: string; lengthBytes: number } =>
    segments.list('log/')[0] ?? { file: '', lengthBytes: 0 };
  cluster.step(1, received(2, appendRequest({ term: 1, entries: commands(1, 1) })));
  cluster.sync(1);
  const from = file().lengthBytes;
  cluster.step(1, received(2, appendRequest({ term: 1, previous: [1, 1], entries: commands(2, 1) })));
  cluster.sync(1);
  const to = file().lengthBytes;
  // Its header alone reaches the disk: it bears witness to the batch before, and says nothing itself.
  cluster.step(1, received(2, appendRequest({ term: 1, previous: [2, 1], entries: commands(3, 1) })));
  segments.sync();
  cluster.crash(1);
  segments.truncate(file().file, to + 44);
  segments.damage(file().file, from + 50);
  expect(() => cluster.restart(1)).toThrow('the newest term and vote of group 1');
});
