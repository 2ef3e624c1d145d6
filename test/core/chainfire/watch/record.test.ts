import { describe, expect, test } from 'vitest';
import { ask, op, put } from '../requests.ts';
import { WatchScene, type Write } from './scene.ts';

const write = {
  put: (key: string, text: string) => ask.put(key, text) as Write,
  del: (key: string) => ask.del(key) as Write,
  compact: (revision: number) => ask.compact(revision) as Write,
};
const everything = { key: '', rangeEnd: '\x00' };

describe("bugs of etcd's own record that this must be free of", () => {
  test('15220: a word of progress is never ahead of events that the stream has not had', () => {
    const scene = new WatchScene({ streamBytesMax: 300, watchFragmentBytes: 200 }, { rows: 3 });
    for (let at = 0; at < 30; at += 1) scene.write(write.put('k', `${at}`));
    const stream = scene.open();
    scene.create(stream, { key: 'k', startRevision: 2, progressNotify: true });
    scene.create(stream, { key: 'k' });
    scene.askProgress(stream);
    let next = 2;
    let progress = 0;
    for (let round = 0; round < 200 && progress === 0; round += 1) {
      scene.write(write.put('k', `more ${round}`));
      // An hour: whoever is owed progress of its own gets it, if it may.
      scene.wait(3_600_000_000);
      for (const { watchId, events, header, created } of scene.read(stream, 2)) {
        if (created) continue;
        if (watchId === -1) {
          progress = header?.revision ?? 0;
        } else if (watchId === 0) {
          const revision = header?.revision ?? 0;
          expect(events.length).toBe(revision + 1 - next);
          next = revision + 1;
        }
        if (progress > 0) expect(next).toBe(progress + 1);
      }
    }
    expect(progress).toBeGreaterThan(32);
  });

  test('15271: a watch that moves to a member that is behind gets nothing that it has had, before or after a snapshot', () => {
    const scene = new WatchScene();
    for (let at = 2; at <= 5; at += 1) scene.write(write.put('k', `${at}`));
    const stream = scene.open();
    scene.create(stream, { key: 'k', startRevision: 9, prevKv: true });
    scene.create(stream, { key: 'k', startRevision: 12 });
    scene.create(stream, { key: 'k' });
    expect(scene.hear(stream)).toEqual(['0 r5 created', '1 r5 created', '2 r5 created']);
    scene.write(write.put('k', '6'));
    expect(scene.hearAll(stream)).toEqual(['2 r6 put k=6@6']);
    scene.installSnapshot(...[7, 8, 9, 10].map((at) => write.put('k', `${at}`)));
    expect(scene.hearAll(stream)).toEqual([
      '2 r10 put k=7@7 put k=8@8 put k=9@9 put k=10@10',
      '0 r10 put k=9@9 was k=8@8 put k=10@10 was k=9@9',
    ]);
    scene.write(write.put('k', '11'));
    scene.write(write.put('k', '12'));
    expect(scene.hearAll(stream)).toEqual(
      [
        '2 r11 put k=11@11',
        '0 r11 put k=11@11 was k=10@10',
        '2 r12 put k=12@12',
        '1 r12 put k=12@12',
        '0 r12 put k=12@12 was k=11@11',
      ].sort(inOrderOfRevision),
    );
  });

  test('17247: a transaction that changed nothing gives no event, and no other event twice', () => {
    const scene = new WatchScene();
    const stream = scene.open();
    scene.create(stream, everything);
    scene.create(stream, { ...everything, startRevision: 1 });
    const reads = ask.txn({ success: [op.range(ask.get('k').request as never)] }) as Write;
    const writesInVain = ask.txn({ success: [op.del(ask.del('nobody').request as never)] }) as Write;
    const writes = ask.txn({
      success: [op.put(put('k', 'txn')), op.range(ask.get('k').request as never)],
    }) as Write;
    scene.write(write.put('k', '1'), reads, writesInVain, writes, reads, writesInVain);
    scene.write(writesInVain);
    expect(scene.hearAll(stream)).toEqual([
      '0 r1 created',
      '1 r1 created',
      '0 r3 put k=1@2 put k=txn@3',
      '1 r3 put k=1@2 put k=txn@3',
    ]);
  });

  test('17529: a stream that starves for long, with many watches, loses nothing of any of them', () => {
    const scene = new WatchScene(
      { streamBytesMax: 1_000, watchFragmentBytes: 300 },
      { rows: 20, watches: 7 },
    );
    const stream = scene.open();
    const watches = 50;
    for (let id = 1; id <= watches; id += 1) scene.create(stream, { key: `k${id % 5}`, watchId: id });
    const wanted = 300;
    for (let at = 0; at < wanted; at += 1) scene.write(write.put(`k${at % 5}`, `${at}`));
    const got = new Map<number, number[]>();
    let written = wanted;
    for (let idle = 0; idle < 20;) {
      // A trickle goes on meanwhile, for a while.
      if (written < 2 * wanted) scene.write(write.put(`k${written % 5}`, `${(written += 1)}`));
      for (let turn = 0; turn < 3; turn += 1) scene.turn();
      const read = scene.read(stream, 1);
      idle = read.length === 0 && !scene.hub.hasWork ? idle + 1 : 0;
      for (const { watchId, events, header } of read) {
        const counts = got.get(watchId) ?? [];
        counts.push(events.length);
        got.set(watchId, counts);
        expect(header?.revision).toBeLessThanOrEqual(scene.machine.mvcc.revision);
      }
    }
    const total = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);
    for (let id = 1; id <= watches; id += 1) expect(total(got.get(id) ?? [])).toBe((2 * wanted) / 5);
  });

  test('18089: the deletion at the compacted revision itself is seen, freed or not', () => {
    for (const freed of [false, true]) {
      const scene = new WatchScene();
      scene.write(write.put('k', '1'), write.put('other', '1'));
      scene.write(write.del('k'));
      scene.write(write.put('other', '2'));
      scene.write(write.compact(4));
      while (freed && scene.machine.free(1));
      const stream = scene.open();
      scene.create(stream, { ...everything, startRevision: 4, prevKv: true });
      expect(scene.hearAll(stream)).toEqual(['0 r5 created', '0 r5 del k@4 put other=2@5 was other=1@3']);
    }
  });

  test('19179: deletions at one compacted revision after the other are seen by a watch that begins there', () => {
    const scene = new WatchScene();
    scene.write(write.put('a', '1'), write.put('b', '1'));
    scene.write(write.del('a'));
    scene.write(write.compact(4));
    while (scene.machine.free(1));
    scene.write(write.del('b'));
    const early = scene.open();
    scene.create(early, { ...everything, startRevision: 4 });
    scene.write(write.compact(5));
    while (scene.machine.free(1));
    const late = scene.open();
    scene.create(late, { ...everything, startRevision: 5 });
    expect(scene.hearAll(late)).toEqual(['0 r5 created', '0 r5 del b@5']);
    // It had not come to read the first one before that was compacted: it is told so.
    expect(scene.hearAll(early)).toEqual(['0 r5 created', '0 r0 canceled compacted 5']);
  });

  test('20221: a watch on a revision that lies ahead gets no word of progress of its own and no old event', () => {
    const scene = new WatchScene({ watchProgressIntervalUs: 1_000 });
    const stream = scene.open();
    scene.write(write.put('f', '2'));
    scene.create(stream, { key: 'f', startRevision: 6, progressNotify: true });
    scene.hear(stream);
    for (let revision = 3; revision <= 5; revision += 1) {
      scene.write(write.put('f', `${revision}`));
      scene.wait(10_000);
      expect(scene.hearAll(stream)).toEqual([]);
    }
    scene.write(write.put('f', '6'), write.put('f', '7'));
    expect(scene.hearAll(stream)).toEqual(['0 r7 put f=6@6 put f=7@7']);
    scene.wait(2_000);
    expect(scene.hearAll(stream)).toEqual(['0 r7']);
  });
});

describe('compaction', () => {
  test('a watch that lies behind, and one whose stream is full, are told when it overtakes them', () => {
    const scene = new WatchScene({ streamBytesMax: 200 }, { rows: 2 });
    const slow = scene.open();
    scene.create(slow, { key: 'k' });
    for (let at = 2; at <= 20; at += 1) scene.write(write.put('k', `${at}`));
    const behind = scene.open();
    scene.create(behind, { key: 'k', startRevision: 2 });
    scene.turn();
    scene.write(write.compact(15));
    expect(scene.hearAll(behind)).toEqual([
      '0 r20 created',
      '0 r3 put k=2@2 put k=3@3',
      '0 r0 canceled compacted 15',
    ]);
    expect(scene.hearAll(slow)).toEqual([
      '0 r1 created',
      '0 r2 put k=2@2',
      '0 r3 put k=3@3',
      '0 r4 put k=4@4',
      '0 r0 canceled compacted 15',
    ]);
    expect(scene.hub.counts).toMatchObject({ watches: 0, behind: 0 });
  });

  test('a snapshot whose compaction lies ahead of a watch cancels it; one at its very place does not', () => {
    for (const compacted of [3, 4]) {
      const scene = new WatchScene();
      const stream = scene.open();
      scene.write(write.put('k', '2'));
      scene.create(stream, { key: 'k' });
      scene.hear(stream);
      scene.installSnapshot(write.put('k', '3'), write.put('k', '4'), write.compact(compacted));
      const expected = compacted === 3 ? '0 r4 put k=3@3 put k=4@4' : '0 r0 canceled compacted 4';
      expect(scene.hearAll(stream)).toEqual([expected]);
    }
  });
});

/** Within one revision the order of watches is of no consequence. */
function inOrderOfRevision(left: string, right: string): number {
  const revision = (line: string): number => Number(/ r(\d+)/.exec(line)?.[1]);
  return revision(left) - revision(right);
}
