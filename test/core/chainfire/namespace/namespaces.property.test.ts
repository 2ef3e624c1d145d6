import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MemoryBackend } from '../../../../core/storage/memory-backend.ts';
import { memberTables } from '../../../../core/chainfire/member.ts';
import { Machine } from '../machine.ts';
import { del, op, put } from '../requests.ts';
import { type Body, countedOf, doing, finishTurns, usageOf } from './scene.ts';

/** Few of each, so that they meet: inside, outside, at the edges of the prefixes below. */
const key = fc.constantFrom('a', 'a/', 'a/1', 'a/2', 'a/3', 'a0', 'b/1', 'b/2', '\xff', '\xff\xff1');
const prefixes = { a: 'a/', b: 'b/', last: '\xff' } as const;
const name = fc.constantFrom('a', 'b', 'last') as fc.Arbitrary<keyof typeof prefixes>;
const lease = fc.constantFrom(0n, 0n, 1n, 2n);
const text = fc.constantFrom('', 'x', 'longer');
const limit = fc.constantFrom(0, 0, 1, 2, 3);

const putOf = fc
  .record({ key, text, lease })
  .map((given) => put(given.key, given.text, { lease: given.lease }));
const delOf = fc
  .record({ key, rangeEnd: fc.constantFrom('', '', '\x00') })
  .map((given) => del(given.key, given));

const body: fc.Arbitrary<Body> = fc.oneof(
  { weight: 6, arbitrary: putOf.map((request): Body => ({ kind: 'put', request })) },
  { weight: 3, arbitrary: delOf.map((request): Body => ({ kind: 'deleteRange', request })) },
  {
    weight: 3,
    arbitrary: fc
      .record({ puts: fc.uniqueArray(putOf, { selector: (one) => one.key, maxLength: 3 }), gone: key })
      .map(({ puts, gone }) =>
        doing.txn(op.del(del(gone)), ...puts.filter((one) => one.key !== gone).map(op.put)),
      ),
  },
  fc.constantFrom(1n, 2n).map((id) => doing.grant(id)),
  fc.constantFrom(1n, 2n).map((id) => doing.revoke(id)),
  fc
    .record({ name, keys: limit, leases: limit, bytes: limit.map((times) => times * 8) })
    .map(({ name: one, ...limits }) => doing.define(one, prefixes[one], limits)),
  name.map((one) => doing.remove(one)),
  fc.constant<Body>({ kind: 'namespaceTurn', request: { id: 0, from: '' } }),
);
const batches = fc.array(fc.array(body, { minLength: 1, maxLength: 4 }), { maxLength: 40, size: 'max' });

/** Where a turn is asked for, the one that a leader would propose now. */
function drive(
  machine: Machine,
  all: readonly (readonly Body[])[],
  after: () => void = () => undefined,
): void {
  for (const batch of all) {
    machine.doAll(
      batch.map((one) =>
        one.kind === 'namespaceTurn' ? { ...one, request: machine.namespaces.nextTurn ?? one.request } : one,
      ),
    );
    after();
  }
}

test('what a namespace says is what its keys say; while it counts, no more than that', () => {
  fc.assert(
    fc.property(batches, (all) => {
      const machine = new Machine(undefined, undefined, { rows: 2, bytes: 1_000 });
      drive(machine, all, () => {
        for (const { name: one, prefix, countedTo, keys } of machine.namespaces.all()) {
          const counted = countedOf(machine, prefix);
          if (countedTo === undefined) expect(usageOf(machine, one)).toEqual(counted);
          else expect(keys).toBeLessThanOrEqual(counted['keys'] as number);
        }
      });
      finishTurns(machine);
      for (const { name: one, prefix } of machine.namespaces.all()) {
        expect(usageOf(machine, one)).toEqual(countedOf(machine, prefix));
      }
    }),
    { numRuns: 300 },
  );
});

test('an entry of its own, or one of many in a batch: the same rows', () => {
  fc.assert(
    fc.property(batches, (all) => {
      const together = new Machine(undefined, undefined, { rows: 2, bytes: 1_000 });
      drive(together, all);
      const bounds = { rows: 2, bytes: 1_000 };
      const apart = new Machine(new MemoryBackend(memberTables), [...together.log], bounds);
      for (const entry of together.log) apart.state.apply([entry], { member: 1 as never, boot: 1 });
      for (const table of memberTables) expect(apart.rows(table)).toEqual(together.rows(table));
      together.restart();
      for (const table of memberTables) expect(apart.rows(table)).toEqual(together.rows(table));
    }),
    { numRuns: 200 },
  );
});

test('a write is refused when it would take a namespace beyond a limit, and only then', () => {
  fc.assert(
    fc.property(batches, (all) => {
      const machine = new Machine();
      for (const one of all.flat()) {
        if (one.kind !== 'put' && one.kind !== 'txn') {
          machine.do(one);
          continue;
        }
        // The same write on the same keys, with no limits: what it would come to.
        const free = new Machine(copyOf(machine), [...machine.log]);
        for (const { name: limited } of free.namespaces.all()) free.do(doing.define(limited, ''));
        const freely = free.do(one);
        const before = machine.namespaces.all().map((namespace) => countedOf(machine, namespace.prefix));
        const response = machine.do(one);
        if (freely.kind === 'refused') {
          expect(response).toEqual(freely);
          continue;
        }
        const exceeds = machine.namespaces.all().some(({ prefix, limits }, at) => {
          const after = countedOf(free, prefix);
          return (['bytes', 'keys', 'leases'] as const).some((measure) => {
            const [then, now] = [after[measure] as number, before[at]?.[measure] as number];
            return limits[measure] > 0 && then > limits[measure] && then > now;
          });
        });
        const code = response.kind === 'refused' ? response.code : undefined;
        expect(code).toBe(exceeds ? 'NAMESPACE_QUOTA_EXCEEDED' : undefined);
        for (const [at, { name: done, prefix }] of machine.namespaces.all().entries()) {
          expect(usageOf(machine, done)).toEqual(exceeds ? before[at] : countedOf(free, prefix));
        }
      }
    }),
    { numRuns: 100 },
  );
});

function copyOf(machine: Machine): MemoryBackend {
  const store = new MemoryBackend(memberTables);
  store.write(
    memberTables.flatMap((table) => machine.rows(table).map(([row, value]) => ({ table, key: row, value }))),
  );
  return store;
}
