import { describe, expect, test } from 'vitest';

import { type RunnerError } from '../../../adapters/runner/runner-error.ts';
import { type StreamListener } from '../../../adapters/runner/streams.ts';
import { type NodeId } from '../../../core/base/ids.ts';
import {
  endStream,
  notify,
  reply,
  type Rig,
  rig,
  type ScriptedMachine,
  type TextStreams,
  turns,
} from './scripted.ts';

/** Remembers what it is told, in order. */
function recorder(): StreamListener<TextStreams> & { readonly told: unknown[] } {
  const told: unknown[] = [];
  return {
    told,
    item: (item, bytes) => void told.push([item, bytes]),
    ended: (refusal) => void told.push({ ended: refusal }),
    failed: (reason: RunnerError) => void told.push({ failed: reason.code }),
  };
}

/** Answers every message of a stream with itself, and ends the stream when told to. */
const echo: ScriptedMachine['script'] = (event) => {
  if (event.kind !== 'streamReceived') return [];
  if (event.request === 'end') return [endStream(event.streamId)];
  if (event.request.startsWith('refuse ')) return [endStream(event.streamId, event.request.slice(7))];
  return [notify(event.streamId, `re: ${event.request}`)];
};

const streamEvents = (from: Rig) => from.machine.events.filter(({ kind }) => kind.startsWith('stream'));

describe('what clients say', () => {
  test('reaches the machine in order, each stream under a number of its own, behind requests that came before', async () => {
    const at = rig();
    void at.runner.request('first').catch(() => undefined);
    const one = at.runner.openStream('one', recorder());
    const two = at.runner.openStream('two', recorder());
    void two.send('b');
    void one.send('a');
    expect(at.runner.openStreams).toBe(2);
    await turns();
    expect(at.machine.events.slice(1)).toEqual([
      { kind: 'requested', requestId: 1, request: 'first' },
      { kind: 'streamOpened', streamId: 1, stream: 'one' },
      { kind: 'streamOpened', streamId: 2, stream: 'two' },
      { kind: 'streamReceived', streamId: 2, request: 'b' },
      { kind: 'streamReceived', streamId: 1, request: 'a' },
    ]);
    await at.runner.stop();
  });

  test('send resolves when the machine has been stepped with it, not before', async () => {
    const at = rig(undefined, { turnEventsMax: 1 });
    const stream = at.runner.openStream('s', recorder());
    const seen: string[] = [];
    const first = stream.send('a').then(() => seen.push('a'));
    const second = stream.send('b').then(() => seen.push('b'));
    await turns(1); // The opening has its turn.
    expect(seen).toEqual([]);
    await turns(1);
    expect(seen).toEqual(['a']);
    await Promise.all([first, second]);
    expect(seen).toEqual(['a', 'b']);
    await at.runner.stop();
  });

  test('what is drained until its step is one event', async () => {
    const at = rig();
    const stream = at.runner.openStream('s', recorder());
    await turns();
    for (const bytes of [5, 0, 7, 1]) stream.drained(bytes);
    await turns();
    stream.drained(2);
    await turns();
    expect(streamEvents(at).slice(1)).toEqual([
      { kind: 'streamDrained', streamId: 1, bytes: 13 },
      { kind: 'streamDrained', streamId: 1, bytes: 2 },
    ]);
    await at.runner.stop();
  });

  test('peers are stepped first', async () => {
    const at = rig();
    at.runner.openStream('s', recorder());
    at.runner.received(2 as NodeId, ['m']);
    await turns();
    expect(at.machine.kinds).toEqual(['received', 'streamOpened']);
    await at.runner.stop();
  });

  test('a full queue takes no stream', async () => {
    const at = rig(undefined, { queueMax: 2 });
    at.runner.openStream('a', recorder());
    at.runner.openStream('b', recorder());
    expect(() => at.runner.openStream('c', recorder())).toThrow(
      expect.objectContaining({ code: 'OVERLOADED' }),
    );
    expect(at.runner.counters).toMatchObject({ streams: 2, requestsOverloaded: 1 });
    await at.runner.stop();
  });
});

describe('what the machine says', () => {
  test('is with the listener before the turn is over, in order, with what it counts for', async () => {
    const at = rig(echo);
    const listener = recorder();
    const stream = at.runner.openStream('s', listener);
    void stream.send('a');
    await stream.send('b');
    expect(listener.told).toEqual([
      ['re: a', 5],
      ['re: b', 5],
    ]);
    expect(at.runner.counters.notified).toBe(2);
    await at.runner.stop();
  });

  test('a listener may say that it has drained what it is being handed', async () => {
    const at = rig(echo);
    const stream = at.runner.openStream('s', {
      ...recorder(),
      item: (_, bytes) => stream.drained(bytes),
    });
    await stream.send('a');
    await turns();
    expect(streamEvents(at).at(-1)).toEqual({ kind: 'streamDrained', streamId: 1, bytes: 5 });
    await at.runner.stop();
  });

  test.each([
    ['end', undefined],
    ['refuse enough', 'enough'],
  ])(
    'the end of a stream is told once; nothing of it is said to the machine any more (%s)',
    async (word, refusal) => {
      const at = rig(echo);
      const listener = recorder();
      const stream = at.runner.openStream('s', listener);
      const sent = [stream.send('a'), stream.send(word), stream.send('behind the end')];
      stream.drained(3);
      await Promise.all(sent);
      stream.drained(4);
      stream.close();
      await stream.send('later');
      await turns();
      expect(listener.told).toEqual([['re: a', 5], { ended: refusal }]);
      expect(streamEvents(at)).toEqual([
        { kind: 'streamOpened', streamId: 1, stream: 's' },
        { kind: 'streamReceived', streamId: 1, request: 'a' },
        { kind: 'streamReceived', streamId: 1, request: word },
      ]);
      expect(at.runner.openStreams).toBe(0);
      expect(at.failures).toEqual([]);
      await at.runner.stop();
    },
  );

  test('a machine that speaks to a stream it has ended is broken, and stopped', async () => {
    const at = rig((event) =>
      event.kind === 'streamReceived' ? [endStream(event.streamId), notify(event.streamId, 'late')] : [],
    );
    const listener = recorder();
    await at.runner.openStream('s', listener).send('a');
    await turns();
    expect(at.failures).toMatchObject([{ kind: 'machineFailed' }]);
    expect(listener.told).toEqual([{ ended: undefined }]);
  });
});

describe('a client that leaves', () => {
  test('is told to the machine once; what it had said and what is said to it meanwhile is dropped', async () => {
    const at = rig((event) => (event.kind === 'received' ? [notify(1, 'crossing')] : []));
    const listener = recorder();
    const stream = at.runner.openStream('s', listener);
    await turns();
    const unheard = stream.send('unheard');
    stream.drained(9);
    stream.close();
    stream.close();
    at.runner.received(2 as NodeId, ['m']);
    await turns();
    await unheard;
    expect(streamEvents(at).slice(1)).toEqual([{ kind: 'streamClosed', streamId: 1 }]);
    expect(listener.told).toEqual([]);
    expect(at.runner.counters.notified).toBe(0);
    expect(at.runner.openStreams).toBe(0);
    await at.runner.stop();
  });

  test('before the machine has heard of it is never heard of', async () => {
    const at = rig();
    const stream = at.runner.openStream('s', recorder());
    void stream.send('a');
    stream.close();
    await turns();
    expect(streamEvents(at)).toEqual([]);
    expect(at.runner.openStreams).toBe(0);
    await at.runner.stop();
  });

  test('and a machine that ends the stream at the same time cross: neither hears of the other', async () => {
    const at = rig((event) => (event.kind === 'received' ? [endStream(1, 'too slow')] : []));
    const listener = recorder();
    const stream = at.runner.openStream('s', listener);
    await turns();
    stream.close();
    at.runner.received(2 as NodeId, ['m']);
    await turns();
    expect(streamEvents(at).length).toBe(1);
    expect(listener.told).toEqual([]);
    expect(at.failures).toEqual([]);
    await at.runner.stop();
  });
});

describe('the end of the node', () => {
  test('stop ends every stream at once, and takes no new one', async () => {
    const at = rig((event) => {
      // A request that holds the node up; while it does, the machine goes on speaking to streams that it knows.
      if (event.kind === 'received') return [notify(1, 'late'), reply(1, 'done')];
      return [];
    });
    const pending = at.runner.request('slow');
    const listener = recorder();
    const stream = at.runner.openStream('s', listener);
    await turns();
    const unheard = stream.send('unheard');
    const stopped = at.runner.stop();
    await unheard;
    expect(listener.told).toEqual([{ failed: 'STOPPED' }]);
    expect(() => at.runner.openStream('t', recorder())).toThrow(
      expect.objectContaining({ code: 'STOPPING' }),
    );
    at.runner.received(2 as NodeId, ['m']);
    expect(await pending).toBe('done');
    await stopped;
    expect(listener.told.length).toBe(1);
    expect(at.failures).toEqual([]);
    expect(streamEvents(at).map(({ kind }) => kind)).toEqual(['streamOpened', 'streamClosed']);
  });

  test('a failure ends every stream', async () => {
    const at = rig((event) => {
      if (event.kind === 'received') throw new Error('broken');
      return [];
    });
    const listeners = [recorder(), recorder()];
    const streams = listeners.map((listener) => at.runner.openStream('s', listener));
    await turns();
    at.runner.received(2 as NodeId, ['m']);
    await turns();
    expect(at.failures).toMatchObject([{ kind: 'machineFailed', reason: 'broken' }]);
    expect(listeners.map(({ told }) => told)).toEqual([[{ failed: 'STOPPED' }], [{ failed: 'STOPPED' }]]);
    for (const stream of streams) {
      await stream.send('later');
      stream.drained(1);
      stream.close();
    }
    expect(at.runner.openStreams).toBe(0);
  });
});
