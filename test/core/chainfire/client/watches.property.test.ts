import fc from 'fast-check';
import { expect, test } from 'vitest';

import { ChainfireClient, defaultClientConfig } from '../../../../core/chainfire/client/client.ts';
import { type ClientEvent, type WatchBatch } from '../../../../core/chainfire/client/protocol.ts';
import { seededPrng } from '../../../../sim/prng.ts';
import { matches, ModelWatchServer } from './model-watch-server.ts';

const members = 3;
const keys = ['a', 'b', 'c'];
const targets = [
  { key: 'a', rangeEnd: '', startRevision: 1 },
  { key: 'a', rangeEnd: 'd', startRevision: 3 },
  { key: 'b', rangeEnd: '', startRevision: 0 },
  // In the future at first.
  { key: 'a', rangeEnd: 'c', startRevision: 12 },
];

type Action =
  | { readonly kind: 'write'; readonly keys: readonly string[] }
  | { readonly kind: 'advance'; readonly member: number; readonly revisions: number }
  | { readonly kind: 'serve'; readonly revisionsMax: number; readonly fragmentEvents: number }
  | { readonly kind: 'deliver'; readonly count: number }
  /** `told`: the client learns of it; otherwise the stream is only silent from here on. */
  | { readonly kind: 'lose'; readonly told: boolean }
  | { readonly kind: 'progress' }
  | { readonly kind: 'wait' }
  | { readonly kind: 'pause' | 'resume'; readonly watch: number };

const watchNumber = fc.integer({ min: 0, max: targets.length - 1 });
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      keys: fc.uniqueArray(fc.constantFrom(...keys), { minLength: 1 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('advance' as const),
      member: fc.integer({ min: 0, max: members - 1 }),
      revisions: fc.integer({ min: 1, max: 5 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('serve' as const),
      revisionsMax: fc.integer({ min: 1, max: 4 }),
      fragmentEvents: fc.integer({ min: 1, max: 6 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('deliver' as const), count: fc.integer({ min: 1, max: 8 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('lose' as const), told: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('progress' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom('pause' as const, 'resume' as const), watch: watchNumber }),
  },
);

/** A client machine against model members, and what each of its watches was told. */
class Run {
  readonly server = new ModelWatchServer(members);
  readonly told: WatchBatch[][] = targets.map(() => []);
  readonly #paused = new Set<number>();
  readonly #machine: ChainfireClient;
  nowUs = 0;

  constructor(seed: number) {
    const config = { ...defaultClientConfig, endpoints: members };
    this.#machine = new ChainfireClient(config, seededPrng(`watches-${seed}`), 0);
    targets.forEach((target, watchId) => {
      this.step({
        kind: 'watchOpened',
        watchId,
        target: { ...target, prevKv: false, filters: [], progressNotify: watchId % 2 === 0 },
      });
    });
  }

  step(event: ClientEvent): void {
    for (const effect of this.#machine.step(event, this.nowUs)) {
      if (effect.kind === 'watchDelivered') {
        expect(this.#paused.has(effect.watchId), 'a paused watch is told nothing').toBe(false);
        this.told[effect.watchId]?.push(effect.batch);
      } else {
        expect(effect.kind, 'no watch ends').not.toBe('watchEnded');
        this.server.handle(effect);
      }
    }
  }

  play(action: Action): void {
    switch (action.kind) {
      case 'write':
        this.server.write(action.keys);
        break;
      case 'advance':
        this.server.advance(action.member, action.revisions);
        break;
      case 'serve':
        this.server.serve(action.revisionsMax, action.fragmentEvents);
        break;
      case 'deliver':
        this.#deliver(action.count);
        break;
      case 'lose':
        for (const streamId of this.server.openStreams) {
          this.server.lose(streamId);
          if (action.told) this.step({ kind: 'streamFailed', streamId, reason: 'connection lost' });
        }
        break;
      case 'progress':
        this.server.tellProgress();
        break;
      case 'wait':
        this.wait();
        break;
      case 'pause':
        this.step({ kind: 'watchPaused', watchId: action.watch });
        this.#paused.add(action.watch);
        break;
      case 'resume':
        this.#paused.delete(action.watch);
        this.step({ kind: 'watchResumed', watchId: action.watch });
        break;
    }
  }

  /** Until the machine's own deadline. */
  wait(): void {
    if (this.#machine.deadlineUs === Infinity) return;
    this.nowUs = Math.max(this.nowUs, this.#machine.deadlineUs);
    this.step({ kind: 'tick' });
  }

  /** Everybody is well, and everything that is to come comes. */
  heal(): void {
    targets.forEach((_, watch) => this.play({ kind: 'resume', watch }));
    for (let member = 0; member < members; member += 1) this.server.advance(member, this.server.revision);
    for (let turn = 0; turn < 12; turn += 1) {
      this.wait();
      this.server.serve(100, 100);
      this.#deliver(1_000);
    }
  }

  #deliver(count: number): void {
    for (const streamId of this.server.openStreams) {
      for (let at = 0; at < count; at += 1) {
        const response = this.server.take(streamId);
        if (response === undefined) break;
        this.step({ kind: 'streamReceived', streamId, response });
      }
    }
  }
}

test('a watch tells every revision once, whole and in order, whatever becomes of its streams', () => {
  let resumed = 0;
  fc.assert(
    fc.property(fc.array(action, { minLength: 20, maxLength: 150 }), fc.nat(), (actions, seed) => {
      const run = new Run(seed);
      for (const one of actions) run.play(one);
      run.heal();
      targets.forEach((target, watch) => {
        const told = run.told[watch] ?? [];
        // The answer that set it up says where a watch of the present begins.
        const from = target.startRevision === 0 ? (told[0]?.revision ?? 0) + 1 : target.startRevision;
        const events = told.flatMap((batch) =>
          batch.events.map(({ kv }) => ({ key: kv?.key, revision: kv?.modRevision })),
        );
        const expected = run.server.history.flatMap((written, at) =>
          written
            .filter((key) => at + 1 >= from && matches(target, key))
            .map((key) => ({ key, revision: at + 1 })),
        );
        expect(events).toEqual(expected);
        checkRevisions(told);
      });
      if (run.server.openStreams.some((streamId) => streamId > 1)) resumed += 1;
    }),
    { numRuns: 400, seed: 1 },
  );
  // A run in which no stream was lost shows nothing of resuming.
  expect(resumed).toBeGreaterThan(150);
});

/** A revision lies in one batch, and what a batch says it is complete up to never goes back, nor behind its events. */
function checkRevisions(told: readonly WatchBatch[]): void {
  let complete = 0;
  for (const { revision, events } of told) {
    expect(revision).toBeGreaterThanOrEqual(complete);
    for (const { kv } of events) {
      expect(kv?.modRevision).toBeGreaterThan(complete);
      expect(kv?.modRevision).toBeLessThanOrEqual(revision);
    }
    complete = revision;
  }
}
