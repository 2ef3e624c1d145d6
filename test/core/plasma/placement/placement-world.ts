import fc from 'fast-check';

import {
  type Overcommit,
  type PlacementNode,
  type Reservation,
} from '../../../../core/plasma/placement/placement-node.ts';
import { type PlacementVm } from '../../../../core/plasma/placement/placement-vm.ts';
import { type PlacementPolicy, placementPolicies } from '../../../../core/plasma/placement/policy.ts';
import { Scheduler } from '../../../../core/plasma/placement/scheduler.ts';
import { type AffinityRule } from '../../../../core/plasma/types.ts';
import { NaiveScheduler } from './naive-scheduler.ts';

/** A few values of everything, so that what is drawn meets. */
const nodeNames = ['n0', 'n1', 'n2', 'n3', 'n4', 'n5'];
const vmIds = Array.from({ length: 10 }, (_, at) => `vm-${at}`);

const nodes: fc.Arbitrary<PlacementNode> = fc.record({
  name: fc.constantFrom(...nodeNames),
  capacity: fc.record({
    cpuMilli: fc.constantFrom(2_000, 4_000, 8_000),
    memoryBytes: fc.constantFrom(4_096, 8_192, 9_999),
    diskBytes: fc.constantFrom(0, 1_000),
  }),
  labels: fc.record(
    { zone: fc.constantFrom('a', 'b'), rack: fc.constantFrom('1', '2', '3') },
    { requiredKeys: [] },
  ),
  accelerators: fc.constantFrom(['tcg'], ['kvm', 'tcg']),
  up: fc.constantFrom(true, true, true, true, false),
  cordoned: fc.constantFrom(false, false, false, false, true),
});

const rules: fc.Arbitrary<AffinityRule> = fc.record({
  kind: fc.constantFrom('affinity' as const, 'anti-affinity' as const, 'anti-affinity' as const),
  topology: fc.constantFrom('node', 'zone', 'rack', 'row'),
  matches: fc.constantFrom({ app: 'x' }, { app: 'y' }, { app: 'x', tier: '1' }, {}),
  required: fc.constantFrom(true, true, false),
});

export const vms: fc.Arbitrary<PlacementVm> = fc.record({
  id: fc.constantFrom(...vmIds),
  project: fc.constantFrom('p', 'p', 'q'),
  labels: fc.record(
    { app: fc.constantFrom('x', 'y'), tier: fc.constantFrom('1', '2') },
    { requiredKeys: [] },
  ),
  demand: fc.record({
    cpuMilli: fc.constantFrom(500, 1_000, 2_000, 4_000),
    memoryBytes: fc.constantFrom(1_024, 2_048, 3_333),
    diskBytes: fc.constantFrom(0, 0, 400),
  }),
  nodeSelector: fc.constantFrom({}, {}, {}, { zone: 'a' }, { rack: '9' }, { node: 'n1' }),
  affinity: fc.oneof(fc.constant([]), fc.array(rules, { minLength: 1, maxLength: 2 })),
  priority: fc.constantFrom(0, 1, 5),
  accelerator: fc.constantFrom(undefined, undefined, 'kvm'),
});

const reservations: fc.Arbitrary<Reservation> = fc.record({
  id: fc.constantFrom('r0', 'r1', 'r2'),
  node: fc.constantFrom(...nodeNames),
  kept: fc.record({
    cpuMilli: fc.constantFrom(0, 1_000, 3_000),
    memoryBytes: fc.constantFrom(0, 2_048),
    diskBytes: fc.constantFrom(0, 300),
  }),
  beneficiary: fc.oneof(
    fc.record({ kind: fc.constant('project' as const), project: fc.constantFrom('p', 'q') }),
    fc.record({ kind: fc.constant('vm' as const), vm: fc.constantFrom(...vmIds) }),
  ),
});

export type Step =
  | { readonly kind: 'setNode'; readonly node: PlacementNode }
  | { readonly kind: 'removeNode'; readonly node: string }
  /** Where the scheduler says, or anywhere else: facts are not always as it would have them. */
  | { readonly kind: 'allocate'; readonly vm: PlacementVm; readonly node: string | undefined }
  | { readonly kind: 'release'; readonly at: number }
  | { readonly kind: 'update'; readonly vm: PlacementVm }
  | { readonly kind: 'reserve'; readonly reservation: Reservation }
  | { readonly kind: 'unreserve'; readonly id: string };

const placed = vms.map((vm): Step => ({ kind: 'allocate', vm, node: undefined }));
export const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: nodes.map((node): Step => ({ kind: 'setNode', node })) },
  { weight: 1, arbitrary: fc.constantFrom(...nodeNames).map((node): Step => ({ kind: 'removeNode', node })) },
  { weight: 6, arbitrary: placed },
  {
    weight: 2,
    arbitrary: fc
      .tuple(vms, fc.constantFrom(...nodeNames))
      .map(([vm, node]): Step => ({ kind: 'allocate', vm, node })),
  },
  { weight: 3, arbitrary: fc.nat(20).map((at): Step => ({ kind: 'release', at })) },
  { weight: 1, arbitrary: vms.map((vm): Step => ({ kind: 'update', vm })) },
  { weight: 1, arbitrary: reservations.map((reservation): Step => ({ kind: 'reserve', reservation })) },
  { weight: 1, arbitrary: fc.constantFrom('r0', 'r1', 'r2').map((id): Step => ({ kind: 'unreserve', id })) },
);

/** Of nodes first, so that there is somewhere to go. */
export const histories: fc.Arbitrary<readonly Step[]> = fc
  .tuple(
    fc.array(
      nodes.map((node): Step => ({ kind: 'setNode', node })),
      { minLength: 3, maxLength: 8, size: 'max' },
    ),
    fc.array(steps, { minLength: 8, maxLength: 40, size: 'max' }),
  )
  .map(([first, then]) => [...first, ...then]);

export const overcommits: fc.Arbitrary<Overcommit> = fc.constantFrom(
  { cpuPerMille: 1_000, memoryPerMille: 1_000, diskPerMille: 1_000 },
  { cpuPerMille: 1_500, memoryPerMille: 900, diskPerMille: 1_000 },
);
export const policies: fc.Arbitrary<PlacementPolicy> = fc.constantFrom(...placementPolicies);

/** Both, told the same. */
export class PlacementWorld {
  readonly scheduler: Scheduler;
  readonly naive: NaiveScheduler;
  #token = 0;

  constructor(policy: PlacementPolicy, overcommit: Overcommit) {
    this.scheduler = new Scheduler({ policy, overcommit });
    this.naive = new NaiveScheduler(overcommit);
  }

  /** A step that is not possible now is left out. */
  apply(step: Step): void {
    const { scheduler, naive } = this;
    switch (step.kind) {
      case 'setNode':
        scheduler.setNode(step.node);
        naive.nodes = [...naive.nodes.filter(({ name }) => name !== step.node.name), step.node];
        return;
      case 'removeNode':
        this.#removeNode(step.node);
        return;
      case 'allocate':
        this.#allocate(step.vm, step.node);
        return;
      case 'release':
        this.#release(step.at);
        return;
      case 'update':
        scheduler.update(step.vm);
        this.#renew(step.vm);
        return;
      case 'reserve':
        if (naive.reservations.some(({ id }) => id === step.reservation.id)) return;
        if (!scheduler.hasNode(step.reservation.node)) return;
        scheduler.reserve(step.reservation);
        naive.reservations.push(step.reservation);
        return;
      case 'unreserve':
        scheduler.unreserve(step.id);
        naive.reservations = naive.reservations.filter(({ id }) => id !== step.id);
        return;
    }
  }

  allocateOn(vm: PlacementVm, node: string): void {
    this.#token += 1;
    this.scheduler.allocate(vm, { node, fenceToken: this.#token });
    this.#renew(vm);
    this.naive.placements.push({ vm, node, token: this.#token });
  }

  #removeNode(name: string): void {
    const { naive } = this;
    if (!this.scheduler.hasNode(name)) return;
    if (naive.placements.some(({ node }) => node === name)) return;
    if (naive.reservations.some(({ node }) => node === name)) return;
    this.scheduler.removeNode(name);
    naive.nodes = naive.nodes.filter((node) => node.name !== name);
  }

  #allocate(vm: PlacementVm, asked: string | undefined): void {
    if (asked !== undefined) {
      if (this.scheduler.hasNode(asked)) this.allocateOn(vm, asked);
      return;
    }
    const outcome = this.scheduler.place(vm);
    if (outcome.kind === 'placed') this.allocateOn(vm, outcome.node);
  }

  #release(at: number): void {
    const { placements } = this.naive;
    const found = placements[at % Math.max(1, placements.length)];
    if (found === undefined) return;
    this.scheduler.release(found.vm.id, { node: found.node, fenceToken: found.token });
    this.naive.placements = placements.filter((each) => each !== found);
  }

  #renew(vm: PlacementVm): void {
    this.naive.placements = this.naive.placements.map((each) =>
      each.vm.id === vm.id ? { ...each, vm } : each,
    );
  }
}
