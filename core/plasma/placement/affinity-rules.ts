import { assert, present } from '../../base/assert.ts';
import { type AffinityRule, type Labels, type ProjectName, type VmId } from '../types.ts';
import { type Domain, type LabelColumn, type LabelColumns, noDomain } from './label-column.ts';
import { type Slot } from './node-table.ts';
import { type PlacementVm } from './placement-vm.ts';

/** A virtual machine that is allocated somewhere. */
export interface Allocated {
  readonly vm: PlacementVm;
  readonly places: { readonly slot: Slot; readonly token: number }[];
  /** Counted rules of its own: all; those that it has to be near; those that keep others out. */
  readonly rules: readonly CountedRule[];
  readonly near: readonly CountedRule[];
  readonly keepsOut: readonly CountedRule[];
}

/** How many there are in each domain; domains with none are not in it. */
class DomainCounts {
  readonly #counts = new Map<Domain, number>();

  get isEmpty(): boolean {
    return this.#counts.size === 0;
  }

  get(domain: Domain): number {
    return this.#counts.get(domain) ?? 0;
  }

  add(domain: Domain, count: 1 | -1): void {
    const sum = this.get(domain) + count;
    assert(sum >= 0, 'a domain has no fewer than no placements');
    if (sum === 0) this.#counts.delete(domain);
    else this.#counts.set(domain, sum);
  }

  /** Whoever iterates may not depend on the order: it is history. */
  entries(): Iterable<[Domain, number]> {
    return this.#counts.entries();
  }
}

/** One question about the placements of a project, with its answer kept up to date. */
export class CountedRule {
  readonly project: ProjectName;
  readonly key: string;
  readonly topology: string;
  readonly column: LabelColumn;
  readonly #wanted: readonly (readonly [string, string])[];
  /** Placements whose labels it matches. */
  readonly matched = new DomainCounts();
  /** Placements of those whose own required anti-affinity it is. */
  readonly keepingOut = new DomainCounts();
  /** Allocated ones that have it: it is kept for as long as there is one. */
  holders = 0;

  constructor(project: ProjectName, { topology, matches }: AffinityRule, key: string, column: LabelColumn) {
    this.project = project;
    this.topology = topology;
    this.key = key;
    this.column = column;
    this.#wanted = sortedPairs(matches);
  }

  /** Labels that all that it matches have. */
  get pairs(): readonly string[] {
    return this.#wanted.map(pairKey);
  }

  /** A label that all that it matches have, by which it is found; empty if it matches all. */
  get firstPair(): string {
    const [first] = this.#wanted;
    return first === undefined ? '' : pairKey(first);
  }

  matches(labels: Labels): boolean {
    for (const [name, value] of this.#wanted)
      if (!Object.hasOwn(labels, name) || labels[name] !== value) return false;
    return true;
  }

  /** How many of its placements in this domain are the virtual machine's own. */
  ownMatched(of: Allocated | undefined, domain: Domain): number {
    return of === undefined || !this.isAbout(of.vm) ? 0 : this.#placesIn(of, domain);
  }

  ownKeepingOut(of: Allocated | undefined, domain: Domain): number {
    return of === undefined || !of.keepsOut.includes(this) ? 0 : this.#placesIn(of, domain);
  }

  isAbout(vm: PlacementVm): boolean {
    return vm.project === this.project && this.matches(vm.labels);
  }

  #placesIn(of: Allocated, domain: Domain): number {
    let count = 0;
    for (const { slot } of of.places) if (this.column.domainAt[slot] === domain) count += 1;
    return count;
  }
}

/** Rules that were asked for and that nobody who is allocated has: this many are kept. */
const idleRulesMax = 1_024;

interface ProjectRules {
  readonly byPair: Map<string, CountedRule[]>;
  /** All that are allocated. */
  readonly vms: Map<VmId, Allocated>;
  /** By each of their labels: a new rule is counted over those that have one of its own, not over all. */
  readonly labelled: Map<string, Set<Allocated>>;
}

/**
 * The affinity rules of all projects, each counted by the domains of its topology, so that asking where a rule holds costs as
 * much as there are domains with something in them, not as there are virtual machines.
 */
export class AffinityRules {
  readonly #columns: LabelColumns;
  readonly #rules = new Map<string, CountedRule>();
  readonly #projects = new Map<ProjectName, ProjectRules>();
  #idle = 0;

  constructor(columns: LabelColumns) {
    this.#columns = columns;
  }

  /** The rule, counted. It may be forgotten at the next call, if nobody who is allocated has it. */
  counted(project: ProjectName, asked: AffinityRule): CountedRule {
    const key = ruleKey(project, asked);
    const known = this.#rules.get(key);
    if (known !== undefined) return known;
    if (this.#idle >= idleRulesMax) this.#dropIdle();
    const rule = new CountedRule(project, asked, key, this.#columns.ofLabel(asked.topology));
    rule.column.rules += 1;
    this.#idle += 1;
    this.#rules.set(key, rule);
    const rules = this.#ofProject(project);
    const beside = rules.byPair.get(rule.firstPair);
    if (beside === undefined) rules.byPair.set(rule.firstPair, [rule]);
    else beside.push(rule);
    for (const allocated of candidates(rules, rule))
      if (rule.matches(allocated.vm.labels))
        for (const { slot } of allocated.places) add(rule.matched, rule.column, slot, 1);
    return rule;
  }

  /** Those of the project's rules that are about somebody with these labels. */
  about({ project, labels }: PlacementVm): readonly CountedRule[] {
    const rules = this.#projects.get(project);
    if (rules === undefined || rules.byPair.size === 0) return [];
    const found: CountedRule[] = [];
    for (const rule of rules.byPair.get('') ?? []) found.push(rule);
    for (const pair of Object.entries(labels))
      for (const rule of rules.byPair.get(pairKey(pair)) ?? []) if (rule.matches(labels)) found.push(rule);
    return found;
  }

  /** Begins to keep the rules of a virtual machine, which has no places yet. */
  hold(vm: PlacementVm): Allocated {
    const rules = new Set<CountedRule>();
    const near = new Set<CountedRule>();
    const keepsOut = new Set<CountedRule>();
    for (const each of vm.affinity) {
      const rule = this.counted(vm.project, each);
      // At once: the next one may be what makes room for itself.
      if (!rules.has(rule)) this.#addHolder(rule, 1);
      rules.add(rule);
      if (each.required) (each.kind === 'affinity' ? near : keepsOut).add(rule);
    }
    const allocated: Allocated = {
      vm,
      places: [],
      rules: [...rules],
      near: [...near],
      keepsOut: [...keepsOut],
    };
    const { vms, labelled } = this.#ofProject(vm.project);
    vms.set(vm.id, allocated);
    for (const pair of Object.entries(vm.labels)) {
      const key = pairKey(pair);
      const beside = labelled.get(key);
      if (beside === undefined) labelled.set(key, new Set([allocated]));
      else beside.add(allocated);
    }
    return allocated;
  }

  letGo(allocated: Allocated): void {
    assert(allocated.places.length === 0, 'one whose rules are forgotten is nowhere');
    for (const rule of allocated.rules) this.#addHolder(rule, -1);
    const { vms, labelled } = this.#ofProject(allocated.vm.project);
    vms.delete(allocated.vm.id);
    for (const pair of Object.entries(allocated.vm.labels)) {
      const key = pairKey(pair);
      const beside = present(labelled.get(key), 'what is held is found by its labels');
      beside.delete(allocated);
      if (beside.size === 0) labelled.delete(key);
    }
    if (this.#idle >= idleRulesMax) this.#dropIdle();
  }

  /** A placement has come, or is going. */
  count(allocated: Allocated, slot: Slot, sign: 1 | -1): void {
    for (const rule of this.about(allocated.vm)) add(rule.matched, rule.column, slot, sign);
    for (const rule of allocated.keepsOut) add(rule.keepingOut, rule.column, slot, sign);
  }

  ofProject(project: ProjectName): Iterable<Allocated> {
    return this.#projects.get(project)?.vms.values() ?? [];
  }

  #addHolder(rule: CountedRule, sign: 1 | -1): void {
    if (rule.holders === 0) this.#idle -= 1;
    rule.holders += sign;
    assert(rule.holders >= 0, 'a rule has no fewer than no holders');
    if (rule.holders === 0) this.#idle += 1;
  }

  #ofProject(project: ProjectName): ProjectRules {
    let rules = this.#projects.get(project);
    if (rules === undefined) {
      rules = { byPair: new Map(), vms: new Map(), labelled: new Map() };
      this.#projects.set(project, rules);
    }
    return rules;
  }

  #dropIdle(): void {
    for (const rule of this.#rules.values()) {
      if (rule.holders > 0) continue;
      this.#rules.delete(rule.key);
      rule.column.rules -= 1;
      const { byPair } = this.#ofProject(rule.project);
      const beside = present(byPair.get(rule.firstPair), 'a rule is found by its first label');
      beside.splice(beside.indexOf(rule), 1);
      if (beside.length === 0) byPair.delete(rule.firstPair);
    }
    for (const [project, { byPair, vms }] of this.#projects)
      if (byPair.size === 0 && vms.size === 0) this.#projects.delete(project);
    this.#idle = 0;
  }
}

/** All that the rule may match: of its labels the one that the fewest have. */
function candidates({ vms, labelled }: ProjectRules, { pairs }: CountedRule): Iterable<Allocated> {
  let fewest: ReadonlySet<Allocated> | undefined;
  for (const pair of pairs) {
    const having = labelled.get(pair);
    if (having === undefined) return [];
    if (fewest === undefined || having.size < fewest.size) fewest = having;
  }
  return fewest ?? vms.values();
}

function add(counts: DomainCounts, column: LabelColumn, slot: Slot, sign: 1 | -1): void {
  const domain = column.domainAt[slot] as Domain;
  if (domain !== noDomain) counts.add(domain, sign);
}

/** Names and values hold no control characters. */
function ruleKey(project: ProjectName, { topology, matches }: AffinityRule): string {
  return [project, topology, ...sortedPairs(matches).map(pairKey)].join('\u0001');
}

function pairKey([name, value]: readonly [string, string]): string {
  return `${name}\u0000${value}`;
}

function sortedPairs(labels: Labels): readonly (readonly [string, string])[] {
  return Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
}
