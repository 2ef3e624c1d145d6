import { type DesiredState, type DesiredVm } from '../../../../core/plasma/agent-protocol.ts';
import { type AgentConfig, defaultAgentSettings } from '../../../../core/plasma/agent/protocol.ts';
import { type InstanceId, type VmId, type VmSpec } from '../../../../core/plasma/types.ts';

export function vmId(number: number): VmId {
  return `vm-${String(number).padStart(32, '0')}`;
}

export function spec(changes: Partial<VmSpec> = {}): VmSpec {
  return {
    name: 'web',
    project: 'shop',
    labels: {},
    cpus: 1,
    memoryBytes: 1_048_576,
    disks: [],
    nics: [],
    cloudInit: undefined,
    restartPolicy: 'on-failure',
    leasePolicy: 'must-stop',
    nodeSelector: {},
    affinity: [],
    priority: 0,
    migratable: true,
    ...changes,
  };
}

export const sharedRoot = {
  name: 'root',
  kind: 'shared',
  image: undefined,
  sharedDisk: 'web-root',
  sizeBytes: 1_048_576,
} as const;

export const run: DesiredState = { kind: 'run', runState: 'running', force: false };
export const paused: DesiredState = { kind: 'run', runState: 'paused', force: false };
export const stopped: DesiredState = { kind: 'run', runState: 'stopped', force: false };
export const stoppedAtOnce: DesiredState = { kind: 'run', runState: 'stopped', force: true };

export function desiredVm(changes: Partial<DesiredVm> = {}): DesiredVm {
  return { id: vmId(1), generation: 1, fenceToken: 1, spec: spec(), want: run, operations: [], ...changes };
}

export function instanceOf(changes: Partial<InstanceId> = {}): InstanceId {
  return { vm: vmId(1), fenceToken: 1, pid: 100, startTicks: 5_000, ...changes };
}

export function agentConfig(changes: Partial<AgentConfig> = {}): AgentConfig {
  return {
    node: 'node-1',
    agentBootId: 'agent-1',
    machineBootId: 'machine-1',
    capacity: { cpuMilli: 8_000, memoryBytes: 2 ** 33, diskBytes: 2 ** 40 },
    labels: {},
    accelerators: ['tcg'],
    address: 'node-1:7071',
    servers: 1,
    settings: defaultAgentSettings,
    ...changes,
  };
}
