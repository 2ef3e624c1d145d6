import { afterAll, beforeAll, expect, test } from 'vitest';

import { fieldsOf } from './protobuf-shape.ts';
import { describeWith } from './requirement.ts';
import { type Side, Twins } from './twins.ts';

/** Time runs on between two commands, and not equally on both sides. */
function withoutRemaining(stdout: string): string {
  return stdout.replace(/remaining\((\d+)s\)/g, 'remaining(…)').replace(/"ttl":\d+/g, '"ttl":0');
}

describeWith(['etcdctl', 'etcd'], 'etcdctl lease cannot tell three Chainfire members from etcd', () => {
  let twins: Twins;
  beforeAll(async () => {
    twins = await Twins.start();
  });
  afterAll(() => twins?.stop());

  test('a life of a lease: granted, attached to, asked for, kept alive, revoked', async () => {
    await twins.same(async (side) => {
      const remaining = async (...args: readonly string[]) => {
        const result = await side.run(...args);
        const seconds = Number(/remaining\((\d+)s\)/.exec(result.stdout)?.[1]);
        expect(seconds).toBeGreaterThan(80);
        expect(seconds).toBeLessThanOrEqual(100);
        return { ...result, stdout: withoutRemaining(result.stdout) };
      };
      return [
        await side.run('lease', 'grant', '100'),
        await side.run('put', 'a', '1', '--lease={1}'),
        await side
          .run('get', 'a', '-w', 'json')
          .then(({ stdout }) => stdout.replace(/"lease":\d+/, '"lease":0')),
        await remaining('lease', 'timetolive', '{1}'),
        await remaining('lease', 'timetolive', '{1}', '--keys'),
        await side.run('lease', 'keep-alive', '--once', '{1}'),
        await side.run('put', 'a', '2', '--ignore-lease'),
        await side.run('put', 'b', '3', '--lease={1}'),
        // Its key goes to another lease, and one to none: what is revoked leaves both.
        await side.run('lease', 'grant', '200'),
        await side.run('put', 'b', '4', '--lease={2}'),
        await side.run('put', 'c', '5', '--lease={1}'),
        await side.run('put', 'c', '6'),
        await remaining('lease', 'timetolive', '{1}', '--keys'),
        await side.run('lease', 'revoke', '{1}'),
        await side.run('get', '--prefix', ''),
        await side.run('lease', 'timetolive', '{1}'),
        await side.run('lease', 'timetolive', '{1}', '--keys'),
        await side.run('lease', 'revoke', '{2}'),
        await side.run('get', '--prefix', '', '-w', 'fields'),
      ];
    });
  });

  test('the list of leases', async () => {
    await twins.same(async (side) => {
      const lines = (text: string) => text.trim().split('\n').sort(byText);
      const empty = await side.run('lease', 'list');
      for (const ttl of ['100', '200', '300']) await side.run('lease', 'grant', ttl);
      const listed = await side.run('lease', 'list');
      const json = JSON.parse((await side.run('lease', 'list', '-w', 'json')).stdout) as object;
      for (const id of ['{1}', '{2}', '{3}']) await side.run('lease', 'revoke', id);
      return [empty, lines(listed.stdout), Object.keys(json).sort(byText), await side.run('lease', 'list')];
    });
  });

  test('answers as json and fields', async () => {
    await twins.same(async (side) => {
      const shape = (text: string) => text.replace(/\d+/g, '0');
      const found = [];
      for (const format of ['json', 'fields']) {
        const granted = await side.run('lease', 'grant', '100', '-w', format);
        const id = BigInt(/"?ID"? ?: ?(\d+)/.exec(granted.stdout)?.[1] ?? '0').toString(16);
        found.push(shape(granted.stdout));
        for (const args of [
          ['timetolive', id],
          ['timetolive', id, '--keys'],
          ['keep-alive', id, '--once'],
          ['list'],
          ['revoke', id],
          ['timetolive', id],
        ]) {
          found.push(shape((await side.run('lease', ...args, '-w', format)).stdout));
        }
      }
      return found;
    });
  });

  test('answers as protobuf, and where a table is asked for', async () => {
    await twins.same(async (side) => {
      const found = [];
      for (const format of ['protobuf', 'table']) {
        await side.run('lease', 'grant', '100');
        const id = `{${side.ids.length}}`;
        for (const args of [
          ['grant', '100'],
          ['timetolive', id],
          ['timetolive', id, '--keys'],
          ['keep-alive', id, '--once'],
          ['list'],
          ['revoke', id],
        ]) {
          const { code, stdout, stderr } = await side.run('lease', ...args, '-w', format);
          const shape = stderr.replace(/\d+/g, '0');
          found.push({ args, code, shape, said: code === 0 ? fieldsOf(stdout) : stdout });
        }
      }
      return found;
    });
  });

  test('a time to live below the least is raised to it', async () => {
    await twins.same(async (side) => {
      const granted = await side.run('lease', 'grant', '1');
      await side.run('lease', 'revoke', '{1}');
      return granted;
    });
  });

  test('kept alive again and again, until it is revoked', async () => {
    await twins.same(async (side) => {
      await side.run('lease', 'grant', '3');
      await side.run('put', 'kept', 'x', '--lease={1}');
      const keeping = side.start('lease', 'keep-alive', '{1}');
      // Four times a third of its life, and it still has its key.
      await keeping.until((stdout) => stdout.split('\n').length > 5);
      const kept = await side.run('get', 'kept');
      await side.run('lease', 'revoke', '{1}');
      const ended = side.normalised(await keeping.end());
      return [kept, ended.code, ended.stderr, [...new Set(ended.stdout.split('\n'))]];
    });
  });

  test('a lease that nobody keeps alive ends, with its keys, and not before its time', async () => {
    await twins.same(async (side) => {
      const start = performance.now();
      await side.run('lease', 'grant', '2');
      const watch = side.start('watch', '--prefix', 'ends/', '--prev-kv', '--rev=1');
      const txn = await side.run('put', 'ends/a', 'x', '--lease={1}');
      await watch.until((stdout) => stdout.includes('DELETE'));
      expect(performance.now() - start).toBeGreaterThan(2_000);
      return [
        txn,
        side.normalised(await watch.end('SIGINT')).stdout,
        await side.run('get', '--prefix', 'ends/'),
        await side.run('lease', 'timetolive', '{1}'),
        await side.run('lease', 'keep-alive', '{1}'),
        await side.run('lease', 'keep-alive', '--once', '{1}'),
        await side.run('lease', 'revoke', '{1}'),
        await side.run('put', 'ends/b', 'x', '--lease={1}'),
      ];
    });
  });

  const bad: readonly (readonly string[])[] = [
    ['lease', 'grant'],
    ['lease', 'grant', 'abc'],
    ['lease', 'grant', '0'],
    ['lease', 'grant', '--', '-5'],
    ['lease', 'grant', '9000000001'],
    ['lease', 'grant', '9223372036854775807'],
    ['lease', 'grant', '9223372036854775808'],
    ['lease', 'revoke'],
    ['lease', 'revoke', '1234'],
    ['lease', 'revoke', '0'],
    ['lease', 'revoke', 'no hex'],
    ['lease', 'revoke', 'ffffffffffffffff'],
    ['lease', 'timetolive', '1234'],
    ['lease', 'timetolive', '1234', '--keys'],
    ['lease', 'timetolive', '0'],
    ['lease', 'timetolive', 'no hex'],
    ['lease', 'keep-alive', '1234'],
    ['lease', 'keep-alive', '1234', '--once'],
    ['lease', 'keep-alive', '0', '--once'],
    ['put', 'k', 'v', '--lease=1234'],
    ['put', 'k', 'v', '--lease=no hex'],
    ['get', 'k'],
  ];
  test.each(bad.map((args) => [args.join(' '), args] as const))('%s', async (_, args) => {
    await twins.same((side: Side) => side.run(...args));
  });
});

function byText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
