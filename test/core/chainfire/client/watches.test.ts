import { expect, test } from 'vitest';

import { ResponseHeader } from '../../../../core/chainfire/api/kv.ts';
import { everyWatch, WatchResponse } from '../../../../core/chainfire/api/watch.ts';
import { ChainfireClient, defaultClientConfig } from '../../../../core/chainfire/client/client.ts';
import {
  type ClientConfig,
  type ClientEffect,
  type ClientEvent,
  type WatchTarget,
} from '../../../../core/chainfire/client/protocol.ts';
import { seededPrng } from '../../../../sim/prng.ts';
import { encodedEvent } from './model-watch-server.ts';

const silenceUs = 4_000_000;

/** A client and one stream at a time. */
class Dialogue {
  readonly client: ChainfireClient;
  nowUs = 0;

  constructor(more: Partial<ClientConfig> = {}) {
    const config = { ...defaultClientConfig, streamSilenceUsMax: silenceUs, endpoints: 3, ...more };
    this.client = new ChainfireClient(config, seededPrng('watches'), 0);
  }

  step(event: ClientEvent): readonly ClientEffect[] {
    return this.client.step(event, this.nowUs);
  }

  watch(watchId: number, more: Partial<WatchTarget> = {}): readonly ClientEffect[] {
    const target = {
      key: 'k',
      rangeEnd: '',
      startRevision: 0,
      prevKv: false,
      filters: [],
      progressNotify: false,
      ...more,
    };
    return this.step({ kind: 'watchOpened', watchId, target });
  }

  tell(streamId: number, revision: number, fields: Partial<WatchResponse>): readonly ClientEffect[] {
    const response = WatchResponse.create({ header: ResponseHeader.create({ revision }), ...fields });
    return this.step({ kind: 'streamReceived', streamId, response });
  }

  /** A watch that is set up at revision 10. */
  static live(more: Partial<ClientConfig> = {}, target: Partial<WatchTarget> = {}): Dialogue {
    const dialogue = new Dialogue(more);
    dialogue.watch(1, target);
    dialogue.tell(1, 10, { watchId: 1, created: true });
    return dialogue;
  }

  wait(): readonly ClientEffect[] {
    expect(this.client.deadlineUs).toBeLessThan(Infinity);
    this.nowUs = Math.max(this.nowUs, this.client.deadlineUs);
    return this.step({ kind: 'tick' });
  }
}

const delivered = (watchId: number, revision: number, revisions: readonly number[] = []): unknown => ({
  kind: 'watchDelivered',
  watchId,
  batch: { revision, events: revisions.map((modRevision) => ({ kv: { modRevision } })) },
});
const creation = (serverId: number, startRevision: number): unknown => ({
  kind: 'streamSend',
  request: { create: { watchId: serverId, startRevision, key: 'k', fragment: true } },
});
const event = (revision: number): Uint8Array => encodedEvent('k', revision);

test('all watches share one stream, and say so when they are set up', () => {
  const dialogue = new Dialogue();
  expect(dialogue.watch(7)).toMatchObject([{ kind: 'openStream', streamId: 1 }, creation(1, 0)]);
  expect(dialogue.watch(8, { startRevision: 5 })).toMatchObject([creation(2, 5)]);
  expect(dialogue.tell(1, 10, { watchId: 1, created: true })).toMatchObject([delivered(7, 10)]);
  expect(dialogue.tell(1, 10, { watchId: 2, created: true })).toMatchObject([delivered(8, 4)]);
  expect(dialogue.tell(1, 12, { watchId: 2, events: [event(5), event(6)] })).toMatchObject([
    delivered(8, 6, [5, 6]),
  ]);
  dialogue.step({ kind: 'watchClosed', watchId: 8 });
  expect(dialogue.step({ kind: 'watchClosed', watchId: 7 })).toMatchObject([
    { kind: 'streamSend', request: { cancel: { watchId: 1 } } },
    { kind: 'closeStream', streamId: 1 },
  ]);
  expect(dialogue.client.deadlineUs).toBe(Infinity);
});

test('one of the present that was set up before its stream broke goes on where that was, events or none', () => {
  const dialogue = Dialogue.live();
  dialogue.step({ kind: 'streamFailed', streamId: 1, reason: 'connection lost' });
  expect(dialogue.wait()).toMatchObject([{ kind: 'openStream', streamId: 2 }, creation(2, 11)]);
  // The member is behind what the watch has seen; it says nothing of that.
  expect(dialogue.tell(2, 9, { watchId: 2, created: true })).toEqual([]);
  expect(dialogue.tell(2, 11, { watchId: 2, events: [event(10), event(11)] })).toMatchObject([
    delivered(1, 11, [11]),
  ]);
});

test('a stream that breaks is opened again elsewhere, each time after a longer pause', () => {
  const dialogue = Dialogue.live();
  const endpoints: unknown[] = [];
  const pausesUs: number[] = [];
  for (let streamId = 1; streamId <= 8; streamId += 1) {
    const beganUs = dialogue.nowUs;
    dialogue.step({ kind: 'streamFailed', streamId, reason: 'connection lost' });
    const opened = dialogue.wait().find((effect) => effect.kind === 'openStream');
    pausesUs.push(dialogue.nowUs - beganUs);
    endpoints.push(opened?.endpoint);
  }
  const [first] = endpoints as number[];
  expect(endpoints.slice(0, 4)).toEqual([0, 1, 2, 0].map((step) => ((first ?? 0) + step) % 3));
  pausesUs.forEach((pauseUs, at) => {
    const longestUs = Math.min(1_000_000, 25_000 * 2 ** at);
    expect(pauseUs).toBeGreaterThanOrEqual(longestUs / 2);
    expect(pauseUs).toBeLessThanOrEqual(longestUs);
  });
  // One that has served for long is no sign of trouble.
  dialogue.tell(9, 10, { watchId: 9, created: true });
  dialogue.nowUs += 2_000_000;
  dialogue.tell(9, 11, { watchId: 9 });
  dialogue.step({ kind: 'streamFailed', streamId: 9, reason: 'connection lost' });
  expect(dialogue.client.deadlineUs - dialogue.nowUs).toBeLessThanOrEqual(25_000);
});

test('a silent stream is asked for progress, and left when it stays silent', () => {
  const dialogue = Dialogue.live();
  expect(dialogue.wait()).toMatchObject([{ kind: 'streamSend', request: { progress: {} } }]);
  expect(dialogue.nowUs).toBe(silenceUs / 2);
  // An answer, and all is well: it is a sign of life, and says nothing of any watch.
  expect(dialogue.tell(1, 50, { watchId: everyWatch })).toEqual([]);
  expect(dialogue.wait()).toMatchObject([{ kind: 'streamSend', request: { progress: {} } }]);
  expect(dialogue.wait()).toMatchObject([{ kind: 'closeStream', streamId: 1 }]);
  expect(dialogue.nowUs).toBe(silenceUs / 2 + silenceUs);
  expect(dialogue.wait()).toMatchObject([{ kind: 'openStream', streamId: 2 }, creation(2, 11)]);
});

test('silence is borne longer each time, so that a long search through history comes to its end', () => {
  const dialogue = Dialogue.live();
  const bornesUs: number[] = [];
  for (let streamId = 1; streamId <= 8; streamId += 1) {
    const beganUs = dialogue.nowUs;
    let said: readonly ClientEffect[] = [];
    while (!said.some(({ kind }) => kind === 'closeStream')) said = dialogue.wait();
    bornesUs.push(dialogue.nowUs - beganUs);
    dialogue.wait();
    dialogue.tell(streamId + 1, 10, { watchId: streamId + 1, created: true });
  }
  expect(bornesUs).toEqual([1, 2, 4, 8, 16, 32, 32, 32].map((times) => times * silenceUs));
  // A word, and the patience is as it was.
  dialogue.tell(9, 11, { watchId: 9, events: [event(11)] });
  expect(dialogue.client.deadlineUs - dialogue.nowUs).toBe(silenceUs / 2);
});

test('a member that does not set a watch up in time is left though it tells of others', () => {
  const dialogue = Dialogue.live();
  dialogue.watch(2);
  for (let second = 1; second < 4; second += 1) {
    dialogue.nowUs = second * 1_000_000;
    dialogue.tell(1, 10 + second, { watchId: 1 });
  }
  expect(dialogue.wait()).toMatchObject([{ kind: 'closeStream', streamId: 1 }]);
  expect(dialogue.nowUs).toBe(silenceUs);
});

test('progress moves where a watch goes on, and is told to whoever asked for it', () => {
  const quiet = Dialogue.live();
  expect(quiet.tell(1, 20, { watchId: 1 })).toEqual([]);
  quiet.step({ kind: 'streamFailed', streamId: 1, reason: 'connection lost' });
  expect(quiet.wait()).toMatchObject([{ kind: 'openStream' }, creation(2, 21)]);

  const asked = Dialogue.live({}, { progressNotify: true });
  expect(asked.tell(1, 20, { watchId: 1 })).toMatchObject([delivered(1, 20)]);
  // Behind what was told before.
  expect(asked.tell(1, 15, { watchId: 1 })).toEqual([]);
});

test('a watch of what is compacted ends, and with it the stream that nobody needs', () => {
  const dialogue = Dialogue.live();
  const fields = { watchId: 1, canceled: true, compactRevision: 30, cancelReason: 'compacted' };
  expect(dialogue.tell(1, 40, fields)).toEqual([
    { kind: 'watchEnded', watchId: 1, end: { kind: 'compacted', compactRevision: 30 } },
    { kind: 'closeStream', streamId: 1 },
  ]);
  expect(dialogue.client.deadlineUs).toBe(Infinity);
});

test.each([
  ['etcdserver: no leader', 'resumes'],
  ['etcdserver: server stopped', 'resumes'],
  ['', 'resumes'],
  ['etcdserver: permission denied', 'ends'],
  ['etcdserver: too many requests', 'ends'],
])('a watch that a member cancels for %j %s', (cancelReason, fate) => {
  const dialogue = Dialogue.live();
  const effects = dialogue.tell(1, 10, { watchId: 1, canceled: true, cancelReason });
  if (fate === 'ends') {
    expect(effects[0]).toEqual({
      kind: 'watchEnded',
      watchId: 1,
      end: { kind: 'refused', reason: cancelReason },
    });
  } else {
    expect(effects).toMatchObject([{ kind: 'closeStream', streamId: 1 }]);
    expect(dialogue.wait()).toMatchObject([{ kind: 'openStream' }, creation(2, 11)]);
  }
});

test('one that is refused on creation ends, with or without an id in the answer', () => {
  for (const watchId of [1, everyWatch]) {
    const dialogue = new Dialogue();
    dialogue.watch(7);
    const cancelReason = 'invalid range';
    expect(dialogue.tell(1, 10, { watchId, created: true, canceled: true, cancelReason })[0]).toEqual({
      kind: 'watchEnded',
      watchId: 7,
      end: { kind: 'refused', reason: cancelReason },
    });
  }
});

test('an endpoint that will never serve streams ends the watches', () => {
  const dialogue = Dialogue.live();
  const reason = 'UNIMPLEMENTED: unknown service';
  expect(dialogue.step({ kind: 'streamFailed', streamId: 1, reason, permanent: true })).toEqual([
    { kind: 'watchEnded', watchId: 1, end: { kind: 'refused', reason } },
  ]);
  expect(dialogue.client.deadlineUs).toBe(Infinity);
});

test('a paused watch is cancelled at the member, and created behind what was delivered when it is wanted again', () => {
  const dialogue = Dialogue.live();
  dialogue.watch(2);
  dialogue.tell(1, 10, { watchId: 2, created: true });
  expect(dialogue.step({ kind: 'watchPaused', watchId: 1 })).toMatchObject([
    { kind: 'streamSend', request: { cancel: { watchId: 1 } } },
  ]);
  // What was on its way does not count; the other goes on.
  expect(dialogue.tell(1, 11, { watchId: 1, events: [event(11)] })).toEqual([]);
  expect(dialogue.tell(1, 11, { watchId: 1, canceled: true })).toEqual([]);
  expect(dialogue.tell(1, 11, { watchId: 2, events: [event(11)] })).toMatchObject([delivered(2, 11, [11])]);
  expect(dialogue.step({ kind: 'watchResumed', watchId: 1 })).toMatchObject([creation(3, 11)]);
});

test('one that is paused needs no stream, and no sign of life', () => {
  const dialogue = Dialogue.live();
  dialogue.step({ kind: 'watchPaused', watchId: 1 });
  expect(dialogue.client.deadlineUs).toBe(Infinity);
  dialogue.nowUs = 10 * silenceUs;
  expect(dialogue.step({ kind: 'watchResumed', watchId: 1 })).toMatchObject([creation(2, 11)]);
  expect(dialogue.client.deadlineUs).toBe(dialogue.nowUs + silenceUs / 2);
});

test('a revision in fragments is delivered once it is whole, those before it as soon as they are', () => {
  const dialogue = Dialogue.live();
  const part = (revisions: readonly number[], fragment: boolean): readonly ClientEffect[] =>
    dialogue.tell(1, 13, { watchId: 1, events: revisions.map(event), fragment });
  expect(part([11, 12], true)).toMatchObject([delivered(1, 11, [11])]);
  expect(part([12, 12], true)).toEqual([]);
  expect(part([12, 13], false)).toMatchObject([delivered(1, 13, [12, 12, 12, 12, 13])]);
});

test('a revision larger than the bound ends the watch rather than to fill the memory', () => {
  const dialogue = Dialogue.live({ revisionBytesMax: 50 });
  const effects = dialogue.tell(1, 11, {
    watchId: 1,
    events: Array.from({ length: 10 }, () => event(11)),
    fragment: true,
  });
  expect(effects).toMatchObject([
    { kind: 'streamSend', request: { cancel: { watchId: 1 } } },
    {
      kind: 'watchEnded',
      watchId: 1,
      end: { kind: 'refused', reason: expect.stringContaining('revision 11') },
    },
    { kind: 'closeStream' },
  ]);
});

test.each<[string, Partial<WatchResponse>]>([
  ['events that are no events', { events: [Uint8Array.from([0xff])] }],
  ['events out of order', { events: [event(12), event(11)] }],
])('a member that sends %s is left, and nothing of it delivered', (_, fields) => {
  const dialogue = Dialogue.live();
  expect(dialogue.tell(1, 12, { watchId: 1, ...fields })).toMatchObject([
    { kind: 'closeStream', streamId: 1 },
  ]);
  expect(dialogue.wait()).toMatchObject([{ kind: 'openStream' }, creation(2, 11)]);
});

test('one too many ends at once', () => {
  const dialogue = new Dialogue({ watchesMax: 1 });
  dialogue.watch(1);
  expect(dialogue.watch(2)).toMatchObject([{ kind: 'watchEnded', watchId: 2, end: { kind: 'refused' } }]);
});
