import { describe, expect, test } from 'vitest';

import { type NodeId } from '../../../core/base/ids.ts';
import { act, persist, reply, rig, send, turns } from './scripted.ts';

const two = 2 as NodeId;
const three = 3 as NodeId;

describe('turns', () => {
  test('the first event is a tick, in start itself', () => {
    const { machine } = rig();
    expect(machine.events).toEqual([{ kind: 'tick' }]);
  });

  test('everything that is ready is stepped in one turn, at one time: what peers say in order of arrival, then requests', async () => {
    const { machine, runner } = rig();
    void runner.request('a').catch(() => undefined);
    runner.received(two, ['m']);
    void runner.request('b').catch(() => undefined);
    runner.snapshotReceived(three, 1, 'header');
    await turns();
    expect(machine.events.slice(1)).toEqual([
      { kind: 'received', from: two, messages: ['m'] },
      { kind: 'snapshotReceived', from: three, stageId: 1, header: 'header' },
      { kind: 'requested', requestId: 1, request: 'a' },
      { kind: 'requested', requestId: 2, request: 'b' },
    ]);
    expect(new Set(machine.timesUs.slice(1)).size).toBe(1);
    expect(runner.counters).toMatchObject({
      turns: 2,
      events: 5,
      turnEventsMax: 4,
      requests: 2,
      receivedMessages: 1,
    });
    await runner.stop();
  });

  test('a turn steps a bounded number of events; the rest follow in the next', async () => {
    const { machine, runner } = rig(undefined, { turnEventsMax: 10 });
    for (let message = 0; message < 35; message += 1) runner.received(two, [String(message)]);
    await turns(1);
    expect(runner.queueLength).toBe(25);
    await turns(4);
    expect(runner.queueLength).toBe(0);
    expect(machine.events.slice(1).map((event) => event.kind === 'received' && event.messages[0])).toEqual(
      Array.from({ length: 35 }, (_, message) => String(message)),
    );
    await runner.stop();
  });

  test('a turn ends when its time is up; heartbeats that come meanwhile are stepped before the requests that wait', async () => {
    let nowUs = 0;
    const { machine, runner } = rig(
      (event) => {
        if (event.kind === 'requested') nowUs += 600;
        return [];
      },
      { turnUs: 1_000, clock: () => nowUs },
    );
    machine.deadlineUs = 1_000;
    for (const request of ['a', 'b', 'c', 'd', 'e']) void runner.request(request).catch(() => undefined);
    await turns(1);
    runner.received(two, ['heartbeat']);
    await turns(1);
    const order = machine.events
      .slice(1)
      .map((event) => (event.kind === 'requested' ? event.request : event.kind));
    expect(order).toEqual(['a', 'b', 'received', 'c', 'd', 'tick']);
    await runner.stop();
  });

  test('peers that never stop talking do not shut requests out', async () => {
    const { machine, runner } = rig(undefined, { turnEventsMax: 10 });
    void runner.request('a').catch(() => undefined);
    for (let message = 0; message < 100; message += 1) runner.received(two, ['m']);
    await turns(1);
    expect(machine.events.slice(1).map(({ kind }) => kind)).toEqual([
      ...Array.from({ length: 10 }, () => 'received'),
      'requested',
    ]);
    await runner.stop();
  });

  test('time never runs backwards for the machine', async () => {
    let nowUs = 500;
    const { machine, runner } = rig(undefined, { clock: () => nowUs });
    nowUs = 300;
    runner.received(two, ['m']);
    await turns();
    nowUs = 700;
    runner.received(two, ['m']);
    await turns();
    expect(machine.timesUs).toEqual([500, 500, 700]);
    await runner.stop();
  });

  test('what the steps of a turn say to a peer goes out in one piece', async () => {
    const { runner, transport } = rig((event) =>
      event.kind === 'received' ? event.messages.map((message) => send(event.from, `re: ${message}`)) : [],
    );
    runner.received(two, ['a', 'b']);
    runner.received(three, ['c']);
    runner.received(two, ['d']);
    await turns();
    expect(transport.sent).toEqual([
      { to: two, messages: ['re: a', 're: b', 're: d'] },
      { to: three, messages: ['re: c'] },
    ]);
    await runner.stop();
  });

  test('the machine is ticked at its deadline, and not before', async () => {
    const { machine, runner } = rig();
    machine.script = (event, nowUs) => {
      if (event.kind === 'tick') machine.deadlineUs = nowUs + 20_000;
      return [];
    };
    machine.deadlineUs = 0;
    runner.received(two, ['look at your deadline']);
    await new Promise((resolve) => setTimeout(resolve, 110));
    await runner.stop();
    const ticks = machine.timesUs.filter((_, at) => at > 1 && machine.events[at]?.kind === 'tick');
    expect(ticks.length).toBeGreaterThanOrEqual(2);
    for (const [at, timeUs] of ticks.entries()) {
      if (at > 0) expect(timeUs - (ticks[at - 1] ?? 0)).toBeGreaterThanOrEqual(20_000);
    }
  });
});

describe('durability', () => {
  test('a reply never leaves before its sync has ended', async () => {
    const { runner, segments } = rig((event) =>
      event.kind === 'requested'
        ? [persist(event.requestId, 'log'), reply(event.requestId, 'done', event.requestId)]
        : [],
    );
    let answer: string | undefined;
    void runner.request('a').then((response) => (answer = response));
    await turns(10);
    expect(segments.log).toEqual(['append log', 'sync']);
    expect(answer).toBeUndefined();
    expect(runner.gatedEffects).toBe(1);
    segments.endSync();
    await turns();
    expect(answer).toBe('done');
    await runner.stop();
  });

  test('one round is in flight; what comes meanwhile accumulates for the next, and each is reported by its highest', async () => {
    const { machine, runner, segments, transport } = rig((event) =>
      event.kind === 'received'
        ? [
            persist(Number(event.messages[0]), 'log'),
            send(3, `${event.messages[0]} is safe`, Number(event.messages[0])),
          ]
        : [],
    );
    runner.received(two, ['1']);
    await turns();
    runner.received(two, ['2']);
    await turns();
    runner.received(two, ['3']);
    await turns();
    expect(segments.log).toEqual(['append log', 'sync', 'append log', 'append log']);
    expect(transport.sent).toEqual([]);
    segments.endSync();
    await turns();
    expect(transport.sent).toEqual([{ to: three, messages: ['1 is safe'] }]);
    expect(segments.log.slice(4)).toEqual(['synced', 'sync']);
    segments.endSync();
    await turns();
    expect(transport.sent.slice(1)).toEqual([{ to: three, messages: ['2 is safe', '3 is safe'] }]);
    expect(machine.events.filter(({ kind }) => kind === 'synced')).toEqual([
      { kind: 'synced', syncSeq: 1 },
      { kind: 'synced', syncSeq: 3 },
    ]);
    expect(segments.log.slice(6)).toEqual(['synced']);
    expect(runner.counters).toMatchObject({
      syncs: 2,
      persists: 3,
      appends: 3,
      appendedBytes: 3,
      sentMessages: 3,
    });
    await runner.stop();
  });

  test('what is not gated, or gated by what is durable already, leaves at once', async () => {
    const { runner, segments, transport } = rig((event) => {
      if (event.kind !== 'received') return [];
      if (event.messages[0] === 'first') return [persist(1, 'log'), send(3, 'free'), send(3, 'gated', 1)];
      return [persist(2, 'log'), send(3, 'after 1', 1), send(3, 'after 2', 2)];
    });
    runner.received(two, ['first']);
    await turns();
    expect(transport.sent.flatMap(({ messages }) => messages)).toEqual(['free']);
    segments.endSync();
    await turns();
    runner.received(two, ['second']);
    await turns();
    expect(transport.sent.flatMap(({ messages }) => messages)).toEqual(['free', 'gated', 'after 1']);
    segments.endSync();
    await turns();
    expect(transport.sent.flatMap(({ messages }) => messages)).toEqual([
      'free',
      'gated',
      'after 1',
      'after 2',
    ]);
    await runner.stop();
  });

  test('gated effects leave before the machine hears of the sync, in the order in which they were asked for', async () => {
    const order: string[] = [];
    const { runner, segments, transport } = rig((event) => {
      if (event.kind === 'synced')
        order.push(`synced ${event.syncSeq}, ${runner.counters.replies} replies out`);
      return event.kind === 'requested'
        ? [
            persist(event.requestId, 'log'),
            reply(event.requestId, event.request, event.requestId),
            send(2, event.request, event.requestId),
          ]
        : [];
    });
    for (const request of ['a', 'b', 'c'])
      void runner.request(request).then((response) => order.push(response));
    await turns();
    segments.endSync();
    await turns();
    expect(order).toEqual(['synced 3, 3 replies out', 'a', 'b', 'c']);
    expect(transport.sent).toEqual([{ to: two, messages: ['a', 'b', 'c'] }]);
    await runner.stop();
  });

  test('an act waits for its sync as a reply does, and what comes of it is stepped', async () => {
    const { machine, runner, segments, acts } = rig((event) => {
      if (event.kind === 'requested') return [persist(1, 'journal'), act('launch', 1), act('look')];
      return event.kind === 'acted' ? [reply(1, event.report)] : [];
    });
    const answer = runner.request('start');
    await turns();
    expect(acts).toEqual(['look']);
    segments.endSync();
    await turns();
    expect(acts).toEqual(['look', 'launch']);
    runner.acted('launched');
    expect(await answer).toBe('launched');
    expect(machine.events.at(-1)).toEqual({ kind: 'acted', report: 'launched' });
    await runner.stop();
  });

  test('an effect gated by a later sync does not hold up one behind it that is gated by an earlier', async () => {
    const { runner, segments, transport } = rig((event) => {
      if (event.kind !== 'received') return [];
      return event.messages[0] === '1'
        ? [persist(1, 'log')]
        : [persist(2, 'log'), send(3, 'after 2', 2), send(3, 'after 1', 1)];
    });
    runner.received(two, ['1']);
    await turns();
    runner.received(two, ['2']);
    await turns();
    segments.endSync();
    await turns();
    expect(transport.sent).toEqual([{ to: three, messages: ['after 1'] }]);
    segments.endSync();
    await turns();
    expect(transport.sent[1]).toEqual({ to: three, messages: ['after 2'] });
    await runner.stop();
  });

  test('files are removed once everything that was appended before is durable', async () => {
    const { runner, segments } = rig((event) =>
      event.kind === 'received'
        ? [persist(1, 'log/2'), { kind: 'removeSegments', files: ['log/0', 'log/1'] }, persist(2, 'log/2')]
        : [],
    );
    runner.received(two, ['m']);
    await turns();
    expect(segments.log).toEqual(['append log/2', 'append log/2', 'sync']);
    segments.endSync();
    await turns();
    expect(segments.log.slice(3)).toEqual(['synced', 'remove log/0', 'remove log/1']);
    await runner.stop();
  });

  test('files are cut at once and in their order, whatever sync is in flight', async () => {
    const { runner, segments } = rig((event) =>
      event.kind === 'received'
        ? [
            persist(1, 'log/1', 'log/2', 'log/3'),
            {
              kind: 'cutSegments',
              cuts: [
                { file: 'log/3', lengthBytes: 0 },
                { file: 'log/2', lengthBytes: 1 },
              ],
            },
            persist(2, 'log/2'),
          ]
        : [],
    );
    runner.received(two, ['m']);
    await turns();
    expect(segments.log).toEqual([
      'append log/1',
      'append log/2',
      'append log/3',
      'cut log/3 to 0',
      'cut log/2 to 1',
      'append log/2',
      'sync',
    ]);
    segments.endSync();
    await runner.stop();
  });

  test('sync numbers that do not rise stop the runner', async () => {
    const { runner, failures } = rig((event) =>
      event.kind === 'received' ? [persist(2, 'log'), persist(2, 'log')] : [],
    );
    runner.received(two, ['m']);
    await turns();
    expect(failures).toMatchObject([{ kind: 'machineFailed', reason: 'sync numbers rise' }]);
  });
});

describe('requests', () => {
  test('a full queue refuses requests and drops messages, and says so', async () => {
    const { runner, machine } = rig(undefined, { queueMax: 1 });
    const first = runner.request('a').catch((error: unknown) => error);
    runner.received(two, ['b']);
    await expect(runner.request('c')).rejects.toMatchObject({ name: 'RunnerError', code: 'OVERLOADED' });
    runner.received(two, ['d', 'e']);
    runner.snapshotReceived(two, 7, 'h'); // A stage belongs to the machine from here on: it must hear of it.
    await turns();
    expect(machine.kinds).toEqual(['received', 'snapshotReceived', 'requested']);
    expect(runner.counters).toMatchObject({ requestsOverloaded: 1, receivedDropped: 2 });
    await runner.stop();
    await expect(first).resolves.toMatchObject({ code: 'STOPPED' });
  });

  test('an aborted request rejects at once with the signal’s reason; the machine is told, its late reply ignored', async () => {
    const { runner, machine, segments } = rig((event) =>
      event.kind === 'requested' ? [persist(1, 'log'), reply(event.requestId, 'late', 1)] : [],
    );
    const controller = new AbortController();
    const request = runner.request('a', controller.signal);
    await turns();
    controller.abort(new Error('gone'));
    await expect(request).rejects.toThrow('gone');
    await turns();
    expect(machine.kinds).toEqual(['requested', 'cancelled']);
    expect(machine.events.at(-1)).toEqual({ kind: 'cancelled', requestId: 1 });
    segments.endSync();
    await turns();
    expect(runner.counters).toMatchObject({ requestsCancelled: 1, repliesUnwanted: 1, replies: 0 });
    await runner.stop();
  });

  test('a request whose client left while it waited for its step costs no step', async () => {
    const { machine, runner } = rig();
    const abort = new AbortController();
    const left = runner.request('a', abort.signal).catch((error: unknown) => error);
    abort.abort();
    await left;
    await turns();
    expect(machine.kinds).toEqual(['cancelled']);
    await runner.stop();
  });

  test('a request that is aborted already never reaches the machine; an abort after the reply neither', async () => {
    const { runner, machine } = rig((event) =>
      event.kind === 'requested' ? [reply(event.requestId, 'yes')] : [],
    );
    await expect(runner.request('a', AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
    const controller = new AbortController();
    await expect(runner.request('b', controller.signal)).resolves.toBe('yes');
    controller.abort();
    await turns();
    expect(machine.kinds).toEqual(['requested']);
    await runner.stop();
  });
});
