import { describe } from 'vitest';

import { type Hypervisor, type HypervisorReport } from '../../core/plasma/hypervisor.ts';
import { type InstanceId } from '../../core/plasma/types.ts';
import { SimulatedHypervisors } from '../../sim/plasma/hypervisor.ts';
import { type GuestDeed, type SimulatedMachine } from '../../sim/plasma/hypervisor-types.ts';
import { seededPrng } from '../../sim/prng.ts';
import { World } from '../../sim/world.ts';
import { hypervisorContract } from './hypervisor-contract.ts';
import { type AskedAct, type HypervisorNode, type HypervisorSubject } from './hypervisor-subject.ts';

const patienceUs = 120_000_000;
let worlds = 0;

class SimulatedNode implements HypervisorNode {
  reports: HypervisorReport[] = [];
  readonly #machine: SimulatedMachine;
  readonly #ticks = new Map<string, number>();
  #hypervisor: Hypervisor;
  #actId = 0;

  constructor(machine: SimulatedMachine) {
    this.#machine = machine;
    this.#hypervisor = this.#opened();
  }

  act(act: AskedAct): number {
    this.#actId += 1;
    this.#hypervisor.act({ ...act, actId: this.#actId });
    return this.#actId;
  }

  restartAgent(): Promise<void> {
    this.#machine.agentDied();
    this.reports = [];
    this.#hypervisor = this.#opened();
    return Promise.resolve();
  }

  endAgent(): void {
    this.#machine.agentDied();
  }

  /** What has ended has counted as far as it had when it was last looked at. */
  tick({ pid, startTicks }: InstanceId): number {
    const key = `${pid}.${startTicks}`;
    const alive = this.#machine.instances.find(
      ({ instance }) => instance.pid === pid && instance.startTicks === startTicks,
    );
    if (alive !== undefined) this.#ticks.set(key, alive.tick);
    return this.#ticks.get(key) ?? 0;
  }

  guest(instance: InstanceId, does: GuestDeed): Promise<void> {
    this.#machine.guest(instance, does);
    return Promise.resolve();
  }

  killProcess({ pid, startTicks }: InstanceId): void {
    this.#machine.killProcess(pid, startTicks);
  }

  freeze(instance: InstanceId): void {
    this.#machine.freezeInstance(instance);
  }

  thaw(instance: InstanceId): void {
    this.#machine.thawInstance(instance);
  }

  #opened(): Hypervisor {
    const hypervisor = this.#machine.hypervisor();
    const { reports } = this;
    hypervisor.onReport = (report) => reports.push(report);
    return hypervisor;
  }
}

class SimulatedHypervisorSubject implements HypervisorSubject {
  readonly bootImage = `sha256:${'ab'.repeat(32)}`;
  readonly bootImageBytes = 1_048_576;
  readonly machine = { cpus: 1, memoryBytes: 8_388_608 };
  readonly a: SimulatedNode;
  readonly b: SimulatedNode;
  readonly #world = new World();

  constructor() {
    worlds += 1;
    const hypervisors = new SimulatedHypervisors({
      world: this.#world,
      prng: seededPrng(`hypervisors ${worlds}`),
      write: () => undefined,
      deafOneIn: 0,
    });
    this.a = new SimulatedNode(hypervisors.machine('a'));
    this.b = new SimulatedNode(hypervisors.machine('b'));
  }

  serveBootDisk(): Promise<string> {
    return Promise.resolve('nbd://storage/boot');
  }

  serveDisk(): Promise<string> {
    return Promise.resolve('nbd://storage/empty');
  }

  until(done: () => boolean): Promise<void> {
    if (!done()) this.#world.runUntil(this.#world.nowUs + patienceUs, done);
    return done() ? Promise.resolve() : Promise.reject(new Error('it does not come to that'));
  }

  pass(): Promise<void> {
    this.#world.runUntil(this.#world.nowUs + 2_000_000);
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

for (let run = 1; run <= 5; run += 1)
  describe(`the simulated hypervisor, draw ${run}`, () =>
    hypervisorContract(() => Promise.resolve(new SimulatedHypervisorSubject())));
