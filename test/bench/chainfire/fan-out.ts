import { setTimeout as sleep } from 'node:timers/promises';

import { connect } from '../../../adapters/client/connect.ts';
import { PutRequest, PutResponse } from '../../../core/chainfire/api/kv.ts';
import { load } from './h2load.ts';
import { operations } from './requests.ts';
import { type RunningSystem } from './systems.ts';

export interface FanOut {
  readonly watchers: number;
  readonly puts: number;
  readonly eventsPerSecond: number;
  readonly putsPerSecond: number;
  /** From the start of one put, with nothing else under way, to the last watcher's event. */
  readonly lagP50Us: number;
  readonly lagP99Us: number;
}

const pacedPuts = 100;
const arriveWithinMs = 60_000;

/**
 * One client of ours with many watches of one key, on either system. First puts in a crowd, for the rate at which events are
 * delivered; then one put at a time, for how late the last of the watchers hears of it. Fails unless every watcher gets
 * every event once, in order.
 */
export async function measureFanOut(
  system: RunningSystem,
  options: { readonly watchers: number; readonly seconds: number; readonly dir: string },
): Promise<FanOut> {
  const leader = await system.leader();
  const client = connect({ endpoints: [leader.place.client] });
  const { path, request } = operations.put;
  const { key, value } = PutRequest.decode(request);
  let events = 0;
  let wanted = Infinity;
  let arrived: () => void = () => undefined;
  try {
    const watches = Array.from({ length: options.watchers }, () => client.watch(key));
    const readers = watches.map(async (watch) => {
      let version = 0;
      for await (const changes of watch) {
        for (const { entry } of changes.events) {
          if (version !== 0 && entry.version !== version + 1) {
            throw new Error(`a watcher got version ${entry.version} of the key behind ${version}`);
          }
          version = entry.version;
        }
        events += changes.events.length;
        if (events >= wanted) arrived();
      }
    });
    const broken = Promise.all(readers).then(() => undefined);
    broken.catch(() => undefined);
    await Promise.all(watches.map((watch) => watch.ready));
    const until = async (count: number): Promise<void> => {
      wanted = count;
      if (events >= count) return;
      const enough = new Promise<void>((resolve) => (arrived = resolve));
      const late = sleep(arriveWithinMs, 'late' as const, { ref: false });
      if ((await Promise.race([enough, broken, late])) === 'late') {
        throw new Error(`${events} of ${count} events arrived within ${arriveWithinMs} ms`);
      }
    };
    const crowd = { endpoint: leader.place.client, path, request, clients: 16, dir: options.dir };
    const probe = await load({ ...crowd, calls: 500 });
    await until(500 * options.watchers);
    // No more than a slow reader can take: what counts is the rate of delivery.
    const puts = Math.max(500, Math.ceil(Math.min(probe.callsPerSecond, 500) * options.seconds));
    const before = events;
    const startMs = performance.now();
    const { callsPerSecond } = await load({ ...crowd, calls: puts });
    await until(before + puts * options.watchers);
    const seconds = (performance.now() - startMs) / 1_000;
    const lags: number[] = [];
    for (let put = 0; put < pacedPuts; put += 1) {
      const fromMs = performance.now();
      const sent = leader.calls.unary(
        path,
        { request: PutRequest, response: PutResponse },
        PutRequest.create({ key, value }),
      );
      await until(events + options.watchers);
      lags.push((performance.now() - fromMs) * 1_000);
      await sent;
    }
    await sleep(50);
    const expected = (500 + puts + pacedPuts) * options.watchers;
    if (events !== expected) throw new Error(`${events} events arrived, expected ${expected}`);
    for (const watch of watches) watch.close();
    await broken;
    lags.sort((left, right) => left - right);
    return {
      watchers: options.watchers,
      puts,
      eventsPerSecond: (puts * options.watchers) / seconds,
      putsPerSecond: callsPerSecond,
      lagP50Us: lags[Math.floor(lags.length / 2)] ?? 0,
      lagP99Us: lags[Math.floor(lags.length * 0.99)] ?? 0,
    };
  } finally {
    client.close();
  }
}
