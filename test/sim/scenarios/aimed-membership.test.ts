import { expect, test } from 'vitest';

import { type NodeId } from '../../../core/base/ids.ts';
import { isJoint } from '../../../core/raft/configuration.ts';
import { majorityOf } from '../../../core/raft/quorum.ts';
import { aimedMembershipScenarios } from '../../../scenarios/aimed-membership.ts';
import { scenarioNamed } from '../../../scenarios/registry.ts';
import { createCheckers } from '../../../sim/checkers/registry.ts';
import { runScenario } from '../../../sim/run.ts';
import { type Checker, type StepObservation } from '../../../sim/types.ts';

/** Counts the times that a member with a joint configuration was granted a majority of the new voters, and not of the old. */
class HalfElections implements Checker {
  readonly name = 'half-elections';
  count = 0;
  readonly #granted = new Map<NodeId, Set<NodeId>>();

  onStep({ node, event, effects, member }: StepObservation): void {
    const { role, configuration } = member.view.raft;
    const asks = effects.some(
      (effect) =>
        effect.kind === 'send' && effect.messages.some(({ message }) => message.kind === 'voteRequest'),
    );
    // Every round of questions begins without answers.
    if (asks) this.#granted.set(node, new Set([node]));
    const granted = this.#granted.get(node);
    if (asks || granted === undefined || event.kind !== 'received') return;
    if (role !== 'preCandidate' || !isJoint(configuration)) return;
    const before = granted.size;
    for (const { message } of event.messages) {
      if (message.kind === 'voteResponse' && message.preVote && message.granted) granted.add(event.from);
    }
    const votes = (voters: readonly NodeId[]): number => voters.filter((voter) => granted.has(voter)).length;
    const { voters, outgoing } = configuration;
    const hasNew = votes(voters) >= majorityOf(voters.length);
    if (granted.size > before && hasNew && votes(outgoing) < majorityOf(outgoing.length)) this.count += 1;
  }
}

test('halves of four: a majority of the new voters wants a leader without the old ones, and gets none (Raft §4.3)', () => {
  const halves = new HalfElections();
  for (let seed = 1; seed <= 5; seed += 1) {
    const plan = scenarioNamed('halves-of-four').plan(seed);
    const result = runScenario(plan, seed, { checkers: [...createCheckers('all'), halves] });
    expect(result.violation).toBeUndefined();
  }
  expect(halves.count).toBeGreaterThanOrEqual(3);
});

test.each(aimedMembershipScenarios.map((source) => [source.name, source] as const))(
  '%s is planned from the seed alone, within its time and among its machines',
  (name, source) => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const plan = source.plan(seed);
      expect(plan.name).toBe(name);
      expect(source.plan(seed)).toEqual(plan);
      const machines = plan.cluster.members + (plan.cluster.spares ?? 0);
      for (const fault of plan.faults) {
        expect(fault.atUs + ('forUs' in fault ? fault.forUs : 0)).toBeLessThan(plan.durationUs);
        if ('node' in fault) expect(fault.node).toBeLessThanOrEqual(machines);
      }
    }
  },
);
