import { describe, expect, test } from 'vitest';

import { MemorySegments } from '../../../core/storage/memory-segments.ts';
import { DamagedBatchError, UnreadableError } from '../../../core/storage/read-errors.ts';
import { type BatchLocation, RecordLog } from '../../../core/storage/record-log.ts';
import { type SegmentFiles } from '../../../core/storage/segment-files.ts';
import { TornSegments } from './torn-segments.ts';

const options = { prefix: 'log/', segmentBytesMax: 1_000 };
/** Header and payload of the batches that `write` makes. */
const frameBytes = 144;

describe('a log that nothing happened to', () => {
  test('a new log is empty, numbers from 1, and opens a file with its first batch', () => {
    const { log, batches, damage } = RecordLog.recover(new MemorySegments(), options);
    expect({ batches, damage, boot: log.boot, last: log.lastBatchSeq, rolls: log.rolls }).toEqual({
      batches: [],
      damage: undefined,
      boot: 1,
      last: 0,
      rolls: true,
    });
    const first = log.append(new Uint8Array(100));
    expect(first.newSegment).toBe(true);
    expect(first.location).toEqual({
      batchSeq: 1,
      file: 'log/0000000001-0000000000000001',
      positionBytes: 0,
      lengthBytes: frameBytes,
    });
    const second = log.append(new Uint8Array(100));
    expect(second.newSegment).toBe(false);
    expect(second.location).toEqual({ ...first.location, batchSeq: 2, positionBytes: frameBytes });
  });

  test('a file that has reached its size takes no further batch, once its first is durable', () => {
    const { log } = RecordLog.recover(new MemorySegments(), options);
    const files: string[] = [];
    for (let batch = 1; batch <= 15; batch += 1) {
      const rolls = log.rolls;
      const { location, newSegment } = log.append(new Uint8Array(100));
      expect(newSegment).toBe(rolls);
      if (batch !== 7) log.synced(batch === 9 ? 8 : location.batchSeq);
      if (newSegment) files.push(location.file);
    }
    expect(files).toEqual([
      'log/0000000001-0000000000000001',
      'log/0000000002-0000000000000008',
      'log/0000000003-0000000000000015',
    ]);
  });

  test('every batch reads back, of any length, and a restart returns them all', () => {
    const files = new MemorySegments();
    const { log } = RecordLog.recover(files, options);
    const lengths = [0, 1, 511, 512, 5_000, 3, 0, 900];
    const locations = lengths.map((length, at) => append(files, log, new Uint8Array(length).fill(at)));
    for (const [at, location] of locations.entries()) {
      expect(log.read(location)).toEqual(new Uint8Array(lengths[at] ?? 0).fill(at));
    }
    const again = RecordLog.recover(files, options);
    expect(again.batches.map((batch) => batch.location)).toEqual(locations);
    expect(again.batches.map((batch) => batch.payload.length)).toEqual(lengths);
    expect(again.log.boot).toBe(2);
    expect(again.log.lastBatchSeq).toBe(lengths.length);
  });

  test('a restart goes on in the last file', () => {
    const files = new MemorySegments();
    write(files, RecordLog.recover(files, options).log, 3);
    const { log } = RecordLog.recover(files, options);
    const { location, newSegment } = log.append(new Uint8Array(1));
    expect({ newSegment, batchSeq: location.batchSeq, at: location.positionBytes }).toEqual({
      newSegment: false,
      batchSeq: 4,
      at: 3 * frameBytes,
    });
  });

  test('files that are not of the log are left alone', () => {
    const files = new MemorySegments();
    for (const file of [
      'log/notes',
      'log/1-1',
      'log/0000000000-0000000000000001',
      'logs/0000000001-0000000000000001',
    ]) {
      files.append(file, new Uint8Array(10));
    }
    const { log, batches } = RecordLog.recover(files, options);
    expect(batches).toEqual([]);
    write(files, log, 2);
    expect(RecordLog.recover(files, options).batches).toHaveLength(2);
    expect(files.list('')).toHaveLength(5);
  });

  test('numbers of starts rise, and one that does not is refused', () => {
    const files = new MemorySegments();
    write(files, RecordLog.recover(files, { ...options, boot: 7 }).log, 1);
    expect(() => RecordLog.recover(files, { ...options, boot: 7 })).toThrow('higher number');
    expect(RecordLog.recover(files, { ...options, boot: 9 }).log.boot).toBe(9);
  });

  test('only what was appended becomes durable, and stays so', () => {
    const files = new MemorySegments();
    const { log } = RecordLog.recover(files, options);
    write(files, log, 3);
    expect(() => log.synced(4)).toThrow('only what was appended');
    log.synced(2);
    expect(() => log.synced(1)).toThrow('stays so');
  });
});

describe('removing old files', () => {
  test('a file goes when every batch in it lies below, and the last one never', () => {
    const files = new MemorySegments();
    const { log } = RecordLog.recover(files, options);
    write(files, log, 20, 20);
    expect(log.cutBelow(7)).toEqual([]);
    expect(log.cutBelow(8)).toEqual(['log/0000000001-0000000000000001']);
    expect(log.cutBelow(8)).toEqual([]);
    expect(log.cutBelow(21)).toEqual(['log/0000000002-0000000000000008']);
    expect(() => log.cutBelow(22)).toThrow('only what was appended');
  });

  test('after a removal the log begins with the first file that is left', () => {
    const files = new MemorySegments();
    const { log } = RecordLog.recover(files, options);
    write(files, log, 20, 20);
    for (const file of log.cutBelow(10)) files.remove(file);
    const again = RecordLog.recover(files, options);
    expect(again.damage).toBeUndefined();
    expect(seqs(again.batches)).toEqual(range(8, 20));
    expect(again.log.cutBelow(15)).toEqual(['log/0000000002-0000000000000008']);
  });
});

describe('a torn tail', () => {
  test('the batch after a torn one goes with it, and neither comes back', () => {
    const files = new TornSegments();
    const { log } = RecordLog.recover(files, options);
    const [, , third, fourth] = write(files, log, 5, 2);
    flip(files, third, 60);
    const after = RecordLog.recover(files, options);
    expect(after.damage).toBeUndefined();
    expect(seqs(after.batches)).toEqual([1, 2]);
    expect(files.list('log/')).toEqual([{ file: fourth?.file, lengthBytes: 2 * frameBytes }]);

    // The new third batch has the old one's length: were the old fourth still there, it would follow.
    write(files, after.log, 1);
    const again = RecordLog.recover(files, options);
    expect(seqs(again.batches)).toEqual([1, 2, 3]);
    expect(again.damage).toBeUndefined();
  });

  test('the old bytes of a cut batch do not count, should a later batch be followed by them', () => {
    const files = new MemorySegments();
    const { log } = RecordLog.recover(files, options);
    write(files, log, 2);
    const old = log.append(new Uint8Array(100));
    const older = log.append(new Uint8Array(100));
    // The old third batch was cut, but the disk kept the fourth where it lay.
    const { log: next } = RecordLog.recover(files, options);
    write(files, next, 1);
    files.append(older.append.file, older.append.bytes);
    expect(next.lastBatchSeq).toBe(old.location.batchSeq);
    const again = RecordLog.recover(files, options);
    expect(seqs(again.batches)).toEqual([1, 2, 3]);
    expect(again.damage).toBeUndefined();
  });

  test.each(['missing', 'empty', 'torn', 'whole'])('a file behind a torn batch goes too: %s', (how) => {
    const files = new TornSegments();
    const { log } = RecordLog.recover(files, options);
    const locations = write(files, log, 30, 2);
    flip(files, locations[2], 50);
    const last = locations[29]?.file ?? '';
    expect(files.list('')).toHaveLength(2);
    if (how === 'missing') files.remove(last);
    if (how === 'empty') files.damage(last, () => new Uint8Array(0));
    if (how === 'torn') files.damage(last, (bytes) => bytes.fill(0, 0, 512));
    const { log: next, batches, damage } = RecordLog.recover(files, options);
    expect(damage).toBeUndefined();
    expect(seqs(batches)).toEqual([1, 2]);
    expect(files.list('')).toEqual([{ file: locations[0]?.file, lengthBytes: 2 * frameBytes }]);
    expect(next.append(new Uint8Array(1)).location).toMatchObject({
      batchSeq: 3,
      positionBytes: 2 * frameBytes,
    });
  });

  test('no file is opened before the first batch of the last one is durable, so that none but the newest can be missing', () => {
    const files = new TornSegments();
    const { log } = RecordLog.recover(files, options);
    write(files, log, 20);
    expect(files.list('')).toEqual([
      { file: 'log/0000000001-0000000000000001', lengthBytes: 20 * frameBytes },
    ]);
    expect(log.rolls).toBe(false);
    log.synced(1);
    expect(log.rolls).toBe(true);
  });

  test.each(['missing', 'empty', 'zeros'])(
    'a first file that never reached the disk (%s) leaves a new log',
    (how) => {
      const files = new TornSegments();
      const { log } = RecordLog.recover(files, options);
      const [first] = write(files, log, 1);
      const file = first?.file ?? '';
      if (how === 'missing') files.remove(file);
      else files.damage(file, (bytes) => (how === 'empty' ? new Uint8Array(0) : bytes.fill(0)));
      const { log: next, batches, damage } = RecordLog.recover(files, options);
      expect({ batches, damage }).toEqual({ batches: [], damage: undefined });
      expect(files.list('')).toEqual([]);
      expect(next.append(new Uint8Array(1)).location).toMatchObject({ batchSeq: 1, file });
    },
  );

  test('what had only reached the cache when the process ended is durable after the recovery', () => {
    const files = new TornSegments();
    const { log } = RecordLog.recover(files, options);
    write(files, log, 20);
    expect(seqs(RecordLog.recover(files, options).batches)).toEqual(range(1, 20));
    files.crash(() => 0); // The power fails before anything else is synced, and nothing unsynced survives.
    const { batches, damage } = RecordLog.recover(files, options);
    expect(seqs(batches)).toEqual(range(1, 20));
    expect(damage).toBeUndefined();
  });
});

describe('damage', () => {
  test.each([
    ['in a payload', 100],
    ['in the magic', 0],
    ['in the checksum of the header', 5],
    ['in the length', 12],
    ['in the number', 16],
  ])('a flipped bit %s of a synced batch is damage; the others are returned', (_, at) => {
    const files = new TornSegments();
    const { log } = RecordLog.recover(files, options);
    const locations = write(files, log, 10, 9);
    flip(files, locations[4], at);
    for (let restart = 0; restart < 3; restart += 1) {
      const { batches, damage } = RecordLog.recover(files, options);
      expect(damage).toEqual({ fromBatchSeq: 5, toBatchSeq: 5 });
      expect(seqs(batches)).toEqual([1, 2, 3, 4, 6, 7, 8, 9, 10]);
    }
  });

  test('a missing file in the middle is damage, and so is an empty one', () => {
    for (const how of ['missing', 'empty']) {
      const files = new TornSegments();
      const { log } = RecordLog.recover(files, options);
      const locations = write(files, log, 20, 19);
      const file = locations[9]?.file ?? '';
      if (how === 'missing') files.remove(file);
      else files.damage(file, () => new Uint8Array(0));
      const { batches, damage } = RecordLog.recover(files, options);
      expect(damage).toEqual({ fromBatchSeq: 8, toBatchSeq: 14 });
      expect(seqs(batches)).toEqual([...range(1, 7), ...range(15, 20)]);
    }
  });

  test('with files removed before it, the batch that opens the first file left was durable', () => {
    const files = new TornSegments();
    const { log } = RecordLog.recover(files, options);
    const locations = write(files, log, 15, 14);
    for (const file of log.cutBelow(15)) files.remove(file);
    flip(files, locations[14], 3);
    const { batches, damage } = RecordLog.recover(files, options);
    expect(damage).toEqual({ fromBatchSeq: 15, toBatchSeq: 15 });
    expect(batches).toEqual([]);
  });

  test('a damaged log goes on in a new file, behind everything that was durable', () => {
    const files = new TornSegments();
    const { log } = RecordLog.recover(files, options);
    const locations = write(files, log, 6, 4); // The headers of 5 and 6 say that 4 was durable.
    flip(files, locations[3], 70);
    flip(files, locations[4], 70);
    const { log: next, batches, damage } = RecordLog.recover(files, options);
    expect(damage).toEqual({ fromBatchSeq: 4, toBatchSeq: 4 });
    expect(seqs(batches)).toEqual([1, 2, 3]); // The fifth is torn, so the sixth counts for nothing.
    const restated = append(files, next, new Uint8Array(100));
    expect(restated).toMatchObject({
      batchSeq: 5,
      file: 'log/0000000002-0000000000000005',
      positionBytes: 0,
    });

    const again = RecordLog.recover(files, options);
    expect(again.damage).toEqual({ fromBatchSeq: 4, toBatchSeq: 4 });
    expect(seqs(again.batches)).toEqual([1, 2, 3, 5]);
    for (const file of again.log.cutBelow(5)) files.remove(file);
    const healed = RecordLog.recover(files, options);
    expect(healed.damage).toBeUndefined();
    expect(seqs(healed.batches)).toEqual([5]);
  });

  test('damage is still known when the power fails right after it was found', () => {
    const files = new TornSegments();
    const { log } = RecordLog.recover(files, options);
    const locations = write(files, log, 6, 4);
    files.crash(() => 1); // Everything happens to reach the disk …
    flip(files, locations[1], 70);
    write(files, RecordLog.recover(files, options).log, 3);
    files.crash(() => 0); // … and of what the next start appended, nothing.
    expect(RecordLog.recover(files, options).damage).toEqual({ fromBatchSeq: 2, toBatchSeq: 2 });
  });

  test('a header that bears witness to damage is made durable, even one whose own batch is torn', () => {
    const files = new TornSegments();
    const { log } = RecordLog.recover(files, options);
    const locations = write(files, log, 5, 4);
    flip(files, locations[3], 70);
    flip(files, locations[4], 70); // Never synced: so far its header is only in the cache.
    expect(RecordLog.recover(files, options).damage).toEqual({ fromBatchSeq: 4, toBatchSeq: 4 });
    files.crash(() => 0);
    expect(RecordLog.recover(files, options).damage).toEqual({ fromBatchSeq: 4, toBatchSeq: 4 });
  });

  test('a file that was given up for damage says nothing of what came after it', () => {
    const files = new TornSegments();
    const { log } = RecordLog.recover(files, options);
    const old = write(files, log, 9, 4); // 1 to 7 in the first file, 8 and 9 in the second.
    flip(files, old[1], 70);
    flip(files, old[4], 70);
    const { log: next, batches } = RecordLog.recover(files, options);
    expect(seqs(batches)).toEqual([1, 3, 4]);
    const restated = write(files, next, 3, 7); // A third file, which begins before the second.
    expect(restated.map(({ batchSeq, file }) => [batchSeq, file])).toEqual(
      [5, 6, 7].map((batchSeq) => [batchSeq, 'log/0000000003-0000000000000005']),
    );
    expect(next.cutBelow(8)).toEqual([old[0]?.file, old[8]?.file]);
    files.remove(old[0]?.file ?? ''); // The power fails between the two removals.
    const again = RecordLog.recover(files, options);
    expect(again.damage).toBeUndefined();
    expect(seqs(again.batches)).toEqual([5, 6, 7]);
    expect(again.batches.map(({ location }) => location.file)).toEqual(restated.map(({ file }) => file));
  });

  test('damage to what no later header vouches for is a torn tail', () => {
    const files = new TornSegments();
    const { log } = RecordLog.recover(files, options);
    const locations = write(files, log, 10, 8);
    flip(files, locations[9], 100);
    const { batches, damage } = RecordLog.recover(files, options);
    expect(damage).toBeUndefined();
    expect(seqs(batches)).toEqual(range(1, 9));
  });

  test('a frame inside a payload is not taken for a batch', () => {
    const files = new TornSegments();
    const { log } = RecordLog.recover(files, options);
    write(files, log, 2, 2);
    const inner = log.append(new Uint8Array(100)).append; // Intact, plausible, and never appended by itself.
    const { log: same } = RecordLog.recover(files, options);
    same.synced(2);
    const outer = append(files, same, inner.bytes);
    write(files, same, 4, 6);
    for (const at of [0, 30]) {
      flip(files, outer, at); // The header is gone, the payload is not.
      const { batches, damage } = RecordLog.recover(files, options);
      expect(damage).toEqual({ fromBatchSeq: 3, toBatchSeq: 3 });
      expect(seqs(batches)).toEqual([1, 2, 4, 5, 6, 7]);
      flip(files, outer, at);
    }
  });

  test('a batch that reads back otherwise than it was written is an error', () => {
    const files = new TornSegments();
    const { log } = RecordLog.recover(files, options);
    const [first, second, third] = write(files, log, 3);
    flip(files, first, 99);
    flip(files, second, 20);
    expect(() => log.read(first as BatchLocation)).toThrow(DamagedBatchError);
    expect(() => log.read(second as BatchLocation)).toThrow('at 144 is not what was written');
    expect(() => log.read({ ...(third as BatchLocation), batchSeq: 4 })).toThrow('batch 4 in log/');
    files.damage(third?.file ?? '', (bytes) => bytes.subarray(0, 3 * frameBytes - 1));
    expect(() => log.read(third as BatchLocation)).toThrow(DamagedBatchError);
  });
});

/** Segment files of which some sectors, of 512 bytes, cannot be read: for good, or so many times. */
class BadSectors extends TornSegments {
  readonly #bad = new Map<string, number>();

  makeBad(file: string, sector: number, attempts = Infinity): void {
    this.#bad.set(`${file} ${sector}`, attempts);
  }

  override read(file: string, positionBytes: number, lengthBytes: number): Uint8Array {
    const bytes = super.read(file, positionBytes, lengthBytes);
    for (let at = positionBytes; at < positionBytes + bytes.length; at = (Math.floor(at / 512) + 1) * 512) {
      const sector = `${file} ${Math.floor(at / 512)}`;
      const attempts = this.#bad.get(sector) ?? 0;
      if (attempts === 0) continue;
      this.#bad.set(sector, attempts - 1);
      throw new UnreadableError(`EIO: ${sector}`);
    }
    return bytes;
  }
}

describe('a log that cannot all be read', () => {
  const first = 'log/0000000001-0000000000000001';
  const large = { prefix: 'log/', segmentBytesMax: 100_000 };

  /** Batches of 144 bytes, each synced before the next: sector 1 holds parts of batches 4 to 8. */
  function bad(count: number): BadSectors {
    const files = new BadSectors();
    const { log } = RecordLog.recover(files, large);
    write(files, log, count, count);
    return files;
  }

  test('what a bad sector held is damage; all around it is kept, and the log goes on in a new file', () => {
    const files = bad(20);
    files.makeBad(first, 1);
    const { log, batches, damage } = RecordLog.recover(files, large);
    expect(damage).toEqual({ fromBatchSeq: 4, toBatchSeq: 8 });
    expect(seqs(batches)).toEqual([1, 2, 3, ...range(9, 20)]);
    expect(log.append(new Uint8Array(1)).location).toMatchObject({ batchSeq: 21, positionBytes: 0 });
    expect(() => log.read({ batchSeq: 5, file: first, positionBytes: 576, lengthBytes: 144 })).toThrow(
      UnreadableError,
    );
  });

  test('zeros that cannot be read are lost as anything else, although the checksum of zeros is theirs', () => {
    const files = new BadSectors();
    const { log } = RecordLog.recover(files, large);
    for (let batch = 1; batch <= 3; batch += 1) {
      append(files, log, new Uint8Array(2_000));
      files.sync(() => undefined);
      log.synced(batch);
    }
    files.makeBad(first, 1);
    const { batches, damage } = RecordLog.recover(files, large);
    expect(damage).toEqual({ fromBatchSeq: 1, toBatchSeq: 1 });
    expect(seqs(batches)).toEqual([2, 3]);
  });

  test('a disk that stumbles is asked again: nothing is lost', () => {
    const files = bad(20);
    files.makeBad(first, 1, 2);
    const { batches, damage } = RecordLog.recover(files, large);
    expect(damage).toBeUndefined();
    expect(seqs(batches)).toEqual(range(1, 20));
  });

  test('an end that cannot be read may have been acknowledged: it is never cut as a torn tail is', () => {
    const files = bad(20);
    // Nothing behind the last batches vouches for them; torn, they would be cut in silence.
    files.makeBad(first, Math.floor((19 * 144) / 512));
    const { log, batches, damage } = RecordLog.recover(files, large);
    const last = Math.floor((5 * 512) / 144);
    expect(seqs(batches)).toEqual(range(1, last));
    expect(damage).toEqual({ fromBatchSeq: last + 1, toBatchSeq: last + 1 });
    expect(log.rolls).toBe(true);
    expect(log.lastBatchSeq).toBe(last + 1);
    const found = files.list('log/');
    append(files, log, new Uint8Array(10));
    files.sync(() => undefined);
    expect(files.list('log/').slice(0, found.length)).toEqual(found);
    // It stays damage at every later start, and what was written since is kept.
    const again = RecordLog.recover(files, large);
    expect(again.damage).toEqual({ fromBatchSeq: last + 1, toBatchSeq: last + 1 });
    expect(seqs(again.batches)).toEqual([...range(1, last), last + 2]);
  });

  test('where nothing at all can be read the disk is out: that is no empty log', () => {
    const files = bad(3);
    files.makeBad(first, 0);
    expect(() => RecordLog.recover(files, large)).toThrow('no part of the log below log/ can be read');
  });

  test('a new file that cannot be read may have held what was acknowledged', () => {
    const files = bad(20);
    const { log } = RecordLog.recover(files, { ...large, segmentBytesMax: 1 });
    log.synced(20);
    const [opened] = write(files, log, 1, 21);
    files.makeBad(opened?.file ?? '', 0);
    const { batches, damage } = RecordLog.recover(files, large);
    expect(seqs(batches)).toEqual(range(1, 20));
    expect(damage).toEqual({ fromBatchSeq: 21, toBatchSeq: 21 });
  });
});

function append(files: SegmentFiles, log: RecordLog, payload: Uint8Array): BatchLocation {
  const { location, append } = log.append(payload);
  files.append(append.file, append.bytes);
  return location;
}

/** Appends batches of 100 bytes; each up to number `syncedTo` is synced before the next, and the log knows. */
function write(files: SegmentFiles, log: RecordLog, count: number, syncedTo = 0): BatchLocation[] {
  const locations: BatchLocation[] = [];
  for (let batch = 0; batch < count; batch += 1) {
    const location = append(files, log, new Uint8Array(100).fill(log.lastBatchSeq));
    locations.push(location);
    if (location.batchSeq > syncedTo) continue;
    files.sync(() => undefined);
    log.synced(location.batchSeq);
  }
  return locations;
}

function flip(files: TornSegments, location: BatchLocation | undefined, at: number): void {
  if (location === undefined) throw new Error('no such batch');
  files.damage(location.file, (bytes) => {
    const position = location.positionBytes + at;
    bytes[position] = (bytes[position] ?? 0) ^ 4;
    return bytes;
  });
}

function seqs(batches: readonly { readonly location: BatchLocation }[]): number[] {
  return batches.map((batch) => batch.location.batchSeq);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, at) => from + at);
}
