import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, onTestFailed, test } from 'vitest';

import { type NodeShown, type PlasmaMutation, type VmShown } from '../../../core/plasma/api.ts';
import { type VmSpec } from '../../../core/plasma/types.ts';
import { type AnswerOf, PlasmaSession } from '../../../nodes/plasma-tools/session.ts';
import { photonFile } from '../cluster.ts';
import { type CommandResult, runCommand } from '../command.ts';
import { describeWith } from '../requirement.ts';
import { type PlasmaProcess } from './plasma-process.ts';
import { bootDisk } from './qemu-subject.ts';
import { ServerCluster } from './server-cluster.ts';

const project = 'default';
const patienceSeconds = 120;
const pollOptions = { timeout: patienceSeconds * 1_000, interval: 50 };
const memoryBytes = 16_777_216;

type Created = AnswerOf<'committed'>;
type Create = Extract<PlasmaMutation, { kind: 'vmCreate' }>;

function createOf(name: string, start: boolean): Create {
  const spec: VmSpec = {
    ...{ name, project, labels: {}, cpus: 1, memoryBytes, disks: [], nics: [], cloudInit: undefined },
    ...{ restartPolicy: 'always', leasePolicy: 'keep-running', nodeSelector: {}, affinity: [] },
    ...{ priority: 0, migratable: false },
  };
  return { kind: 'vmCreate', operationId: randomUUID(), project, spec, start };
}

describeWith(['qemu-system-x86_64', 'qemu-img'], 'three servers of the control plane', () => {
  let cluster: ServerCluster;
  const sessions: PlasmaSession[] = [];

  beforeAll(async () => {
    cluster = await ServerCluster.start({ members: 3, agents: 2 });
  });

  afterAll(async () => {
    await cluster.remove();
  });

  afterEach(async () => {
    for (const session of sessions.splice(0)) session.close();
    await Promise.all(
      cluster.chainfire.members
        .filter(({ name }) => !cluster.chainfire.isRunning(name))
        .map(({ name }) => cluster.chainfire.startMember(name)),
    );
    await Promise.all(cluster.servers.filter((server) => !server.isRunning).map((server) => server.start()));
  });

  function session(endpoints = cluster.addresses.join(',')): PlasmaSession {
    const opened = new PlasmaSession({ endpoints, project, timeout: patienceSeconds }, 'test');
    sessions.push(opened);
    return opened;
  }

  function photon(endpoints: string, ...args: readonly string[]): Promise<CommandResult> {
    const flags = ['--endpoints', endpoints, '--timeout', String(patienceSeconds)];
    return runCommand(process.execPath, [photonFile, ...args, ...flags], {
      timeoutMs: 2 * patienceSeconds * 1_000,
    });
  }

  async function listed(): Promise<readonly VmShown[]> {
    const { vms } = await session().ask<'vms'>({ kind: 'vmList', project, matches: {} });
    return vms;
  }

  /** Rows of a table in the store, of this project. */
  async function rows(folder: string): Promise<readonly string[]> {
    const keys: string[] = [];
    for await (const { key } of cluster.db.prefix(`/photon/plasma/${folder}`)) keys.push(key);
    return keys;
  }

  interface Outcome {
    readonly asked: readonly { readonly request: Create; readonly answer: Created }[];
    /** Ids, as commands printed them. */
    readonly printed: readonly string[];
  }

  /**
   * A hundred creates at once, each until it is answered with success, by the library and by commands that know of one server
   * alone, of one that is not struck. `strike` is called when the first has been answered.
   */
  async function hundredCreates(
    name: string,
    struckServer: number,
    strike: () => Promise<unknown>,
  ): Promise<Outcome> {
    const others = cluster.addresses.filter((_, position) => position !== struckServer);
    const commands = 6;
    const own = 100 - commands;
    const clients = Array.from({ length: 5 }, () => session());
    const requests = Array.from({ length: own }, (_, at) => createOf(`${name}-${at}`, at < 6));
    let answered = 0;
    let struck: Promise<unknown> | undefined;
    const [answers, printed] = await Promise.all([
      Promise.all(
        requests.map(async (request, at) => {
          const answer = await (clients[at % clients.length] as PlasmaSession).ask<'committed'>(request);
          answered += 1;
          if (struck === undefined) {
            // Otherwise it would come too late to show anything.
            expect(answered).toBeLessThan(own);
            struck = strike();
          }
          return { request, answer };
        }),
      ),
      Promise.all(
        Array.from({ length: commands }, async (_, at) => {
          const address = others[at % others.length] ?? '';
          const result = await photon(
            address,
            'vm',
            'create',
            `${name}-command-${at}`,
            '--no-start',
            '--memory',
            '16M',
          );
          expect(result).toMatchObject({ code: 0, stderr: '' });
          return result.stdout.trim();
        }),
      ),
    ]);
    await struck;
    return { asked: answers, printed };
  }

  /** Nothing is there twice, nothing is missing, and asking again changes nothing. */
  async function expectHundred(
    name: string,
    before: readonly VmShown[],
    { asked, printed }: Outcome,
  ): Promise<void> {
    const made = (await listed()).filter(({ id }) => !before.some((vm) => vm.id === id));
    expect(made).toHaveLength(100);
    expect(new Set(made.map(({ id }) => id))).toEqual(
      new Set([...printed, ...asked.map(({ answer }) => answer.vm)]),
    );
    expect(new Set(made.map(({ spec }) => spec.name)).size).toBe(100);
    for (const { request, answer } of asked) expect(answer.operationId).toBe(request.operationId);
    const own = new Set(
      asked.map(({ request }) => `/photon/plasma/operations/${project}/${request.operationId}`),
    );
    expect((await rows('operations/')).filter((key) => own.has(key))).toHaveLength(asked.length);
    expect(await rows('vms/')).toHaveLength(before.length + 100);
    const again = await Promise.all(asked.map(({ request }) => session().ask<'committed'>(request)));
    expect(again).toEqual(asked.map(({ answer }) => answer));
    const { stdout } = await photon(cluster.addresses.join(','), 'vm', 'events', '--json');
    const creates = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { what: string; message: string })
      .filter(({ what, message }) => what === 'vmCreate' && message.startsWith(`${name}-`));
    expect(new Set(creates.map(({ message }) => message)).size).toBe(100);
    expect(creates).toHaveLength(100);
    expect(await listed()).toHaveLength(before.length + 100);
    // Those that were to be started run, each once.
    await expect
      .poll(async () => (await listed()).filter(({ state }) => state === 'running').length, pollOptions)
      .toBe((before.length / 100 + 1) * 6);
    const running = (await listed()).filter(({ state }) => state === 'running');
    expect(new Set(cluster.instances().map(({ pid }) => pid))).toEqual(
      new Set(running.map(({ instance }) => instance?.pid)),
    );
  }

  test('the leader dies amid a hundred creates: there are a hundred virtual machines, and each was answered once', async () => {
    onTestFailed(() => void process.stderr.write(cluster.logs()));
    const first = await cluster.leader();
    const outcome = await hundredCreates('one', first, () =>
      (cluster.servers[first] as PlasmaProcess).end('SIGKILL'),
    );
    expect(await cluster.leader(first)).not.toBe(first);
    await expectHundred('one', [], outcome);
  });

  test('and so when the member that leads Chainfire dies with it', async () => {
    onTestFailed(() => void process.stderr.write(cluster.logs()));
    const before = await listed();
    const [first, member] = await Promise.all([cluster.leader(), cluster.chainfireLeader()]);
    const outcome = await hundredCreates('two', first, () =>
      Promise.all([
        (cluster.servers[first] as PlasmaProcess).end('SIGKILL'),
        cluster.chainfire.end(member, 'SIGKILL'),
      ]),
    );
    expect(await cluster.chainfireLeader()).not.toBe(member);
    await expectHundred('two', before, outcome);
  });

  test('a leader that is told to stop has handed over when it is gone; what was asked meanwhile is answered by the next', async () => {
    onTestFailed(() => void process.stderr.write(cluster.logs()));
    for (const round of [1, 2, 3]) {
      const leader = await cluster.leader();
      const stopped = cluster.servers[leader] as PlasmaProcess;
      const requests = Array.from({ length: 20 }, (_, at) => createOf(`stop-${round}-${at}`, false));
      const client = session();
      const answers = Promise.all(requests.map((request) => client.ask<'committed'>(request)));
      expect(await stopped.end('SIGTERM')).toBe(0);
      // Its lease would have kept the key for seconds.
      expect(await cluster.keyHolder()).not.toBe(leader);
      expect(new Set((await answers).map(({ vm }) => vm)).size).toBe(20);
      await stopped.start();
    }
    expect((await listed()).filter(({ spec }) => spec.name.startsWith('stop-'))).toHaveLength(60);
  });

  test('what must stop when its lease ends goes on when the leader dies: the next one renews it in time', async () => {
    onTestFailed(() => void process.stderr.write(cluster.logs()));
    const endpoints = cluster.addresses.join(',');
    const started = async (name: string): Promise<VmShown> => {
      const created = await photon(
        endpoints,
        'vm',
        'create',
        name,
        '--memory',
        '16M',
        '--lease',
        'must-stop',
      );
      expect(created).toMatchObject({ code: 0, stderr: '' });
      const shown = async (): Promise<VmShown | undefined> =>
        (await listed()).find(({ spec }) => spec.name === name);
      await expect.poll(async () => (await shown())?.state, pollOptions).toBe('running');
      return (await shown()) as VmShown;
    };
    // All come to the same node: that one starts there says that its lease was renewed.
    await photon(endpoints, 'node', 'cordon', 'n2');
    const guarded = await started('guarded');
    expect(guarded).toMatchObject({ node: 'n1', restarts: 0, spec: { leasePolicy: 'must-stop' } });
    for (const [round, dies] of (['server', 'store', 'both', 'server'] as const).entries()) {
      const [leader, member] = await Promise.all([cluster.leader(), cluster.chainfireLeader()]);
      const server = cluster.servers[leader] as PlasmaProcess;
      await Promise.all([
        dies === 'store' ? undefined : server.end('SIGKILL'),
        dies === 'server' ? undefined : cluster.chainfire.end(member, 'SIGKILL'),
      ]);
      expect(await started(`marker-${round}`)).toMatchObject({ node: 'n1' });
      const now = (await listed()).find(({ id }) => id === guarded.id);
      expect([dies, now]).toMatchObject([
        dies,
        { state: 'running', restarts: 0, instance: guarded.instance },
      ]);
      if (dies !== 'store') await server.start();
      if (dies !== 'server') await cluster.chainfire.startMember(member);
    }
    await photon(endpoints, 'node', 'uncordon', 'n2');
  });

  test('whichever server a command is given, and in whichever order, it reaches the one that leads', async () => {
    const leader = await cluster.leader();
    const [a = '', b = '', c = ''] = cluster.addresses;
    for (const endpoints of [a, b, c, [c, b, a].join(','), [b, a].join(',')]) {
      const created = await photon(
        endpoints,
        'vm',
        'create',
        `from-${endpoints.replaceAll(/[^0-9]/g, '-')}`,
        '--no-start',
      );
      expect(created).toMatchObject({ code: 0, stderr: '' });
      const { stdout } = await photon(endpoints, 'node', 'list', '--json');
      const nodes = JSON.parse(stdout) as readonly NodeShown[];
      // One of the agents was told of the servers in another order.
      expect(nodes).toMatchObject([
        { name: 'n1', state: 'up' },
        { name: 'n2', state: 'up' },
      ]);
    }
    expect(await cluster.keyHolder()).toBe(leader);
  });

  test('an image that one server was given is had by all, and outlives the server that took it', async () => {
    onTestFailed(() => void process.stderr.write(cluster.logs()));
    const file = join(cluster.dir, 'tick.raw');
    writeFileSync(file, bootDisk());
    const leader = await cluster.leader();
    const taker = (leader + 1) % 3;
    const down = (leader + 2) % 3;
    await (cluster.servers[down] as PlasmaProcess).end('SIGKILL');
    const imported = await photon(cluster.addresses[taker] ?? '', 'image', 'import', file, '--json');
    expect(imported).toMatchObject({ code: 0, stderr: '' });
    const { digest } = JSON.parse(imported.stdout) as { digest: string };
    expect(cluster.hasImage(taker, digest)).toBe(true);
    await expect.poll(() => cluster.hasImage(leader, digest), pollOptions).toBe(true);
    await (cluster.servers[taker] as PlasmaProcess).end('SIGKILL');
    await (cluster.servers[down] as PlasmaProcess).start();
    await expect.poll(() => cluster.hasImage(down, digest), pollOptions).toBe(true);
    await expect.poll(() => cluster.metric(down, 'images_missing'), pollOptions).toBe(0);

    // Named among others a server that is gone does not keep an image from being brought in.
    const again = await photon(cluster.addresses.join(','), 'image', 'import', file, '--name', 'again');
    expect(again).toMatchObject({
      code: 0,
      stderr: expect.stringContaining(
        `it has to be fetched by ${cluster.addresses[taker]}: UNAVAILABLE`,
      ) as string,
    });
    await (cluster.servers[leader] as PlasmaProcess).end('SIGKILL');
    const created = await photon(
      cluster.addresses.join(','),
      'vm',
      'create',
      'ticker',
      '--image',
      'tick',
      '--memory',
      '16M',
    );
    expect(created).toMatchObject({ code: 0, stderr: '' });
    await expect
      .poll(async () => (await listed()).find(({ spec }) => spec.name === 'ticker')?.state, pollOptions)
      .toBe('running');
  });
});
