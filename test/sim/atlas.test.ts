import { expect, test } from 'vitest';

import { present } from '../../core/base/assert.ts';
import { groupId, nodeId } from '../../core/base/ids.ts';
import { encodeBatch } from '../../core/raft/records.ts';
import { type RaftView } from '../../core/raft/types.ts';
import { RecordLog } from '../../core/storage/record-log.ts';
import { type AtlasMember, FaultAtlas } from '../../sim/atlas.ts';
import { drawRot, type Sector, type SectorDamage } from '../../sim/disk/damage.ts';
import { SimulatedSegments } from '../../sim/disk/segments.ts';
import { findStart } from '../../sim/found-start.ts';
import { seededPrng } from '../../sim/prng.ts';
import { World } from '../../sim/world.ts';

interface Changing extends AtlasMember {
  boot: number;
  raft: RaftView | undefined;
}

/** A member whose log ends there; undefined: down. */
function member(
  node: number,
  log: { last: number; term?: number; first?: number; repairing?: boolean; of?: number } | undefined,
  segments = new SimulatedSegments({ world: new World(), prng: seededPrng('disk'), syncMedianUs: 1 }),
): Changing {
  const id = nodeId(node);
  if (log === undefined) return { node: id, boot: 1, segments, settled: true, raft: undefined };
  const { last, term = 1, first = 1, repairing = false, of = 3 } = log;
  const raft: RaftView = {
    id,
    term,
    vote: 0,
    role: 'follower',
    leader: 0,
    commitIndex: last,
    firstIndex: first,
    lastIndex: last,
    syncedIndex: last,
    configuration: {
      voters: Array.from({ length: of }, (_, at) => nodeId(at + 1)),
      outgoing: [],
      learners: [],
    },
    configurationIndex: 0,
    configurationSettled: true,
    repairing,
    hasListened: false,
    peer: () => undefined,
    termAt: (index) => (index >= first - 1 && index <= last ? term : undefined),
    entries: () => [],
  };
  return { node: id, boot: 1, segments, settled: true, raft };
}

const end = { index: 10, term: 1 };
const n1 = nodeId(1);

test('a member may be hurt when a quorum of the others holds all that it held', () => {
  expect(
    new FaultAtlas([member(1, { last: 10 }), member(2, { last: 10 }), member(3, { last: 12 })]).allows(
      n1,
      end,
    ),
  ).toBe(true);
  const five = [
    member(1, undefined),
    member(2, { last: 10, of: 5 }),
    member(3, { last: 10, of: 5 }),
    member(4, { last: 3, of: 5 }),
  ];
  expect(new FaultAtlas([...five, member(5, { last: 10, of: 5 })]).allows(n1, end)).toBe(true);
  expect(new FaultAtlas([...five, member(5, { last: 9, of: 5 })]).allows(n1, end)).toBe(false);
});

test.each([
  ['lacks an entry', { last: 9 }],
  ['holds another entry there', { last: 10, term: 2 }],
  ['is itself being repaired', { last: 10, repairing: true }],
  ['is down, so that nobody knows', undefined],
])('of three, nobody is hurt while another %s', (_why, log) => {
  expect(
    new FaultAtlas([member(1, { last: 10 }), member(2, { last: 10 }), member(3, log)]).allows(n1, end),
  ).toBe(false);
});

test('a log that begins behind the entry holds it by what it has applied', () => {
  const behind = [
    member(1, { last: 10 }),
    member(2, { last: 30, first: 20 }),
    member(3, { last: 30, first: 20 }),
  ];
  expect(new FaultAtlas(behind).allows(n1, end)).toBe(true);
});

test('a single member is never hurt: what it holds exists nowhere else', () => {
  expect(new FaultAtlas([member(1, { last: 10, of: 1 })]).allows(n1, end)).toBe(false);
});

interface Written {
  readonly segments: SimulatedSegments;
  /** Bytes at which each batch ends, in the order of the batches. */
  readonly ends: readonly number[];
}

function payloadOf(terms: readonly number[], at: number, paddingBytes: number): Uint8Array {
  const term = terms[at] ?? 0;
  const previousTerm = terms[at - 1] ?? 0;
  const { payload } = encodeBatch({
    restates: at === 0,
    records: [
      {
        group: groupId(1),
        recordSeq: at + 1,
        term,
        vote: 0,
        boot: 1,
        repairing: false,
        news: true,
        copies: [],
        entries: {
          previousTerm,
          entries: [{ index: at + 1, term, kind: 'command', data: new Uint8Array(paddingBytes).fill(7) }],
        },
      },
    ],
  });
  return payload;
}

/** A log on a disk: one batch for each vote, its frames vouching for those before. */
function written(terms: readonly number[], paddingBytes = 600): Written {
  const world = new World();
  const segments = new SimulatedSegments({ world, prng: seededPrng('log'), syncMedianUs: 1 });
  const { log } = RecordLog.recover(segments, { prefix: 'log/', segmentBytesMax: 1_000_000 });
  const ends: number[] = [];
  let endBytes = 0;
  for (const at of terms.keys()) {
    const { append, location } = log.append(payloadOf(terms, at, paddingBytes));
    segments.append(append.file, append.bytes);
    segments.sync(() => undefined);
    world.runUntil(world.nowUs + 1_000_000);
    log.synced(location.batchSeq);
    endBytes += append.bytes.length;
    ends.push(endBytes);
  }
  segments.crash('machine');
  return { segments, ends };
}

const others = [member(2, { last: 10 }), member(3, { last: 10 })];

/** What may happen to the sectors of this disk, each tried alone. */
function allowed(disk: SimulatedSegments, damage: (sector: Sector) => SectorDamage): readonly Sector[] {
  const down = member(1, undefined, disk);
  const atlas = new FaultAtlas([down, ...others]);
  return disk.acknowledgedSectors('log/').filter((sector) => atlas.mayDamage(down, end, [damage(sector)]));
}

const kinds: readonly (readonly [string, (sector: Sector) => SectorDamage])[] = [
  ['rots', (sector) => drawRot(sector, seededPrng(`rot ${sector.sector}`))],
  ['becomes unreadable', (sector) => ({ kind: 'unreadable', ...sector })],
  ['is overwritten', (sector) => ({ kind: 'overwritten', ...sector, content: new Uint8Array(512) })],
];

test.each(kinds)('no sector %s that holds a part of the only record of the newest term', (_how, damage) => {
  const { segments, ends } = written([1, 1, 1, 1, 2]);
  const sectors = allowed(segments, damage);
  expect(sectors.length).toBeGreaterThan(1);
  for (const { sector } of sectors) expect((sector + 1) * 512).toBeLessThanOrEqual((ends[3] ?? 0) + 511);
  for (const sector of sectors) {
    const { batches } = RecordLog.recover(segments.copy([damage(sector)]), {
      prefix: 'log/',
      segmentBytesMax: 1_000,
    });
    expect(batches.at(-1)?.location.batchSeq).toBe(5);
    expect(batches.length).toBeLessThan(5);
  }
});

test.each(kinds)('nothing %s on a disk that holds nothing but the newest record', (_how, damage) => {
  expect(allowed(written([1]).segments, damage)).toEqual([]);
});

test('a sector that cannot be read at the end of the log might hide anything, and stays as it is', () => {
  const { segments } = written([1, 1, 1, 1]);
  const last = segments.acknowledgedSectors('log/').at(-1);
  // The newest record repeats what those before it said: cut away, it would cost nothing but its entry.
  expect(allowed(segments, (sector) => ({ kind: 'unreadable', ...sector }))).not.toContainEqual(last);
});

/** The newest batch is on the disk, and so is the process that wrote it: what it writes next may be torn. */
function runningOn(segments: SimulatedSegments): AtlasMember {
  return { ...member(1, { last: 10 }), segments };
}

test('a batch that would pass for a torn end stays whole under a member that runs on: the next one vouches for it', () => {
  const { segments, ends } = written([1, 1, 1, 1]);
  const last = present(segments.acknowledgedSectors('log/').at(-1), 'a log has sectors');
  expect(last.sector * 512).toBeGreaterThan(ends[2] ?? 0);
  const damages: readonly SectorDamage[] = [{ kind: 'overwritten', ...last, content: new Uint8Array(512) }];
  const down = member(1, undefined, segments);
  expect(new FaultAtlas([down, ...others]).mayDamage(down, end, damages)).toBe(true);
  const running = runningOn(segments);
  expect(new FaultAtlas([running, ...others]).mayDamage(running, end, damages)).toBe(false);

  // So it would come: the member writes on, and a crash leaves the header of what it writes.
  const hurt = segments.copy(damages);
  const { log } = RecordLog.recover(segments.copy(), { prefix: 'log/', segmentBytesMax: 1_000_000 });
  const { append } = log.append(new Uint8Array(100));
  hurt.append(append.file, append.bytes.subarray(0, append.bytes.length - 1));
  expect(findStart(hurt).kind).toBe('refuses');
});

test('nothing is damaged under a member that runs on while it does not know all to be durable: it vouches for less', () => {
  const { segments } = written([1, 1, 1, 1]);
  const [first] = segments.acknowledgedSectors('log/');
  const damages: readonly SectorDamage[] = [drawRot(present(first, 'a log has sectors'), seededPrng('rot'))];
  const running = runningOn(segments);
  expect(new FaultAtlas([running, ...others]).mayDamage(running, end, damages)).toBe(true);
  const unsettled = { ...running, settled: false };
  expect(new FaultAtlas([unsettled, ...others]).mayDamage(unsettled, end, damages)).toBe(false);
});

test('what is framed before all is known to be durable goes in silence with a batch that it does not vouch for', () => {
  const { segments, ends } = written([1, 1, 1, 1]);
  const { log } = RecordLog.recover(segments.copy(), { prefix: 'log/', segmentBytesMax: 1_000_000 });
  const terms = [1, 1, 1, 1, 1, 1, 2];
  // Two batches in one sync, and a third before it has been told of that one.
  for (const at of [4, 5, 6]) {
    const { append } = log.append(payloadOf(terms, at, 600));
    segments.append(append.file, append.bytes);
  }
  expect(findStart(segments.copy())).toMatchObject({ hardState: { term: 2 }, repairing: false });
  const sector = Math.ceil((ends[3] ?? 0) / 512);
  const lost: SectorDamage = {
    kind: 'overwritten',
    file: 'log/0000000001-0000000000000001',
    sector,
    content: new Uint8Array(512),
  };
  expect(findStart(segments.copy([lost]))).toMatchObject({ hardState: { term: 1 }, repairing: false });
});

test.each(kinds)('under a member that runs on %s only what an intact batch lies behind', (_how, damage) => {
  const { segments, ends } = written([1, 1, 1, 1]);
  const running = runningOn(segments);
  const atlas = new FaultAtlas([running, ...others]);
  const sectors = segments.acknowledgedSectors('log/');
  const may = sectors.filter((sector) => atlas.mayDamage(running, end, [damage(sector)]));
  expect(may.length).toBeGreaterThan(1);
  for (const { sector } of may) expect(sector * 512).toBeLessThan(ends[2] ?? 0);
  for (const sector of may) {
    const { batches } = RecordLog.recover(segments.copy([damage(sector)]), {
      prefix: 'log/',
      segmentBytesMax: 1_000,
    });
    expect(batches.at(-1)?.location.batchSeq).toBe(4);
  }
});

test('nobody is hurt whom it takes to decide once another has left, whose removal was asked for', () => {
  const three = [member(1, { last: 10 }), ...others];
  const leaves = (node: number) => (member: number) => member === node;
  expect(new FaultAtlas(three, leaves(3)).allows(n1, end)).toBe(false);
  expect(new FaultAtlas(three, leaves(1)).allows(n1, end)).toBe(true);
  expect(new FaultAtlas(three, leaves(4)).allows(n1, end)).toBe(true);
  const five = [1, 2, 3, 4, 5].map((node) => member(node, { last: 10, of: 5 }));
  expect(new FaultAtlas(five, leaves(5)).allows(n1, end)).toBe(true);
});

test('a learner is not hurt where it would be needed as a voter, which it may become at any time', () => {
  const withLearner = (voters: number): readonly AtlasMember[] =>
    Array.from({ length: voters + 1 }, (_, at) => {
      const each = member(at + 1, { last: 10, of: voters });
      const raft = present(each.raft, 'it runs');
      return {
        ...each,
        raft: { ...raft, configuration: { ...raft.configuration, learners: [nodeId(voters + 1)] } },
      };
    });
  expect(new FaultAtlas(withLearner(1)).allows(nodeId(2), end)).toBe(false);
  expect(new FaultAtlas(withLearner(2)).allows(nodeId(3), end)).toBe(true);
});

test('a learner is not hurt that may become a voter when another has left', () => {
  const withLearner = [1, 2, 3].map((node) => {
    const each = member(node, { last: 10, of: 2 });
    const raft = present(each.raft, 'it runs');
    return { ...each, raft: { ...raft, configuration: { ...raft.configuration, learners: [nodeId(3)] } } };
  });
  expect(new FaultAtlas(withLearner).allows(nodeId(3), end)).toBe(true);
  expect(new FaultAtlas(withLearner, (each) => each === 1).allows(nodeId(3), end)).toBe(false);
});

test('one member is hurt at a time, until it has started again and holds what it held', () => {
  const { segments } = written([1, 1]);
  const files = segments.list('').map(({ file }) => file);
  const hurt = member(1, { last: 10 }, segments);
  const atlas = new FaultAtlas([hurt, ...others]);
  atlas.lost(hurt, end, files);
  expect(atlas.hurt).toBe(1);
  expect(atlas.allows(nodeId(2), end)).toBe(false);
  hurt.boot += 1;
  hurt.raft = member(1, { last: 10, repairing: true }).raft;
  expect(atlas.hurt).toBe(1);
  hurt.raft = member(1, { last: 9 }).raft;
  expect(atlas.hurt).toBe(1);
  hurt.raft = member(1, { last: 10 }).raft;
  expect(atlas.hurt).toBeUndefined();
  expect(atlas.allows(nodeId(2), end)).toBe(true);
});

test('a member that runs on with damage is whole again only when the damaged file is gone', () => {
  const { segments } = written([1, 1]);
  const [file] = segments.list('');
  const hurt = member(1, { last: 10 }, segments);
  const atlas = new FaultAtlas([hurt, ...others]);
  atlas.lost(hurt, end, [file?.file ?? '']);
  expect(atlas.isHurt(n1)).toBe(true);
  segments.remove(file?.file ?? '');
  expect(atlas.isHurt(n1)).toBe(false);
});

test.each([
  ['lies about entries alone', [1, 1], [1, 1, 1], true],
  ['lies about a newer term as well', [1, 1], [1, 1, 2], false],
] as const)('a disk that %s: may it lose them? %s, then %s: %s', (_what, before, after, may) => {
  const world = new World();
  const segments = new SimulatedSegments({ world, prng: seededPrng('lies'), syncMedianUs: 1 });
  const { log } = RecordLog.recover(segments, { prefix: 'log/', segmentBytesMax: 1_000_000 });
  for (const at of after.keys()) {
    if (at === before.length) segments.beginLies();
    const { append, location } = log.append(payloadOf(after, at, 600));
    segments.append(append.file, append.bytes);
    segments.sync(() => undefined);
    world.runUntil(world.nowUs + 1_000_000);
    log.synced(location.batchSeq);
  }
  const liar = member(1, { last: 10 }, segments);
  expect(new FaultAtlas([liar, ...others]).mayLose(liar, end)).toBe(may);
  expect(new FaultAtlas([liar, member(2, { last: 9 }), member(3, { last: 10 })]).mayLose(liar, end)).toBe(
    false,
  );
  const atlas = new FaultAtlas([liar, ...others]);
  atlas.lost(liar, { index: 11, term: 1 });
  expect(atlas.hurt).toBe(n1);
  expect(atlas.allows(nodeId(2), end)).toBe(false);
});
