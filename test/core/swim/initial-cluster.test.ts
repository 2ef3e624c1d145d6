import fc from 'fast-check';
import { expect, test } from 'vitest';

import { InitialCluster } from '../../../core/swim/initial-cluster.ts';
import { type MemberRecord } from '../../../core/swim/types.ts';
import { recordOf } from './subject.ts';

const noteOf = (cluster: InitialCluster, live: readonly MemberRecord[]): string => {
  const verdict = cluster.consider(live);
  return verdict.kind === 'announce' ? verdict.note : '';
};

test('it is agreed on when as many as there are to be are known, and each says that it knows the same', () => {
  const cluster = new InitialCluster(2);
  const [a, b] = [recordOf('a'), recordOf('b')];
  expect(cluster.consider([a])).toEqual({ kind: 'waiting', known: ['a'], missing: [] });
  const note = noteOf(cluster, [b, a]);
  expect(note).toMatch(/^initial 2 [0-9a-f]{16}$/);
  expect(noteOf(new InitialCluster(2), [a, b])).toBe(note);
  const said = { ...a, note };
  expect(cluster.consider([said, b])).toEqual({ kind: 'waiting', known: ['a', 'b'], missing: ['b'] });
  expect(cluster.consider([said])).toEqual({ kind: 'waiting', known: ['a'], missing: ['b'] });
  expect(cluster.consider([{ ...b, note }, said])).toEqual({ kind: 'agreed', members: [a, b] });
});

test('who has no peer address is not meant, and one too many is said to be', () => {
  const cluster = new InitialCluster(2);
  const client = recordOf('z', { peerAddress: '' });
  expect(cluster.consider([recordOf('a'), client])).toEqual({ kind: 'waiting', known: ['a'], missing: [] });
  expect(cluster.consider(['a', 'b', 'c'].map((name) => recordOf(name)))).toEqual({
    kind: 'tooMany',
    known: ['a', 'b', 'c'],
  });
});

test('the same names at other addresses are not the same', () => {
  const one = noteOf(new InitialCluster(1), [recordOf('a')]);
  const other = noteOf(new InitialCluster(1), [recordOf('a', { peerAddress: 'elsewhere:3' })]);
  expect(one).not.toBe(other);
});

test('whatever each sees when, even if more were started than there are to be: no two that agree differ', () => {
  const names = ['a', 'b', 'c', 'd', 'e'];
  // Often the first three see each other and nobody else, so that there is something to agree on.
  const first = fc.record({ by: fc.nat({ max: 2 }), sees: fc.constant([0, 1, 2]) });
  const any = fc.record({ by: fc.nat({ max: 4 }), sees: fc.subarray([0, 1, 2, 3, 4]) });
  const look = fc.oneof({ weight: 3, arbitrary: first }, any);
  let agreements = 0;
  fc.assert(
    fc.property(fc.array(look, { minLength: 10, maxLength: 200 }), (looks) => {
      const members = names.map((name) => ({ cluster: new InitialCluster(3), record: recordOf(name) }));
      const agreed = new Set<string>();
      for (const { by, sees } of looks) {
        const looking = members[by];
        if (looking === undefined) continue;
        const live = members
          .filter((_, at) => at === by || (sees as readonly number[]).includes(at))
          .map(({ record }) => record);
        const verdict = looking.cluster.consider(live);
        if (verdict.kind === 'announce') looking.record = { ...looking.record, note: verdict.note };
        if (verdict.kind === 'agreed') agreed.add(verdict.members.map(({ name }) => name).join());
      }
      agreements += agreed.size;
      expect(agreed.size).toBeLessThanOrEqual(1);
    }),
  );
  expect(agreements).toBeGreaterThan(0);
});
