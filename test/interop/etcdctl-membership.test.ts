import { afterAll, beforeAll, expect, test } from 'vitest';

import { Cluster, type MemberPlace } from './cluster.ts';
import { etcdctl } from './command.ts';
import { recordCompared } from './compared-commands.ts';
import { type EtcdServer, joinEtcd, startEtcd } from './etcd-server.ts';
import { freePorts } from './ports.ts';
import { fieldsOf } from './protobuf-shape.ts';
import { describeWith } from './requirement.ts';

type Said = { readonly code: number | null } & Readonly<Record<string, unknown>>;

/** A cluster of one, and what it says of itself. Any two clusters differ in ids and addresses, and in nothing else here. */
class Side {
  readonly endpoint: string;
  readonly #isOurs: boolean;
  readonly given: { readonly args: readonly string[]; readonly worked: boolean }[] = [];
  #own = '';
  #learner = '';
  #peer = '';

  constructor(endpoint: string, isOurs: boolean) {
    this.endpoint = endpoint;
    this.#isOurs = isOurs;
  }

  /** `{own}` and `{learner}` in an argument are ids, `{peer}` is the first member's peer address. */
  async run(...args: readonly string[]): Promise<Said> {
    const given = args.map((arg) =>
      arg
        .replaceAll('{own}', this.#own)
        .replaceAll('{learner}', this.#learner)
        .replaceAll('{peer}', this.#peer),
    );
    const { code, stdout, stderr } = await etcdctl(this.endpoint, given);
    this.given.push({ args, worked: code === 0 });
    if (args.at(-1) === 'protobuf' && code === 0) return { code, fields: fieldsOf(stdout) };
    const lines = stderr.split('\n').filter((line) => !line.startsWith('{"level"'));
    return {
      command: args.join(' '),
      code,
      stdout: inOrder(this.#same(stdout)),
      stderr: this.#same(lines.join('\n')),
    };
  }

  get peer(): string {
    return this.#peer;
  }

  async lookUp(): Promise<void> {
    const { stdout } = await etcdctl(this.endpoint, ['member', 'list']);
    for (const line of stdout.trim().split('\n')) {
      const [id = '', , , peer = '', client = ''] = line.split(', ');
      if (client === `http://${this.endpoint}`) [this.#own, this.#peer] = [id, peer];
      else this.#learner = id;
    }
  }

  #same(text: string): string {
    const ids = new Map([
      [this.#own, '<own>'],
      [this.#learner, '<learner>'],
    ]);
    return text
      .replaceAll(this.#peer === '' ? '\0' : this.#peer, '<peer>')
      .replaceAll(`http://${this.endpoint}`, '<client>')
      .replace(/cluster +[0-9a-f]+$/gm, 'cluster <cluster>')
      .replace(/"(cluster_id|member_id|raft_term|ID)":[0-9]+/g, '"$1":0')
      .replace(/"(ClusterID|MemberID|RaftTerm|ID)" : [0-9]+/g, '"$1" : 0')
      .replace(/^Member +[0-9a-f]+ (added|updated|removed|promoted)/gm, 'Member <id> $1')
      .replace(
        /^([0-9a-f]+), (started|unstarted)/gm,
        (_, id: string, status: string) => `${ids.get(id) ?? id}, ${status}`,
      )
      .replace(/started, (a|reference),/g, 'started, <name>,')
      .replace(/"(a|reference)"/g, '"<name>"')
      .replace(/(?<=[",])(a|reference)=/g, '<name>=')
      .replace(/(ETCD_INITIAL_CLUSTER=")(.*)"/, (_, key: string, list: string) => {
        return `${key}${list.split(',').sort(byText).join(',')}"`;
      })
      .replace(/from [0-9a-f]+ to [0-9a-f]+/, 'from <id> to <id>')
      .replace(this.#isOurs ? /"revision":[0-9]+,|"Revision" : [0-9]+/g : /"Revision" : [0-9]+/g, '');
  }
}

/** Members come in the order of their ids, which etcd draws. */
function inOrder(stdout: string): string {
  if (!stdout.startsWith('{')) return stdout.split('\n').sort(byText).join('\n');
  const answer = JSON.parse(stdout) as {
    readonly members: readonly { readonly peerURLs: readonly string[] }[];
  };
  const members = answer.members.toSorted((left, right) =>
    byText(left.peerURLs.join(), right.peerURLs.join()),
  );
  return JSON.stringify({ ...answer, members });
}

function byText(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

describeWith(['etcdctl', 'etcd'], 'etcdctl member cannot tell a Chainfire member from etcd', () => {
  let cluster: Cluster;
  let etcd: EtcdServer;
  beforeAll(async () => {
    etcd = await startEtcd();
    cluster = await Cluster.start(1);
  });
  afterAll(() => Promise.all([cluster?.remove(), etcd?.stop()]));

  test('learners come, are changed, wait for their promotion, and go; what cannot be is refused', async () => {
    cluster.showLogsOnFailure();
    const commands: readonly (readonly string[])[] = [
      ['member', 'list'],
      ['member', 'list', '-w', 'json'],
      ['member', 'list', '-w', 'fields'],
      ['member', 'add', 'l', '--learner', '--peer-urls=http://127.0.0.1:1'],
      ['member', 'list'],
      ['member', 'list', '-w', 'json'],
      ['member', 'add', 'm', '--learner', '--peer-urls=http://127.0.0.1:2'],
      ['member', 'add', 'm', '--peer-urls={peer}'],
      ['member', 'add', 'm'],
      ['member', 'promote', '{learner}'],
      ['member', 'promote', '{own}'],
      ['member', 'promote', '1234'],
      ['member', 'update', '{learner}', '--peer-urls=http://127.0.0.1:3'],
      ['member', 'update', '{learner}', '--peer-urls=http://127.0.0.1:3,http://127.0.0.1:4'],
      ['member', 'update', '{learner}', '--peer-urls={peer}'],
      ['member', 'update', '1234', '--peer-urls=http://127.0.0.1:9'],
      ['move-leader', '1234'],
      ['move-leader', '{own}'],
      ['member', 'remove', '{own}'],
      ['member', 'remove', '{learner}'],
      ['member', 'list'],
      ['member', 'update', '{own}', '--peer-urls=http://127.0.0.1:5'],
      ['member', 'list'],
    ];
    const play = async (side: Side): Promise<readonly unknown[]> => {
      const transcript: unknown[] = [];
      for (const command of commands) {
        await side.lookUp();
        transcript.push(await side.run(...command));
      }
      return transcript;
    };
    const side = new Side(cluster.place('a').client, true);
    const [ours, theirs] = await Promise.all([play(side), play(new Side(etcd.endpoint, false))]);
    expect(ours).toEqual(theirs);
    recordCompared(side.given);
  });

  test('what etcd 3.4 counts, waits for or forgets wrongly: a member that is not there, a leader without a vote, a learner that moves', async () => {
    const ask = async (...args: readonly string[]): Promise<string> =>
      (await etcdctl(cluster.place('a').client, args)).stderr
        .split('\n')
        .find((line) => line.startsWith('Error')) ?? '';
    expect(await ask('member', 'remove', '1234')).toBe('Error: etcdserver: member not found');
    const { stdout } = await etcdctl(cluster.place('a').client, [
      'member',
      'add',
      'l',
      '--learner',
      '--peer-urls=http://127.0.0.1:1',
    ]);
    const learner = /^Member +([0-9a-f]+) added/.exec(stdout)?.[1] ?? '';
    await ask('member', 'update', learner, '--peer-urls=http://127.0.0.1:1');
    expect((await etcdctl(cluster.place('a').client, ['member', 'list'])).stdout).toContain(
      `${learner}, unstarted, , http://127.0.0.1:1, , true`,
    );
    expect(await ask('move-leader', learner)).toBe('Error: etcdserver: bad leader transferee');
    expect(await ask('member', 'add', 'm', '--peer-urls=http://127.0.0.1:1')).toBe(
      'Error: etcdserver: Peer URLs already exists',
    );
  });
});

describeWith(['etcdctl', 'etcd'], 'etcdctl promotes a learner that has caught up, as with etcd', () => {
  const ends: (() => Promise<unknown>)[] = [];
  afterAll(() => Promise.all(ends.map((end) => end())));

  /** A member, and how another is started that has been added as `l` at this peer address. */
  interface Stage {
    readonly side: Side;
    readonly peer: string;
    readonly joined: string;
    join(): Promise<void>;
  }

  async function ours(): Promise<Stage> {
    const all = new Map<string, readonly string[]>();
    const cluster = await Cluster.plan(2, ({ name }) => all.get(name) ?? []);
    ends.push(() => cluster.remove());
    cluster.showLogsOnFailure();
    const [first, second] = ['a', 'b'].map((name) => cluster.place(name)) as [MemberPlace, MemberPlace];
    all.set('a', ['--initial-cluster', `a=${first.peer}`]);
    await cluster.startMember('a');
    const both = `a=${first.peer},b=${second.peer}`;
    all.set('b', ['--initial-cluster', both, '--initial-cluster-state', 'existing']);
    const side = new Side(first.client, true);
    return { side, peer: second.peer, joined: second.client, join: () => cluster.startMember('b') };
  }

  async function theirs(): Promise<Stage> {
    const etcd = await startEtcd();
    ends.push(() => etcd.stop());
    const [peerPort = 0, clientPort = 0] = await freePorts(2);
    const [peer, joined] = [`127.0.0.1:${peerPort}`, `127.0.0.1:${clientPort}`];
    const side = new Side(etcd.endpoint, false);
    await side.lookUp();
    const both = `reference=${side.peer},b=http://${peer}`;
    const join = async (): Promise<void> => {
      const second = await joinEtcd(`http://${peer}`, `http://${joined}`, both);
      ends.push(() => second.stop());
    };
    return { side, peer, joined, join };
  }

  test('it is added, started, promoted, asked, and removed', async () => {
    const play = async ({ side, peer, joined, join }: Stage): Promise<readonly unknown[]> => {
      const said: unknown[] = [];
      await side.lookUp();
      for (const [at, format] of ['simple', 'json', 'fields', 'protobuf', 'table'].entries()) {
        // The same address in the same second would make the same id at etcd, which is never used again.
        const added = `--peer-urls=http://127.0.0.1:${at + 3}`;
        said.push(await side.run('member', 'update', '{own}', '--peer-urls={peer}', '-w', format));
        said.push(await side.run('member', 'add', 'b', '--learner', added, '-w', format));
        await side.lookUp();
        said.push(await side.run('member', 'promote', '{learner}', '-w', format));
        said.push(await side.run('member', 'remove', '{learner}', '-w', format));
      }
      await side.run('put', 'before', 'it came');
      said.push((await side.run('member', 'add', 'b', '--learner', `--peer-urls=http://${peer}`)).code);
      await side.lookUp();
      await join();
      // It has to catch up first, and is refused until it has.
      while ((await side.run('member', 'promote', '{learner}')).code !== 0);
      said.push(await side.run('member', 'promote', '{learner}'));
      said.push((await etcdctl(joined, ['get', 'before'])).stdout);
      said.push((await etcdctl(joined, ['put', 'of two', 'voters'])).stdout);
      // Etcd wants to have been connected for a while.
      while ((await side.run('member', 'remove', '{learner}')).code !== 0);
      said.push(await side.run('get', 'of two'));
      return said;
    };
    const [our, their] = await Promise.all([ours(), theirs()]);
    const [found, expected] = await Promise.all([play(our), play(their)]);
    expect(found).toEqual(expected);
    recordCompared(our.side.given);
  });
});
