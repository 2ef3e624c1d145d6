import { describe, expect, test } from 'vitest';

import { type NodeId } from '../../../core/base/ids.ts';
import { persist, reply, rig, send, turns } from './scripted.ts';

const two = 2 as NodeId;
const three = 3 as NodeId;

describe('failures', () => {
  test('a failed sync stops everything, once, and nothing that waited for it leaves', async () => {
    const { runner, machine, segments, transport, failures } = rig((event) =>
      event.kind === 'requested'
        ? [
            persist(event.requestId, 'log'),
            reply(event.requestId, 'done', event.requestId),
            send(2, 'done', event.requestId),
          ]
        : [],
    );
    const requests = [runner.request('a'), runner.request('b')];
    await turns();
    segments.endSync('EIO: i/o error, fdatasync');
    for (const request of requests) await expect(request).rejects.toMatchObject({ code: 'STOPPED' });
    await expect(runner.request('c')).rejects.toMatchObject({ code: 'STOPPING' });
    runner.received(two, ['m']);
    await turns();
    expect(failures).toEqual([{ kind: 'syncFailed', reason: 'EIO: i/o error, fdatasync' }]);
    expect(machine.kinds).toEqual(['requested', 'requested']);
    expect(transport.sent).toEqual([]);
    expect(segments.log.filter((line) => line === 'sync')).toHaveLength(1);
    await runner.stop();
    expect(failures).toHaveLength(1);
  });

  test('a machine that throws stops everything, and what it did in that turn does not leave', async () => {
    const { runner, machine, transport, failures } = rig((event) => {
      if (event.kind !== 'received') return [];
      if (event.messages[0] === 'bad') throw new Error('an invariant is broken');
      return [send(3, 'hello')];
    });
    runner.received(two, ['good']);
    runner.received(two, ['bad']);
    runner.received(two, ['never']);
    await turns();
    expect(failures).toMatchObject([
      { kind: 'machineFailed', reason: 'an invariant is broken', cause: expect.any(Error) as Error },
    ]);
    expect(machine.kinds).toEqual(['received', 'received']);
    expect(transport.sent).toEqual([]);
  });

  test('a machine that stops itself has what it said before sent, and is not stepped again', async () => {
    const { runner, machine, transport, failures } = rig((event) =>
      event.kind === 'received'
        ? [send(3, 'farewell'), { kind: 'stop', reason: 'removed from the cluster' }, send(3, 'never')]
        : [],
    );
    runner.received(two, ['m']);
    runner.received(two, ['m']);
    await turns();
    expect(failures).toEqual([{ kind: 'machineStopped', reason: 'removed from the cluster' }]);
    expect(machine.kinds).toEqual(['received']);
    expect(transport.sent).toEqual([{ to: three, messages: ['farewell'] }]);
  });

  test('a machine may stop itself in its very first step', () => {
    const { failures } = rig(() => [{ kind: 'stop', reason: 'the data is damaged' }]);
    expect(failures).toEqual([{ kind: 'machineStopped', reason: 'the data is damaged' }]);
  });

  test('a file that cannot be removed stops everything', async () => {
    const { runner, segments, failures } = rig((event) =>
      event.kind === 'received' ? [{ kind: 'removeSegments', files: ['log/1'] }] : [],
    );
    segments.remove = () => {
      throw new Error('EROFS: read-only file system');
    };
    runner.received(two, ['m']);
    await turns();
    expect(failures).toEqual([{ kind: 'syncFailed', reason: 'EROFS: read-only file system' }]);
  });

  test('a file that cannot be cut stops everything, before anything that follows', async () => {
    const { runner, segments, failures } = rig((event) =>
      event.kind === 'received'
        ? [{ kind: 'cutSegments', cuts: [{ file: 'log/1', lengthBytes: 1 }] }, persist(1, 'log/1')]
        : [],
    );
    segments.cut = () => {
      throw new Error('EROFS: read-only file system');
    };
    runner.received(two, ['m']);
    await turns();
    expect(failures).toEqual([{ kind: 'syncFailed', reason: 'EROFS: read-only file system' }]);
    expect(segments.log).toEqual([]);
  });
});

describe('stopping', () => {
  test('no new requests; the pending ones are answered, after their sync', async () => {
    const { runner, segments, failures } = rig((event) =>
      event.kind === 'requested'
        ? [persist(event.requestId, 'log'), reply(event.requestId, 'done', event.requestId)]
        : [],
    );
    const request = runner.request('a');
    const stopped = runner.stop();
    expect(runner.stop()).toBe(stopped);
    await expect(runner.request('b')).rejects.toMatchObject({ code: 'STOPPING' });
    await turns();
    segments.endSync();
    await expect(request).resolves.toBe('done');
    await stopped;
    expect(failures).toEqual([]);
  });

  test('a last sync makes everything that was appended durable, also what nobody waits for', async () => {
    const { runner, segments } = rig((event) =>
      event.kind === 'received' ? [persist(Number(event.messages[0]), 'log')] : [],
    );
    runner.received(two, ['1']);
    await turns();
    runner.received(two, ['2']);
    await turns();
    let ended = false;
    const stopped = runner.stop().then(() => (ended = true));
    segments.endSync();
    await turns();
    expect(segments.log).toEqual(['append log', 'sync', 'append log', 'synced', 'sync']);
    expect(ended).toBe(false);
    segments.endSync();
    await stopped;
  });

  test('requests that are not answered in time are rejected, unless the last sync frees their answer', async () => {
    const { runner, segments } = rig(
      (event) => {
        if (event.kind !== 'requested' || event.request === 'ignored') return [];
        return [persist(event.requestId, 'log'), reply(event.requestId, 'done', event.requestId)];
      },
      { drainUs: 20_000 },
    );
    const ignored = runner.request('ignored').catch((error: unknown) => error);
    const slow = runner.request('slow');
    await turns();
    const stopped = runner.stop();
    await new Promise((resolve) => setTimeout(resolve, 40));
    segments.endSync();
    await stopped;
    await expect(slow).resolves.toBe('done');
    await expect(ignored).resolves.toMatchObject({ code: 'STOPPED' });
  });

  test('a sync that fails while stopping is reported, and the stop still ends', async () => {
    const { runner, segments, failures } = rig((event) =>
      event.kind === 'received' ? [persist(1, 'log')] : [],
    );
    runner.received(two, ['m']);
    await turns();
    const stopped = runner.stop();
    segments.endSync('ENOSPC');
    await stopped;
    expect(failures).toEqual([{ kind: 'syncFailed', reason: 'ENOSPC' }]);
  });
});
