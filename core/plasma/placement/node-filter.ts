import { type NodeName, type Resources } from '../types.ts';
import { type AffinityRules, type Allocated, type CountedRule } from './affinity-rules.ts';
import { type Domain, type LabelColumn, noDomain } from './label-column.ts';
import { hasAccelerator, type NodeKinds } from './node-kinds.ts';
import { type NodeTable, type Slot } from './node-table.ts';
import { type UnfitReason } from './placement-outcome.ts';
import { type PlacementVm } from './placement-vm.ts';
import { type Reservations } from './reservations.ts';

/** Undefined: wherever it may. */
export interface PlacementBounds {
  /** On no other node than this one. */
  readonly only?: NodeName;
  /** Not on these: where it is already, for one that is to move. */
  readonly except?: readonly NodeName[];
}

export interface FilterParts {
  readonly nodes: NodeTable;
  readonly kinds: NodeKinds;
  readonly rules: AffinityRules;
  readonly reservations: Reservations;
}

/** Some of those on a node, which are not to be there. */
export interface Absent {
  readonly slot: Slot;
  readonly vms: readonly Allocated[];
}

export interface FilterOptions {
  readonly bounds?: PlacementBounds;
  /** It as it is allocated now, if it is: its own placements forbid it nothing. */
  readonly self: Allocated | undefined;
  /** Those that are about to leave this node: to be near them is to be near where they go. */
  readonly leaving?: Absent;
  /** Those that are thought away: no rule is about them there, none of theirs forbids anything there. */
  readonly gone?: Absent;
}

/** A mark for each domain of a column: a node in a domain that is marked so. */
interface Marked {
  readonly column: LabelColumn;
  readonly marks: Uint8Array;
}

const byOwnRule = 1;
const byRuleOfOthers = 2;

/** How near to whom it would rather be: added up over the rules that only weigh. */
interface Wish {
  readonly domainAt: Int32Array;
  readonly weights: Int32Array;
}

/** Which nodes will do for one virtual machine, as things are now: made for one search, useless after the next change. */
export class NodeFilter {
  readonly #vm: PlacementVm;
  /** What a node without reservations must have left. */
  readonly roomMin: Resources;
  readonly #nodes: NodeTable;
  readonly #reservations: Reservations;
  /** 1: open and of the right kind, by slot: all but affinity, room and what was excluded. */
  readonly kind: Uint8Array;
  /** −1: the node that is meant is not known. */
  readonly only: Slot | undefined;
  readonly #except: ReadonlySet<Slot> | undefined;
  /** Marked domains are those that it may be in. */
  readonly #near: readonly Marked[];
  /** Marked domains are those that it may not be in. */
  readonly #away: readonly Marked[];
  readonly #wishes: readonly Wish[];

  constructor(parts: FilterParts, vm: PlacementVm, options: FilterOptions) {
    const { bounds = {}, self } = options;
    this.#vm = vm;
    this.roomMin = {
      cpuMilli: roomMin(vm.demand.cpuMilli),
      memoryBytes: roomMin(vm.demand.memoryBytes),
      diskBytes: roomMin(vm.demand.diskBytes),
    };
    this.#nodes = parts.nodes;
    this.#reservations = parts.reservations;
    this.kind = parts.kinds.suiting(vm);
    this.only = bounds.only === undefined ? undefined : (parts.nodes.slotOf(bounds.only) ?? -1);
    this.#except = bounds.except === undefined ? undefined : slotsOf(parts.nodes, bounds.except);
    const near: Marked[] = [];
    const away: Marked[] = [];
    const wishes: Wish[] = [];
    for (const each of vm.affinity) {
      const rule = parts.rules.counted(vm.project, each);
      if (!each.required) wishes.push(wish(rule, self, each.kind));
      else if (each.kind === 'affinity') near.push(nearOnes(rule, vm, options));
      else markOwn(marksOf(away, rule.column), rule, options);
    }
    for (const rule of parts.rules.about(vm))
      if (!rule.keepingOut.isEmpty) markOthers(marksOf(away, rule.column), rule, options);
    this.#near = near;
    this.#away = away;
    this.#wishes = wishes;
  }

  /** It has to be near somebody. */
  get hasNear(): boolean {
    return this.#near.length > 0;
  }

  get demand(): Resources {
    return this.#vm.demand;
  }

  /** Some node may have more room for it than for others. */
  get hasReserved(): boolean {
    return this.#reservations.isKeptFor(this.#vm);
  }

  get hasWishes(): boolean {
    return this.#wishes.length > 0;
  }

  excludes(slot: Slot): boolean {
    if (this.only !== undefined && slot !== this.only) return true;
    return this.#except !== undefined && this.#except.has(slot);
  }

  /** No required rule, of its own or of others, forbids it. */
  mayBeAmong(slot: Slot): boolean {
    for (const each of this.#near) if (markAt(each, slot) === 0) return false;
    for (const each of this.#away) if (markAt(each, slot) !== 0) return false;
    return true;
  }

  /** The first resource of which there is too little, with what is kept for it. */
  missing(slot: Slot): 'cpu' | 'memory' | 'disk' | undefined {
    const kept = this.#reservations.keptFor(slot, this.#vm);
    const { demand } = this.#vm;
    const room = this.#nodes.room.at(slot);
    if (short(demand.cpuMilli, kept.cpuMilli, room.cpuMilli)) return 'cpu';
    if (short(demand.memoryBytes, kept.memoryBytes, room.memoryBytes)) return 'memory';
    if (short(demand.diskBytes, kept.diskBytes, room.diskBytes)) return 'disk';
    return undefined;
  }

  /** How well the rules that only weigh are met: more is better. */
  wishesMet(slot: Slot): number {
    let sum = 0;
    for (const { domainAt, weights } of this.#wishes) {
      const domain = domainAt[slot] as Domain;
      if (domain !== noDomain) sum += weights[domain] as number;
    }
    return sum;
  }

  /** Why the node will not do, in the order of `unfitReasons`; undefined: it will. */
  unfit(slot: Slot): UnfitReason | undefined {
    const node = this.#nodes.nodeAt(slot);
    if (!node.up) return 'not up';
    if (node.cordoned) return 'cordoned';
    if (this.excludes(slot)) return 'excluded';
    if (this.kind[slot] === 0) return hasAccelerator(node, this.#vm) ? 'node selector' : 'accelerator';
    for (const each of this.#near) if (markAt(each, slot) === 0) return 'affinity';
    for (const each of this.#away) if ((markAt(each, slot) & byOwnRule) !== 0) return 'anti-affinity';
    for (const each of this.#away) if (markAt(each, slot) !== 0) return 'anti-affinity of others';
    return this.missing(slot);
  }
}

function slotsOf(nodes: NodeTable, names: readonly NodeName[]): ReadonlySet<Slot> {
  const slots = new Set<Slot>();
  for (const name of names) {
    const slot = nodes.slotOf(name);
    if (slot !== undefined) slots.add(slot);
  }
  return slots;
}

function markAt({ column, marks }: Marked, slot: Slot): number {
  const domain = column.domainAt[slot] as Domain;
  return domain === noDomain ? 0 : (marks[domain] as number);
}

/** Marks over all rules of the same topology are one array. */
function marksOf(marked: Marked[], column: LabelColumn): Uint8Array {
  const known = marked.find((each) => each.column === column);
  if (known !== undefined) return known.marks;
  const marks = new Uint8Array(column.domainsEnd);
  marked.push({ column, marks });
  return marks;
}

function markOwn(marks: Uint8Array, rule: CountedRule, { self, gone }: FilterOptions): void {
  for (const [domain, count] of rule.matched.entries()) {
    const others = count - rule.ownMatched(self, domain) - absentMatched(rule, gone, domain);
    if (others > 0) marks[domain] = (marks[domain] as number) | byOwnRule;
  }
}

function markOthers(marks: Uint8Array, rule: CountedRule, { self, gone }: FilterOptions): void {
  for (const [domain, count] of rule.keepingOut.entries()) {
    let others = count - rule.ownKeepingOut(self, domain);
    if (gone !== undefined && domain === rule.column.domainAt[gone.slot])
      for (const each of gone.vms) if (each.keepsOut.includes(rule)) others -= placesOn(each, gone.slot);
    if (others > 0) marks[domain] = (marks[domain] as number) | byRuleOfOthers;
  }
}

/**
 * The domains with one that the rule is about. Where there is none at all and the rule is about the virtual machine itself,
 * all: else the first of those that are to be together could not be placed anywhere.
 */
function nearOnes(rule: CountedRule, vm: PlacementVm, { self, leaving, gone }: FilterOptions): Marked {
  const { column } = rule;
  const marks = new Uint8Array(column.domainsEnd);
  let found = false;
  for (const [domain, count] of rule.matched.entries()) {
    const absent = absentMatched(rule, leaving, domain) + absentMatched(rule, gone, domain);
    if (count - rule.ownMatched(self, domain) - absent <= 0) continue;
    marks[domain] = 1;
    found = true;
  }
  const first = rule.isAbout(vm) || leaving?.vms.some((each) => rule.isAbout(each.vm)) === true;
  if (!found && first) marks.fill(1);
  return { column, marks };
}

/** How many placements of the absent ones are in a count. */
function absentMatched(rule: CountedRule, absent: Absent | undefined, domain: Domain): number {
  if (absent === undefined || domain !== rule.column.domainAt[absent.slot]) return 0;
  let count = 0;
  for (const each of absent.vms) if (rule.isAbout(each.vm)) count += placesOn(each, absent.slot);
  return count;
}

function placesOn({ places }: Allocated, slot: Slot): number {
  let count = 0;
  for (const place of places) if (place.slot === slot) count += 1;
  return count;
}

function wish(rule: CountedRule, self: Allocated | undefined, kind: 'affinity' | 'anti-affinity'): Wish {
  const weights = new Int32Array(rule.column.domainsEnd);
  for (const [domain, count] of rule.matched.entries()) {
    const others = count - rule.ownMatched(self, domain);
    // Near one is as good as near ten; away from ten is better than away from one.
    weights[domain] = kind === 'affinity' ? Math.sign(others) : -others;
  }
  return { domainAt: rule.column.domainAt, weights };
}

/** What is kept for it covers a part of a demand, and there must be room for the rest. */
function short(demand: number, kept: number, room: number): boolean {
  return room < roomMin(Math.max(0, demand - kept));
}

/** Who wants nothing of a resource may go where too much of it is given away. */
function roomMin(demand: number): number {
  return demand === 0 ? -Infinity : demand;
}
