import fc from 'fast-check';
import { expect, test } from 'vitest';

import { noOvercommit } from '../../../../core/plasma/placement/placement-node.ts';
import { type PlacementVm } from '../../../../core/plasma/placement/placement-vm.ts';
import { Scheduler } from '../../../../core/plasma/placement/scheduler.ts';

const nodeCount = 150;
const cpuOf = (at: number): number => (at % 3 === 0 ? 6_000 : 4_000);
const memoryMax = 65_536;

/** Nodes in arrays, tried one after the other: what `pack` says it does. */
class NaivePack {
  readonly cpu = Array.from({ length: nodeCount }, (_, at) => cpuOf(at));
  readonly memory = Array.from({ length: nodeCount }, () => memoryMax);
  readonly there = Array.from({ length: nodeCount }, () => 0);

  choose({ cpuMilli, memoryBytes }: PlacementVm['demand']): { at: number; tier: number } | undefined {
    const usedShare = (free: readonly number[], limits: readonly number[]): number => {
      const limit = limits.reduce((a, b) => a + b, 0);
      return Math.floor(((limit - free.reduce((a, b) => a + b, 0)) / limit) * 65_536);
    };
    const cpuShare = usedShare(
      this.cpu,
      this.cpu.map((_, at) => cpuOf(at)),
    );
    const memoryShare = usedShare(
      this.memory,
      this.memory.map(() => memoryMax),
    );
    let best: { at: number; tier: number } | undefined;
    for (let at = 0; at < nodeCount; at += 1) {
      const cpu = (this.cpu[at] as number) - cpuMilli;
      const memory = (this.memory[at] as number) - memoryBytes;
      if (cpu < 0 || memory < 0) continue;
      const filled = memoryShare > cpuShare ? memory * 64 < memoryMax : cpu * 64 < cpuOf(at);
      const tier = this.there[at] === 0 ? 0 : filled ? 2 : 1;
      if (best === undefined || tier > best.tier) best = { at, tier };
    }
    return best;
  }

  charge(at: number, { cpuMilli, memoryBytes }: PlacementVm['demand'], sign: 1 | -1): void {
    this.cpu[at] = (this.cpu[at] as number) - sign * cpuMilli;
    this.memory[at] = (this.memory[at] as number) - sign * memoryBytes;
    this.there[at] = (this.there[at] as number) + sign;
  }
}

const demands = fc.record({
  cpuMilli: fc.constantFrom(500, 1_000, 2_000, 3_000, 6_000),
  // Whole KiB, as the scheduler counts a cluster's memory.
  memoryBytes: fc.constantFrom(1_024, 8_192, 32_768, 61_440),
  diskBytes: fc.constant(0),
});
const steps = fc.oneof(
  { weight: 5, arbitrary: demands.map((demand) => ({ kind: 'place' as const, demand })) },
  { weight: 2, arbitrary: fc.nat(1_000).map((at) => ({ kind: 'release' as const, at })) },
);

function name(at: number): string {
  return `node-${String(at).padStart(3, '0')}`;
}

test('among many nodes pack takes the one that trying each of them in turn would', () => {
  const tiers = [0, 0, 0];
  let none = 0;
  fc.assert(
    fc.property(fc.array(steps, { minLength: 200, maxLength: 600, size: 'max' }), (history) => {
      const scheduler = new Scheduler({ policy: 'pack', overcommit: noOvercommit });
      const naive = new NaivePack();
      for (let at = nodeCount - 1; at >= 0; at -= 1)
        scheduler.setNode({
          name: name(at),
          capacity: { cpuMilli: cpuOf(at), memoryBytes: memoryMax, diskBytes: 0 },
          labels: {},
          accelerators: [],
          up: true,
          cordoned: false,
        });
      const placed: { vm: PlacementVm; at: number }[] = [];
      for (const [number, step] of history.entries()) {
        if (step.kind === 'release') {
          const [gone] = placed.splice(step.at % Math.max(1, placed.length), 1);
          if (gone === undefined) continue;
          scheduler.release(gone.vm.id, { node: name(gone.at), fenceToken: 1 });
          naive.charge(gone.at, gone.vm.demand, -1);
          continue;
        }
        const { demand } = step;
        const nothing = { labels: {}, nodeSelector: {}, affinity: [], priority: 0, accelerator: undefined };
        const vm: PlacementVm = { id: `vm-${number}`, project: 'p', demand, ...nothing };
        const expected = naive.choose(demand);
        const outcome = scheduler.place(vm);
        if (expected === undefined) {
          expect(outcome.kind).toBe('noNode');
          none += 1;
          continue;
        }
        expect(outcome).toEqual({ kind: 'placed', node: name(expected.at) });
        tiers[expected.tier] = (tiers[expected.tier] ?? 0) + 1;
        scheduler.allocate(vm, { node: name(expected.at), fenceToken: 1 });
        naive.charge(expected.at, demand, 1);
        placed.push({ vm, at: expected.at });
      }
    }),
    { numRuns: 40 },
  );
  for (const seen of [...tiers, none]) expect(seen).toBeGreaterThan(10);
});
