import { type Tables } from '../../core/plasma/control-plane/rows.ts';
import { sharedDiskName } from '../../core/plasma/shared-disk-name.ts';
import { awaitHealth } from '../system-run.ts';
import { type World } from '../world.ts';
import { type PlasmaFaults } from './faults.ts';
import { type SimulatedInstance } from './hypervisor-types.ts';
import { type PlasmaState } from './state.ts';
import { startsAgainAfter } from './restart-rules.ts';
import { type SimulatedUser } from './user.ts';

const lookUs = 200_000;

/**
 * The second half of a run: everything is healed, everything runs, and users begin nothing new. Within the bound every user must
 * have his answer, a server must lead, every node hold its lease, and what runs must be what is wanted: each virtual machine
 * that is to run executes at its place and nowhere else, no move is under way, what was deleted has left nothing, and no
 * hypervisor process is there that no row knows.
 */
export class PlasmaLiveness {
  readonly #world: World;
  readonly #state: PlasmaState;
  readonly #faults: PlasmaFaults;
  readonly #users: readonly SimulatedUser[];
  readonly #boundUs: number;

  constructor(options: {
    readonly world: World;
    readonly state: PlasmaState;
    readonly faults: PlasmaFaults;
    readonly users: readonly SimulatedUser[];
    readonly boundUs: number;
  }) {
    this.#world = options.world;
    this.#state = options.state;
    this.#faults = options.faults;
    this.#users = options.users;
    this.#boundUs = options.boundUs;
  }

  /** @throws Violation when it does not come about in time */
  run(): void {
    this.#faults.heal();
    for (const user of this.#users) user.stop();
    awaitHealth(this.#world, { lookUs, boundUs: this.#boundUs, lacking: () => this.#lacking() });
  }

  /** What is still missing; undefined when nothing is. */
  #lacking(): string | undefined {
    const { cloud, truth } = this.#state;
    for (const [position, user] of this.#users.entries()) {
      if (!user.idle) return `user ${position} waits for an answer to ${user.waitsFor}`;
    }
    if (!cloud.servers.processes.some(({ machine }) => machine?.status.role === 'leading'))
      return 'no server leads';
    for (const { name, agent } of cloud.nodes) {
      const view = agent.machine?.view;
      if (view?.phase !== 'serving') return `the agent of ${name} is ${view?.phase ?? 'down'}`;
      const row = truth.nodes.get(name);
      if (row === undefined || row.lost !== undefined || row.epoch !== view.epoch) return `${name} is not up`;
    }
    for (const row of truth.vms.values()) {
      const lacking = this.#lackingOf(row);
      if (lacking !== undefined) return `${row.spec.name} ${lacking}`;
    }
    for (const { id, state, generation, project } of truth.operations.values()) {
      if (state === 'running' && generation === undefined)
        return `operation ${id} of ${project} does not end`;
    }
    const [deleted] = truth.deleted.values();
    if (deleted !== undefined)
      return `${deleted.spec.name} was deleted, and something of it remains on ${deleted.remains.map(({ node }) => node).join(', ')}`;
    return this.#lackingOfDisks() ?? this.#leaked();
  }

  #lackingOfDisks(): string | undefined {
    const { cloud, truth } = this.#state;
    const [leaving] = truth.deletedDisks.values();
    if (leaving !== undefined)
      return `the shared disk ${leaving.onStorage} was deleted, and nobody has said that nothing of it is left`;
    const named = new Set<string>();
    for (const { project, onStorage } of truth.disks.values()) named.add(sharedDiskName(project, onStorage));
    const lost = cloud.storage.disks.disks.find((disk) => !named.has(disk));
    return lost === undefined ? undefined : `the storage node has the disk ${lost}, which belongs to nothing`;
  }

  #lackingOf(row: Tables['vms']): string | undefined {
    const { placement, wanted } = row;
    if (wanted === 'deleted') return 'is deleted, and is still there';
    if (row.migration !== undefined)
      return `is on its way to ${row.migration.to.node} (${row.migration.phase})`;
    if (row.eviction !== undefined) return 'is to leave its node';
    if (row.remains.length > 0)
      return `has left something on ${row.remains.map(({ node }) => node).join(', ')}`;
    if (placement === undefined) {
      if (wanted !== 'running' || row.pendingReason !== '') return undefined;
      return 'is to run, is nowhere, and nobody says why';
    }
    // It stood still, and there is no room for it to run again.
    if (wanted === 'running' && row.counts === 'disk' && row.pendingReason !== '') return undefined;
    const { node, fenceToken } = placement;
    const found = this.#state.cloud
      .node(node)
      .machine.instances.find(({ instance }) => instance.vm === row.id && instance.fenceToken === fenceToken);
    if (wanted === 'running' && found?.executing !== true && !this.#hasEndedForGood(row, found)) {
      return `is to run on ${node} under token ${fenceToken}, and does not (${placement.observed?.state ?? 'nothing was told'}: ${placement.observed?.message ?? ''})`;
    }
    if (wanted !== 'running' && found?.executing === true) return `is to be ${wanted}, and runs on ${node}`;
    if (wanted === 'stopped' && found !== undefined) return `is to be stopped, and has a process on ${node}`;
    return undefined;
  }

  /**
   * By itself, and its policy does not have it started again. Of one that is never started again nobody may have noted that it
   * was its lease that had ended.
   */
  #hasEndedForGood({ id, spec, placement }: Tables['vms'], found: SimulatedInstance | undefined): boolean {
    if (found !== undefined) return found.deed === 'panic' && spec.restartPolicy === 'never';
    const end = this.#state.ends.get(id);
    return (
      end !== undefined &&
      end.instance.fenceToken === placement?.fenceToken &&
      !startsAgainAfter(spec.restartPolicy, end)
    );
  }

  #leaked(): string | undefined {
    const { cloud, truth } = this.#state;
    for (const { name, machine } of cloud.nodes) {
      for (const { instance } of machine.instances) {
        const placement = truth.vms.get(instance.vm)?.placement;
        if (placement?.node !== name || placement.fenceToken !== instance.fenceToken)
          return `${name} has process ${instance.pid} of ${instance.vm} under token ${instance.fenceToken}, which belongs to nothing`;
      }
    }
    return undefined;
  }
}
