import { afterAll, beforeAll, test } from 'vitest';

import { type CommandResult } from './command.ts';
import { describeWith } from './requirement.ts';
import { Twins } from './twins.ts';

/** What an administrator and users do, good and bad; a line of etcdctl each. */
const beforeEnabling: readonly (readonly string[])[] = [
  ['auth', 'enable'],
  ['--user', 'ann:x', 'get', 'before'],
  ['user', 'add', 'ann:x'],
  ['user', 'add', 'ann:x'],
  ['user', 'add', 'without', '--no-password'],
  ['user', 'get', 'stranger'],
  ['user', 'get', 'ann'],
  ['user', 'list'],
  ['role', 'add', ''],
  ['role', 'add', 'apps'],
  ['role', 'add', 'apps'],
  ['role', 'get', 'nothing'],
  ['role', 'get', 'apps'],
  ['role', 'list'],
  ['role', 'grant-permission', 'apps', 'readwrite', '--prefix', 'app/'],
  ['role', 'grant-permission', 'apps', 'read', 'app/'],
  ['role', 'grant-permission', 'apps', 'write', 'k1'],
  ['role', 'grant-permission', 'apps', 'read', 'm', 'n'],
  ['role', 'grant-permission', 'apps', 'read', 'n', 'o'],
  ['role', 'grant-permission', 'apps', 'read', 'x', '--from-key'],
  ['role', 'grant-permission', 'nothing', 'read', 'b'],
  ['role', 'get', 'apps'],
  ['role', 'revoke-permission', 'apps', 'nope'],
  ['role', 'revoke-permission', 'apps', 'app/'],
  ['role', 'revoke-permission', 'nothing', 'k1'],
  ['user', 'grant-role', 'ann', 'apps'],
  ['user', 'grant-role', 'ann', 'apps'],
  ['user', 'grant-role', 'ann', 'nothing'],
  ['user', 'grant-role', 'stranger', 'apps'],
  ['user', 'revoke-role', 'ann', 'root'],
  ['user', 'revoke-role', 'stranger', 'apps'],
  ['user', 'delete', 'stranger'],
  ['auth', 'disable'],
  ['auth', 'enable'],
  ['user', 'add', 'root:rpw'],
  ['role', 'add', 'root'],
  ['role', 'get', 'root'],
  ['user', 'grant-role', 'root', 'root'],
  ['auth', 'enable'],
];

const asAnn = ['--user', 'ann:x'];
const asRoot = ['--user', 'root:rpw'];

const whileEnabled: readonly (readonly string[])[] = [
  ['auth', 'enable'],
  ['put', 'k', 'v'],
  ['get', 'k'],
  ['del', 'k'],
  [...asAnn, 'put', 'app/1', 'v'],
  [...asAnn, 'put', 'k', 'v'],
  [...asAnn, 'put', 'k1', 'v'],
  [...asAnn, 'put', 'k1', 'v', '--prev-kv'],
  [...asAnn, 'get', 'k1'],
  [...asAnn, 'get', 'm', 'o'],
  [...asAnn, 'get', 'm', 'p'],
  [...asAnn, 'get', 'y', '--from-key'],
  [...asAnn, 'get', 'w', '--from-key'],
  ['--user', 'ann:bad', 'put', 'app/1', 'v'],
  ['--user', 'stranger:bad', 'put', 'app/1', 'v'],
  ['--user', 'without:x', 'get', 'app/1'],
  [...asAnn, 'get', '--prefix', 'app/'],
  [...asAnn, 'get', '--prefix', 'app'],
  [...asAnn, 'get', '--prefix', 'app/', '--consistency=s'],
  [...asAnn, 'get', 'secret', '--consistency=s'],
  [...asAnn, 'del', 'app/1', '--prev-kv'],
  [...asAnn, 'del', '--prefix', 'app'],
  [...asAnn, 'user', 'list'],
  [...asAnn, 'user', 'get', 'ann'],
  [...asAnn, 'user', 'get', 'root'],
  [...asAnn, 'user', 'add', 'mine:pw'],
  [...asAnn, 'role', 'get', 'apps'],
  [...asAnn, 'role', 'get', 'root'],
  [...asAnn, 'role', 'list'],
  [...asAnn, 'role', 'grant-permission', 'apps', 'read', 'secret'],
  [...asAnn, 'auth', 'disable'],
  ['auth', 'disable'],
  ['user', 'list'],
  [...asAnn, 'member', 'remove', '1'],
  ['member', 'add', 'x', '--peer-urls=http://127.0.0.1:1'],
  [...asRoot, 'lease', 'grant', '1000'],
  [...asRoot, 'put', 'secret', 'v', '--lease={1}'],
  [...asAnn, 'put', 'app/2', 'v', '--lease={1}'],
  [...asAnn, 'lease', 'revoke', '{1}'],
  ['lease', 'revoke', '{1}'],
  [...asRoot, 'lease', 'revoke', '{1}'],
  ['lease', 'grant', '1000'],
  [...asAnn, 'lease', 'keep-alive', '--once', '{2}'],
  [...asAnn, 'lock', 'guarded', 'true'],
  [...asAnn, 'lock', 'app/lock', 'true'],
  [...asAnn, 'elect', 'guarded', 'me'],
  [...asRoot, 'user', 'delete', 'root'],
  [...asRoot, 'user', 'revoke-role', 'root', 'root'],
  [...asRoot, 'role', 'delete', 'root'],
  [...asRoot, 'role', 'delete', 'apps'],
  [...asAnn, 'get', 'app/1'],
  [...asRoot, 'user', 'delete', 'ann'],
  [...asAnn, 'get', 'app/1'],
  [...asRoot, 'user', 'list'],
  [...asRoot, 'role', 'list'],
  [...asRoot, 'auth', 'disable'],
  ['auth', 'disable'],
  ['get', 'k1'],
  ['user', 'delete', 'root'],
  ['role', 'delete', 'root'],
  ['user', 'delete', 'without'],
];

describeWith(['etcdctl', 'etcd'], 'etcdctl cannot tell the users of Chainfire from those of etcd', () => {
  let twins: Twins;
  beforeAll(async () => {
    twins = await Twins.start();
  });
  afterAll(() => twins?.stop());

  test('users, roles and permissions, before they count and while they do', async () => {
    await twins.same(async (side) => {
      const said = [];
      for (const line of [...beforeEnabling, ...whileEnabled]) said.push(await side.run(...line));
      return said;
    });
  });

  test('passwords that are typed, supplied, changed or absent; permissions on ranges; answers in every format', async () => {
    await twins.same(async (side) => {
      const said: object[] = [];
      const run = async (...args: string[]) => said.push(withoutHeader(await side.run(...args)));
      const typing = async (input: string, ...args: string[]) =>
        said.push(await side.runWith(input, ...args));
      await typing('typed\n', 'user', 'add', 'bea', '--interactive=false');
      await typing('', 'user', 'add', 'nobody', '--interactive=false');
      await run('user', 'add', 'cyd', '--new-user-password=given');
      await run('user', 'add', 'dan:', '--interactive=false');
      await run('user', 'add', 'eve', '--no-password');
      await run('user', 'add', 'fay:both', '--no-password');
      await run('user', 'add', '');
      await run('user', 'add');
      await run('user', 'add', 'root:rpw');
      await run('role', 'add', 'root');
      await run('role', 'add', 'ranges');
      await run('user', 'grant-role', 'root', 'root');
      await run('user', 'grant-role', 'bea', 'ranges');
      for (const range of [['a'], ['b', 'c'], ['d', '--from-key'], ['e', '--prefix'], ['', '--prefix']])
        await run('role', 'grant-permission', 'ranges', 'readwrite', ...range);
      for (const bad of [
        ['f', 'e'],
        ['f', 'g', '--prefix'],
        ['f', '--prefix', '--from-key'],
      ])
        await run('role', 'grant-permission', 'ranges', 'read', ...bad);
      await run('role', 'grant-permission', 'ranges', 'own', 'x');
      await run('role', 'grant-permission', 'ranges');
      for (const format of ['simple', 'json', 'fields', 'protobuf', 'table']) {
        const as = ['-w', format];
        for (const command of [
          ['role', 'add', `made ${format}`],
          ['role', 'get', 'ranges'],
          ['role', 'list'],
          ['role', 'grant-permission', `made ${format}`, 'read', 'z'],
          ['role', 'revoke-permission', `made ${format}`, 'z'],
          ['user', 'add', `made ${format}:pw`],
          ['user', 'get', 'bea'],
          ['user', 'get', 'bea', '--detail'],
          ['user', 'list'],
          ['user', 'grant-role', `made ${format}`, `made ${format}`],
          ['user', 'revoke-role', `made ${format}`, `made ${format}`],
          ['role', 'delete', `made ${format}`],
          ['user', 'delete', `made ${format}`],
        ])
          await run(...command, ...as);
      }
      for (const range of [
        ['a'],
        ['b', 'c'],
        ['d', '--from-key'],
        ['e', '--prefix'],
        ['', '--prefix'],
        ['a'],
      ])
        await run('role', 'revoke-permission', 'ranges', ...range);
      await run('role', 'get', 'ranges');
      await run('role', 'grant-permission', 'ranges', 'readwrite', 'bea/', '--prefix');
      await run('auth', 'enable');
      const root = ['--user=root', '--password=rpw'];
      await run('--user=bea', '--password=typed', 'put', 'bea/1', 'v');
      await run('--user=bea:typed', 'put', 'other', 'v');
      await run('--user=cyd:given', 'get', 'bea/1');
      await run('--user=eve', '--password=', 'get', 'bea/1');
      await typing('changed\n', ...root, 'user', 'passwd', 'bea', '--interactive=false');
      await typing('x\n', ...root, 'user', 'passwd', 'stranger', '--interactive=false');
      await typing('x\n', '--user=bea:changed', 'user', 'passwd', 'cyd', '--interactive=false');
      await run('--user=bea:typed', 'get', 'bea/1');
      await run('--user=bea:changed', 'get', 'bea/1');
      await run('--user=bea:changed', 'role', 'get', 'ranges', '-w', 'json');
      await run('--user=bea:changed', 'auth', 'disable');
      await run(...root, 'auth', 'disable');
      for (const name of ['bea', 'nobody', 'cyd', 'dan', 'eve', 'fay', 'root'])
        await run('user', 'delete', name);
      for (const name of ['root', 'ranges']) await run('role', 'delete', name);
      await run('user', 'list');
      await run('role', 'list');
      return said;
    });
  });

  test('transactions need what any of their branches does, and watches a permission to read', async () => {
    await twins.same(async (side) => {
      for (const line of beforeEnabling) await side.run(...line);
      const txn = (input: string) => side.runWith(input, ...asAnn, 'txn');
      const said = [
        await txn('\nput app/1 v\n\nget app/1\n\n'),
        await txn('\nput app/1 v\n\nget secret\n\n'),
        await txn('\nput secret v\n\nget app/1\n\n'),
        await txn('version("secret") = "0"\n\nput app/1 v\n\n\n'),
        await txn('\ndel secret\n\n\n'),
        await side.normalised(await side.start(...asAnn, 'watch', 'secret').end()),
        await side.normalised(await side.start('watch', 'app/1').end()),
      ];
      for (const line of [[...asRoot, 'auth', 'disable']]) await side.run(...line);
      return said;
    });
  });
});

/** A message as it came, but for its first field: there the cluster, the member and the term are named. */
function withoutHeader(result: CommandResult & { readonly command: string }): object {
  if (!result.command.endsWith('protobuf') || result.code !== 0) return result;
  const length = result.stdout.charCodeAt(1);
  return { ...result, stdout: result.stdout.slice(2 + length) };
}
