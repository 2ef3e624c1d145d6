import { type HypervisorAct } from '../../../core/plasma/hypervisor.ts';
import { type Tables } from '../../../core/plasma/control-plane/rows.ts';
import { sharedDiskName } from '../../../core/plasma/shared-disk-name.ts';
import { type StorageRequest, type StorageResponse } from '../../../core/plasma/storage-protocol.ts';
import { type NodeName } from '../../../core/plasma/types.ts';
import { Violation } from '../../types.ts';
import { type PlasmaChecker } from '../checker.ts';
import { agentAddress, nodeNameOf } from '../addresses.ts';
import { type PlasmaStep } from '../processes.ts';
import { type PlasmaHistory } from '../history.ts';
import { type PlasmaState } from '../state.ts';
import { type TrueCommit } from '../truth.ts';

/**
 * Nothing is removed because somebody does not know of it (invariant 9): an agent removes files of a virtual machine only under a
 * token that is not its place in the store by then; it is told to kill none that is at its place; and a shared disk is deleted
 * only when its row is gone and proof of its deletion has come into the store with that. A row is gone only after its user has
 * asked for it, and so is a snapshot of what has not been placed anew.
 *
 * Not verified: images, which no node has files of that anybody removes.
 */
export class RemovedOnEvidence implements PlasmaChecker {
  readonly name = 'removed-on-evidence';
  /** Disks, by their names on the storage node, of whose deletion there was proof in the store. */
  readonly #deletedDisks = new Set<string>();
  /** Of virtual machines, by id. */
  readonly #names = new Map<string, string>();

  onStep(step: PlasmaStep, { truth }: PlasmaState): void {
    if (step.of !== 'agent' || step.event.kind !== 'acted') return;
    const { report } = step.event;
    if (report.kind !== 'serverAnswered' || report.response.kind !== 'inventoryJudged') return;
    const node = nodeNameOf(step.process.node - agentAddress(0));
    for (const { vm, fenceToken, verdict } of report.response.verdicts) {
      const place = truth.vms.get(vm)?.placement;
      if (verdict !== 'kill' || place?.node !== node || place.fenceToken !== fenceToken) continue;
      const detail = `${node} is to kill ${vm} under token ${fenceToken}, which is where it belongs`;
      throw new Violation('removed-on-evidence', detail, 'a process of a place');
    }
  }

  onAct(node: NodeName, act: HypervisorAct, { truth, history }: PlasmaState): void {
    if (act.kind === 'deleteSnapshot') this.#lookAtSnapshot(act.instance.vm, act.snapshot, history);
    if (act.kind !== 'remove') return;
    const row = truth.vms.get(act.vm);
    const own = [row?.placement, row?.migration?.to];
    if (!own.some((place) => place?.node === node && place.fenceToken === act.fenceToken)) return;
    const detail = `${node} removes ${act.vm} under token ${act.fenceToken}, which is where it belongs`;
    throw new Violation('removed-on-evidence', detail, 'files of a place');
  }

  onStorageAnswered(request: StorageRequest, response: StorageResponse, { truth }: PlasmaState): void {
    if (request.kind !== 'deleteDisk' || response.kind !== 'deleted') return;
    const { disk } = request;
    for (const { project, onStorage } of truth.disks.values()) {
      if (sharedDiskName(project, onStorage) !== disk) continue;
      throw new Violation('removed-on-evidence', `${disk} is deleted, and has a row`, 'a disk');
    }
    if (this.#deletedDisks.has(disk)) return;
    throw new Violation('removed-on-evidence', `${disk} is deleted, and nobody has wanted it`, 'a disk');
  }

  onCommit(commit: TrueCommit, { history }: PlasmaState): void {
    this.#lookAtVms(commit, history);
    this.#lookAtDisks(commit, history);
  }

  #lookAtSnapshot(vm: string, snapshot: string, history: PlasmaHistory): void {
    const name = this.#names.get(vm);
    const asked = history.operations.some(
      ({ request }) =>
        request.kind === 'vmDeleteSnapshot' &&
        request.snapshot === snapshot &&
        (request.vm === vm || request.vm === name),
    );
    if (asked) return;
    const detail = `nobody has deleted the snapshot ${snapshot} of ${name ?? vm}`;
    throw new Violation('removed-on-evidence', detail, 'a snapshot');
  }

  #lookAtDisks({ rows }: TrueCommit, history: PlasmaHistory): void {
    for (const { table, after } of rows) {
      if (table !== 'deletedDisks' || after === undefined) continue;
      const { project, name, onStorage, operation } = after as Tables['deletedDisks'];
      this.#deletedDisks.add(sharedDiskName(project, onStorage));
      const asked = history.operations.some(
        ({ request }) =>
          request.kind === 'sharedDiskDelete' &&
          request.project === project &&
          request.disk === name &&
          request.operationId === operation,
      );
      if (!asked) throw new Violation('removed-on-evidence', `nobody has deleted the disk ${name}`, 'a disk');
    }
    for (const { table, before, after } of rows) {
      if (table !== 'disks' || before === undefined || after !== undefined) continue;
      const { project, name, onStorage } = before as Tables['disks'];
      if (this.#deletedDisks.has(sharedDiskName(project, onStorage))) continue;
      throw new Violation(
        'removed-on-evidence',
        `the row of the disk ${name} is gone without proof`,
        'a disk',
      );
    }
  }

  #lookAtVms({ rows }: TrueCommit, history: PlasmaHistory): void {
    for (const { table, before, after } of rows) {
      if (table !== 'vms' || after === undefined) continue;
      const { id, spec, snapshots, placement, fenceToken } = after as Tables['vms'];
      this.#names.set(id, spec.name);
      const was = before as Tables['vms'] | undefined;
      // They lie with the files of the token that it had.
      const isPlacedAnew = placement?.fenceToken === fenceToken && was?.fenceToken !== fenceToken;
      for (const snapshot of was?.snapshots ?? [])
        if (!snapshots.includes(snapshot) && !isPlacedAnew) this.#lookAtSnapshot(id, snapshot, history);
    }
    for (const { table, before, after } of rows) {
      if (table !== 'vms' || before === undefined || after !== undefined) continue;
      const { id, spec } = before as { id: string; spec: { name: string } };
      const asked = history.operations.some(
        ({ request }) => request.kind === 'vmDelete' && (request.vm === id || request.vm === spec.name),
      );
      if (!asked) throw new Violation('removed-on-evidence', `nobody has deleted ${spec.name}`, 'a row');
    }
  }
}
