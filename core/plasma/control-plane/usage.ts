import { type Quota, type QuotaUsed } from '../api.ts';
import { type ProjectName, type VmSpec } from '../types.ts';

export const nothingUsed: QuotaUsed = { vms: 0, cpus: 0, memoryBytes: 0, diskBytes: 0, imageBytes: 0 };

/** What projects use of their quotas. A virtual machine counts from its creation until nothing of it remains. */
export class Usage {
  readonly #used = new Map<ProjectName, QuotaUsed>();

  of(project: ProjectName): QuotaUsed {
    return this.#used.get(project) ?? nothingUsed;
  }

  change(project: ProjectName, before: QuotaUsed, after: QuotaUsed): void {
    const used = sum(minus(this.of(project), before), after);
    const { vms, cpus, memoryBytes, diskBytes, imageBytes } = used;
    if (vms + cpus + memoryBytes + diskBytes + imageBytes === 0) this.#used.delete(project);
    else this.#used.set(project, used);
  }
}

/** Shared disks are used by themselves, whoever they are attached to. */
export function usedBySpec(spec: VmSpec): QuotaUsed {
  let diskBytes = 0;
  for (const disk of spec.disks) if (disk.kind === 'local') diskBytes += disk.sizeBytes;
  return { vms: 1, cpus: spec.cpus, memoryBytes: spec.memoryBytes, diskBytes, imageBytes: 0 };
}

export function sum(left: QuotaUsed, right: QuotaUsed): QuotaUsed {
  return {
    vms: left.vms + right.vms,
    cpus: left.cpus + right.cpus,
    memoryBytes: left.memoryBytes + right.memoryBytes,
    diskBytes: left.diskBytes + right.diskBytes,
    imageBytes: left.imageBytes + right.imageBytes,
  };
}

function minus(left: QuotaUsed, right: QuotaUsed): QuotaUsed {
  return {
    vms: left.vms - right.vms,
    cpus: left.cpus - right.cpus,
    memoryBytes: left.memoryBytes - right.memoryBytes,
    diskBytes: left.diskBytes - right.diskBytes,
    imageBytes: left.imageBytes - right.imageBytes,
  };
}

/** @returns for people, which bound `used` is above; undefined: none */
export function exceeded(quota: Quota | undefined, used: QuotaUsed): string | undefined {
  if (quota === undefined) return undefined;
  const bounds = [
    ['virtual machines', quota.vmsMax, used.vms],
    ['processors', quota.cpusMax, used.cpus],
    ['bytes of memory', quota.memoryBytesMax, used.memoryBytes],
    ['bytes of disk', quota.diskBytesMax, used.diskBytes],
    ['bytes of images', quota.imageBytesMax, used.imageBytes],
  ] as const;
  for (const [what, most, would] of bounds) {
    if (most !== undefined && would > most) return `it would use ${would} ${what} of ${most}`;
  }
  return undefined;
}
