import { describe, expect, test } from 'vitest';
import { WatchRequest } from '../../../../core/chainfire/api/watch.ts';
import { etcdRefusal } from '../../../../core/chainfire/refusals.ts';
import { ask, op, put } from '../requests.ts';
import { WatchScene, type Write } from './scene.ts';

const write = {
  put: (key: string, text: string) => ask.put(key, text) as Write,
  del: (key: string, rangeEnd = '') => ask.del(key, { rangeEnd }) as Write,
  txn: (...puts: readonly (readonly [string, string])[]) =>
    ask.txn({ success: puts.map(([key, text]) => op.put(put(key, text))) }) as Write,
  compact: (revision: number) => ask.compact(revision) as Write,
};
/** Every key. */
const everything = { key: '', rangeEnd: '\x00' };

describe('the dialogue of a stream, as etcd 3.4 has it', () => {
  test('the answer to a creation comes first and says where the member is', () => {
    const scene = new WatchScene();
    const stream = scene.open();
    scene.create(stream, { key: 'x' });
    scene.write(write.put('x', '1'));
    scene.create(stream, { key: 'y' });
    expect(scene.hear(stream)).toEqual(['0 r1 created', '0 r2 put x=1@2', '1 r2 created']);
  });

  test("numbers of watches: chosen from 0 on, or the client's own; one in use is refused under no number", () => {
    const scene = new WatchScene();
    const stream = scene.open();
    scene.create(stream, { key: 'x', watchId: 1 });
    scene.create(stream, { key: 'x' });
    scene.create(stream, { key: 'x' });
    scene.create(stream, { key: 'x', watchId: 1 });
    scene.create(stream, { key: 'x', watchId: -5 });
    expect(scene.hear(stream)).toEqual([
      '1 r1 created',
      '0 r1 created',
      '2 r1 created',
      '-1 r1 created canceled (mvcc: duplicate watch ID provided on the WatchStream)',
      '-5 r1 created',
    ]);
    scene.write(write.put('x', '1'));
    expect([...scene.hear(stream)].sort((left, right) => (left < right ? -1 : 1))).toEqual([
      '-5 r2 put x=1@2',
      '0 r2 put x=1@2',
      '1 r2 put x=1@2',
      '2 r2 put x=1@2',
    ]);
  });

  test('a watch cannot have the number that stands for every watch', () => {
    const scene = new WatchScene();
    const stream = scene.open();
    scene.create(stream, { key: 'x', watchId: -1 });
    expect(scene.hear(stream)).toEqual([
      '-1 r1 created canceled (WatchCreateRequest.watch_id is -1; that stands for every watch of a stream)',
    ]);
    expect(scene.hub.counts.watches).toBe(0);
  });

  test('a cancel is answered once; of a watch that is not there it is not answered; its number is free again', () => {
    const scene = new WatchScene();
    const stream = scene.open();
    scene.create(stream, { key: 'x', watchId: 7 });
    scene.cancel(stream, 99);
    scene.cancel(stream, 7);
    scene.cancel(stream, 7);
    scene.write(write.put('x', '1'));
    scene.create(stream, { key: 'x', watchId: 7 });
    scene.write(write.put('x', '2'));
    expect(scene.hear(stream)).toEqual(['7 r1 created', '7 r1 canceled', '7 r2 created', '7 r3 put x=2@3']);
  });

  test('no key is the least key; an end of one zero byte is the end of all keys', () => {
    const scene = new WatchScene();
    const stream = scene.open();
    scene.create(stream, { key: '' });
    scene.create(stream, { key: '', rangeEnd: '\x00' });
    scene.create(stream, { key: 'b', rangeEnd: '\x00' });
    scene.create(stream, { key: 'a', rangeEnd: 'b' });
    scene.write(write.put('a', '1'));
    scene.write(write.put('\x00', '2'));
    scene.write(write.put('b', '3'));
    expect(scene.hear(stream).slice(4)).toEqual([
      '1 r2 put a=1@2',
      '3 r2 put a=1@2',
      '0 r3 put \x00=2@3',
      '1 r3 put \x00=2@3',
      '1 r4 put b=3@4',
      '2 r4 put b=3@4',
    ]);
  });

  test("a range without keys is refused in etcd's words; what etcd takes without a word is refused by name", () => {
    const scene = new WatchScene();
    const stream = scene.open();
    scene.create(stream, { key: 'z', rangeEnd: 'a' });
    scene.create(stream, { key: 'z', rangeEnd: 'z' });
    scene.create(stream, { key: 'z', startRevision: -3 });
    scene.create(stream, { key: 'z', filters: [0, 5] });
    scene.create(stream, { key: 'z' });
    expect(scene.hear(stream)).toEqual([
      '-1 r1 created canceled (mvcc: watcher range is empty)',
      '-1 r1 created canceled (mvcc: watcher range is empty)',
      '-1 r1 created canceled (WatchCreateRequest.start_revision is -3; 0 means from now on, and it is not below 0)',
      '-1 r1 created canceled (WatchCreateRequest.filters has 5; it has 0 (no puts) and 1 (no deletions))',
      '0 r1 created',
    ]);
  });

  test('filters leave out puts or deletions, or both; what was before comes to whoever wants it', () => {
    const scene = new WatchScene();
    const stream = scene.open();
    scene.create(stream, { key: 'q', filters: [0], prevKv: true });
    scene.create(stream, { key: 'q', filters: [1], prevKv: true });
    scene.create(stream, { key: 'q', filters: [0, 1] });
    scene.create(stream, { key: 'q' });
    scene.hear(stream);
    scene.write(write.put('q', '1'));
    scene.write(write.put('q', '2'));
    scene.write(write.del('q'));
    expect(scene.hear(stream)).toEqual([
      '1 r2 put q=1@2',
      '3 r2 put q=1@2',
      '1 r3 put q=2@3 was q=1@2',
      '3 r3 put q=2@3',
      '0 r4 del q@4 was q=2@3',
      '3 r4 del q@4',
    ]);
  });

  test("a start in the past is served from history, a revision's events together and in the order of the changes", () => {
    const scene = new WatchScene();
    scene.write(write.put('m', '0'));
    scene.write(write.txn(['m', '1'], ['b', '1'], ['c', '1']));
    scene.write(write.del('a', 'n'));
    const stream = scene.open();
    scene.create(stream, { ...everything, startRevision: 1, prevKv: true });
    scene.create(stream, { key: 'b', startRevision: 4 });
    expect(scene.hearAll(stream)).toEqual([
      '0 r4 created',
      '1 r4 created',
      '0 r4 put m=0@2 put m=1@3 was m=0@2 put b=1@3 put c=1@3 del b@4 was b=1@3 del c@4 was c=1@3 del m@4 was m=1@3',
      '1 r4 del b@4',
    ]);
  });

  test('what lies below the compacted revision is created and then canceled; its number is free again', () => {
    const scene = new WatchScene();
    for (const text of ['1', '2', '3', '4']) scene.write(write.put('q', text));
    scene.write(write.compact(4));
    const stream = scene.open();
    scene.create(stream, { key: 'q', startRevision: 3, watchId: 50 });
    scene.create(stream, { key: 'q', startRevision: 1 });
    scene.create(stream, { key: 'q', startRevision: 4, watchId: 50 });
    expect(scene.hearAll(stream)).toEqual([
      '50 r5 created',
      '50 r0 canceled compacted 4',
      '0 r5 created',
      '0 r0 canceled compacted 4',
      '50 r5 created',
      '50 r5 put q=3@4 put q=4@5',
    ]);
  });

  test('what was before is not told at the compacted revision itself, where not every member may have it still', () => {
    const scene = new WatchScene();
    for (const text of ['1', '2', '3']) scene.write(write.put('q', text));
    scene.write(write.compact(3));
    const stream = scene.open();
    scene.create(stream, { key: 'q', startRevision: 3, prevKv: true });
    expect(scene.hearAll(stream)).toEqual(['0 r4 created', '0 r4 put q=2@3 put q=3@4 was q=2@3']);
  });

  test('an empty request, and whatever comes for a stream that is gone, means nothing', () => {
    const scene = new WatchScene();
    const stream = scene.open();
    scene.send(stream, WatchRequest.create({}));
    expect(scene.hear(stream)).toEqual([]);
    scene.close(stream);
    scene.create(stream, { key: 'x' });
    scene.hub.drained(stream, 17);
    scene.hub.closed(stream);
    expect(scene.hub.counts).toEqual({ streams: 0, watches: 0, behind: 0, eventsSent: 0, undrainedBytes: 0 });
  });
});

describe('headers', () => {
  test('events come with the revision up to which the watch has everything, whatever it was not interested in', () => {
    const scene = new WatchScene();
    const stream = scene.open();
    scene.create(stream, { key: 'x' });
    scene.write(write.put('x', '1'), write.put('y', '1'), write.put('y', '2'));
    scene.create(stream, { key: 'x', startRevision: 2 });
    expect(scene.hearAll(stream)).toEqual([
      '0 r1 created',
      '0 r4 put x=1@2',
      '1 r4 created',
      '1 r4 put x=1@2',
    ]);
  });
});

describe('progress', () => {
  test('on request: once every watch of the stream is at the present, under the number of every watch', () => {
    const scene = new WatchScene();
    scene.write(write.put('x', '1'), write.put('x', '2'));
    const stream = scene.open();
    scene.askProgress(stream);
    expect(scene.hear(stream)).toEqual(['-1 r3']);
    scene.create(stream, { key: 'x', startRevision: 2 });
    scene.askProgress(stream);
    expect(scene.hear(stream)).toEqual(['0 r3 created']);
    expect(scene.hearAll(stream)).toEqual(['0 r3 put x=1@2 put x=2@3', '-1 r3']);
    expect(scene.hearAll(stream)).toEqual([]);
  });

  test('of its own: only when it was asked for, only after the whole time without a word', () => {
    const scene = new WatchScene({ watchProgressIntervalUs: 1_000 });
    const stream = scene.open();
    scene.create(stream, { key: 'x', progressNotify: true });
    scene.create(stream, { key: 'y' });
    scene.hear(stream);
    scene.wait(900);
    expect(scene.hear(stream)).toEqual([]);
    scene.write(write.put('x', '1'));
    expect(scene.hear(stream)).toEqual(['0 r2 put x=1@2']);
    scene.write(write.put('z', '1'));
    expect(scene.hub.deadlineUs).toBeLessThanOrEqual(1_150);
    scene.wait(999);
    expect(scene.hear(stream)).toEqual([]);
    scene.wait(251);
    expect(scene.hear(stream)).toEqual(['0 r3']);
    scene.wait(250);
    expect(scene.hear(stream)).toEqual([]);
    scene.cancel(stream, 0);
    expect(scene.hub.deadlineUs).toBe(Infinity);
  });
});

describe('leaders', () => {
  test('a stream that wants a leader is refused without one, and ended three election time-outs after the last', () => {
    const scene = new WatchScene({ raft: { electionTimeoutUs: 1_000 } });
    const wants = scene.open(true);
    const indifferent = scene.open(false);
    scene.leaderKnown = false;
    scene.turn();
    const late = scene.open(true);
    expect(scene.ends).toEqual(new Map([[late, 'NO_LEADER']]));
    scene.wait(2_999);
    expect(scene.ends.has(wants)).toBe(false);
    expect(scene.hub.deadlineUs).toBe(3_000);
    scene.wait(1);
    expect(scene.ends.get(wants)).toBe('NO_LEADER');
    expect(scene.ends.has(indifferent)).toBe(false);
    expect(scene.hub.deadlineUs).toBe(Infinity);
  });

  test('a leader that is found in time saves it', () => {
    const scene = new WatchScene({ raft: { electionTimeoutUs: 1_000 } });
    const stream = scene.open(true);
    scene.leaderKnown = false;
    scene.turn();
    scene.wait(2_999);
    scene.leaderKnown = true;
    scene.wait(1);
    scene.wait(10_000);
    expect(scene.ends.has(stream)).toBe(false);
  });
});

test('a member that stops ends every stream, and forgets them', () => {
  const scene = new WatchScene({ streamBytesMax: 100 });
  const streams = [scene.open(), scene.open(true)];
  for (const stream of streams) {
    scene.create(stream, { key: 'k', progressNotify: true });
    scene.create(stream, { key: 'k', startRevision: 9 });
    scene.create(stream, { ...everything, startRevision: 1 });
  }
  scene.write(write.put('k', '1'));
  scene.hub.stop(etcdRefusal('STOPPED'));
  scene.write(write.put('k', '2'));
  scene.turn();
  expect([...scene.ends]).toEqual(streams.map((stream) => [stream, 'STOPPED']));
  expect(scene.hub.counts).toMatchObject({ streams: 0, watches: 0, behind: 0, undrainedBytes: 0 });
  expect(scene.hub.hasWork).toBe(false);
  expect(scene.hub.wantsChanges).toBe(false);
  expect(scene.hub.deadlineUs).toBe(Infinity);
});

describe('bounds', () => {
  test('streams, and watches of a stream', () => {
    const scene = new WatchScene({ streamsMax: 1, watchesPerStreamMax: 1 });
    const stream = scene.open();
    const second = scene.open();
    expect(scene.ends).toEqual(new Map([[second, 'TOO_MANY_REQUESTS']]));
    scene.create(stream, { key: 'x' });
    scene.create(stream, { key: 'y' });
    expect(scene.hear(stream)).toEqual([
      '0 r1 created',
      '-1 r1 created canceled (a stream has 1 watches at most)',
    ]);
  });

  test('a stream that is full gets nothing more, however much happens, and everything later', () => {
    const scene = new WatchScene({ streamBytesMax: 500 });
    const slow = scene.open();
    const quick = scene.open();
    scene.create(slow, everything);
    scene.create(quick, everything);
    const heard: string[] = [];
    for (let at = 0; at < 200; at += 1) {
      scene.write(write.put(`k${at % 7}`, `${at}`));
      heard.push(...scene.hear(quick));
      expect(scene.unreadBytes(slow)).toBeLessThan(600);
    }
    // Nobody waits for the slow one.
    expect(heard).toHaveLength(201);
    expect(scene.hub.counts.behind).toBe(1);
    expect(scene.hub.hasWork).toBe(false);
    const events = (lines: readonly string[]): string =>
      lines
        .slice(1)
        .map((line) => line.slice(line.indexOf(' put') + 1))
        .join(' ');
    expect(events(scene.hearAll(slow))).toBe(events(heard));
    expect(scene.hub.counts).toMatchObject({ behind: 0, undrainedBytes: 0 });
  });

  test('a stream that was full gets nothing until half of it has drained; then whoever waited longest comes first', () => {
    const scene = new WatchScene({ streamBytesMax: 600, watchFragmentBytes: 200 });
    const stream = scene.open();
    scene.create(stream, { key: 'old' });
    scene.create(stream, { key: 'busy' });
    scene.write(write.put('old', 'x'.repeat(500)));
    scene.write(write.put('old', '3'), write.put('busy', '4'));
    expect(scene.unreadBytes(stream)).toBeGreaterThan(600);
    // The answers to the creations: less than half.
    expect(scene.hear(stream, 2)).toEqual(['0 r1 created', '1 r1 created']);
    const unread = scene.unreadBytes(stream);
    expect(unread).toBeLessThan(600);
    scene.catchUp();
    scene.write(write.put('busy', '5'));
    expect(scene.unreadBytes(stream)).toBe(unread);
    expect(scene.hear(stream, 1)).toHaveLength(1);
    scene.write(write.put('busy', '6'));
    expect(scene.hearAll(stream)).toEqual([
      '0 r6 put old=3@3',
      '1 r6 put busy=4@4 put busy=5@5 put busy=6@6',
    ]);
  });

  test('a client that asks and asks and never reads loses its stream', () => {
    const scene = new WatchScene({ streamBytesMax: 100 });
    const stream = scene.open();
    for (let at = 0; at < 10_010 && !scene.ends.has(stream); at += 1)
      scene.create(stream, { key: 'x', watchId: 1 });
    expect(scene.ends.get(stream)).toBe('TOO_MANY_REQUESTS');
    expect(scene.hub.counts).toMatchObject({ streams: 0, watches: 0, undrainedBytes: 0 });
  });

  test('a large revision is split for those that can put it together, and for nobody else', () => {
    const scene = new WatchScene({ watchFragmentBytes: 100 });
    const stream = scene.open();
    scene.create(stream, { ...everything, fragment: true });
    scene.create(stream, everything);
    scene.hear(stream);
    const text = 'v'.repeat(40);
    scene.write(write.txn(['a', text], ['b', text], ['c', text]), write.put('d', 'e'), write.put('e', 'f'));
    const heard = scene.hear(stream).map((line) => line.replaceAll(`=${text}`, ''));
    expect(heard).toEqual([
      '0 r2 fragment put a@2',
      '0 r2 fragment put b@2',
      '0 r2 put c@2',
      '0 r4 put d=e@3 put e=f@4',
      '1 r2 put a@2 put b@2 put c@2',
      '1 r4 put d=e@3 put e=f@4',
    ]);
  });

  test('history is read in turns, and a watch that lacks little does not wait for one that lacks much', () => {
    const scene = new WatchScene({}, { rows: 10, joinRevisions: 5 });
    for (let at = 0; at < 1_000; at += 1) scene.write(write.put('k', `${at}`));
    const far = scene.open();
    const near = scene.open();
    scene.create(far, { key: 'k', startRevision: 2 });
    scene.create(near, { key: 'k', startRevision: 998 });
    for (let turn = 0; turn < 2; turn += 1) scene.turn();
    expect(scene.hear(near)).toEqual([
      '0 r1001 created',
      '0 r1001 put k=996@998 put k=997@999 put k=998@1000 put k=999@1001',
    ]);
    expect(scene.hear(far)).toHaveLength(2);
    expect(scene.hub.counts.behind).toBe(1);
    expect(scene.hearAll(far)).toHaveLength(99);
  });

  test('what an event costs does not depend on how many watch something else', () => {
    const cost = (others: number): number => {
      const scene = new WatchScene();
      const stream = scene.open();
      for (let at = 0; at < others; at += 1) {
        const key = `other/${String(at).padStart(6, '0')}`;
        scene.create(stream, { key });
        scene.create(stream, { key, rangeEnd: `${key}0` });
        scene.create(stream, { key: 'zz', rangeEnd: '\x00' });
      }
      scene.create(stream, { key: 'k' });
      scene.create(stream, { key: 'k', rangeEnd: 'l' });
      const before = scene.hub.lookedAt;
      for (let at = 0; at < 100; at += 1) scene.write(write.put('k', 'v'));
      return (scene.hub.lookedAt - before) / 100;
    };
    expect(cost(0)).toBe(3);
    // The depth of the tree, nothing else.
    expect(cost(4_000)).toBeLessThan(25);
  });

  test('one encoding and one list of events serve everybody who watches the same', () => {
    const scene = new WatchScene();
    const streams = Array.from({ length: 10 }, () => scene.open());
    for (const stream of streams) scene.create(stream, { key: 'k' });
    for (const stream of streams) scene.create(stream, { key: 'k', prevKv: true });
    for (const stream of streams) scene.read(stream);
    scene.write(write.put('k', '1'));
    const lists = new Set(streams.flatMap((stream) => scene.read(stream).map(({ events }) => events)));
    // With and without what was before: two lists, and since nothing was before, one encoding.
    expect(lists.size).toBe(2);
    expect(new Set([...lists].flat()).size).toBe(1);
  });
});
