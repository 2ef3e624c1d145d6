import { afterAll, beforeAll, expect, test } from 'vitest';

import { etcdctl, type LiveCommand } from './command.ts';
import { describeWith } from './requirement.ts';
import { type Side, Twins } from './twins.ts';

const hasLine = (stdout: string): boolean => stdout.includes('\n');

describeWith(
  ['etcdctl', 'etcd'],
  'etcdctl lock and elect cannot tell three Chainfire members from etcd',
  () => {
    let twins: Twins;
    beforeAll(async () => {
      twins = await Twins.start();
    });
    afterAll(() => twins?.stop());

    /** Resolves when so many stand in the queue below a name. */
    async function queued(side: Side, name: string, count: number): Promise<void> {
      for (;;) {
        const { stdout } = await etcdctl(side.endpoints, ['get', '--prefix', `${name}/`, '--keys-only']);
        if (stdout.split('\n').filter((line) => line !== '').length === count) return;
      }
    }

    const ended = async (side: Side, command: LiveCommand) => side.normalised(await command.end('SIGINT'));

    test('a lock is held until its holder is interrupted, and then is the next one’s', async () => {
      await twins.same(async (side) => {
        const holder = side.start('lock', 'contended');
        await holder.until(hasLine);
        const held = await side.run('get', '--prefix', 'contended/');
        const waiting = [];
        for (const count of [2, 3]) {
          waiting.push(side.start('lock', 'contended'));
          await queued(side, 'contended', count);
        }
        const [second, third] = waiting as [LiveCommand, LiveCommand];
        expect([second.stdout, third.stdout]).toEqual(['', '']);
        const first = await ended(side, holder);
        await second.until(hasLine);
        expect(third.stdout).toBe('');
        // One that waits is interrupted, and leaves nothing behind.
        const gaveUp = await ended(side, third);
        await queued(side, 'contended', 1);
        return [
          held,
          first,
          gaveUp,
          await ended(side, second),
          await side.run('get', '--prefix', 'contended/'),
        ];
      });
    });

    test('a command runs while the lock is held, knows its key and revision, and gives its exit code', async () => {
      await twins.same(async (side) => [
        await side.run('lock', 'commanded', 'sh', '-c', 'echo $ETCD_LOCK_KEY $ETCD_LOCK_REV'),
        await side.run('lock', 'commanded', 'sh', '-c', 'exit 3'),
        await side.run('lock', 'commanded', '/no/such/command'),
        await side.run('get', '--prefix', 'commanded/'),
      ]);
    });

    test('commands exclude each other', async () => {
      await twins.same(async (side) => {
        // Reads, then writes what it has read plus one: with two at a time one would be lost.
        const counting =
          `n=$(ETCDCTL_API=3 etcdctl --endpoints=${side.endpoints} get count --print-value-only); ` +
          `ETCDCTL_API=3 etcdctl --endpoints=${side.endpoints} put count $((n + 1))`;
        const all = await Promise.all(
          Array.from({ length: 6 }, () => side.run('lock', 'counting', '--', 'sh', '-c', counting)),
        );
        expect(all.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0, 0]);
        return side.run('get', 'count', '--print-value-only');
      });
    });

    test('locks of different names do not hinder each other', async () => {
      await twins.same(async (side) => {
        const holder = side.start('lock', 'one');
        await holder.until(hasLine);
        const other = await side.run('lock', 'one/other', 'echo', 'held');
        return [other, await ended(side, holder)];
      });
    });

    test('a lock goes with the lease of a holder that was killed', async () => {
      await twins.same(async (side) => {
        const holder = side.start('lock', 'killed', '--ttl=2');
        await holder.until(hasLine);
        const second = side.start('lock', 'killed', '--ttl=2');
        await queued(side, 'killed', 2);
        await holder.end('SIGKILL');
        await second.until(hasLine);
        return ended(side, second);
      });
    });

    test('an election: one leads, the next when it resigns; whoever listens is told', async () => {
      await twins.same(async (side) => {
        const leader = side.start('elect', 'office', 'first');
        await leader.until((stdout) => stdout.includes('first'));
        const listener = side.start('elect', '-l', 'office');
        await listener.until((stdout) => stdout.includes('first'));
        const successor = side.start('elect', 'office', 'second');
        await queued(side, 'office', 2);
        expect(successor.stdout).toBe('');
        const resigned = await ended(side, leader);
        await successor.until((stdout) => stdout.includes('second'));
        await listener.until((stdout) => stdout.includes('second'));
        return [
          resigned,
          await ended(side, successor),
          await ended(side, listener),
          await side.run('get', '--prefix', 'office/'),
        ];
      });
    });

    test.each([
      ['lock without a name', ['lock']],
      ['elect without a name', ['elect']],
      ['elect without a proposal', ['elect', 'nobody']],
      ['elect -l with a proposal', ['elect', '-l', 'nobody', 'x']],
      ['lock with a lease of no time', ['lock', 'x', '--ttl=abc', 'true']],
    ])('%s', async (_, args) => {
      await twins.same((side) => side.run(...args));
    });
  },
);
