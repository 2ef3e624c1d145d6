import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type NodeId, nodeId } from '../../../core/base/ids.ts';
import { isQuorum, quorumIndex, voteOutcome } from '../../../core/raft/quorum.ts';
import { type Configuration } from '../../../core/raft/types.ts';

const someIds = (minLength: number): fc.Arbitrary<readonly NodeId[]> =>
  fc
    .uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength, maxLength: 7 })
    .map((values) => values.sort((left, right) => left - right).map(nodeId));

const configurations: fc.Arbitrary<Configuration> = fc.record({
  voters: someIds(1),
  outgoing: someIds(0),
  learners: someIds(0),
});

const matches = fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 10, maxLength: 10 });

function sides({ voters, outgoing }: Configuration): readonly (readonly NodeId[])[] {
  return outgoing.length === 0 ? [voters] : [voters, outgoing];
}

test('the quorum index is the highest that a majority of each side holds (Raft §5.3, §4.3)', () => {
  fc.assert(
    fc.property(configurations, matches, (configuration, match) => {
      const holdsAt = (index: number): boolean =>
        sides(configuration).every(
          (side) => side.filter((id) => (match[id] as number) >= index).length * 2 > side.length,
        );
      const index = quorumIndex(configuration, (id) => match[id] as number);
      expect(holdsAt(index)).toBe(true);
      expect(holdsAt(index + 1)).toBe(false);
    }),
  );
});

test('two quorums of a configuration have a member in common', () => {
  fc.assert(
    fc.property(configurations, fc.nat(1_023), fc.nat(1_023), (configuration, left, right) => {
      const inLeft = (id: NodeId): boolean => ((left >> id) & 1) === 1;
      const inRight = (id: NodeId): boolean => ((right >> id) & 1) === 1;
      fc.pre(isQuorum(configuration, inLeft) && isQuorum(configuration, inRight));
      expect(configuration.voters.some((id) => inLeft(id) && inRight(id))).toBe(true);
    }),
  );
});

test('a quorum of a joint configuration meets every quorum of the old and of the new one (Raft §4.3)', () => {
  fc.assert(
    fc.property(configurations, fc.nat(1_023), fc.nat(1_023), (joint, left, right) => {
      fc.pre(joint.outgoing.length > 0);
      const inLeft = (id: NodeId): boolean => ((left >> id) & 1) === 1;
      const inRight = (id: NodeId): boolean => ((right >> id) & 1) === 1;
      fc.pre(isQuorum(joint, inLeft));
      for (const voters of [joint.voters, joint.outgoing]) {
        if (!isQuorum({ voters, outgoing: [], learners: [] }, inRight)) continue;
        expect(voters.some((id) => inLeft(id) && inRight(id))).toBe(true);
      }
    }),
  );
});

test('learners and strangers count for nothing', () => {
  const configuration = { voters: [1, 2, 3].map(nodeId), outgoing: [], learners: [4, 5].map(nodeId) };
  expect(quorumIndex(configuration, (id) => (id > 3 ? 9 : id))).toBe(2);
  expect(isQuorum(configuration, (id) => id > 2)).toBe(false);
  expect(voteOutcome(configuration, new Map([3, 4, 5, 6].map((id) => [nodeId(id), true])))).toBe('pending');
});

test('an election is won or lost exactly when no further vote could change it', () => {
  const votes = fc.array(fc.constantFrom(true, false, undefined), { minLength: 10, maxLength: 10 });
  fc.assert(
    fc.property(configurations, votes, (configuration, cast) => {
      const known = new Map<NodeId, boolean>();
      cast.forEach((vote, id) => {
        if (vote !== undefined && id > 0) known.set(nodeId(id), vote);
      });
      const wins = (open: boolean): boolean => isQuorum(configuration, (id) => known.get(id) ?? open);
      const outcome = voteOutcome(configuration, known);
      expect(outcome).toBe(wins(false) ? 'won' : wins(true) ? 'pending' : 'lost');
    }),
  );
});

test('a configuration without voters decides nothing', () => {
  const nobody = { voters: [], outgoing: [], learners: [] };
  expect(quorumIndex(nobody, () => 5)).toBe(0);
  expect(isQuorum(nobody, () => true)).toBe(false);
  expect(voteOutcome(nobody, new Map())).not.toBe('won');
});
