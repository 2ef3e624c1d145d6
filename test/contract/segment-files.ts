import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';

import { concatBytes } from '../../core/base/bytes.ts';
import { UnreadableError } from '../../core/storage/read-errors.ts';
import { salvage } from '../../core/storage/salvage.ts';
import { type SegmentFiles } from '../../core/storage/segment-files.ts';
import { describeCuts, describeCutsBeforePowerCut } from './segment-cuts.ts';
import { bytes, type SegmentFilesSubject, type Start, string, synced, text } from './segment-subject.ts';

/** The one contract of `SegmentFiles`; every implementation passes it. */
export function describeSegmentFiles(name: string, create: () => SegmentFilesSubject): void {
  describe(`segment files: ${name}`, () => {
    const open: SegmentFilesSubject[] = [];
    const start = (): SegmentFilesSubject => {
      const subject = create();
      open.push(subject);
      return subject;
    };
    afterEach(() => {
      for (const subject of open.splice(0)) subject.close();
    });

    describeContent(start);
    describeCuts(start);
    describeSync(start);
    const probe = create();
    probe.close();
    if (probe.reopen !== undefined) describeReopening(start);
    if (probe.cutPower !== undefined) {
      describePowerCut(start);
      describeCutsBeforePowerCut(start);
    }
    if (probe.makeUnreadable !== undefined) describeUnreadable(start);
    describeModel(start);
  });
}

function describeContent(start: Start): void {
  test('an append is visible to the very next read, before any sync', () => {
    const { files } = start();
    files.append('log/1', bytes('one'));
    expect(text(files, 'log/1')).toBe('one');
    files.append('log/1', bytes('two'));
    expect(text(files, 'log/1')).toBe('onetwo');
  });

  test('a read gives what lies at its position, across appends and syncs', async () => {
    const { files, wait } = start();
    files.append('a', bytes('0123'));
    await synced(files, wait);
    files.append('a', bytes('45'));
    files.append('a', bytes('6789'));
    expect(string(files.read('a', 0, 10))).toBe('0123456789');
    expect(string(files.read('a', 2, 3))).toBe('234');
    expect(string(files.read('a', 3, 4))).toBe('3456');
    expect(string(files.read('a', 5, 2))).toBe('56');
    expect(string(files.read('a', 9, 1))).toBe('9');
  });

  test('a read stops at the end of the file, and gives nothing behind it or without a file', () => {
    const { files } = start();
    files.append('a', bytes('abc'));
    expect(string(files.read('a', 1, 100))).toBe('bc');
    expect(files.read('a', 3, 10)).toHaveLength(0);
    expect(files.read('a', 99, 10)).toHaveLength(0);
    expect(files.read('a', 0, 0)).toHaveLength(0);
    expect(files.read('b', 0, 10)).toHaveLength(0);
  });

  test('what was read stays as it was, whatever is appended or cut later', async () => {
    const { files, wait } = start();
    files.append('a', bytes('abcdef'));
    await synced(files, wait);
    const read = files.read('a', 0, 6);
    files.truncate('a', 2);
    files.append('a', bytes('XYZW'));
    expect(string(read)).toBe('abcdef');
    expect(text(files, 'a')).toBe('abXYZW');
  });

  test('a list holds every file that begins with the prefix, in name order, with its length', () => {
    const { files } = start();
    for (const file of ['log/0010', 'log/0009', 'other/0001', 'log/0100', 'logs', 'log-1']) {
      files.append(file, bytes(file));
    }
    expect(files.list('log/')).toEqual([
      { file: 'log/0009', lengthBytes: 8 },
      { file: 'log/0010', lengthBytes: 8 },
      { file: 'log/0100', lengthBytes: 8 },
    ]);
    expect(files.list('log/00').map(({ file }) => file)).toEqual(['log/0009', 'log/0010']);
    expect(files.list('').map(({ file }) => file)).toEqual([
      'log-1',
      'log/0009',
      'log/0010',
      'log/0100',
      'logs',
      'other/0001',
    ]);
    expect(files.list('none/')).toEqual([]);
  });

  test('directories come with the first file in them, however deep', async () => {
    const { files, wait } = start();
    files.append('wal/partitions/topic-0/0001', bytes('deep'));
    files.append('wal/partitions/topic-1/0001', bytes('deeper'));
    await synced(files, wait);
    expect(text(files, 'wal/partitions/topic-0/0001')).toBe('deep');
    expect(text(files, 'wal/partitions/topic-1/0001')).toBe('deeper');
  });

  test('a cut keeps what is below it, and the next append goes there', async () => {
    const { files, wait } = start();
    files.append('a', bytes('abcdef'));
    await synced(files, wait);
    files.truncate('a', 6, 3);
    expect(text(files, 'a')).toBe('abcdef');
    files.truncate('a', 4, 1);
    expect(text(files, 'a')).toBe('abcd');
    expect(files.list('')).toEqual([{ file: 'a', lengthBytes: 4 }]);
    files.append('a', bytes('!'));
    expect(text(files, 'a')).toBe('abcd!');
    await synced(files, wait);
    files.truncate('a', 0);
    expect(files.list('')).toEqual([{ file: 'a', lengthBytes: 0 }]);
  });

  test('a cut never lengthens a file, and needs one', async () => {
    const { files, wait } = start();
    files.append('a', bytes('abc'));
    await synced(files, wait);
    expect(() => files.truncate('a', 4)).toThrow('never lengthens');
    expect(() => files.truncate('b', 0)).toThrow('only a file that exists');
    expect(text(files, 'a')).toBe('abc');
  });

  test('a removed file is gone, and comes back empty by its next append', async () => {
    const { files, wait } = start();
    files.append('a', bytes('old'));
    files.append('b', bytes('stays'));
    await synced(files, wait);
    files.remove('a');
    files.remove('never-was');
    expect(files.list('')).toEqual([{ file: 'b', lengthBytes: 5 }]);
    expect(files.read('a', 0, 10)).toHaveLength(0);
    files.append('a', bytes('new'));
    await synced(files, wait);
    expect(text(files, 'a')).toBe('new');
    expect(text(files, 'b')).toBe('stays');
  });

  test('a file that was never synced is removed like any other', async () => {
    const { files, wait } = start();
    files.append('a', bytes('old'));
    files.remove('a');
    expect(files.list('')).toEqual([]);
    files.append('a', bytes('new'));
    await synced(files, wait);
    expect(text(files, 'a')).toBe('new');
  });

  test.each([
    '',
    '/',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    '...',
    'a/../b',
    'a/.',
    './a',
    'a b',
    'ä',
    'a\0',
    'a\n',
    '\\a',
  ])('the name %j is refused', (file) => {
    const { files } = start();
    expect(() => files.append(file, bytes('x'))).toThrow('a segment file is named');
    expect(() => files.read(file, 0, 1)).toThrow('a segment file is named');
    expect(() => files.truncate(file, 0)).toThrow('a segment file is named');
    expect(() => files.remove(file)).toThrow('a segment file is named');
    expect(() => files.cut(file, 0)).toThrow('a segment file is named');
    expect(() => files.cut(file, 1)).toThrow('a segment file is named');
    expect(files.list('')).toEqual([]);
  });
}

function describeSync(start: Start): void {
  test('a sync calls back once, without a failure', async () => {
    const { files, wait } = start();
    const calls: (string | undefined)[] = [];
    files.append('a', bytes('x'));
    files.sync((failure) => calls.push(failure));
    for (let turn = 0; turn < 5 || calls.length === 0; turn += 1) await wait();
    expect(calls).toEqual([undefined]);
  });

  test('a sync with nothing to do calls back too', async () => {
    const { files, wait } = start();
    await synced(files, wait);
    files.append('a', bytes('x'));
    await synced(files, wait);
    await synced(files, wait);
    expect(text(files, 'a')).toBe('x');
  });

  test('one sync covers many files, old and new', async () => {
    const { files, wait } = start();
    for (let round = 1; round <= 3; round += 1) {
      for (let file = 0; file < 20 * round; file += 1)
        files.append(`d${file % 3}/f${file}`, bytes(`r${round}`));
      await synced(files, wait);
    }
    expect(files.list('')).toHaveLength(60);
    expect(text(files, 'd0/f0')).toBe('r1r2r3');
    expect(text(files, 'd2/f59')).toBe('r3');
  });

  test('what is appended while a sync is under way is read at once, and waits for the next', async () => {
    const { files, wait } = start();
    files.append('a', bytes('first '));
    const ended = synced(files, wait);
    files.append('a', bytes('second'));
    files.append('b', bytes('other'));
    expect(text(files, 'a')).toBe('first second');
    await ended;
    expect(text(files, 'a')).toBe('first second');
    await synced(files, wait);
    expect(text(files, 'a')).toBe('first second');
    expect(text(files, 'b')).toBe('other');
  });

  test('a file may be removed, and made again, while a sync of it is under way', async () => {
    const { files, wait } = start();
    files.append('a', bytes('old'));
    files.append('b', bytes('b'));
    const ended = synced(files, wait);
    files.remove('a');
    files.append('a', bytes('new'));
    await ended;
    await synced(files, wait);
    expect(text(files, 'a')).toBe('new');
    expect(text(files, 'b')).toBe('b');
  });
}

function describeUnreadable(start: Start): void {
  /** A file of four sectors, each full of its number, of which sector 2 cannot be read. */
  async function damaged(): Promise<SegmentFilesSubject> {
    const subject = start();
    const sectors = [0, 1, 2, 3].map((number) => new Uint8Array(512).fill(number));
    subject.files.append('a', concatBytes(sectors));
    await synced(subject.files, subject.wait);
    subject.makeUnreadable?.('a', 2);
    return subject;
  }

  test('a read that touches what the disk has lost throws, and says so as often as it is tried', async () => {
    const { files } = await damaged();
    for (let attempt = 0; attempt < 3; attempt += 1) {
      expect(() => files.read('a', 0, 2_048)).toThrow(UnreadableError);
      expect(() => files.read('a', 1_535, 1)).toThrow(UnreadableError);
      expect(() => files.read('a', 1_023, 2)).toThrow(UnreadableError);
    }
  });

  test('what lies beside it is read as ever, the list and the length too', async () => {
    const { files } = await damaged();
    expect([...files.read('a', 0, 1_024)]).toEqual([...new Uint8Array(512), ...new Uint8Array(512).fill(1)]);
    expect([...files.read('a', 1_536, 9_999)]).toEqual([...new Uint8Array(512).fill(3)]);
    expect(files.list('')).toEqual([{ file: 'a', lengthBytes: 2_048 }]);
  });

  test('a cut that would have to write it again throws; one that cuts it off, or leaves it alone, does not', async () => {
    const { files } = await damaged();
    expect(() => files.truncate('a', 2_048, 600)).toThrow(UnreadableError);
    files.truncate('a', 2_048);
    files.truncate('a', 1_024, 100);
    expect(files.read('a', 0, 9_999)).toHaveLength(1_024);
  });

  test('a log in such a file is salvaged around it', async () => {
    const { files } = await damaged();
    const { bytes: found, unreadable } = salvage(files, 'a', 2_048);
    expect(unreadable).toEqual([{ fromBytes: 1_024, toBytes: 1_536 }]);
    expect([0, 512, 1_024, 1_536].map((at) => found[at])).toEqual([0, 1, 0, 3]);
  });

  test('a file that goes takes it along', async () => {
    const { files, wait } = await damaged();
    files.remove('a');
    files.append('b', bytes('whole'));
    await synced(files, wait);
    expect(text(files, 'b')).toBe('whole');
    expect(files.read('a', 0, 10)).toHaveLength(0);
  });
}

function describeReopening(start: Start): void {
  test('what was synced is there after a restart', async () => {
    const { files, wait, reopen } = start();
    files.append('log/1', bytes('one'));
    files.append('log/2', bytes('two'));
    files.append('deep/er/3', bytes('three'));
    await synced(files, wait);
    files.truncate('log/1', 2);
    files.remove('log/2');
    const again = reopen?.() ?? files;
    expect(again.list('')).toEqual([
      { file: 'deep/er/3', lengthBytes: 5 },
      { file: 'log/1', lengthBytes: 2 },
    ]);
    expect(text(again, 'log/1')).toBe('on');
    again.append('log/1', bytes('!'));
    await synced(again, wait);
    expect(text(again, 'log/1')).toBe('on!');
  });
}

function describePowerCut(start: Start): void {
  test('a power cut keeps what was synced, and lengthens no file', async () => {
    const { files, wait, cutPower } = start();
    files.append('log/1', bytes('synced'));
    await synced(files, wait);
    files.append('log/1', bytes(' or not'));
    files.append('new/2', bytes('never'));
    const after = cutPower?.() ?? files;
    expect(text(after, 'log/1').slice(0, 6)).toBe('synced');
    expect(text(after, 'log/1').length).toBeLessThanOrEqual('synced or not'.length);
  });

  test('a cut and a removal are durable when they return', async () => {
    const { files, wait, cutPower } = start();
    files.append('a', bytes('abcdef'));
    files.append('b', bytes('b'));
    await synced(files, wait);
    files.truncate('a', 3);
    files.remove('b');
    const after = cutPower?.() ?? files;
    expect(after.list('')).toEqual([{ file: 'a', lengthBytes: 3 }]);
    expect(text(after, 'a')).toBe('abc');
  });

  test('a removed file that was made again and synced holds only the new bytes', async () => {
    const { files, wait, cutPower } = start();
    files.append('a', bytes('old old old'));
    await synced(files, wait);
    files.remove('a');
    files.append('a', bytes('new'));
    await synced(files, wait);
    const after = cutPower?.() ?? files;
    expect(text(after, 'a')).toBe('new');
  });
}

type Operation =
  | { readonly kind: 'append'; readonly file: string; readonly value: string }
  | { readonly kind: 'truncate'; readonly file: string; readonly keep: number }
  | { readonly kind: 'cut'; readonly file: string; readonly keep: number }
  | { readonly kind: 'remove'; readonly file: string }
  | { readonly kind: 'sync' }
  | { readonly kind: 'beginSync' };

/** The whole port against a map of byte arrays. */
function describeModel(start: Start): void {
  const file = fc.constantFrom('a', 'b', 'd/a', 'd/b', 'd/e/a');
  const operation = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('append' as const), file, value: fc.string() }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('truncate' as const), file, keep: fc.nat(20) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('cut' as const), file, keep: fc.nat(20) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), file }) },
    { weight: 2, arbitrary: fc.constant({ kind: 'sync' as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'beginSync' as const }) },
  );

  test('any sequence of operations leaves what a map of byte arrays would hold', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 30 }), async (operations) => {
        const subject = start();
        const model = new Map<string, Uint8Array>();
        let underWay: Promise<void> = Promise.resolve();
        for (const each of operations) {
          if (each.kind === 'sync' || each.kind === 'beginSync' || each.kind === 'truncate') await underWay;
          if (each.kind === 'beginSync') underWay = synced(subject.files, subject.wait);
          else await apply(subject, model, each);
        }
        compare(subject.files, model);
        await underWay;
        compare(subject.files, model);
        const again = subject.reopen ?? subject.cutPower;
        if (again !== undefined) {
          await synced(subject.files, subject.wait);
          compare(again(), model);
        }
        subject.close();
      }),
      { numRuns: 60 },
    );
  });
}

async function apply(
  subject: SegmentFilesSubject,
  model: Map<string, Uint8Array>,
  operation: Exclude<Operation, { readonly kind: 'beginSync' }>,
): Promise<void> {
  const { files, wait } = subject;
  switch (operation.kind) {
    case 'append': {
      const value = bytes(operation.value);
      files.append(operation.file, value);
      model.set(operation.file, concatBytes([model.get(operation.file) ?? bytes(''), value]));
      break;
    }
    case 'cut': {
      const content = model.get(operation.file);
      const length = Math.min(operation.keep, content?.length ?? 0);
      files.cut(operation.file, length);
      if (length === 0) model.delete(operation.file);
      else model.set(operation.file, (content ?? bytes('')).slice(0, length));
      break;
    }
    case 'truncate': {
      const content = model.get(operation.file);
      if (content === undefined) break;
      await synced(files, wait); // Files are cut during recovery only, before anything is appended.
      const length = Math.min(operation.keep, content.length);
      files.truncate(operation.file, length, Math.floor(length / 2));
      model.set(operation.file, content.slice(0, length));
      break;
    }
    case 'remove':
      files.remove(operation.file);
      model.delete(operation.file);
      break;
    case 'sync':
      await synced(files, wait);
      break;
  }
}

function compare(files: SegmentFiles, model: ReadonlyMap<string, Uint8Array>): void {
  const names = [...model.keys()].sort((left, right) => (left < right ? -1 : 1));
  expect(files.list('')).toEqual(names.map((file) => ({ file, lengthBytes: model.get(file)?.length })));
  for (const [file, content] of model) {
    expect([...files.read(file, 0, content.length + 1)]).toEqual([...content]);
    const third = Math.floor(content.length / 3);
    expect([...files.read(file, third, third)]).toEqual([...content.subarray(third, 2 * third)]);
  }
}
