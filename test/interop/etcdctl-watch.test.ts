import { afterAll, beforeAll, expect, test } from 'vitest';

import { describeWith } from './requirement.ts';
import { type Side, Twins } from './twins.ts';

/** Lines that say that the watch has seen everything: the last change is of a key with this value. */
const last = 'the last change';
const lastForms = [
  last,
  btoa(last),
  [...last].map((char) => `\\x${char.charCodeAt(0).toString(16)}`).join(''),
];
const saysLast = (stdout: string): boolean => lastForms.some((form) => stdout.includes(form));

describeWith(['etcdctl', 'etcd'], 'etcdctl watch cannot tell three Chainfire members from etcd', () => {
  let twins: Twins;
  beforeAll(async () => {
    twins = await Twins.start();
  });
  afterAll(() => twins?.stop());

  /** The revision of the store now. */
  async function revisionOf(side: Side): Promise<number> {
    const { stdout } = await side.run('get', 'nothing', '-w', 'json');
    return (JSON.parse(stdout) as { readonly header: { readonly revision: number } }).header.revision;
  }

  /**
   * Watches from the revision that comes next (so that it does not matter when the watch is set up), makes the changes one
   * after the other, and tells what the watch said of them.
   */
  async function watched(
    side: Side,
    watch: readonly string[],
    changes: readonly (readonly string[])[],
    lastKey: string,
  ): Promise<unknown> {
    await side.run('del', '--prefix', 'w');
    const next = (await revisionOf(side)) + 1;
    const command = side.start('watch', ...watch, `--rev=${next}`);
    for (const [at, change] of changes.entries()) {
      await side.run(...change);
      // Every watch here sees the first change; from then on each is a response of its own, on both sides.
      if (at === 0) await command.until((stdout) => stdout !== '');
    }
    await side.run('put', lastKey, last);
    await command.until(saysLast);
    return side.normalised(await command.end('SIGINT'));
  }

  const changes = [
    ['put', 'w/a', '1'],
    ['put', 'w/a', '2'],
    ['put', 'w/b', 'beside'],
    ['put', 'w', 'before'],
    ['del', 'w/a'],
    ['put', 'w/a', 'anew'],
    ['put', 'w/ä', 'in UTF-8'],
    ['put', 'w/empty', ''],
    ['del', '--prefix', 'w/'],
    ['del', 'w/nothing'],
  ] as const;

  test.each([
    ['one key', ['w/a']],
    ['a prefix', ['--prefix', 'w/']],
    ['a range', ['w/a', 'w/b']],
    ['everything', ['--prefix', '']],
    ['what was before', ['--prefix', 'w/', '--prev-kv']],
    ['json', ['--prefix', 'w/', '--prev-kv', '-w', 'json']],
    ['fields', ['--prefix', 'w/', '--prev-kv', '-w', 'fields']],
    ['hexadecimal', ['w/a', '--hex']],
  ])('%s, as it changes', async (_, flags) => {
    await twins.same((side) => watched(side, flags, changes, 'w/a'));
  });

  test('the changes of a txn, all of one revision', async () => {
    await twins.same(async (side) => {
      const next = (await revisionOf(side)) + 1;
      const command = side.start('watch', '--prefix', 't/', '--prev-kv', '-w', 'json', `--rev=${next}`);
      const txn = '\nput t/z 1\nput t/a 2\nput t/m 3\n\n\n';
      const outcome = await side.run('put', 't/d', 'doomed');
      // As above: what comes before the watch is set up may come in one response with what comes after.
      await command.until((stdout) => stdout !== '');
      const txns = [await side.runWith(txn, 'txn')];
      txns.push(await side.runWith(`\nput t/a 4\ndel t/d\nput t/last "${last}"\n\n\n`, 'txn'));
      await command.until(saysLast);
      return [outcome, txns, side.normalised(await command.end('SIGINT'))];
    });
  });

  test.each([
    ['one key', ['r/a']],
    ['a prefix', ['--prefix', 'r/']],
    ['what was before', ['--prefix', 'r/', '--prev-kv']],
    ['json', ['--prefix', 'r/', '--prev-kv', '-w', 'json']],
  ])('%s, from a revision of the past', async (_, flags) => {
    await twins.same(async (side) => {
      const start = (await revisionOf(side)) + 1;
      for (const change of changes) await side.run(...change.map((part) => part.replace(/^w/, 'r')));
      await side.run('put', 'r/a', last);
      const command = side.start('watch', ...flags, `--rev=${start + 1}`);
      await command.until(saysLast);
      return side.normalised(await command.end('SIGINT'));
    });
  });

  test('a command for every event, with the event in its environment', async () => {
    await twins.same(async (side) => {
      const start = (await revisionOf(side)) + 1;
      await side.run('put', 'x', '1');
      await side.run('del', 'x');
      await side.run('put', 'x', last);
      const command = side.start(
        ...['watch', 'x', `--rev=${start}`, '--', 'sh', '-c'],
        'echo $ETCD_WATCH_REVISION $ETCD_WATCH_EVENT_TYPE $ETCD_WATCH_KEY $ETCD_WATCH_VALUE',
      );
      await command.until((stdout) => (stdout.match(/"x"/g) ?? []).length >= 3);
      return side.normalised(await command.end('SIGINT'));
    });
  });

  test('interactive: several watches, progress on request, words that are no command', async () => {
    await twins.same(async (side) => {
      const start = (await revisionOf(side)) + 1;
      const command = side.start('watch', '-i');
      command.write(`watch i/a --rev=${start}\n`);
      await side.run('put', 'i/a', '1');
      await command.until((stdout) => stdout.includes('i/a'));
      command.write('progress\n');
      await command.until((stdout) => stdout.includes('progress notify:'));
      command.write(`watch --prefix i/b --prev-kv --rev=${start}\n`);
      await side.run('put', 'i/b', '2');
      await command.until((stdout) => stdout.includes('i/b'));
      await side.run('put', 'i/b', last);
      await command.until(saysLast);
      const seen = side.text(command.stdout);
      command.write('nonsense\n');
      command.closeInput();
      const { code, stderr } = side.normalised(await command.end());
      // Another is ended while it watches.
      const interrupted = side.start('watch', '--interactive');
      interrupted.write(`watch i/b --rev=${start}\n`);
      await interrupted.until(saysLast);
      return [seen, code, stderr, side.normalised(await interrupted.end('SIGINT'))];
    });
  });

  test('a start that has been compacted; one that has just not been', async () => {
    await twins.same(async (side) => {
      const start = (await revisionOf(side)) + 1;
      for (const value of ['1', '2', '3', last]) await side.run('put', 'c', value);
      const compacted = await side.run('compaction', String(start + 2));
      const refused = await side.run('watch', 'c', `--rev=${start + 1}`);
      const command = side.start('watch', 'c', '--prev-kv', `--rev=${start + 2}`);
      await command.until(saysLast);
      const before = await side.run('watch', 'c', '--prev-kv', '--rev=1', '-w', 'json');
      return [compacted, refused, before, side.normalised(await command.end('SIGINT'))];
    });
  });

  test('keys that end with their lease are deletions like any other', async () => {
    await twins.same(async (side) => {
      const next = (await revisionOf(side)) + 1;
      const command = side.start('watch', '--prefix', 'l/', '--prev-kv', `--rev=${next}`);
      await side.run('lease', 'grant', '2');
      await side.run('put', 'l/a', 'of the lease', '--lease={1}');
      await side.run('put', 'l/b', 'of the lease, too', '--lease={1}');
      await command.until((stdout) => (stdout.match(/DELETE/g) ?? []).length === 2);
      const deletions = side.normalised(await command.end('SIGINT'));
      const gone = await side.run('lease', 'timetolive', '{1}');
      return [sections(deletions.stdout), gone];
    });
  });

  /** Keys of one revision may be deleted in any order: etcd's is another each time. */
  function sections(stdout: string): readonly string[] {
    return stdout
      .split(/\n(?=PUT|DELETE)/)
      .sort((left, right) => (left < right ? -1 : left > right ? 1 : 0))
      .map((section) => section.trim());
  }

  test.each([
    ['no key', []],
    ['a revision that is no number', ['a', '--rev=x']],
    ['a range and a prefix', ['a', 'b', '--prefix']],
  ])('%s', async (_, args) => {
    await twins.same((side) => side.run('watch', ...args));
  });

  // The last one: both come to different revisions.
  test('from now on, with no revision: nothing of the past, then everything, in order', async () => {
    await twins.same(async (side) => {
      await side.run('put', 'now', 'past');
      const command = side.start('watch', 'now');
      // Nothing says that the watch is set up, so that changes are made until one is seen.
      let count = 0;
      while (command.stdout === '') await side.run('put', 'now', String(++count));
      await side.run('put', 'now', last);
      await command.until(saysLast);
      const { stdout } = await command.end('SIGINT');
      const values = stdout.split('\n').filter((_, at) => at % 3 === 2);
      const first = Number(values[0]);
      expect(first).toBeGreaterThan(0);
      expect(values).toEqual([
        ...Array.from({ length: count - first + 1 }, (_, at) => String(first + at)),
        last,
      ]);
      return stdout.split('\n').slice(0, 2);
    });
  });
});
