import { expect, test } from 'vitest';

import { UnreadableError } from '../../../core/storage/read-errors.ts';
import { drawRot } from '../../../sim/disk/damage.ts';
import { SimulatedSegments } from '../../../sim/disk/segments.ts';
import { seededPrng } from '../../../sim/prng.ts';
import { World } from '../../../sim/world.ts';

const sectorBytes = 512;

function disk(seed: string): { world: World; segments: SimulatedSegments } {
  const world = new World();
  return { world, segments: new SimulatedSegments({ world, prng: seededPrng(seed), syncMedianUs: 100 }) };
}

/** `sectors` sectors, each full of its own number counted from `first`. */
function numbered(first: number, sectors: number): Uint8Array {
  const bytes = new Uint8Array(sectors * sectorBytes);
  for (let sector = 0; sector < sectors; sector += 1) {
    bytes.fill(first + sector, sector * sectorBytes, (sector + 1) * sectorBytes);
  }
  return bytes;
}

function sync(world: World, segments: SimulatedSegments): string | undefined {
  let failure: string | undefined;
  let ended = false;
  segments.sync((why) => {
    failure = why;
    ended = true;
  });
  world.runUntil(world.nowUs + 1_000_000);
  expect(ended).toBe(true);
  return failure;
}

function content(segments: SimulatedSegments, file = 'a'): Uint8Array {
  return segments.read(file, 0, 1_000_000);
}

/** The number that fills each whole sector; −1 for one that is mixed. */
function sectorsOf(bytes: Uint8Array): number[] {
  const numbers: number[] = [];
  for (let from = 0; from < bytes.length; from += sectorBytes) {
    const sector = bytes.subarray(from, from + sectorBytes);
    numbers.push(sector.every((byte) => byte === sector[0]) ? (sector[0] ?? -1) : -1);
  }
  return numbers;
}

test('a sync takes time, and only then is what it covers durable', () => {
  const { world, segments } = disk('time');
  segments.append('a', numbered(1, 1));
  let endedUs = 0;
  segments.sync(() => {
    endedUs = world.nowUs;
  });
  segments.append('a', numbered(2, 1));
  expect(segments.durable).toBe(0);
  expect(segments.syncUnderWay).toBe(true);
  world.runUntil(1_000_000);
  expect(endedUs).toBeGreaterThanOrEqual(70);
  expect(segments.durable).toBe(1);
  expect(segments.appended).toBe(2);
});

test('a power cut keeps every synced byte, and any subset of the sectors that were not synced', () => {
  const outcomes = new Set<string>();
  let holes = 0;
  for (let seed = 0; seed < 400; seed += 1) {
    const { world, segments } = disk(`torn ${seed}`);
    segments.append('a', numbered(1, 2));
    sync(world, segments);
    segments.append('a', numbered(3, 4));
    segments.crash('machine');
    const after = sectorsOf(content(segments));
    expect(after.slice(0, 2)).toEqual([1, 2]);
    const kept = [3, 4, 5, 6].map((number, at) => after[2 + at] === number);
    outcomes.add(kept.map((whole) => (whole ? 'x' : '.')).join(''));
    if (kept.lastIndexOf(true) > kept.indexOf(false) && kept.includes(false)) holes += 1;
  }
  expect(outcomes.size).toBe(16);
  expect(holes).toBeGreaterThan(50);
});

test('a sector that is half synced keeps that half, and gets the other whole or not at all', () => {
  const ends = new Set<number>();
  for (let seed = 0; seed < 200; seed += 1) {
    const { world, segments } = disk(`half ${seed}`);
    segments.append('a', new Uint8Array(300).fill(7));
    sync(world, segments);
    segments.append('a', new Uint8Array(200).fill(8));
    segments.crash('machine');
    const after = content(segments);
    expect([...after.subarray(0, 300)].every((byte) => byte === 7)).toBe(true);
    const second = [...after.subarray(300)];
    if (second.includes(8) && !second.every((byte) => byte === 8))
      expect(new Set(second).size).toBeGreaterThan(4);
    ends.add(after.length);
  }
  expect(ends).toEqual(new Set([300, 500]));
});

test('what was lost reads as zeros, as noise, or as what a removed file had there', () => {
  const seen = { zeros: 0, noise: 0, stale: 0 };
  for (let seed = 0; seed < 600; seed += 1) {
    const { world, segments } = disk(`lost ${seed}`);
    segments.append('old', numbered(90, 4));
    sync(world, segments);
    segments.remove('old');
    segments.append('a', numbered(1, 2));
    sync(world, segments);
    segments.append('a', numbered(3, 2));
    segments.crash('machine');
    const after = sectorsOf(content(segments));
    if (after[2] === 0) seen.zeros += 1;
    else if (after[2] === 92) seen.stale += 1;
    else if (after[2] === -1) seen.noise += 1;
  }
  expect(seen.zeros).toBeGreaterThan(seen.noise);
  expect(seen.noise).toBeGreaterThan(5);
  expect(seen.stale).toBeGreaterThan(5);
});

test('a file whose creation was not synced may vanish, one that was synced never does', () => {
  let vanished = 0;
  for (let seed = 0; seed < 100; seed += 1) {
    const { world, segments } = disk(`vanish ${seed}`);
    segments.append('old', numbered(1, 1));
    sync(world, segments);
    segments.append('new', numbered(2, 1));
    segments.crash('machine');
    const files = segments.list('').map(({ file }) => file);
    expect(files).toContain('old');
    if (!files.includes('new')) vanished += 1;
  }
  expect(vanished).toBeGreaterThan(25);
  expect(vanished).toBeLessThan(75);
});

test('the end of a process alone loses nothing that it had appended', () => {
  const { segments } = disk('process');
  segments.append('a', numbered(1, 3));
  segments.crash('process');
  expect(sectorsOf(content(segments))).toEqual([1, 2, 3]);
});

test('a sync that a crash interrupts never ends, and does not hold up the next', () => {
  const { world, segments } = disk('interrupted');
  let ended = 0;
  segments.append('a', numbered(1, 1));
  segments.sync(() => {
    ended += 1;
  });
  segments.crash('process');
  expect(sync(world, segments)).toBeUndefined();
  expect(ended).toBe(0);
});

test('after a failed sync the cache shows what the disk may never get, whatever later syncs say', () => {
  let lost = 0;
  for (let seed = 0; seed < 100; seed += 1) {
    const { world, segments } = disk(`lie ${seed}`);
    segments.append('a', numbered(1, 1));
    sync(world, segments);
    segments.append('a', numbered(2, 3));
    segments.failNextSync();
    expect(sync(world, segments)).toContain('EIO');
    segments.crash('process');
    expect(sectorsOf(content(segments))).toEqual([1, 2, 3, 4]);
    expect(sync(world, segments)).toBeUndefined();
    segments.crash('machine');
    const after = sectorsOf(content(segments));
    expect(after[0]).toBe(1);
    if (after.join() !== '1,2,3,4') lost += 1;
  }
  expect(lost).toBeGreaterThan(50);
});

test('a cut that names its doubtful bytes writes them again: they survive the lie', () => {
  for (let seed = 0; seed < 100; seed += 1) {
    const { world, segments } = disk(`doubt ${seed}`);
    segments.append('a', numbered(1, 1));
    sync(world, segments);
    segments.append('a', numbered(2, 3));
    segments.failNextSync();
    sync(world, segments);
    segments.crash('process');
    segments.truncate('a', 3 * sectorBytes, sectorBytes);
    segments.crash('machine');
    expect(sectorsOf(content(segments))).toEqual([1, 2, 3]);
  }
});

test('a slow disk takes as many times as long', () => {
  const fast = disk('slow');
  const slow = disk('slow');
  slow.segments.slow(50);
  const duration = ({ world, segments }: ReturnType<typeof disk>): number => {
    let endUs = 0;
    segments.sync(() => {
      endUs = world.nowUs;
    });
    world.runUntil(10_000_000);
    return endUs;
  };
  expect(duration(slow)).toBe(50 * duration(fast));
});

test('rot damages one byte of what was acknowledged, and a copy in the same way', () => {
  const { world, segments } = disk('rot');
  segments.append('a', numbered(1, 4));
  sync(world, segments);
  segments.append('a', numbered(5, 1));
  expect(segments.acknowledgedSectors('').map(({ sector }) => sector)).toEqual([0, 1, 2, 3]);
  const before = content(segments);
  const damage = drawRot({ file: 'a', sector: 2 }, seededPrng('bits'));
  const copy = segments.copy([damage]);
  expect([...content(segments)]).toEqual([...before]);
  expect(segments.damage(damage)).toBe(true);
  const after = content(segments);
  const changed = [...after.keys()].filter((at) => after[at] !== before[at]);
  expect(changed).toHaveLength(1);
  expect(Math.floor((changed[0] ?? 0) / sectorBytes)).toBe(2);
  expect([...copy.read('a', 0, 10_000)]).toEqual([...after]);
  expect(segments.damage({ ...damage, sector: 5 })).toBe(false);
});

test('an unreadable sector fails every read that touches it, survives crashes, and goes with its file', () => {
  const { world, segments } = disk('latent');
  segments.append('a', numbered(1, 4));
  sync(world, segments);
  expect(segments.damage({ kind: 'unreadable', file: 'a', sector: 2 })).toBe(true);
  const fails = (): void => {
    expect(() => segments.read('a', 1_023, 2)).toThrow(UnreadableError);
    expect(() => segments.read('a', 0, 10_000)).toThrow('EIO');
    expect(sectorsOf(segments.read('a', 0, 1_024))).toEqual([1, 2]);
    expect(sectorsOf(segments.read('a', 1_536, 9_999))).toEqual([4]);
  };
  fails();
  segments.crash('process');
  fails();
  segments.crash('machine');
  fails();
  expect(() => segments.copy().read('a', 1_024, 1)).toThrow(UnreadableError);
  expect(() => {
    segments.truncate('a', 2_048, 1_000);
  }).toThrow(UnreadableError);
  segments.truncate('a', 1_024);
  expect(sectorsOf(content(segments))).toEqual([1, 2]);
  segments.damage({ kind: 'unreadable', file: 'a', sector: 0 });
  segments.remove('a');
  segments.append('a', numbered(7, 1));
  expect(sectorsOf(content(segments))).toEqual([7]);
});

test('the newest sync is known by its sectors, and by what lay there before', () => {
  const { world, segments } = disk('newest');
  segments.append('a', numbered(1, 1));
  segments.append('a', new Uint8Array(100).fill(9));
  sync(world, segments);
  segments.append('a', new Uint8Array(500).fill(8));
  sync(world, segments);
  const newest = segments.newestSectors('');
  expect(newest.map(({ file, sector }) => ({ file, sector }))).toEqual([
    { file: 'a', sector: 1 },
    { file: 'a', sector: 2 },
  ]);
  expect([...(newest[0]?.before ?? [])]).toEqual([...new Uint8Array(100).fill(9), ...new Uint8Array(412)]);
  expect([...(newest[1]?.before ?? [])]).toEqual([...new Uint8Array(512)]);
  expect(segments.sectorContent({ file: 'a', sector: 2 })).toHaveLength(88);
});

test('a sector that is overwritten shows what was meant for another place', () => {
  const { world, segments } = disk('misdirected');
  segments.append('a', numbered(1, 3));
  sync(world, segments);
  const before = segments.read('a', 0, 10_000);
  const content = segments.sectorContent({ file: 'a', sector: 2 });
  expect(segments.damage({ kind: 'overwritten', file: 'a', sector: 0, content })).toBe(true);
  expect(sectorsOf(segments.read('a', 0, 10_000))).toEqual([3, 2, 3]);
  expect(sectorsOf(before)).toEqual([1, 2, 3]);
  expect(segments.damage({ kind: 'overwritten', file: 'a', sector: 0, content })).toBe(false);
});

test('a disk that cannot read gives nothing out, and everything once it can', () => {
  const { world, segments } = disk('no reads');
  segments.append('a', numbered(1, 2));
  sync(world, segments);
  segments.failReads(true);
  expect(() => segments.read('a', 0, 1)).toThrow(UnreadableError);
  expect(segments.list('')).toHaveLength(1);
  segments.failReads(false);
  expect(sectorsOf(content(segments))).toEqual([1, 2]);
});

test('one append is not taken, with any part of it written; the next is', () => {
  const lengths = new Set<number>();
  for (let seed = 0; seed < 30; seed += 1) {
    const { segments } = disk(`append ${seed}`);
    segments.failNextAppend();
    expect(() => {
      segments.append('a', numbered(1, 1));
    }).toThrow('EIO');
    lengths.add(content(segments).length);
    segments.append('a', numbered(2, 1));
    expect(segments.appended).toBe(1);
  }
  expect(lengths.size).toBeGreaterThan(15);
});

test('one sync stalls, says so when it begins, and the next is as fast as ever', () => {
  const { world, segments } = disk('stall');
  let stalledUs = -1;
  segments.stallNextSync(3_000_000, () => (stalledUs = world.nowUs));
  segments.append('a', numbered(1, 1));
  const endsUs: number[] = [];
  segments.sync(() => endsUs.push(world.nowUs));
  expect(stalledUs).toBe(0);
  world.runUntil(10_000_000);
  segments.append('a', numbered(2, 1));
  segments.sync(() => endsUs.push(world.nowUs));
  world.runUntil(20_000_000);
  expect(endsUs[0]).toBeGreaterThan(3_000_000);
  expect(endsUs[1]).toBeLessThan(10_100_000);
});

test('a disk that lies reports syncs as ever, and once it is found out nothing of them is there', () => {
  for (let seed = 0; seed < 50; seed += 1) {
    const { world, segments } = disk(`lie ${seed}`);
    segments.append('a', numbered(1, 2));
    sync(world, segments);
    segments.beginLies();
    segments.append('a', numbered(3, 2));
    segments.append('b', numbered(5, 1));
    expect(sync(world, segments)).toBeUndefined();
    expect(segments.durable).toBe(3);
    const platter = segments.platter();
    expect(sectorsOf(platter.read('a', 0, 10_000))).toEqual([1, 2]);
    expect(platter.list('')).toHaveLength(1);
    segments.revealLies();
    segments.crash('machine');
    expect(sectorsOf(content(segments)).slice(0, 2)).toEqual([1, 2]);
    for (const left of sectorsOf(content(segments)).slice(2)) expect([3, 4]).not.toContain(left);
    expect(segments.list('').map(({ file }) => file)).toEqual(['a']);
  }
});

test('what a disk that lies has only pretended to remove is there again, as it was when the lies began', () => {
  const { world, segments } = disk('removed');
  segments.append('a', numbered(1, 2));
  sync(world, segments);
  segments.beginLies();
  segments.append('a', numbered(3, 1));
  sync(world, segments);
  segments.remove('a');
  expect(segments.list('')).toEqual([]);
  expect(sectorsOf(segments.platter().read('a', 0, 10_000))).toEqual([1, 2]);
  segments.revealLies();
  segments.crash('machine');
  expect(sectorsOf(content(segments)).slice(0, 2)).toEqual([1, 2]);
});

test.each(['forgiven', 'followed by another crash'])('lies that are %s have done no harm', (how) => {
  const { world, segments } = disk('forgiven');
  segments.beginLies();
  segments.append('a', numbered(1, 3));
  sync(world, segments);
  if (how === 'forgiven') segments.forgiveLies();
  segments.crash('machine');
  expect(sectorsOf(content(segments))).toEqual([1, 2, 3]);
  expect(segments.lying).toBe(false);
});

test('on a full disk an append throws, with any part of it written; with room again all is as before', () => {
  const lengths = new Set<number>();
  for (let seed = 0; seed < 30; seed += 1) {
    const { segments } = disk(`full ${seed}`);
    segments.append('a', numbered(1, 1));
    segments.fill(true);
    expect(() => {
      segments.append('a', numbered(2, 1));
    }).toThrow('ENOSPC');
    expect(segments.appended).toBe(1);
    lengths.add(content(segments).length);
    segments.fill(false);
    segments.append('a', numbered(3, 1));
    expect(segments.appended).toBe(2);
  }
  expect(lengths.size).toBeGreaterThan(15);
  for (const length of lengths) expect(length).toBeLessThanOrEqual(2 * sectorBytes);
});
