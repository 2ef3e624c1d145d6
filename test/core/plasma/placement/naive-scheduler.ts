import {
  labelOf,
  type Overcommit,
  type PlacementNode,
  type Reservation,
} from '../../../../core/plasma/placement/placement-node.ts';
import { type UnfitReason } from '../../../../core/plasma/placement/placement-outcome.ts';
import { type PlacementVm } from '../../../../core/plasma/placement/placement-vm.ts';
import { type AffinityRule, type Labels, type Resources } from '../../../../core/plasma/types.ts';

interface NaivePlacement {
  readonly vm: PlacementVm;
  readonly node: string;
  readonly token: number;
}

export interface NaiveBounds {
  readonly only?: string;
  readonly except?: readonly string[];
}

const resources = ['cpuMilli', 'memoryBytes', 'diskBytes'] as const;
const lacking = { cpuMilli: 'cpu', memoryBytes: 'memory', diskBytes: 'disk' } as const;

/** What the scheduler must agree with: the rules as they are written, over lists. */
export class NaiveScheduler {
  readonly overcommit: Overcommit;
  nodes: PlacementNode[] = [];
  placements: NaivePlacement[] = [];
  reservations: Reservation[] = [];

  constructor(overcommit: Overcommit) {
    this.overcommit = overcommit;
  }

  node(name: string): PlacementNode {
    const found = this.nodes.find((each) => each.name === name);
    if (found === undefined) throw new Error(`no node ${name}`);
    return found;
  }

  limit(node: PlacementNode, resource: keyof Resources): number {
    const perMille = {
      cpuMilli: this.overcommit.cpuPerMille,
      memoryBytes: this.overcommit.memoryPerMille,
      diskBytes: this.overcommit.diskPerMille,
    }[resource];
    return Math.floor((node.capacity[resource] * perMille) / 1_000);
  }

  /** What a node is charged: for each beneficiary the larger of what is kept and what is used. */
  charged(placements: readonly NaivePlacement[], node: string, resource: keyof Resources): number {
    const here = this.reservations.filter((each) => each.node === node);
    const keys = new Set(here.map(beneficiaryKey));
    const used = new Map<string, number>();
    let charged = 0;
    for (const { vm } of placements.filter((each) => each.node === node)) {
      const key = [`vm ${vm.id}`, `project ${vm.project}`].find((each) => keys.has(each));
      if (key === undefined) charged += vm.demand[resource];
      else used.set(key, (used.get(key) ?? 0) + vm.demand[resource]);
    }
    for (const key of keys) {
      const kept = here.filter((each) => beneficiaryKey(each) === key);
      const sum = kept.reduce((before, each) => before + each.kept[resource], 0);
      charged += Math.max(sum, used.get(key) ?? 0);
    }
    return charged;
  }

  unfit(
    vm: PlacementVm,
    name: string,
    bounds: NaiveBounds = {},
    placements = this.placements,
  ): UnfitReason | undefined {
    const node = this.node(name);
    if (!node.up) return 'not up';
    if (node.cordoned) return 'cordoned';
    if (bounds.only !== undefined && bounds.only !== name) return 'excluded';
    if (bounds.except?.includes(name) === true) return 'excluded';
    if (vm.accelerator !== undefined && !node.accelerators.includes(vm.accelerator)) return 'accelerator';
    for (const [label, value] of Object.entries(vm.nodeSelector))
      if (labelOf(node, label) !== value) return 'node selector';
    const others = placements.filter((each) => each.vm.id !== vm.id);
    for (const rule of vm.affinity)
      if (rule.required && rule.kind === 'affinity' && !this.#isNear(vm, rule, node, others))
        return 'affinity';
    for (const rule of vm.affinity)
      if (rule.required && rule.kind === 'anti-affinity' && this.#meets(vm.project, rule, node, others))
        return 'anti-affinity';
    for (const other of others)
      for (const rule of other.vm.affinity)
        if (rule.required && rule.kind === 'anti-affinity' && this.#keepsOut(other, rule, vm, node))
          return 'anti-affinity of others';
    return this.#lacking(vm, name, placements);
  }

  /** Pairs that break a required anti-affinity: who has the rule, and who breaks it. */
  brokenPairs(): readonly string[] {
    const pairs = new Set<string>();
    for (const one of this.placements)
      for (const rule of one.vm.affinity)
        if (rule.required && rule.kind === 'anti-affinity')
          for (const other of this.placements)
            if (other.vm.id !== one.vm.id && this.#keepsOut(one, rule, other.vm, this.node(other.node)))
              pairs.add(`${one.vm.id} ${other.vm.id} ${rule.topology}`);
    return [...pairs].sort();
  }

  wishesMet(vm: PlacementVm, name: string): number {
    const node = this.node(name);
    const others = this.placements.filter((each) => each.vm.id !== vm.id);
    let sum = 0;
    for (const rule of vm.affinity.filter((each) => !each.required)) {
      const met = others.filter(
        (each) => isAbout(vm.project, rule, each.vm) && this.#together(rule.topology, node, each.node),
      ).length;
      sum += rule.kind === 'affinity' ? Math.min(met, 1) : -met;
    }
    return sum;
  }

  /** 2: in use, and less than a 64th of what is scarcest is left of it. 1: in use. 0: empty. */
  packTier(vm: PlacementVm, name: string): 0 | 1 | 2 {
    if (!this.placements.some(({ node }) => node === name)) return 0;
    const up = this.nodes.filter((node) => node.up);
    const share = (resource: 'cpuMilli' | 'memoryBytes', unit: number): number => {
      const sum = (of: (node: PlacementNode) => number): number =>
        up.reduce((before, node) => before + Math.floor(of(node) / unit), 0);
      const limit = sum((node) => this.limit(node, resource));
      const used = sum((node) =>
        this.placements
          .filter((each) => each.node === node.name)
          .reduce((before, each) => before + each.vm.demand[resource], 0),
      );
      return limit === 0 ? 0 : Math.floor((used / limit) * 65_536);
    };
    const scarcest = share('memoryBytes', 1_024) > share('cpuMilli', 1) ? 'memoryBytes' : 'cpuMilli';
    const limit = this.limit(this.node(name), scarcest);
    const left = limit - this.charged(this.placements, name, scarcest) - vm.demand[scarcest];
    return left * 64 < limit ? 2 : 1;
  }

  #isNear(
    vm: PlacementVm,
    rule: AffinityRule,
    node: PlacementNode,
    others: readonly NaivePlacement[],
  ): boolean {
    if (labelOf(node, rule.topology) === undefined) return false;
    const about = others.filter(
      (each) =>
        isAbout(vm.project, rule, each.vm) && labelOf(this.node(each.node), rule.topology) !== undefined,
    );
    if (about.length === 0) return isAbout(vm.project, rule, vm);
    return about.some((each) => this.#together(rule.topology, node, each.node));
  }

  #meets(
    project: string,
    rule: AffinityRule,
    node: PlacementNode,
    others: readonly NaivePlacement[],
  ): boolean {
    return others.some(
      (each) => isAbout(project, rule, each.vm) && this.#together(rule.topology, node, each.node),
    );
  }

  #keepsOut(holder: NaivePlacement, rule: AffinityRule, vm: PlacementVm, node: PlacementNode): boolean {
    return isAbout(holder.vm.project, rule, vm) && this.#together(rule.topology, node, holder.node);
  }

  #together(topology: string, node: PlacementNode, other: string): boolean {
    const domain = labelOf(node, topology);
    return domain !== undefined && domain === labelOf(this.node(other), topology);
  }

  #lacking(vm: PlacementVm, node: string, placements: readonly NaivePlacement[]): UnfitReason | undefined {
    for (const resource of resources) {
      const before = this.charged(placements, node, resource);
      const after = this.charged([...placements, { vm, node, token: -9 }], node, resource);
      // Who adds nothing may go where too much is given away already.
      if (after > before && after > this.limit(this.node(node), resource)) return lacking[resource];
    }
    return undefined;
  }
}

function isAbout(project: string, rule: AffinityRule, vm: PlacementVm): boolean {
  return vm.project === project && hasLabels(vm.labels, rule.matches);
}

function hasLabels(labels: Labels, wanted: Labels): boolean {
  return Object.entries(wanted).every(([name, value]) => labels[name] === value);
}

function beneficiaryKey({ beneficiary }: Reservation): string {
  return beneficiary.kind === 'vm' ? `vm ${beneficiary.vm}` : `project ${beneficiary.project}`;
}
