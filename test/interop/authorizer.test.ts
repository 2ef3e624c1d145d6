import { afterAll, beforeAll, expect, test } from 'vitest';

import { type AuthorizationQuestion } from '../../adapters/auth/authorizer.ts';
import { ClusterBuilder } from '../../nodes/chainfire/embed/cluster-builder.ts';
import { type EmbeddedMember } from '../../nodes/chainfire/embed/embedded-member.ts';
import { type CommandResult, etcdctl, LiveCommand } from './command.ts';
import { describeWith } from './requirement.ts';

/** The machine may be busy. */
const patience = { timeout: 40_000, interval: 100 };

describeWith(['etcdctl'], 'a member with an authorizer of another kind', () => {
  let member: EmbeddedMember;
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
    member = await new ClusterBuilder()
      .name('a')
      .inMemory()
      .listenClients('127.0.0.1:0')
      .settings({ authPasswordCost: 10, logLevel: 'fatal' })
      .authorizer({ permits })
      .start();
    endpoint = member.clientAddress ?? '';
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
      }, patience)
      .toContain('watched');
    await allowed.end('SIGTERM');
    await denied('--user', 'mallory:pw', 'defrag');
    expect(questions).toContainEqual({ user: 'mallory', action: 'maintenance', accesses: [] });
  });
});
