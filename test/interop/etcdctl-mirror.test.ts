import { afterAll, beforeAll, expect, test } from 'vitest';

import { describeWith } from './requirement.ts';
import { type Side, Twins } from './twins.ts';

describeWith(['etcdctl', 'etcd'], 'etcdctl mirrors Chainfire to etcd as etcd to Chainfire', () => {
  let twins: Twins;
  beforeAll(async () => {
    twins = await Twins.start();
  });
  afterAll(() => twins?.stop());

  test.each([
    ['below another prefix', 'src/', 'dst/', ['--prefix=src/', '--dest-prefix=dst/']],
    ['below no prefix', 'rooted/', '', ['--prefix=rooted/', '--no-dest-prefix']],
  ])('%s: what is there already, and what happens then', async (_, source, target, flags) => {
    await twins.same(async (side) => {
      const other = otherOf(side);
      const there = async (key: string): Promise<void> => {
        while ((await other.run('get', `${target}${key}`)).stdout === '');
      };
      for (const key of ['a', 'b', 'c']) await side.run('put', `${source}${key}`, key);
      const mirror = side.start('make-mirror', ...flags, other.endpoints);
      for (const key of ['a', 'b', 'c']) await there(key);
      await side.runWith(`\nput ${source}a anew\ndel ${source}b\nput ${source}d x\n\n\n`, 'txn');
      await side.run('del', `${source}c`);
      await side.run('put', `${source}last`, '!');
      await there('last');
      await mirror.end('SIGINT');
      const found = [];
      for (const key of ['a', 'b', 'c', 'd', 'last'])
        found.push((await other.run('get', `${target}${key}`)).stdout);
      expect(found.join('')).toBe(`${target}a\nanew\n${target}d\nx\n${target}last\n!\n`);
      return found;
    });
  });

  /** Where the keys of a side are mirrored to. */
  function otherOf(side: Side): Side {
    return side.at(
      side.name === 'ours' ? twins.etcd.endpoint : (twins.cluster.endpoints.split(',')[0] ?? ''),
    );
  }
});
