import { assert } from '../../core/base/assert.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { between, type CapturablePrng, type Prng } from '../../core/base/prng.ts';
import { Agent } from '../../core/plasma/agent/agent.ts';
import { defaultAgentSettings } from '../../core/plasma/agent/protocol.ts';
import { type NodeName } from '../../core/plasma/types.ts';
import { defaultWatchdogConfig } from '../../core/plasma/watchdog/protocol.ts';
import { Watchdog } from '../../core/plasma/watchdog/watchdog.ts';
import { NodeClock } from '../clock.ts';
import { SimulatedSegments } from '../disk/segments.ts';
import { SimulatedStore } from '../disk/store.ts';
import { SimulatedProcess } from '../process.ts';
import { type World } from '../world.ts';
import { agentAddress, machineAddress, nodeNameOf, watchdogAddress } from './addresses.ts';
import { type SimulatedMachine } from './hypervisor-types.ts';
import {
  AgentSurroundings,
  type ComputeNodeObserver,
  type NodeSurroundings,
  WatchdogSurroundings,
} from './node-surroundings.ts';
import { type PlasmaCloudPlan } from './plan.ts';
import { type AgentProcess, type AgentTypes, type WatchdogProcess, type WatchdogTypes } from './processes.ts';
import { type PlasmaServers } from './servers.ts';
import { type StorageNode } from './storage-node.ts';

export interface ComputeNodeOptions {
  readonly world: World;
  readonly prng: CapturablePrng;
  readonly position: number;
  readonly plan: PlasmaCloudPlan;
  readonly machine: SimulatedMachine;
  readonly servers: PlasmaServers;
  readonly storage: StorageNode;
  readonly observer: ComputeNodeObserver;
}

const clockStartUsMax = 4_000_000_000;
const syncUsMin = 80;
const syncUsMax = 2_000;

/** A machine with its hypervisor processes, its agent and its watchdog. The two processes read one clock. */
export class ComputeNode {
  readonly name: NodeName;
  readonly address: NodeId;
  readonly machineAddress: NodeId;
  readonly machine: SimulatedMachine;
  readonly agent: AgentProcess;
  readonly watchdog: WatchdogProcess;
  readonly #options: ComputeNodeOptions;
  readonly #prng: Prng;
  #clock: NodeClock;
  #driftPpm: number;
  #boots = 1;
  #powered = false;
  #frozen = false;

  constructor(options: ComputeNodeOptions) {
    this.#options = options;
    const { position, plan, prng, world } = options;
    this.name = nodeNameOf(position);
    this.address = agentAddress(position);
    this.machineAddress = machineAddress(position);
    this.machine = options.machine;
    this.#prng = prng.fork('machine');
    const own = plan.nodes[position];
    assert(own !== undefined, 'a node has a plan');
    this.#driftPpm = own.driftPpm;
    this.#clock = this.#newClock();
    const disk = prng.fork('disk');
    const { machine, servers, storage, observer } = options;
    const surroundings: NodeSurroundings = {
      ...{ world, prng, name: this.name, machine, servers, storage, observer },
      watchdog: () => this.watchdog,
    };
    const watchdogSurroundings = new WatchdogSurroundings(surroundings);
    const processOptions = (label: string) => ({
      world,
      prng: prng.fork(label),
      segments: new SimulatedSegments({
        world,
        prng: prng.fork(`${label} segments`),
        syncMedianUs: between(disk, syncUsMin, syncUsMax),
      }),
      store: new SimulatedStore({
        world,
        prng: prng.fork(`${label} store`),
        tables: [],
        flushMedianUs: 1_000,
      }),
      driftPpm: own.driftPpm,
      clock: () => this.#clock,
    });
    this.agent = new SimulatedProcess<Agent, AgentTypes>({
      ...processOptions('agent'),
      node: this.address,
      surroundings: new AgentSurroundings(surroundings, watchdogSurroundings),
      recover: ({ segments, boot }, agentPrng, nowUs) =>
        Agent.recover({ segments }, this.#agentConfig(boot), agentPrng, nowUs),
    });
    this.watchdog = new SimulatedProcess<Watchdog, WatchdogTypes>({
      ...processOptions('watchdog'),
      node: watchdogAddress(position),
      surroundings: watchdogSurroundings,
      recover: () => new Watchdog(defaultWatchdogConfig),
    });
  }

  get frozen(): boolean {
    return this.#frozen;
  }

  /** Counts starts of the machine, from 1. */
  get boots(): number {
    return this.#boots;
  }

  get powered(): boolean {
    return this.#powered;
  }

  /** Power comes, for the first time or again. */
  powerOn(): void {
    assert(!this.#powered, 'power comes once');
    this.#powered = true;
    this.watchdog.start();
    this.agent.start();
  }

  powerOff(): void {
    if (!this.#powered) return;
    this.#powered = false;
    this.#frozen = false;
    this.agent.crash('machine');
    this.watchdog.crash('machine');
    this.machine.powerOff();
    this.#boots += 1;
    this.#clock = this.#newClock();
  }

  /** Everything on it stands still: both processes, hypervisors and guests. @returns false when it did already, or is off */
  freeze(): boolean {
    if (!this.#powered || this.#frozen) return false;
    this.#frozen = true;
    this.agent.pause();
    this.watchdog.pause();
    this.machine.freeze();
    return true;
  }

  thaw(): void {
    if (!this.#frozen) return;
    this.#frozen = false;
    this.machine.thaw();
    this.agent.resume();
    this.watchdog.resume();
  }

  drift(driftPpm: number): void {
    this.#driftPpm = driftPpm;
    this.agent.drift(driftPpm);
    this.watchdog.drift(driftPpm);
  }

  #newClock(): NodeClock {
    const { world } = this.#options;
    return new NodeClock({
      worldUs: world.nowUs,
      nodeUs: this.#prng.below(clockStartUsMax),
      driftPpm: this.#driftPpm,
    });
  }

  #agentConfig(boot: number): Parameters<typeof Agent.recover>[1] {
    const { plan, position } = this.#options;
    const own = plan.nodes[position];
    assert(own !== undefined, 'a node has a plan');
    return {
      node: this.name,
      agentBootId: `${this.name}-agent-${boot}`,
      machineBootId: `${this.name}-machine-${this.#boots}`,
      capacity: own.capacity,
      labels: own.labels,
      accelerators: ['tcg'],
      address: `${this.name}:7071`,
      servers: plan.servers,
      settings: { ...defaultAgentSettings, ...plan.agent },
    };
  }
}
