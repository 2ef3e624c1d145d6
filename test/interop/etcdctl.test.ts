import { afterAll, beforeAll, expect, test } from 'vitest';

import { Cluster } from './cluster.ts';
import { type CommandResult, etcdctl } from './command.ts';
import { recordCompared } from './compared-commands.ts';
import { type EtcdServer, startEtcd } from './etcd-server.ts';
import { describeWith } from './requirement.ts';

/** One command of etcdctl, given to both in the same order, so that revisions are the same too. */
interface Step {
  readonly args: readonly string[];
  readonly input?: string;
}

const step = (...args: string[]): Step => ({ args });
const txn = (input: string, ...flags: string[]): Step => ({ args: ['txn', ...flags], input });

/** Keys that order by bytes, not by letters: a byte below the slash, one above, and UTF-8. */
const seeds = ['app/a', 'app/b', 'app/c', 'app.x', 'app0', 'ä', 'zz'];

const chapters: readonly (readonly [string, readonly Step[]])[] = [
  [
    'put',
    [
      step('put', 'hello', 'world'),
      step('put', 'hello', 'again'),
      step('put', 'hello', 'third', '--prev-kv'),
      step('put', 'new', 'x', '--prev-kv'),
      step('put', 'hello', '--ignore-value'),
      step('put', 'absent', '--ignore-value'),
      step('put', 'hello', 'x', '--ignore-lease'),
      step('put', 'absent', 'x', '--ignore-lease'),
      step('put', 'hello', 'x', '--lease=1234'),
      step('put', '', 'x'),
      step('put', 'empty', ''),
      step('put', 'in json', 'v', '-w', 'json', '--prev-kv'),
      step('put', 'in json', 'v2', '-w', 'json', '--prev-kv'),
      step('put', 'in fields', 'v', '-w', 'fields'),
      { args: ['put', 'from stdin'], input: 'a value\nof two lines' },
      ...seeds.map((key, at) => step('put', key, `value ${(at * 5) % 7}`)),
      step('put', 'app/b', 'value 9'),
    ],
  ],
  [
    'get of one key',
    [
      step('get', 'hello'),
      step('get', 'absent'),
      step('get', 'empty'),
      step('get', ''),
      step('get', 'hello', '-w', 'json'),
      step('get', 'hello', '-w', 'fields'),
      step('get', 'absent', '-w', 'json'),
      step('get', 'hello', '--print-value-only'),
      step('get', 'hello', '--hex'),
      step('get', 'hello', '--consistency=s'),
      step('get', 'ä', '-w', 'json'),
    ],
  ],
  [
    'get of ranges',
    [
      step('get', '--prefix', 'app/'),
      step('get', '--prefix', 'app/', '-w', 'json'),
      step('get', '--prefix', 'app/', '--keys-only'),
      step('get', '--prefix', ''),
      step('get', 'app', 'app/b'),
      step('get', 'app/b', 'app/b'),
      step('get', '--from-key', 'app/b', '--limit=3'),
      step('get', '--from-key', 'app/b', '--limit=3', '-w', 'json'),
      step('get', '--from-key', '', '--limit=2'),
      step('get', '--prefix', 'app/', '--limit=2', '-w', 'fields'),
      step('get', '--prefix', 'app', '--limit=100', '-w', 'json'),
      step('get', '--prefix', 'nothing/'),
      ...['CREATE', 'KEY', 'MODIFY', 'VALUE', 'VERSION'].flatMap((by) => [
        step('get', '--prefix', 'app', `--sort-by=${by}`, '--order=ASCEND'),
        step('get', '--prefix', 'app', `--sort-by=${by}`, '--order=DESCEND', '--limit=3', '-w', 'json'),
      ]),
      step('get', '--prefix', 'app', '--sort-by=VALUE'),
    ],
  ],
  [
    'get of the past and of the future',
    [
      step('get', 'hello', '--rev=2'),
      step('get', 'hello', '--rev=3', '-w', 'json'),
      step('get', '--prefix', '', '--rev=5'),
      step('get', 'hello', '--rev=1'),
      step('get', 'hello', '--rev=100000'),
      step('get', 'hello', '--rev=-1'),
    ],
  ],
  [
    'del',
    [
      step('put', 'doomed/1', 'a'),
      step('put', 'doomed/2', 'b'),
      step('put', 'doomed/3', 'c'),
      step('del', 'doomed/1'),
      step('del', 'doomed/1'),
      step('del', 'doomed/2', '--prev-kv'),
      step('del', '--prefix', 'doomed/', '-w', 'json', '--prev-kv'),
      step('del', '--prefix', 'doomed/', '-w', 'fields'),
      step('del', ''),
      step('del', 'zz', '--from-key', '--prev-kv'),
      step('get', 'hello', '-w', 'json'),
      step('put', 'doomed/1', 'born again', '-w', 'json'),
      step('get', 'doomed/1', '-w', 'json'),
    ],
  ],
  [
    'txn',
    [
      txn('version("hello") > "0"\n\nput t1 yes\nget hello\n\nput t1 no\n\n'),
      txn('version("hello") = "0"\n\nput t1 yes\n\nput t1 no\nget t1\ndel t1\n\n'),
      txn(
        'value("hello") = "x"\nmod("hello") > "1"\ncreate("hello") < "3"\nver("hello") > "1"\n\nget --prefix app/\n\n\n',
        '-w',
        'json',
      ),
      txn('create("unborn") = "0"\n\nput unborn "two words"\n\nget unborn\n\n'),
      txn('create("unborn") = "0"\n\nput unborn "two words"\n\nget unborn\n\n'),
      txn('\nput twice 1\nput twice 2\n\n\n'),
      txn('\nput a 1\ndel --prefix a\n\n\n'),
      txn('\nput written 1\nget written\ndel written --prev-kv\nget written\n\n\n', '-w', 'json'),
      txn('value("nobody") = "x"\n\nput t2 yes\n\n\n', '-w', 'json'),
      txn('\nget app/a --rev=100000\n\n\n'),
      txn('\nput late 1\nget app/a --rev=100000\n\n\n'),
      step('get', 'late'),
      txn('\n\n\n\n'),
      txn(`\n${Array.from({ length: 128 }, (_, at) => `put many/${at} v`).join('\n')}\n\n\n`),
      txn(`\n${Array.from({ length: 129 }, (_, at) => `put toomany/${at} v`).join('\n')}\n\n\n`),
      step('get', '--prefix', 'toomany/'),
      step('get', '--prefix', 'many/', '--limit=1', '-w', 'json'),
    ],
  ],
  [
    'compaction',
    [
      step('compaction', '12'),
      step('get', 'hello', '--rev=5'),
      step('get', 'hello', '--rev=12', '-w', 'json'),
      step('compaction', '12'),
      step('compaction', '3'),
      step('compaction', '100000'),
      step('compaction', '0'),
      step('compaction', '-1'),
      step('compaction', '14', '--physical'),
      step('get', '--prefix', '', '--rev=14'),
      step('get', '--prefix', '', '--rev=13'),
      step('compaction', '15', '-w', 'json'),
      txn('\nget app/a --rev=3\n\n\n'),
    ],
  ],
  [
    'every answer in every format',
    [
      step('put', 'formats/a', '1'),
      step('put', 'formats/b', '2'),
      ...['simple', 'json', 'fields', 'protobuf', 'table', 'nonsense'].flatMap((format) => [
        step('put', 'formats/a', format, '--prev-kv', '-w', format),
        step('get', 'formats/a', '-w', format),
        step('get', '--prefix', 'formats/', '--limit=1', '-w', format),
        step('get', '--prefix', 'formats/', '--keys-only', '-w', format),
        step('get', 'formats/a', '--hex', '-w', format),
        txn(
          'version("formats/a") > "0"\n\nput formats/c x\nget formats/a\ndel formats/c --prev-kv\n\n\n',
          '-w',
          format,
        ),
        step('del', 'formats/b', '--prev-kv', '-w', format),
        step('compaction', '1', '-w', format),
      ]),
    ],
  ],
  [
    'values and flags as people type them',
    [
      step('put', '--', '-dash', '-v'),
      step('put', 'dash', '--', '-v'),
      step('get', '--', '-dash'),
      step('put', 'ignoring', 'x', '--ignore-value'),
      step('put', 'ignoring', 'x', '--lease=1', '--ignore-lease'),
      step('put', 'hello', 'kept', '--ignore-lease', '--prev-kv'),
      step('get', 'hello', 'hellp', '--print-value-only'),
      step('get', '--prefix', 'app/', '--print-value-only', '--keys-only'),
      step('get', 'app/a', '--from-key', '--prefix'),
      step('get', 'app/a', 'app/b', '--prefix'),
      step('get', 'app/a', 'app/b', '--from-key'),
      step('get', '--prefix', 'app/', '--consistency=l', '--order=DESCEND'),
      step('get', 'app/a', '--consistency=x'),
      step('get', 'app/a', '--order=UP'),
      step('get', 'app/a', '--sort-by=AGE'),
      step('get', '--prefix', 'app/', '--limit=many'),
      step('get', 'app/a', '--rev=some'),
      step('get'),
      step('get', 'a', 'b', 'c'),
      step('put'),
      step('put', 'a', 'b', 'c'),
      step('put', 'a', 'b', '--lease=no hex'),
      step('del'),
      step('del', 'app/a', '--prefix', '--from-key'),
      step('del', 'app/a', 'app/b', '--prefix'),
      step('del', 'nothing/a', 'nothing/b'),
      step('compaction'),
      step('compaction', 'x'),
      step('compaction', '1', '2'),
      step('frob'),
      step('get', 'app/a', '--frob'),
      step('get', 'app/a', '-w', 'xml'),
      txn('hello = "x"\n\nget a\n\n\n'),
      txn('mod("hello") = "x"\n\nget a\n\n\n'),
      txn('\nfrob a\n\n\n'),
      txn('\nput a\n\n\n'),
      txn('\nput "" x\n\n\n'),
      txn('version("hello") > "0"\n\nput -- -a -b\nget --rev=1 hello\n\n\n'),
      txn('version("hello") > "0"\n\nput asked yes\n\nput asked no\n\n', '--interactive'),
      txn('version("hello") > "0"\n\nget asked\n\n\n', '-i', '-w', 'json'),
      step('txn', 'too', 'much'),
    ],
  ],
  [
    'values at the limits',
    [
      { args: ['put', 'large'], input: 'v'.repeat(1_400_000) },
      { args: ['put', 'larger'], input: 'v'.repeat(1_600_000) },
      { args: ['put', 'much larger'], input: 'v'.repeat(3_000_000) },
      step('get', 'larger', '-w', 'json'),
      step('get', 'much larger'),
    ],
  ],
  [
    'what takes no part of the store',
    [step('endpoint', 'health'), step('member', 'list', '-w', 'json'), step('alarm', 'list')],
  ],
];

/** Only what has to differ between any two clusters is made the same. */
function normalised(result: CommandResult): CommandResult {
  const text = (output: string): string =>
    output
      .replace(/"(cluster_id|member_id|raft_term|ID)":[0-9]+/g, '"$1":0')
      .replace(/"(ClusterID|MemberID|RaftTerm)" : [0-9]+/g, '"$1" : 0')
      .replace(/127\.0\.0\.1:[0-9]+/g, 'HOST:PORT')
      .replace(/took = [0-9.]+[^ \n]*s/g, 'took = TIME');
  return {
    code: result.code,
    stdout: text(result.stdout),
    // The client's own log lines say the same with times in them; what is meant for people stays.
    stderr: text(
      result.stderr
        .split('\n')
        .filter((line) => !line.startsWith('{"level"'))
        .join('\n'),
    ),
  };
}

/** A message as it came, but for its first field: there the cluster, the member and the term are named. */
function withoutHeader(result: CommandResult): CommandResult {
  const [tag = 0, length = 0] = [...result.stdout.slice(0, 2)].map((char) => char.charCodeAt(0));
  // Field 1, with a length of one byte.
  if (tag !== 0x0a || length > 0x7f) return result;
  return { ...result, stdout: result.stdout.slice(2 + length) };
}

describeWith(['etcdctl', 'etcd'], 'etcdctl cannot tell three Chainfire members from etcd', () => {
  let cluster: Cluster;
  let etcd: EtcdServer;
  const cleanups: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    etcd = await startEtcd();
    cleanups.push(() => etcd.stop());
    cluster = await Cluster.start(3);
    cleanups.push(() => cluster.remove());
  });
  afterAll(async () => {
    await Promise.all(cleanups.map((cleanup) => cleanup()));
  });

  test.each(chapters)('%s', async (name, steps) => {
    cluster.showLogsOnFailure();
    for (const { args, input } of steps) {
      const [ours, theirs] = await Promise.all([
        etcdctl(cluster.endpoints, args, input),
        etcdctl(etcd.endpoint, args, input),
      ]);
      const isProtobuf = args.includes('protobuf') && theirs.code === 0;
      const expected = isProtobuf ? withoutHeader(theirs) : normalised(theirs);
      const found = isProtobuf ? withoutHeader(ours) : normalised(ours);
      const command = `etcdctl ${args.join(' ')}`;
      if (name === 'what takes no part of the store') {
        expect({ command, code: found.code, shape: shapeOf(found) }).toEqual({
          command,
          code: expected.code,
          shape: shapeOf(expected),
        });
      } else {
        expect({ command, ...found }).toEqual({ command, ...expected });
      }
      recordCompared([{ args, worked: ours.code === 0 }]);
    }
  });

  test('deliberate differences: a range that ends before it begins and a limit below none are refused by name', async () => {
    const nonsense: readonly (readonly [string, readonly string[]])[] = [
      ['range_end lies before', ['get', 'z', 'a']],
      ['range_end lies before', ['del', 'z', 'a']],
      ['RangeRequest.limit is -1', ['get', 'z', '--limit=-1']],
    ];
    for (const [words, args] of nonsense) {
      const ours = await etcdctl(cluster.endpoints, args);
      expect(ours.code).toBe(1);
      expect(ours.stderr).toContain(words);
      // There it is nothing, or no limit at all.
      expect((await etcdctl(etcd.endpoint, args)).code).toBe(0);
    }
  });

  test('endpoint status -w table has every member, one leader, and etcd’s columns', async () => {
    const [ours, theirs] = await Promise.all([
      etcdctl(cluster.endpoints, ['endpoint', 'status', '-w', 'table']),
      etcdctl(etcd.endpoint, ['endpoint', 'status', '-w', 'table']),
    ]);
    expect(ours.code).toBe(0);
    expect(cells(ours.stdout)[0]).toEqual(cells(theirs.stdout)[0]);
    const rows = cells(ours.stdout).slice(1);
    expect(rows.map((row) => row[0])).toEqual(cluster.members.map((member) => member.client));
    expect(rows.map((row) => row[4]).sort((left = '', right = '') => (left < right ? -1 : 1))).toEqual([
      'false',
      'false',
      'true',
    ]);
    expect(new Set(rows.map((row) => row[6])).size).toBe(1);
  });

  test('endpoint hashkv: every member has the same hash at the same revision', async () => {
    const revision = JSON.parse((await etcdctl(cluster.endpoints, ['get', 'x', '-w', 'json'])).stdout) as {
      header: { revision: number };
    };
    const result = await etcdctl(cluster.endpoints, [
      'endpoint',
      'hashkv',
      `--rev=${revision.header.revision}`,
      '-w',
      'json',
    ]);
    expect(result.code).toBe(0);
    const hashes = (
      JSON.parse(result.stdout) as readonly { HashKV: { hash: number; compact_revision: number } }[]
    ).map(({ HashKV }) => HashKV);
    expect(hashes.length).toBe(3);
    expect(new Set(hashes.map(({ hash }) => hash)).size).toBe(1);
    expect(hashes.map(({ compact_revision }) => compact_revision)).toEqual([15, 15, 15]);
  });

  test('member list names every member with its addresses', async () => {
    const { stdout } = await etcdctl(cluster.endpoints, ['member', 'list']);
    expect(stdout.trimEnd().split('\n')).toEqual(
      cluster.members.map(
        ({ name, peer, client }, at) =>
          `${String(at + 1)}, started, ${name}, http://${peer}, http://${client}, false`,
      ),
    );
  });
});

/** The lines' shapes: for answers that hold addresses of three members where the reference has one. */
function shapeOf(result: CommandResult): readonly string[] {
  const lines = `${result.stdout}\n${result.stderr}`.split('\n').filter((line) => line !== '');
  return [...new Set(lines.map((line) => (line.startsWith('{') ? jsonShape(JSON.parse(line)) : line)))];
}

function jsonShape(value: unknown): string {
  if (Array.isArray(value)) return `[${[...new Set(value.map(jsonShape))].join('|')}]`;
  if (typeof value !== 'object' || value === null) return typeof value;
  return `{${Object.entries(value)
    // The header of a member list may or may not carry a revision: etcd leaves it out.
    .filter(([key]) => key !== 'revision')
    .map(([key, part]) => `${key}:${jsonShape(part)}`)
    .join(',')}}`;
}

/** The cells of a table that etcdctl drew, the heading first. */
function cells(table: string): readonly (readonly string[])[] {
  return table
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}
