import { afterAll, beforeAll, expect, test } from 'vitest';

import { Cluster } from '../cluster.ts';
import { type CommandResult, LiveCommand, runCommand } from '../command.ts';
import { describeWith } from '../requirement.ts';
import { createTopic } from './topics.ts';

let cluster: Cluster;
const kcat = (args: readonly string[], input?: string): Promise<CommandResult> =>
  runCommand('kcat', ['-b', cluster.endpoints, ...args], { input });

/** What kcat has written, line by line. */
const lines = ({ stdout }: CommandResult): readonly string[] =>
  stdout.split('\n').filter((line) => line !== '');

describeWith(['kcat'], 'kcat against three brokers', () => {
  beforeAll(async () => {
    cluster = await Cluster.start(3, ['--group-initial-rebalance-delay-ms', '200'], 'chronik');
  });
  afterAll(() => cluster.remove());

  test('metadata name every broker, and a controller among them', async () => {
    cluster.showLogsOnFailure();
    const { code, stdout, stderr } = await kcat(['-L', '-J']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { brokers, controllerid } = JSON.parse(stdout) as {
      brokers: readonly { id: number; name: string }[];
      controllerid: number;
    };
    expect(brokers.map(({ name }) => name).toSorted()).toEqual(
      cluster.members.map(({ client }) => client).toSorted(),
    );
    expect(brokers.map(({ id }) => id).toSorted((left, right) => left - right)).toEqual([1, 2, 3]);
    expect([1, 2, 3]).toContain(controllerid);
  });

  test('what is produced is consumed, with keys and headers, from a topic that it makes', async () => {
    cluster.showLogsOnFailure();
    const produced = await kcat(
      ['-P', '-t', 'first', '-K', ':', '-H', 'from=kcat', '-X', 'acks=all'],
      'k1:one\nk2:two\nk3:three\n',
    );
    expect(produced).toMatchObject({ code: 0, stderr: '' });
    const consumed = await kcat(['-C', '-t', 'first', '-e', '-q', '-f', '%p %o %k %s %h\\n']);
    expect(lines(consumed)).toEqual([
      '0 0 k1 one from=kcat',
      '0 1 k2 two from=kcat',
      '0 2 k3 three from=kcat',
    ]);
  });

  test.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'])(
    'batches that are compressed with %s',
    async (codec) => {
      cluster.showLogsOnFailure();
      const topic = `codec-${codec}`;
      const values = Array.from({ length: 2_000 }, (_, at) => `value ${at} ${'x'.repeat(at % 100)}`);
      const produced = await kcat(
        ['-P', '-t', topic, '-z', codec, '-X', 'linger.ms=50'],
        `${values.join('\n')}\n`,
      );
      expect(produced).toMatchObject({ code: 0, stderr: '' });
      expect(lines(await kcat(['-C', '-t', topic, '-e', '-q']))).toEqual(values);
    },
  );

  test('an idempotent producer', async () => {
    cluster.showLogsOnFailure();
    const values = Array.from({ length: 1_000 }, (_, at) => `once ${at}`);
    const flags = ['-P', '-t', 'idempotent', '-X', 'enable.idempotence=true'];
    expect(await kcat(flags, `${values.join('\n')}\n`)).toMatchObject({ code: 0, stderr: '' });
    expect(lines(await kcat(['-C', '-t', 'idempotent', '-e', '-q']))).toEqual(values);
  });

  test('offsets by time', async () => {
    cluster.showLogsOnFailure();
    await kcat(['-P', '-t', 'timed', '-X', 'acks=all'], 'early\n');
    const [first = '0'] = lines(await kcat(['-C', '-t', 'timed', '-e', '-q', '-f', '%T\\n']));
    // Of another millisecond than the first.
    while (Date.now() <= Number(first)) await new Promise((resolve) => setImmediate(resolve));
    await kcat(['-P', '-t', 'timed', '-X', 'acks=all'], 'late\n');
    const from = ['-C', '-t', 'timed', '-e', '-q', '-o'];
    expect(lines(await kcat([...from, `s@${first}`]))).toEqual(['early', 'late']);
    expect(lines(await kcat([...from, `s@${Number(first) + 1}`]))).toEqual(['late']);
    expect(lines(await kcat([...from, '-1']))).toEqual(['late']);
    const { stdout } = await kcat(['-Q', '-t', `timed:0:${Number(first) + 1}`]);
    expect(stdout).toBe('timed [0] offset 1\n');
  });

  test('three consumers of a group share the partitions, and two of them take over when one is killed', async () => {
    cluster.showLogsOnFailure();
    await createTopic(cluster.endpoints, 'shared', { partitions: 3 });
    const flags = [
      '-X',
      'session.timeout.ms=6000',
      '-X',
      'auto.offset.reset=earliest',
      '-u',
      '-f',
      '%p %s\\n',
    ];
    const join = (): LiveCommand =>
      new LiveCommand('kcat', ['-b', cluster.endpoints, '-G', 'sharers', ...flags, 'shared'], {});
    const consumers = [join(), join(), join()];
    await kcat(['-P', '-t', 'shared', '-X', 'acks=all'], 'a\nb\nc\n');
    const got = (): readonly string[] =>
      consumers.flatMap(({ stdout }) => stdout.split('\n').filter(Boolean));
    await expect.poll(() => got().length, { timeout: 30_000 }).toBe(3);
    await consumers[0]?.end('SIGKILL');
    await kcat(['-P', '-t', 'shared', '-X', 'acks=all'], 'd\ne\n');
    await expect
      .poll(() => new Set(got().map((line) => line.split(' ')[1])), { timeout: 30_000 })
      .toEqual(new Set(['a', 'b', 'c', 'd', 'e']));
    await Promise.all(consumers.slice(1).map((consumer) => consumer.end('SIGTERM')));
  });
});
