import { setTimeout as sleep } from 'node:timers/promises';

import { TxnRequest, TxnResponse } from '../../../../core/chainfire/api/kv.ts';
import { WatchCreateRequest, WatchRequest, WatchResponse } from '../../../../core/chainfire/api/watch.ts';
import { keyAt, loadRequest } from '../requests.ts';
import { type RunningSystem } from '../systems.ts';
import { Connection } from './client-streams.ts';
import { type Figure } from './figures.ts';
import { largestMemory, MemoryWatch, type Stage } from './stage.ts';

const codecs = { request: WatchRequest, response: WatchResponse };
const keysPerTxn = 128;
const arriveWithinMs = 120_000;

/**
 * Watchers of the leader, each of a key of its own: first each on a stream of its own, as clients make them that know nothing of
 * each other, then all of a connection on one stream. Every key is put once, and every watcher must hear of it.
 */
export async function measureWatchers(stage: Stage): Promise<readonly Figure[]> {
  const { watchers, connections } = stage.settings;
  const apart = await stage.withFresh((system) => watch(system, stage, watchers / connections));
  const together = await stage.withFresh((system) => watch(system, stage, 1));
  return [
    { what: 'RssAnon, a stream each', unit: 'MB', value: apart.restBytes / 1e6, atMost: 300 },
    {
      what: 'RssAnon, a stream each, most with events',
      unit: 'MB',
      value: apart.mostBytes / 1e6,
      atMost: 300,
    },
    { what: 'a stream each: events', unit: 'a second', value: apart.eventsPerSecond },
    { what: 'RssAnon, a stream a connection', unit: 'MB', value: together.restBytes / 1e6, atMost: 300 },
    {
      what: 'RssAnon, a stream a connection, most with events',
      unit: 'MB',
      value: together.mostBytes / 1e6,
      atMost: 300,
    },
    { what: 'a stream a connection: events', unit: 'a second', value: together.eventsPerSecond },
  ];
}

interface Watched {
  readonly restBytes: number;
  readonly mostBytes: number;
  readonly eventsPerSecond: number;
}

async function watch(system: RunningSystem, stage: Stage, streamsPerConnection: number): Promise<Watched> {
  const { watchers, connections } = stage.settings;
  const leader = await system.leader();
  const perStream = watchers / connections / streamsPerConnection;
  const arrivals = new Arrivals();
  const opened: Connection[] = [];
  for (let at = 0; at < watchers; at += perStream) {
    if (at % (watchers / connections) === 0) opened.push(new Connection(leader.place.client));
    const stream = (opened.at(-1) as Connection).open('etcdserverpb.Watch/Watch', codecs);
    stream.on('data', (response: WatchResponse) => arrivals.took(response));
    stream.on('error', (error: Error) => arrivals.failed(error));
    for (let watcher = at; watcher < at + perStream; watcher += 1) {
      const create = WatchCreateRequest.create({ key: keyAt(watcher) });
      stream.write({ create, cancel: undefined, progress: undefined });
    }
    // In a crowd, but not all in one turn of the event loop.
    if (at % 100 === 0) await arrivals.until('created', Math.max(0, at - 500));
  }
  await arrivals.until('created', watchers);
  await sleep(2_000);
  const restBytes = largestMemory(system).rssAnonBytes;
  stage.say(`${watchers} watchers on ${watchers / perStream} streams`);
  const memory = new MemoryWatch(system);
  const startMs = performance.now();
  const txn = { request: TxnRequest, response: TxnResponse };
  for (let from = 0; from < watchers; from += keysPerTxn) {
    const request = loadRequest(from, Math.min(keysPerTxn, watchers - from));
    await leader.calls.unary('etcdserverpb.KV/Txn', txn, request);
  }
  await arrivals.until('events', watchers);
  const seconds = (performance.now() - startMs) / 1_000;
  const mostBytes = memory.stop().rssAnonBytes;
  arrivals.over();
  for (const connection of opened) connection.close();
  return { restBytes, mostBytes, eventsPerSecond: watchers / seconds };
}

/** Counts what all streams bring. */
class Arrivals {
  readonly #count = { created: 0, events: 0 };
  #failure: Error | undefined;
  #isOver = false;

  took(response: WatchResponse): void {
    if (response.canceled) this.failed(new Error(`a watch was cancelled: ${response.cancelReason}`));
    if (response.created) this.#count.created += 1;
    this.#count.events += response.events.length;
  }

  failed(error: Error): void {
    if (!this.#isOver) this.#failure ??= error;
  }

  over(): void {
    this.#isOver = true;
  }

  async until(what: 'created' | 'events', wanted: number): Promise<void> {
    const endMs = performance.now() + arriveWithinMs;
    while (this.#count[what] < wanted) {
      if (this.#failure !== undefined) throw this.#failure;
      if (performance.now() > endMs) throw new Error(`${what}: ${this.#count[what]} of ${wanted} have come`);
      await sleep(2);
    }
    if (this.#count[what] > wanted && what === 'events') {
      throw new Error(`${this.#count.events} events have come where there were ${wanted}`);
    }
  }
}
