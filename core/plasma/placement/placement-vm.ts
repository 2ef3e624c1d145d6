import {
  type AffinityRule,
  type Labels,
  type ProjectName,
  type Resources,
  type VmId,
  type VmSpec,
} from '../types.ts';

/** What placing a virtual machine depends on. */
export interface PlacementVm {
  readonly id: VmId;
  readonly project: ProjectName;
  readonly labels: Labels;
  readonly demand: Resources;
  readonly nodeSelector: Labels;
  readonly affinity: readonly AffinityRule[];
  readonly priority: number;
  /** Its node must have been seen to run a guest with it; undefined: any node will do. */
  readonly accelerator: string | undefined;
}

/** What a virtual machine of this specification takes of its node, shared disks aside: those take room elsewhere. */
export function demandOf(spec: VmSpec): Resources {
  let diskBytes = 0;
  for (const disk of spec.disks) if (disk.kind === 'local') diskBytes += disk.sizeBytes;
  return { cpuMilli: spec.cpus * 1_000, memoryBytes: spec.memoryBytes, diskBytes };
}

export function placementVm(id: VmId, spec: VmSpec, accelerator?: string): PlacementVm {
  const { project, labels, nodeSelector, affinity, priority } = spec;
  return { id, project, labels, demand: demandOf(spec), nodeSelector, affinity, priority, accelerator };
}
