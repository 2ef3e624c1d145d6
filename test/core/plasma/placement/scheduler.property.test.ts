import fc from 'fast-check';
import { expect, test } from 'vitest';

import { unfitReasons } from '../../../../core/plasma/placement/placement-outcome.ts';
import { type PlacementVm } from '../../../../core/plasma/placement/placement-vm.ts';
import { histories, overcommits, PlacementWorld, policies, vms } from './placement-world.ts';

const worlds = fc.tuple(policies, overcommits, histories).map(([policy, overcommit, history]) => {
  const world = new PlacementWorld(policy, overcommit);
  for (const step of history) world.apply(step);
  return { policy, overcommit, history, world };
});

function naiveReasons(world: PlacementWorld, vm: PlacementVm): { reason: string; nodes: number }[] {
  const reasons = world.naive.nodes.map(({ name }) => world.naive.unfit(vm, name));
  return unfitReasons
    .map((reason) => ({ reason, nodes: reasons.filter((each) => each === reason).length }))
    .filter(({ nodes }) => nodes > 0);
}

test('a node will do, or will not and why, exactly as the rules say', () => {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(worlds, vms, ({ world }, vm) => {
      for (const { name } of world.naive.nodes) {
        const expected = world.naive.unfit(vm, name);
        expect(world.scheduler.unfit(vm, name)).toBe(expected);
        seen.set(expected ?? 'fits', (seen.get(expected ?? 'fits') ?? 0) + 1);
      }
    }),
    { numRuns: 1_500 },
  );
  for (const reason of ['fits', ...unfitReasons])
    if (reason !== 'excluded') expect(seen.get(reason) ?? 0, reason).toBeGreaterThan(20);
});

test('a place is found if and only if there is one, and those of least regret are preferred', () => {
  let placed = 0;
  /** How often `pack` took an empty node (0), one in use (1), one that was filled (2). */
  const seen = new Map<number, number>();
  fc.assert(
    fc.property(worlds, vms, ({ world, policy }, vm) => {
      const { naive, scheduler } = world;
      const outcome = scheduler.place(vm);
      const fitting = naive.nodes.filter(({ name }) => naive.unfit(vm, name) === undefined);
      if (outcome.kind === 'noNode') {
        expect(fitting).toEqual([]);
        expect(outcome.unfit).toEqual(naiveReasons(world, vm));
        return;
      }
      placed += 1;
      const wishes = Math.max(...fitting.map(({ name }) => naive.wishesMet(vm, name)));
      expect(naive.wishesMet(vm, outcome.node)).toBe(wishes);
      const best = fitting.map(({ name }) => name).filter((name) => naive.wishesMet(vm, name) === wishes);
      expect(best).toContain(outcome.node);
      if (policy === 'first-fit') expect(outcome.node).toBe(best.sort()[0]);
      if (policy === 'pack') {
        const tiers = best.map((name) => naive.packTier(vm, name));
        const tier = Math.max(...tiers);
        expect(outcome.node).toBe(best.filter((_, at) => tiers[at] === tier).sort()[0]);
        seen.set(tier, (seen.get(tier) ?? 0) + 1);
      }
    }),
    { numRuns: 1_500 },
  );
  expect(placed).toBeGreaterThan(300);
  for (const tier of [0, 1, 2]) expect(seen.get(tier) ?? 0, `tier ${tier}`).toBeGreaterThan(0);
});

test('what is placed only where it may be never exceeds a capacity and never breaks a rule', () => {
  const asked = fc.array(vms, { minLength: 5, maxLength: 25 });
  const grounds = histories.map((history) => history.filter(({ kind }) => kind === 'setNode'));
  fc.assert(
    fc.property(policies, overcommits, grounds, asked, (policy, overcommit, ground, requests) => {
      const world = new PlacementWorld(policy, overcommit);
      for (const step of ground) world.apply(step);
      for (const [at, request] of requests.entries())
        world.apply({ kind: 'allocate', vm: { ...request, id: `vm-${at}` }, node: undefined });
      const { naive, scheduler } = world;
      expect(scheduler.brokenRules()).toEqual([]);
      expect(naive.brokenPairs()).toEqual([]);
      for (const node of naive.nodes)
        for (const resource of ['cpuMilli', 'memoryBytes', 'diskBytes'] as const) {
          const charged = naive.charged(naive.placements, node.name, resource);
          expect(scheduler.allocatedOn(node.name)[resource]).toBe(charged);
          expect(charged).toBeLessThanOrEqual(naive.limit(node, resource));
        }
    }),
    { numRuns: 500 },
  );
});

test('broken rules are found, whoever broke them', () => {
  let found = 0;
  fc.assert(
    fc.property(worlds, ({ world }) => {
      const broken = world.scheduler.brokenRules().map((each) => `${each.vm} ${each.other} ${each.topology}`);
      found += broken.length;
      expect([...new Set(broken)].sort()).toEqual(world.naive.brokenPairs());
    }),
    { numRuns: 2_000 },
  );
  expect(found).toBeGreaterThan(100);
});

test('answers do not depend on the order in which things came', () => {
  fc.assert(
    fc.property(
      worlds,
      fc.array(vms, { minLength: 3, maxLength: 8 }),
      ({ world, policy, overcommit }, asked) => {
        const again = new PlacementWorld(policy, overcommit);
        const { naive } = world;
        for (const node of [...naive.nodes].reverse()) again.apply({ kind: 'setNode', node });
        for (const reservation of [...naive.reservations].reverse())
          again.apply({ kind: 'reserve', reservation });
        for (const { vm, node } of [...naive.placements].reverse()) again.allocateOn(vm, node);
        for (const vm of asked) {
          expect(again.scheduler.place(vm)).toEqual(world.scheduler.place(vm));
          expect(again.scheduler.preempt(vm)).toEqual(world.scheduler.preempt(vm));
        }
        for (const { name } of naive.nodes)
          expect(again.scheduler.evacuate(name)).toEqual(world.scheduler.evacuate(name));
      },
    ),
    { numRuns: 500 },
  );
});

test('with those displaced who are named it fits; they are less important, and none of them could stay', () => {
  let displaced = 0;
  fc.assert(
    fc.property(worlds, vms, ({ world }, request) => {
      const vm = { ...request, id: 'vm-new', priority: 3 };
      const { naive, scheduler } = world;
      const outcome = scheduler.preempt(vm);
      if (outcome.kind === 'noNode' || outcome.victims.length === 0) return;
      displaced += 1;
      const without = (gone: readonly string[]) =>
        naive.placements.filter(({ vm: { id }, node }) => node !== outcome.node || !gone.includes(id));
      expect(naive.unfit(vm, outcome.node, {}, without(outcome.victims))).toBeUndefined();
      for (const victim of outcome.victims) {
        const found = naive.placements.find((each) => each.vm.id === victim && each.node === outcome.node);
        expect(found?.vm.priority).toBeLessThan(3);
        const others = outcome.victims.filter((each) => each !== victim);
        expect(naive.unfit(vm, outcome.node, {}, without(others))).toBeDefined();
      }
    }),
    { numRuns: 1_500 },
  );
  expect(displaced).toBeGreaterThan(100);
});

test('where displacing helps, somebody is named', () => {
  fc.assert(
    fc.property(worlds, vms, ({ world }, request) => {
      // Near nobody: who has to be near those that would have to go is another matter.
      const affinity = request.affinity.filter(({ kind }) => kind === 'anti-affinity');
      const vm = { ...request, id: 'vm-new', priority: 3, affinity };
      const { naive, scheduler } = world;
      const helped = naive.nodes.some(({ name }) => {
        const left = naive.placements.filter((each) => each.node !== name || each.vm.priority >= 3);
        return naive.unfit(vm, name, {}, left) === undefined;
      });
      expect(scheduler.preempt(vm).kind).toBe(helped ? 'displace' : 'noNode');
    }),
    { numRuns: 1_000 },
  );
});

test('an evacuation leaves nothing out, changes nothing, and can be carried out in its order', () => {
  let moved = 0;
  fc.assert(
    fc.property(worlds, ({ world }) => {
      const { naive, scheduler } = world;
      const [node] = naive.nodes.filter(({ name }) => naive.placements.some((each) => each.node === name));
      if (node === undefined) return;
      const there = scheduler.vmsOn(node.name);
      const before = naive.nodes.map(({ name }) => scheduler.allocatedOn(name));
      const plan = scheduler.evacuate(node.name);
      expect([...plan.moves, ...plan.stuck].map(({ vm }) => vm).sort()).toEqual(there);
      expect(naive.nodes.map(({ name }) => scheduler.allocatedOn(name))).toEqual(before);
      for (const { vm: id, to } of plan.moves) {
        expect(to).not.toBe(node.name);
        const vm = naive.placements.find((each) => each.vm.id === id)?.vm as PlacementVm;
        const reason = naive.unfit(vm, to);
        // Those that have to be near each other go one after the other.
        if (reason !== 'affinity') expect(reason).toBeUndefined();
        world.allocateOn(vm, to);
        moved += 1;
      }
    }),
    { numRuns: 500 },
  );
  expect(moved).toBeGreaterThan(200);
});

test('a demand that grows is measured against what is there, and nothing is changed by asking', () => {
  let lacking = 0;
  fc.assert(
    fc.property(worlds, fc.constantFrom(0, 500, 2_000), ({ world }, more) => {
      const { naive, scheduler } = world;
      const [first] = naive.placements;
      if (first === undefined) return;
      const demand = { ...first.vm.demand, diskBytes: first.vm.demand.diskBytes + more };
      const grown = naive.placements.map((each) =>
        each.vm.id === first.vm.id ? { ...each, vm: { ...each.vm, demand } } : each,
      );
      const short =
        more > 0 &&
        grown.some(
          ({ vm, node }) =>
            vm.id === first.vm.id &&
            naive.charged(grown, node, 'diskBytes') > naive.limit(naive.node(node), 'diskBytes'),
        );
      const before = scheduler.allocatedOn(first.node);
      expect(scheduler.missingFor(first.vm.id, demand)).toBe(short ? 'disk' : undefined);
      expect(scheduler.allocatedOn(first.node)).toEqual(before);
      if (short) lacking += 1;
    }),
    { numRuns: 500 },
  );
  expect(lacking).toBeGreaterThan(50);
});
