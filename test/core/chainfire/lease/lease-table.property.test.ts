import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareKeys } from '../../../../core/base/bytes.ts';
import { DeleteRangeRequest, PutRequest } from '../../../../core/chainfire/api/kv.ts';
import { type Command } from '../../../../core/chainfire/command.ts';
import { attachmentKey, leaseKey } from '../../../../core/chainfire/lease/keys.ts';
import { memberTables } from '../../../../core/chainfire/member.ts';
import { MemoryBackend } from '../../../../core/storage/memory-backend.ts';
import { Machine } from '../machine.ts';
import { LeaseModel } from './model.ts';

type Body = Parameters<Machine['do']>[0];

/** Few of each, so that they meet; one with the highest bit, one that ends the table. */
const id = fc.constantFrom(1n, 2n, 3n, 2n ** 63n, 2n ** 64n - 1n);
const ids = fc.array(id, { maxLength: 5 });
const key = fc.constantFrom('a', 'b', 'b\x00', 'c', '\xff');

const body: fc.Arbitrary<Body> = fc.oneof(
  fc
    .record({ id, ttlSeconds: fc.integer({ min: 1, max: 9_000_000_000 }) })
    .map((request): Body => ({ kind: 'leaseGrant', request })),
  id.map((one): Body => ({ kind: 'leaseRevoke', request: { id: one } })),
  ids.map((some): Body => ({ kind: 'leaseRenew', request: { ids: some } })),
  fc
    .record({ ids, term: fc.constantFrom(1, 1, 1, 2), appliedIndex: fc.integer({ min: 0, max: 60 }) })
    .map((request): Body => ({ kind: 'leaseExpire', request })),
  fc
    .record({
      key,
      lease: fc.oneof(id, fc.constant(0n)),
      ignoreLease: fc.constantFrom(false, false, false, true),
    })
    .map(({ key: put, lease, ignoreLease }): Body => ({
      kind: 'put',
      request: PutRequest.create({ key: put, lease: ignoreLease ? 0n : lease, ignoreLease }),
    })),
  fc
    .record({ key, rangeEnd: fc.oneof(fc.constant(''), key) })
    .map((request): Body => ({ kind: 'deleteRange', request: DeleteRangeRequest.create(request) })),
);
const bodies = fc.array(body, { maxLength: 60, size: 'max' });
const sizes = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 60, maxLength: 60 });

/** Applies the bodies in batches of the given sizes, in term 1. @returns the code of each refusal */
function drive(
  machine: Machine,
  all: readonly Body[],
  batchSizes: readonly number[],
  after?: () => void,
): (string | undefined)[] {
  const codes: (string | undefined)[] = [];
  for (let at = 0, turn = 0; at < all.length; turn += 1) {
    const batch = all.slice(at, at + (batchSizes[turn] as number));
    for (const { response } of machine.doAll(batch)) {
      codes.push(response?.kind === 'refused' ? response.code : undefined);
    }
    at += batch.length;
    after?.();
  }
  return codes;
}

function leasesOf(machine: Machine): unknown {
  return [...machine.leases.leases()]
    .sort((left, right) => (left.id < right.id ? -1 : 1))
    .map(({ id: one, ttlSeconds, renewedIndex }) => ({ id: one, ttlSeconds, renewedIndex }));
}

function rowsOf(machine: Machine): unknown {
  return memberTables.map((table) => [table, machine.rows(table)]);
}

test('leases and their keys are those of the model, whatever shares a batch', () => {
  fc.assert(
    fc.property(bodies, sizes, (all, batchSizes) => {
      const machine = new Machine();
      const model = new LeaseModel();
      const codes = drive(machine, all, batchSizes);
      const expected = all.map(({ kind, request }, at) =>
        model.apply({ [kind]: request } as Partial<Command>, at + 1, 1),
      );
      expect(codes).toEqual(expected);
      const modelLeases = [...model.leases].map(([one, lease]) => ({ id: one, ...lease }));
      expect(leasesOf(machine)).toEqual(modelLeases.sort((left, right) => (left.id < right.id ? -1 : 1)));
      expect(machine.mvcc.revision).toBe(model.revision);
      expect(machine.rows('lease').map(([row]) => row)).toEqual(
        [...model.leases.keys()].map(leaseKey).sort(compareKeys),
      );
      const attached = [...model.keys].filter(([, lease]) => lease !== 0n);
      expect(machine.rows('leaseKey').map(([row]) => row)).toEqual(
        attached.map(([one, lease]) => attachmentKey(lease, one)).sort(compareKeys),
      );
      for (const one of model.leases.keys()) {
        expect(machine.mvcc.attachedKeys(one)).toEqual([...model.keysOf(one)].sort(compareKeys));
      }
    }),
    { numRuns: 300 },
  );
});

test('a restart between any two batches changes nothing, to the byte', () => {
  fc.assert(
    fc.property(bodies, sizes, sizes, (all, sizesOfOne, sizesOfOther) => {
      const one = new Machine();
      drive(one, all, sizesOfOne);
      const other = new Machine();
      drive(other, all, sizesOfOther, () => other.restart());
      expect(rowsOf(other)).toEqual(rowsOf(one));
      expect(leasesOf(other)).toEqual(leasesOf(one));
      expect(other.mvcc.hash).toBe(one.mvcc.hash);
    }),
    { numRuns: 200 },
  );
});

test('a member restored from a snapshot goes on as the one that it was taken of, to the byte', () => {
  fc.assert(
    fc.property(bodies, bodies, sizes, (before, behind, batchSizes) => {
      const one = new Machine();
      drive(one, before, batchSizes);
      const store = new MemoryBackend(memberTables);
      store.write(
        memberTables.flatMap((table) => one.rows(table).map(([row, value]) => ({ table, key: row, value }))),
      );
      const restored = new Machine(store, [...one.log]);
      expect(leasesOf(restored)).toEqual(leasesOf(one));
      expect(drive(restored, behind, batchSizes)).toEqual(drive(one, behind, batchSizes));
      expect(rowsOf(restored)).toEqual(rowsOf(one));
      expect(leasesOf(restored)).toEqual(leasesOf(one));
    }),
    { numRuns: 200 },
  );
});
