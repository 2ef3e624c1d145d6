import '../../../property-seed.ts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createCommand } from '../../../../core/chronik/metadata/commands.ts';
import { MetadataCluster } from './cluster.ts';
import { topicIdOf } from './scene.ts';

/** What befalls a cluster, and for how long it then goes on. */
type Fate =
  | { readonly kind: 'propose'; readonly at: number; readonly forMs: number }
  | { readonly kind: 'crash'; readonly at: number; readonly forMs: number }
  | { readonly kind: 'cutOff'; readonly at: number; readonly forMs: number }
  | { readonly kind: 'lossy'; readonly at: number; readonly forMs: number }
  | { readonly kind: 'heal'; readonly at: number; readonly forMs: number };

const kinds = ['propose', 'propose', 'propose', 'crash', 'cutOff', 'lossy', 'heal'] as const;
const fates: fc.Arbitrary<readonly Fate[]> = fc.array(
  fc.record({
    kind: fc.constantFrom(...kinds),
    at: fc.integer({ min: 1, max: 3 }),
    forMs: fc.integer({ min: 0, max: 4_000 }),
  }),
  { minLength: 1, maxLength: 40, size: 'max' },
);

/** Drops messages as fate has it: by whom they are from or to, or every third of all. */
class Weather {
  cutOff = 0;
  isLossy = false;
  #messages = 0;

  passes(from: number, to: number): boolean {
    this.#messages += 1;
    if (from === this.cutOff || to === this.cutOff) return false;
    return !this.isLossy || this.#messages % 3 !== 0;
  }
}

function befall(cluster: MetadataCluster, weather: Weather, fate: Fate, proposed: Map<number, string>): void {
  const { kind, at, forMs } = fate;
  switch (kind) {
    case 'propose': {
      if (!cluster.node(at).up) break;
      const name = `t${proposed.size}`;
      const id = topicIdOf(10_000 + proposed.size);
      const counts = { partitionCount: 2, replicationFactor: 1 };
      proposed.set(cluster.propose(at, createCommand('createTopic', { name, id, ...counts })), name);
      break;
    }
    case 'crash':
      if (cluster.node(at).up) cluster.crash(at);
      else cluster.restart(at);
      break;
    case 'cutOff':
      weather.cutOff = at;
      break;
    case 'lossy':
      weather.isLossy = true;
      break;
    case 'heal':
      weather.cutOff = 0;
      weather.isLossy = false;
      break;
  }
  if ([1, 2, 3].some((id) => cluster.node(id).up)) cluster.run(forMs * 1_000);
}

test('through crashes, cuts and losses brokers agree, and what was said to be done is done, once', () => {
  let done = 0;
  let refused = 0;
  fc.assert(
    fc.property(fates, (story) => {
      const cluster = new MetadataCluster(3, { commandTimeoutUs: 6_000_000, trailingEntries: 4 });
      const weather = new Weather();
      cluster.onMessage = (from, to) => weather.passes(from, to);
      const proposed = new Map<number, string>();
      for (const fate of story) befall(cluster, weather, fate, proposed);
      weather.cutOff = 0;
      weather.isLossy = false;
      for (const id of [1, 2, 3]) if (!cluster.node(id).up) cluster.restart(id);
      cluster.settle();
      cluster.run(7_000_000);
      cluster.quiesce();
      const { image } = cluster.replica(1);
      for (const [token, name] of proposed) {
        const outcome = cluster.outcomes.get(token);
        if (outcome === undefined || (outcome.kind === 'refused' && outcome.code === 'REQUEST_TIMED_OUT'))
          continue;
        if (outcome.kind === 'done') done += 1;
        else refused += 1;
        expect(image.topic(name) !== undefined).toBe(outcome.kind === 'done');
      }
      expect(new Set([1, 2, 3].map((id) => cluster.rows(id).join('\n'))).size).toBe(1);
      for (const id of [1, 2, 3]) {
        expect(cluster.replica(id).commandsPending).toBe(0);
        expect(cluster.replica(id).image.brokers.map(({ fenced }) => fenced)).toEqual([false, false, false]);
      }
    }),
    { numRuns: 30 },
  );
  expect(done).toBeGreaterThan(50);
  expect(refused).toBeGreaterThan(0);
});
