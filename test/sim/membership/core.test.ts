import { expect, test } from 'vitest';

import { type NodeId, nodeId } from '../../../core/base/ids.ts';
import { type ChainfireMember } from '../../../core/chainfire/member.ts';
import { type Configuration } from '../../../core/raft/types.ts';
import { type MemberProcess } from '../../../sim/cluster.ts';
import { configurationsInForce } from '../../../sim/membership/core.ts';

interface Life {
  readonly member: number;
  readonly voters: readonly number[];
  readonly outgoing?: readonly number[];
  readonly at: number;
  readonly commit: number;
  readonly left?: boolean;
}

/** What the simulator has seen last of each member. */
function inForce(lives: readonly Life[]): readonly string[] {
  const seen = new Map<NodeId, ChainfireMember>();
  const homes = new Map<NodeId, MemberProcess>();
  for (const { member, voters, outgoing = [], at, commit, left = false } of lives) {
    const configuration: Configuration = {
      voters: voters.map(nodeId),
      outgoing: outgoing.map(nodeId),
      learners: [],
    };
    const raft = { configuration, configurationIndex: at, commitIndex: commit };
    seen.set(nodeId(member), { view: { raft } } as unknown as ChainfireMember);
    if (!left) homes.set(nodeId(member), { stopped: false } as MemberProcess);
  }
  const found = configurationsInForce({ lives: seen, home: (member) => homes.get(member) });
  return [...new Set(found.map(({ voters, outgoing }) => `${voters.join()}/${outgoing.join()}`))];
}

test('what a member knew last that has left counts no more once others have committed beyond it and go on to the next', () => {
  const joint = { voters: [3, 5], outgoing: [3, 4, 5], at: 144, commit: 143 };
  const gone = { member: 1, voters: [3, 4], at: 72, commit: 74, left: true };
  const found = inForce([gone, { member: 3, ...joint }, { member: 4, ...joint }, { member: 5, ...joint }]);
  expect(found).toEqual(['3,5/3,4,5', '3,5/', '3,4,5/']);
});

test('a joint configuration that is to end stays of account until its end is committed', () => {
  const joint = { voters: [1, 2], outgoing: [1, 2, 3], at: 8, commit: 8 };
  const ended = { voters: [1, 2], at: 9, commit: 8 };
  expect(
    inForce([
      { member: 1, ...ended },
      { member: 2, ...joint },
    ]),
  ).toEqual(['1,2/', '1,2/1,2,3']);
  expect(
    inForce([
      { member: 1, ...ended, commit: 9 },
      { member: 2, ...joint },
    ]),
  ).toEqual(['1,2/']);
});

test('a configuration that is not known to be committed elsewhere counts beside a newer one', () => {
  const lagging = { member: 2, voters: [1, 2, 3], at: 5, commit: 4 };
  const ahead = { member: 1, voters: [1, 2, 3, 4], outgoing: [1, 2, 3], at: 6, commit: 4 };
  expect(inForce([ahead, lagging])).toEqual(['1,2,3,4/1,2,3', '1,2,3,4/', '1,2,3/']);
});
