import { assert, present } from '../../core/base/assert.ts';
import { noOvercommit } from '../../core/plasma/placement/placement-node.ts';
import { type PlacementVm } from '../../core/plasma/placement/placement-vm.ts';
import { type PlacementPolicy } from '../../core/plasma/placement/policy.ts';
import { Scheduler } from '../../core/plasma/placement/scheduler.ts';
import { type NodeName } from '../../core/plasma/types.ts';
import { type Arrival } from './placement-trace.ts';

/** All hosts are alike. */
export interface HostSize {
  readonly cpuMilli: number;
  readonly memoryBytes: number;
}

/** Hosts in use over a trace, from its first arrival to its last. */
export interface HostsUsed {
  readonly peakHosts: number;
  readonly hostMs: number;
}

export interface ReplayedPolicy extends HostsUsed {
  readonly policy: PlacementPolicy;
  readonly placed: number;
}

/** The first that no host can hold; undefined: each fits an empty host. */
export function tooLargeFor(host: HostSize, arrivals: readonly Arrival[]): Arrival | undefined {
  return arrivals.find(
    ({ cpuMilli, memoryBytes }) => cpuMilli > host.cpuMilli || memoryBytes > host.memoryBytes,
  );
}

/**
 * What no placement can be below: at each moment as many hosts as would hold everything if virtual machines were a fluid that
 * could be poured from one host into another at will.
 */
export function fluidLowerBound(host: HostSize, arrivals: readonly Arrival[]): HostsUsed {
  const meter = new HostMeter(arrivals);
  let cpuMilli = 0;
  let memoryBytes = 0;
  for (const { kind, at, index } of changes(arrivals)) {
    const arrival = present(arrivals[index], 'a change is of an arrival');
    const sign = kind === 'arrived' ? 1 : -1;
    cpuMilli += sign * arrival.cpuMilli;
    memoryBytes += sign * arrival.memoryBytes;
    const hosts = Math.max(Math.ceil(cpuMilli / host.cpuMilli), Math.ceil(memoryBytes / host.memoryBytes));
    meter.inUse(at, hosts);
  }
  return meter.end();
}

/**
 * Places each arrival as the scheduler says, on hosts that are there on demand: it knows those that have something on them, and
 * where none of them will do, the free one with the lowest number is added. Nothing is ever moved.
 *
 * Each arrival must fit an empty host.
 */
export function replayPlacement(
  host: HostSize,
  arrivals: readonly Arrival[],
  policy: PlacementPolicy,
): ReplayedPolicy {
  const hosts = new HostsOnDemand(host, policy);
  const meter = new HostMeter(arrivals);
  const placedOn: (NodeName | undefined)[] = [];
  let placed = 0;
  for (const { kind, at, index } of changes(arrivals)) {
    if (kind === 'arrived') {
      placedOn[index] = hosts.place(virtualMachine(index, present(arrivals[index], 'an arrival')));
      placed += 1;
    } else {
      hosts.release(idOf(index), present(placedOn[index], 'who leaves had come'));
      placedOn[index] = undefined;
    }
    meter.inUse(at, hosts.inUse);
  }
  return { policy, placed, ...meter.end() };
}

/** By how much it is above the bound, in hundredths of a percent. */
export function aboveBound(used: number, bound: number): number {
  assert(bound > 0, 'a bound is above 0');
  return Math.round(((used - bound) * 10_000) / bound);
}

interface Change {
  readonly kind: 'arrived' | 'left';
  readonly at: number;
  readonly index: number;
}

/** Arrivals and departures up to the last arrival, in order; who leaves at the same moment has left before others come. */
function* changes(arrivals: readonly Arrival[]): Generator<Change> {
  const leaving = Array.from(arrivals, (_, index) => index);
  const departMs = (index: number): number => (arrivals[index] as Arrival).departMs;
  leaving.sort((a, b) => (departMs(a) === departMs(b) ? a - b : departMs(a) < departMs(b) ? -1 : 1));
  let next = 0;
  for (const [index, { arriveMs }] of arrivals.entries()) {
    for (;;) {
      const first = leaving[next];
      // One that lives for no time at all leaves after it has come.
      if (first === undefined || departMs(first) > arriveMs || first >= index) break;
      yield { kind: 'left', at: departMs(first), index: first };
      next += 1;
    }
    yield { kind: 'arrived', at: arriveMs, index };
  }
}

class HostMeter {
  readonly #endMs: number;
  #fromMs: number;
  #inUse = 0;
  #peak = 0;
  #hostMs = 0;

  constructor(arrivals: readonly Arrival[]) {
    this.#fromMs = arrivals[0]?.arriveMs ?? 0;
    this.#endMs = arrivals.at(-1)?.arriveMs ?? 0;
  }

  inUse(atMs: number, hosts: number): void {
    assert(atMs >= this.#fromMs, 'changes come in the order of time');
    this.#hostMs += this.#inUse * (atMs - this.#fromMs);
    this.#fromMs = atMs;
    this.#inUse = hosts;
    this.#peak = Math.max(this.#peak, hosts);
  }

  end(): HostsUsed {
    this.inUse(this.#endMs, this.#inUse);
    return { peakHosts: this.#peak, hostMs: this.#hostMs };
  }
}

/** Names in the order of their numbers. */
const numberWidth = 7;

class HostsOnDemand {
  readonly #host: HostSize;
  readonly #scheduler: Scheduler;
  /** Whether it is in use, by its number. */
  readonly #used: boolean[] = [];
  inUse = 0;

  constructor(host: HostSize, policy: PlacementPolicy) {
    this.#host = host;
    this.#scheduler = new Scheduler({ policy, overcommit: noOvercommit });
  }

  place(vm: PlacementVm): NodeName {
    let outcome = this.#scheduler.place(vm);
    if (outcome.kind === 'noNode') {
      this.#addHost();
      outcome = this.#scheduler.place(vm);
    }
    assert(outcome.kind === 'placed', 'everything fits an empty host');
    this.#scheduler.allocate(vm, { node: outcome.node, fenceToken: 1 });
    return outcome.node;
  }

  release(vm: string, node: NodeName): void {
    this.#scheduler.release(vm, { node, fenceToken: 1 });
    if (this.#scheduler.vmsOn(node).length > 0) return;
    this.#scheduler.removeNode(node);
    this.#used[Number(node.slice('host-'.length))] = false;
    this.inUse -= 1;
  }

  #addHost(): void {
    const free = this.#used.indexOf(false);
    const number = free < 0 ? this.#used.length : free;
    this.#used[number] = true;
    this.inUse += 1;
    this.#scheduler.setNode({
      name: `host-${String(number).padStart(numberWidth, '0')}`,
      capacity: { ...this.#host, diskBytes: 0 },
      labels: {},
      accelerators: [],
      up: true,
      cordoned: false,
    });
  }
}

function idOf(index: number): string {
  return `vm-${index}`;
}

function virtualMachine(index: number, { cpuMilli, memoryBytes }: Arrival): PlacementVm {
  return {
    id: idOf(index),
    project: 'trace',
    labels: {},
    demand: { cpuMilli, memoryBytes, diskBytes: 0 },
    nodeSelector: {},
    affinity: [],
    priority: 0,
    accelerator: undefined,
  };
}
