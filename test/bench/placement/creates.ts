import { type PlasmaClient } from '../../../adapters/grpc/plasma-client.ts';
import { type PlacementVm } from '../../../core/plasma/placement/placement-vm.ts';
import { type VmSpec } from '../../../core/plasma/types.ts';
import { inTurns } from './in-turns.ts';

const callTimeoutMs = 30_000;

/** As a request asks for it: labels and rules as they are, a quarter of the memory so that more of them fit, a card, an empty disk. */
export function specOf(
  { project, labels, demand, affinity, nodeSelector }: PlacementVm,
  name: string,
): VmSpec {
  return {
    ...{ name, project, labels, cpus: demand.cpuMilli / 1_000, memoryBytes: demand.memoryBytes / 4 },
    disks: [
      { name: 'root', kind: 'local', image: undefined, sharedDisk: undefined, sizeBytes: demand.diskBytes },
    ],
    nics: [{ name: 'net0', kind: 'user', tap: undefined, mac: '52:54:00:12:34:56' }],
    cloudInit: undefined,
    ...{ restartPolicy: 'always', leasePolicy: 'keep-running', nodeSelector, affinity },
    ...{ priority: 0, migratable: false },
  };
}

export interface Answered {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly seconds: number;
}

/** Asks `ask` so often, so many at once, and takes the time of each answer. */
export async function answered(
  count: number,
  underWay: number,
  ask: (at: number) => Promise<void>,
): Promise<Answered> {
  const ms = new Float64Array(count);
  const startMs = performance.now();
  await inTurns(count, underWay, async (at) => {
    const askedMs = performance.now();
    await ask(at);
    ms[at] = performance.now() - askedMs;
  });
  const seconds = (performance.now() - startMs) / 1_000;
  ms.sort();
  const quantile = (perMille: number): number => ms[Math.floor((count * perMille) / 1_000)] ?? 0;
  return { perSecond: count / seconds, p50Ms: quantile(500), p99Ms: quantile(990), seconds };
}

/** Creates one virtual machine. @throws where it is not committed */
export async function create(client: PlasmaClient, vm: PlacementVm): Promise<void> {
  const request = {
    kind: 'vmCreate',
    project: vm.project,
    operationId: `create-${vm.id}`,
    spec: specOf(vm, vm.id),
    start: true,
  } as const;
  const response = await client.user(request, callTimeoutMs);
  if (response.kind !== 'committed') throw new Error(`a create was answered ${JSON.stringify(response)}`);
}
