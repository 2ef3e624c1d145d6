import { type PlacementVm } from '../../../core/plasma/placement/placement-vm.ts';
import { noOvercommit, type PlacementNode } from '../../../core/plasma/placement/placement-node.ts';
import { type PlacementPolicy } from '../../../core/plasma/placement/policy.ts';
import { Scheduler } from '../../../core/plasma/placement/scheduler.ts';
import { type AffinityRule } from '../../../core/plasma/types.ts';
import { type Prng } from '../../../core/base/prng.ts';

const gibibyte = 1_073_741_824;
const appCount = 500;
const projectCount = 20;

/** Two sizes of nodes, in 8 zones and racks of 40. */
export function benchNodes(count: number): readonly PlacementNode[] {
  return Array.from({ length: count }, (_, at) => ({
    name: `node-${String(at).padStart(6, '0')}`,
    capacity: {
      cpuMilli: at % 4 === 0 ? 64_000 : 40_000,
      memoryBytes: (at % 4 === 0 ? 448 : 280) * gibibyte,
      diskBytes: 4_096 * gibibyte,
    },
    labels: {
      zone: `zone-${at % 8}`,
      rack: `rack-${Math.floor(at / 40)}`,
      disk: at % 16 < 8 ? 'nvme' : 'ssd',
    },
    accelerators: ['kvm'],
    up: true,
    cordoned: at % 100 === 99,
  }));
}

/**
 * What is asked: six in ten have an affinity rule. Three of them must not be on a node with another of their application, one not
 * in the same rack; one would rather be in another zone than the others; one has to be in the zone of the others.
 */
export function benchVm(prng: Prng, number: number, apps = appCount): PlacementVm {
  const app = prng.below(apps);
  const cpus = [1, 1, 1, 2, 2, 4, 8][prng.below(7)] as number;
  return {
    id: `vm-${number}`,
    project: `project-${app % projectCount}`,
    labels: { app: `app-${app}`, tier: `tier-${app % 3}` },
    demand: {
      cpuMilli: cpus * 1_000,
      memoryBytes: cpus * ([2, 4, 8][prng.below(3)] as number) * gibibyte,
      diskBytes: (20 + 10 * prng.below(5)) * gibibyte,
    },
    nodeSelector: prng.chance(1, 10) ? { disk: 'nvme' } : {},
    affinity: rulesOf(`app-${app}`, prng.below(10)),
    priority: 0,
    accelerator: 'kvm',
  };
}

function rulesOf(app: string, kind: number): readonly AffinityRule[] {
  const matches = { app };
  if (kind < 3) return [{ kind: 'anti-affinity', topology: 'node', matches, required: true }];
  if (kind === 3) return [{ kind: 'anti-affinity', topology: 'rack', matches, required: true }];
  if (kind === 4) return [{ kind: 'anti-affinity', topology: 'zone', matches, required: false }];
  if (kind === 5) return [{ kind: 'affinity', topology: 'zone', matches, required: true }];
  return [];
}

interface Placed {
  readonly vm: PlacementVm;
  readonly node: string;
}

/** A cluster that is as full as is wanted, in which virtual machines come and go. */
export class BenchCluster {
  readonly #scheduler: Scheduler;
  readonly #prng: Prng;
  readonly #placed: Placed[] = [];
  readonly #cpuMax: number;
  #cpu = 0;
  #made = 0;
  /** Of requests that no node was found for. */
  refused = 0;

  constructor(policy: PlacementPolicy, nodes: readonly PlacementNode[], prng: Prng) {
    this.#scheduler = new Scheduler({ policy, overcommit: noOvercommit });
    this.#prng = prng;
    for (const node of nodes) this.#scheduler.setNode(node);
    this.#cpuMax = nodes.reduce((sum, { capacity }) => sum + capacity.cpuMilli, 0);
  }

  get vms(): number {
    return this.#placed.length;
  }

  /** Of all processors, in percent. */
  get fullPercent(): number {
    return (this.#cpu * 100) / this.#cpuMax;
  }

  next(): PlacementVm {
    this.#made += 1;
    return benchVm(this.#prng, this.#made);
  }

  /** What is measured: the search, and the decision entered. */
  place(vm: PlacementVm): void {
    const outcome = this.#scheduler.place(vm);
    if (outcome.kind === 'noNode') {
      this.refused += 1;
      return;
    }
    this.#scheduler.allocate(vm, { node: outcome.node, fenceToken: 1 });
    this.#placed.push({ vm, node: outcome.node });
    this.#cpu += vm.demand.cpuMilli;
  }

  /** One of those that are there goes. */
  releaseOne(): void {
    const at = this.#prng.below(this.#placed.length);
    const gone = this.#placed[at] as Placed;
    const last = this.#placed.pop() as Placed;
    if (last !== gone) this.#placed[at] = last;
    this.#scheduler.release(gone.vm.id, { node: gone.node, fenceToken: 1 });
    this.#cpu -= gone.vm.demand.cpuMilli;
  }
}
