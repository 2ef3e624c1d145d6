import { type Namespace, Range } from 'etcd3';
import { expect, test } from 'vitest';

import { type Etcd3Twins, record, refusal } from './etcd3-stage.ts';

/** What a user of `etcd3` does with keys: values, ranges, deletions, conditions, namespaces. */
export function keyPrograms(twins: () => Etcd3Twins): void {
  /** So that what programs do in turn does not depend on which member knows of it when. */
  const fill = async (client: Namespace, prefix: string): Promise<readonly string[]> => {
    const revisions: string[] = [];
    for (const [at, name] of ['c', 'a', 'b', 'a', 'd'].entries()) {
      const { header } = await client.put(`${prefix}${name}`).value(String((at * 3) % 5));
      revisions.push(header.revision);
    }
    return revisions;
  };

  test('values: text, JSON, numbers, bytes, none; what was there before; a lease ignored, a value kept', async () => {
    await twins().same(async ({ client }) => {
      const bytes = Buffer.from([0, 255, 10]);
      await client.put('v/text').value('wort ä');
      await client.put('v/json').value('{"a":[1]}');
      await client.put('v/number').value(42.5);
      await client.put('v/bytes').value(bytes);
      const lease = client.lease(60, { autoKeepAlive: false });
      await client.put('v/leased').value('1').lease(lease.grant());
      await client.put('v/leased').value('2').ignoreLease();
      await client.put('v/leased').lease(lease.grant()).touch();
      const answers = [
        await client.get('v/text').string(),
        await client.get('v/text').string('latin1'),
        await client.get(Buffer.from('v/text')),
        await client.get('v/json').json(),
        await client.get('v/number').number(),
        await client.get('v/bytes').buffer(),
        await client.get('v/bytes').exists(),
        await client.get('v/none').exists(),
        await client.get('v/none'),
        await client.get('v/text').exec(),
        await client.get('v/leased').exec(),
        await client.put('v/text').value('other').getPrevious(),
        await client.put('v/text').value('third').exec(),
        await client
          .get('v/text')
          .options({ deadline: Date.now() + 20_000 })
          .string(),
        await client
          .put('v/text')
          .value('fourth')
          .options({ deadline: Date.now() + 20_000 }),
        await refusal(client.put('v/none').touch()),
        await refusal(client.put('v/text').value('x').lease('1234')),
        await refusal(client.put('').value('x')),
      ];
      await lease.revoke();
      return [answers, await client.get('v/leased').string()];
    });
  });

  test('ranges: every bound, every order, every view of what is found', async () => {
    await twins().same(async ({ client }) => {
      const revisions = await fill(client, 'r/');
      const [, second = '', third = ''] = revisions;
      const all = () => client.getAll().prefix('r/');
      const found: unknown[] = [
        await all(),
        await all().strings(),
        await all().keys(),
        await all().keys('hex'),
        await all().keyBuffers(),
        await all().buffers(),
        await all().numbers(),
        await all().json(),
        await all().count(),
        await all().exec(),
        await all().limit(2).exec(),
        await all().limit(0).keys(),
        await client.getAll().inRange({ start: 'r/b', end: 'r/d' }).keys(),
        await client.getAll().inRange(new Range('r/b', 'r/d')).keys(),
        await client
          .getAll()
          .inRange({ prefix: Buffer.from('r/') })
          .keys(),
        await client
          .getAll()
          .inRange(client.range({ start: 'r/b', end: 'r/d' }))
          .keys(),
        await client.getAll().prefix(Buffer.from('r/a')).keys(),
        await all().revision(second).strings(),
        await all().revision(Number(third)).strings(),
        await all().minModRevision(third).keys(),
        await all().maxModRevision(third).keys(),
        await all().minCreateRevision(third).keys(),
        await all().maxCreateRevision(second).keys(),
        await client.get('r/a').revision(second).string(),
        await client
          .get('r/a')
          .minModRevision(revisions.at(-1) ?? '')
          .exists(),
        await refusal(client.get('r/a').revision(1_000_000)),
        (await client.getAll().all().keys()).filter((key) => key.startsWith('r/')),
      ];
      for (const target of ['Key', 'Version', 'Create', 'Mod', 'Value'] as const) {
        for (const order of ['None', 'Ascend', 'Descend'] as const) {
          found.push(await all().sort(target, order).keys());
          found.push(await all().sort(target, order).limit(2).keys());
        }
      }
      // A member may lag behind where nobody is asked but itself: there is something at last.
      while ((await all().serializable(true).keys()).length < 4);
      found.push(Range.prefix('r/').includes('r/x'), Range.from('r').compare(Range.prefix('s')));
      return found;
    });
  });

  test('the deliberate difference: an end that is given as empty is none, and one key is meant; etcd takes all from there on', async () => {
    const { ours, theirs } = await twins().both(async ({ client }) => {
      await fill(client, 'end/');
      return client.getAll().inRange(client.range('end/b')).keys();
    });
    expect(ours).toEqual(['end/b']);
    expect((theirs as readonly string[]).slice(0, 3)).toEqual(['end/b', 'end/c', 'end/d']);
  });

  test('deletion by key, prefix, range, of everything in a namespace, and what it takes away', async () => {
    await twins().same(async ({ client }) => {
      const told: unknown[] = [];
      const left = () => client.getAll().prefix('d/').keys();
      await fill(client, 'd/');
      told.push(await client.delete().key('d/a'), await left());
      told.push(await client.delete().key('d/none').exec());
      told.push(await client.delete().range(new Range('d/b', 'd/d')).getPrevious(), await left());
      await fill(client, 'd/');
      told.push(await client.delete().inRange({ start: 'd/a', end: 'd/c' }), await left());
      told.push(
        await client
          .delete()
          .inRange({ prefix: 'd/' })
          .options({ deadline: Date.now() + 20_000 }),
        await left(),
      );
      const space = client.namespace('d/');
      await fill(space, '');
      await client.put('e').value('beside');
      told.push(await space.delete().all().getPrevious(), await left(), await client.get('e').string());
      await fill(space, '');
      told.push(await space.delete().prefix('a'), await left());
      return told;
    });
  });

  test('conditions on every column with every comparison; several operations in either branch; nested', async () => {
    await twins().same(async ({ client }) => {
      await client.delete().prefix('if/');
      const { header } = await client.put('if/a').value('5');
      const told: unknown[] = [];
      const columns = { Value: '5', Version: 1, Create: header.revision, Mod: header.revision, Lease: 0 };
      for (const [column, value] of Object.entries(columns)) {
        for (const comparison of ['==', '===', '>', '<', '!=', '!=='] as const) {
          const { succeeded } = await client
            .if('if/a', column as keyof typeof columns, comparison, value)
            .and('if/none', 'Version', '==', 0)
            .then(client.get('if/a'))
            .commit();
          told.push([column, comparison, succeeded]);
        }
      }
      const both = () =>
        client
          .if('if/b', 'Create', '==', 0)
          .then(client.put('if/b').value('1'), client.put('if/c').value('2'), client.getAll().prefix('if/'))
          .else(client.delete().prefix('if/b'), client.get('if/c'), client.put('if/d').value('x'))
          .options({ deadline: Date.now() + 20_000 })
          .commit();
      told.push(await both(), await both(), await client.getAll().prefix('if/'));
      const inner = await client.put('if/inner').value('1').op();
      const nested = { request_txn: { success: [inner], failure: [] } };
      told.push(
        await client
          .if('if/a', 'Version', '>', 0)
          .then(nested as never)
          .commit(),
      );
      told.push(
        await refusal(
          client
            .if('if/a', 'Version', '>', 0)
            .then(client.put('if/x').value(1), client.put('if/x').value(2))
            .commit(),
        ),
      );
      told.push(await client.kv.compact({ revision: header.revision, physical: true }));
      told.push(
        await refusal(
          client
            .getAll()
            .prefix('if/')
            .revision(Number(header.revision) - 1),
        ),
      );
      return told;
    });
  });

  test('namespaces: within one another, for everything that has keys', async () => {
    await twins().same(async ({ client }) => {
      const outer = client.namespace('ns/');
      const inner = outer.namespace(Buffer.from('deep/'));
      const watcher = await inner.watch().prefix('').create();
      const seen = record(watcher, 2);
      await inner.put('k').value('v');
      await inner.if('k', 'Value', '==', 'v').then(inner.put('k').value('w')).commit();
      await inner.stm().transact(async (tx) => tx.put('t').value(String(await tx.get('k').string())));
      const lease = inner.lease(60, { autoKeepAlive: false });
      await lease.put('leased').value('x');
      const held = await inner.lock('lock').ttl(10).acquire();
      const told = [
        await inner.getAll().all(),
        await outer.getAll().prefix('deep/').keys(),
        (await client.getAll().prefix('ns/').keys()).sort(),
        await seen,
        String(inner.prefix),
      ];
      await held.release();
      await lease.revoke();
      await watcher.cancel();
      return [told, await client.getAll().prefix('ns/').keys()];
    });
  });
}
