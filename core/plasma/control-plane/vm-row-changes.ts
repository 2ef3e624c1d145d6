import { type Generation, type VmState } from '../types.ts';
import { type Memory } from './memory.ts';
import { type NodeRow, ownKey, type Place, type RemainingPlace, type VmRow } from './rows.ts';

/** A change of what is wanted somewhere: agents tell what they have carried out by its number. */
export function wantedAnew(row: VmRow, changes: Partial<VmRow>): VmRow {
  return { ...row, ...changes, generation: row.generation + 1 };
}

/** Whether this was told of the place since the generation, of which earlier reports say nothing. */
export function toldSince(place: Place, generation: Generation, states: ReadonlySet<VmState>): boolean {
  const { observed } = place;
  return observed !== undefined && observed.generation >= generation && states.has(observed.state);
}

/** What it may have opened under its tokens belongs to it no more: whoever has these disks next comes above them. */
export function leaveDisks(memory: Memory, { spec, fenceToken }: VmRow, disks: readonly string[]): void {
  for (const name of disks) {
    const disk = memory.working.disks.get(ownKey(spec.project, name));
    if (disk !== undefined && disk.fenceToken < fenceToken) memory.put('disks', { ...disk, fenceToken });
  }
}

/** There is no process of it, surely. */
export const withoutProcess: ReadonlySet<VmState> = new Set(['stopped', 'failed', 'gone']);
export const executing: ReadonlySet<VmState> = new Set(['running', 'paused']);

/** A place that was left: what is there is to be removed. */
export function leftBehind(row: VmRow, place: Place, alive: boolean): RemainingPlace {
  return { ...place, alive, sinceGeneration: row.generation + 1 };
}

/** No process of such a virtual machine can be on the node any more, though nobody has looked. */
export function hasSurelyStopped(node: NodeRow | undefined, { spec }: Pick<VmRow, 'spec'>): boolean {
  if (node?.lost === undefined) return false;
  return node.lost !== 'expired' || spec.leasePolicy === 'must-stop';
}
