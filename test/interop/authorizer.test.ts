import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { type AuthorizationQuestion } from '../../adapters/auth/authorizer.ts';
import { formatAddress } from '../../adapters/config/address.ts';
import { resolveSettings } from '../../adapters/config/resolve.ts';
import { Introductions } from '../../nodes/chainfire/introductions.ts';
import { findPlace } from '../../nodes/chainfire/cluster-place.ts';
import { MemoryHome } from '../../nodes/chainfire/memory-home.ts';
import { ServingMember } from '../../nodes/chainfire/serving-member.ts';
import { chainfireSchema } from '../../nodes/chainfire/settings.ts';
import { tokenProvider } from '../../nodes/chainfire/token-provider.ts';
import { transportSecurity } from '../../nodes/chainfire/transport-security.ts';
import { type CommandResult, etcdctl, LiveCommand } from './command.ts';
import { freePorts } from './ports.ts';
import { describeWith } from './requirement.ts';

describeWith(['etcdctl'], 'a member with an authorizer of another kind', () => {
  let member: ServingMember;
  let endpoint: string;
  const questions: AuthorizationQuestion[] = [];
  /** Mallory has every permission that there is, and is denied by name; nobody may look at secrets. */
  const permits = (question: AuthorizationQuestion): Promise<boolean> => {
    questions.push(question);
    const isSecret = question.accesses.some(({ range }) => range.from.startsWith('secret'));
    return Promise.resolve(question.user !== 'mallory' && !isSecret);
  };
  const ask = (...args: readonly string[]): Promise<CommandResult> => etcdctl(endpoint, args);
  const done = async (...args: readonly string[]): Promise<void> => {
    expect(await ask(...args)).toMatchObject({ code: 0 });
  };
  const denied = async (...args: readonly string[]): Promise<void> => {
    const { code, stderr } = await ask(...args);
    expect([args, code === 0]).toEqual([args, false]);
    expect(stderr).toContain('etcdserver: permission denied');
  };

  beforeAll(async () => {
    const [client = 0, peer = 0] = await freePorts(2);
    const settings = resolveSettings(chainfireSchema, {
      environment: {},
      flags: {
        ...{ name: 'a', dataDir: '/nowhere', initialCluster: `a=127.0.0.1:${peer}` },
        authPasswordCost: '10',
      },
    });
    const log = pino({ level: 'silent' });
    const security = transportSecurity(settings, log);
    const directory = new MemoryHome();
    const { signal: stopped } = new AbortController();
    const introductions = new Introductions(security.dial, log, stopped);
    const place = await findPlace({
      ...{ settings, directory, introductions, discovery: undefined, log, stopped },
    });
    const { clusterId, id, address } = place;
    const clients = { host: '127.0.0.1', port: client };
    endpoint = formatAddress(clients);
    member = await ServingMember.open({
      ...{ settings, security, place, directory, log, processMetrics: false },
      ports: { clients, peers: undefined, metrics: undefined },
      own: { clusterId, id, address, bootId: randomBytes(8).toString('hex') },
      tokens: tokenProvider(settings),
      authorizer: { permits },
    });
    member.start();
    await done('put', 'before', 'anything');
  });
  afterAll(() => member?.stop());

  test('is asked about all that clients want, whoever they are', async () => {
    await done('put', 'open', 'v');
    await denied('put', 'secret/1', 'v');
    await denied('get', 'secret/1');
    expect(questions).toContainEqual({
      user: '',
      action: 'put',
      accesses: [{ kind: 'write', range: { from: 'open', to: 'open\0', single: true } }],
    });
    expect((await ask('get', 'secret', '--prefix', '--consistency=s')).stderr).toContain('permission denied');
  });

  test('denies by name, on top of what roles allow; and allows nothing that they do not', async () => {
    await done('user', 'add', 'root:rpw');
    await done('user', 'grant-role', 'root', 'root');
    await done('role', 'add', 'all');
    await done('role', 'grant-permission', 'all', 'readwrite', '', '--prefix');
    for (const name of ['ann', 'mallory', 'guest']) await done('user', 'add', `${name}:pw`);
    for (const name of ['ann', 'mallory']) await done('user', 'grant-role', name, 'all');
    await done('auth', 'enable');
    await done('--user', 'ann:pw', 'put', 'open', 'by ann');
    await denied('--user', 'mallory:pw', 'put', 'open', 'by mallory');
    await denied('--user', 'mallory:pw', 'get', 'open');
    await denied('--user', 'guest:pw', 'get', 'open');
    expect((await ask('get', 'open')).stderr).toContain('etcdserver: user name is empty');
    expect((await ask('--user', 'ann:pw', 'get', 'open')).stdout).toBe('open\nby ann\n');
    // Root, too, may not what it denies.
    await denied('--user', 'root:rpw', 'get', 'secret/1');
    expect(questions).toContainEqual(expect.objectContaining({ user: 'mallory', action: 'put' }));
  });

  test('watches, locks and maintenance are asked about as well', async () => {
    const watch = LiveCommand.etcdctl(endpoint, ['--user', 'mallory:pw', 'watch', 'open']);
    expect((await watch.end()).stderr).toContain('permission denied');
    await denied('--user', 'mallory:pw', 'lock', 'mutex', 'true');
    const allowed = LiveCommand.etcdctl(endpoint, ['--user', 'ann:pw', 'watch', 'open']);
    await expect
      .poll(async () => {
        await done('--user', 'ann:pw', 'put', 'open', 'watched');
        return allowed.stdout;
      })
      .toContain('watched');
    await allowed.end('SIGTERM');
    await denied('--user', 'mallory:pw', 'defrag');
    expect(questions).toContainEqual({ user: 'mallory', action: 'maintenance', accesses: [] });
  });
});
