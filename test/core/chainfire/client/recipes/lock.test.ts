import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { LockRecipe, unlockRequest } from '../../../../../core/chainfire/client/recipes/lock.ts';
import { type QueueEffect } from '../../../../../core/chainfire/client/recipes/protocol.ts';
import { Contender, type Fate } from './contender.ts';
import { ModelStore } from './model-store.ts';

function begun(store: ModelStore, leaseId: bigint): Contender<QueueEffect> {
  const contender = new Contender<QueueEffect>(store, new LockRecipe({ name: 'l', leaseId }));
  contender.step({ kind: 'begun' });
  return contender;
}

function entered(store: ModelStore, leaseId: bigint): Contender<QueueEffect> {
  const contender = begun(store, leaseId);
  contender.run();
  return contender;
}

const acquired = (leaseId: bigint, revision: number): unknown => ({
  kind: 'acquired',
  key: `l/${leaseId.toString(16)}`,
  revision,
});

describe('a lock', () => {
  test('is had at once where nobody has it, with its create revision as the token, in one call', () => {
    const store = new ModelStore();
    const contender = begun(store, 0xabcn);
    contender.end('answered');
    expect(contender.said).toMatchObject([acquired(0xabcn, 2)]);
    expect(store.get('l/abc')).toMatchObject({ lease: 0xabcn, value: new Uint8Array(0) });
  });

  test('is had in the order of create revisions, and each waits for the one before it alone', () => {
    const store = new ModelStore();
    const [first, second, third] = [entered(store, 1n), entered(store, 2n), entered(store, 3n)];
    expect(second.watching).toMatchObject({ key: 'l/1', rangeEnd: '', startRevision: 4 });
    expect(third.watching).toMatchObject({ key: 'l/2', rangeEnd: '', startRevision: 5 });
    expect(first.said).toMatchObject([acquired(1n, 2)]);
    store.answer(unlockRequest({ key: 'l/1', revision: 2 }));
    third.run();
    second.run();
    expect([second.said, third.said]).toMatchObject([[acquired(2n, 3)], []]);
  });

  test('does not pass to the third when the second gives up: the first still has it', () => {
    const store = new ModelStore();
    entered(store, 1n);
    const [second, third] = [entered(store, 2n), entered(store, 3n)];
    second.step({ kind: 'cancelled' });
    second.run();
    third.run();
    expect(third.said).toEqual([]);
    expect(third.watching).toMatchObject({ key: 'l/1' });
    store.endLease(1n);
    third.run();
    expect(third.said).toMatchObject([acquired(3n, 4)]);
  });

  test('is not missed when the one before leaves between the look and the watch', () => {
    const store = new ModelStore();
    entered(store, 1n);
    const second = begun(store, 2n);
    second.end('answered');
    second.end('answered');
    store.delete('l/1');
    second.tell();
    second.end('answered');
    expect(second.said).toMatchObject([acquired(2n, 3)]);
  });

  test('is looked at again when what was watched has been compacted', () => {
    const store = new ModelStore();
    entered(store, 1n);
    const second = entered(store, 2n);
    store.delete('l/1');
    second.compacted();
    second.run();
    expect(second.said).toMatchObject([acquired(2n, 3)]);
  });

  test('is not had by one whose own key has gone while it waited', () => {
    const store = new ModelStore();
    entered(store, 1n);
    const second = entered(store, 2n);
    store.endLease(2n);
    store.delete('l/1');
    second.run();
    expect(second.said).toMatchObject([{ kind: 'failed', why: 'sessionLost' }]);
  });

  test('is not had on a key of the same name that was made anew behind others', () => {
    const store = new ModelStore();
    entered(store, 1n);
    const second = entered(store, 2n);
    store.delete('l/2');
    entered(store, 3n);
    // The same lease asks once more, as another process of the same session would.
    entered(store, 2n);
    expect(store.queue('l/')).toEqual(['l/1', 'l/3', 'l/2']);
    store.delete('l/1');
    second.run();
    expect(second.said).toMatchObject([{ kind: 'failed', why: 'sessionLost' }]);
  });

  test('that cannot be entered, its lease being gone, is refused and leaves nothing', () => {
    const store = new ModelStore();
    store.endLease(1n);
    const contender = entered(store, 1n);
    expect(contender.said).toMatchObject([
      { kind: 'failed', why: 'refused', refusal: { code: 'LEASE_NOT_FOUND' } },
    ]);
    expect(contender.call).toBeUndefined();
  });

  test.each<Fate>(['unknownDone', 'unknownLater', 'unknownNever'])(
    'is entered once though nobody knows whether the call was done (%s)',
    (fate) => {
      const store = new ModelStore();
      const contender = begun(store, 1n);
      contender.end(fate);
      contender.run();
      expect(contender.said).toMatchObject([acquired(1n, 2)]);
      expect(store.queue('l/')).toEqual(['l/1']);
    },
  );

  test('given up while the call to enter is under way is left once its outcome is known', () => {
    for (const fate of ['answered', 'unknownDone', 'failed'] as const) {
      const store = new ModelStore();
      const contender = begun(store, 1n);
      contender.step({ kind: 'cancelled' });
      expect(contender.said).toEqual([]);
      contender.end(fate);
      contender.run();
      expect(contender.said).toMatchObject([{ kind: 'failed', why: 'cancelled' }]);
      expect(store.queue('l/')).toEqual([]);
    }
  });

  test('that nobody can tell the outcome of is asked for a bounded number of times', () => {
    const store = new ModelStore();
    const contender = begun(store, 1n);
    let calls = 0;
    for (; contender.call !== undefined && calls < 100; calls += 1) contender.end('unknownNever');
    expect(contender.said).toMatchObject([{ kind: 'failed', why: 'unknown' }]);
    // Five times to enter, and as often to leave what may have been entered.
    expect(calls).toBe(10);
  });

  test('given back twice, or after another has it, is not taken away from that one', () => {
    const store = new ModelStore();
    const held = { key: 'l/1', revision: 2 };
    entered(store, 1n);
    store.answer(unlockRequest(held));
    const again = entered(store, 1n);
    expect(again.said).toMatchObject([acquired(1n, 4)]);
    store.answer(unlockRequest(held));
    expect(store.queue('l/')).toEqual(['l/1']);
  });
});

type Move =
  | { readonly kind: 'end'; readonly who: number; readonly fate: Fate }
  | {
      readonly kind: 'tell' | 'arrive' | 'compacted' | 'cancel' | 'unlock' | 'endLease';
      readonly who: number;
    };
const contenders = 4;
const who = fc.integer({ min: 0, max: contenders - 1 });
const move: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('end' as const),
      who,
      fate: fc.oneof(
        { weight: 6, arbitrary: fc.constant('answered' as const) },
        {
          weight: 1,
          arbitrary: fc.constantFrom(
            'unknownDone' as const,
            'unknownLater' as const,
            'unknownNever' as const,
          ),
        },
      ),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('tell' as const, 'arrive' as const), who }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('unlock' as const), who }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('compacted' as const, 'cancel' as const, 'endLease' as const),
      who,
    }),
  },
);

test('whatever happens, one holds at a time, tokens rise, and nobody waits for ever', () => {
  let waited = 0;
  fc.assert(
    fc.property(fc.array(move, { minLength: 10, maxLength: 120 }), (moves) => {
      const store = new ModelStore();
      const all = Array.from({ length: contenders }, (_, at) => begun(store, BigInt(at + 1)));
      let token = 0;
      const holders = new Map<string, number>();
      const look = (): void => {
        for (const contender of all) {
          const [end] = contender.said;
          if (end?.kind !== 'acquired' || holders.has(end.key)) continue;
          holders.set(end.key, end.revision);
          expect(end.revision).toBeGreaterThan(token);
          token = end.revision;
        }
        const holding = [...holders].filter(([key, revision]) => store.get(key)?.createRevision === revision);
        expect(holding.length).toBeLessThanOrEqual(1);
      };
      for (const one of moves) {
        play(store, all, one);
        look();
      }
      for (let turn = 0; turn < 8; turn += 1) {
        for (const [at, contender] of all.entries()) {
          contender.run();
          look();
          // Whoever is done gives it back, and with its lease ends what a late call may yet have left.
          if (contender.said.length > 0) {
            play(store, all, { kind: 'unlock', who: at });
            play(store, all, { kind: 'endLease', who: at });
          }
        }
      }
      for (const contender of all) expect(contender.said).toHaveLength(1);
      if (holders.size > 1) waited += 1;
    }),
    { numRuns: 500, seed: 3 },
  );
  expect(waited).toBeGreaterThan(200);
});

function play(store: ModelStore, all: readonly Contender<QueueEffect>[], one: Move): void {
  const contender = all[one.who] as Contender<QueueEffect>;
  switch (one.kind) {
    case 'end':
      contender.end(one.fate);
      break;
    case 'tell':
      contender.tell();
      break;
    case 'arrive':
      contender.arrive();
      break;
    case 'compacted':
      contender.compacted();
      break;
    case 'cancel':
      contender.step({ kind: 'cancelled' });
      break;
    case 'unlock': {
      const [end] = contender.said;
      if (end?.kind === 'acquired') store.answer(unlockRequest(end));
      break;
    }
    case 'endLease':
      store.endLease(BigInt(one.who + 1));
      break;
  }
}
