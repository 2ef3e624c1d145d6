import fc from 'fast-check';

import { type AgentRequest, type AgentResponse } from '../../../../core/plasma/agent-protocol.ts';
import { type PlasmaRequest, type PlasmaResponse } from '../../../../core/plasma/api.ts';
import { type VmSpec } from '../../../../core/plasma/types.ts';
import { endCauses, vmStates } from '../../../../core/plasma/wire/spec.ts';

/** Whatever the protocols of PlasmaVMC can say. */
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
const text = fc.string({ unit: 'binary', maxLength: 12 });
const count = fc.oneof(fc.nat(5), fc.maxSafeNat());
const small = fc.nat(0xffff_ffff);
const flag = fc.boolean();
const maybe = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(of, { nil: undefined });
const list = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(of, { maxLength: 3 });
const labels = fc
  .array(fc.tuple(fc.oneof(text, fc.constant('__proto__')), text), { maxLength: 3 })
  .map((pairs) => Object.fromEntries(pairs));
const resources = record({ cpuMilli: count, memoryBytes: count, diskBytes: count });
const instance = record({ vm: text, fenceToken: count, pid: count, startTicks: count });
const disk = record({
  ...{ name: text, kind: fc.constantFrom('local' as const, 'shared' as const), image: maybe(text) },
  ...{ sharedDisk: maybe(text), sizeBytes: count },
});

export const spec: fc.Arbitrary<VmSpec> = record({
  ...{ name: text, project: text, labels, cpus: small, memoryBytes: count, disks: list(disk) },
  nics: list(record({ name: text, kind: fc.constantFrom('user', 'tap'), tap: maybe(text), mac: text })),
  cloudInit: maybe(record({ userData: text, metaData: text, networkConfig: maybe(text) })),
  restartPolicy: fc.constantFrom('always', 'on-failure', 'never'),
  leasePolicy: fc.constantFrom('must-stop', 'keep-running'),
  nodeSelector: labels,
  affinity: list(
    record({
      kind: fc.constantFrom('affinity', 'anti-affinity'),
      ...{ topology: text, matches: labels, required: flag },
    }),
  ),
  ...{ priority: small, migratable: flag },
});

const kind = <const K extends string>(name: K): { kind: fc.Arbitrary<K> } => ({ kind: fc.constant(name) });

const operation = fc.oneof(
  record({ ...kind('snapshot'), id: text, snapshot: text }),
  record({ ...kind('restore'), id: text, snapshot: text }),
  record({ ...kind('deleteSnapshot'), id: text, snapshot: text }),
  record({ ...kind('attachDisk'), id: text, disk: text }),
  record({ ...kind('resizeDisk'), id: text, disk: text, fromBytes: maybe(count) }),
);
const want = fc.oneof(
  record({
    ...kind('run'),
    runState: fc.constantFrom('running' as const, 'paused' as const, 'stopped' as const),
    force: flag,
  }),
  record({ ...kind('receive'), source: text }),
  record({ ...kind('migrate'), uri: text }),
  ...(['evict', 'handOver', 'abandonMigration', 'remove'] as const).map((name) => record(kind(name))),
);
const ofEpoch = { node: text, epoch: count };

export const agentRequest: fc.Arbitrary<AgentRequest> = fc.oneof(
  record({
    ...kind('register'),
    ...{ node: text, agentBootId: text, machineBootId: text, capacity: resources, labels },
    ...{ accelerators: list(text), address: text },
  }),
  record({ ...kind('renewLease'), ...ofEpoch, sequence: count, appliedRevision: count }),
  record({ ...kind('watchDesired'), ...ofEpoch, fromRevision: count, waitUs: count }),
  record({
    ...kind('inventory'),
    ...ofEpoch,
    found: list(
      record({
        ...{ vm: text, fenceToken: count, instance: maybe(instance), state: fc.constantFrom(...vmStates) },
        generation: maybe(count),
      }),
    ),
  }),
  record({
    ...kind('report'),
    ...ofEpoch,
    sequence: count,
    vms: list(
      record({
        ...{ vm: text, fenceToken: count, generation: count, state: fc.constantFrom(...vmStates) },
        ...{ instance: maybe(instance), cause: maybe(fc.constantFrom(...endCauses)), message: text },
        ...{ incomingUri: maybe(text), migrationFailed: maybe(flag), restarts: small },
        operations: list(
          record({ id: text, outcome: fc.constantFrom('done' as const, 'failed' as const), message: text }),
        ),
      }),
    ),
  }),
);

/** By the kind of the request that it answers. */
export const agentResponses: Readonly<Record<AgentRequest['kind'], fc.Arbitrary<AgentResponse>>> = {
  register: record({ ...kind('registered'), epoch: count, leaseTtlUs: count }),
  renewLease: record({ ...kind('leaseGranted'), sequence: count, leaseTtlUs: count }),
  watchDesired: record({
    ...kind('desired'),
    revision: count,
    vms: list(
      record({ id: text, generation: count, fenceToken: count, spec, want, operations: list(operation) }),
    ),
  }),
  inventory: record({
    ...kind('inventoryJudged'),
    verdicts: list(
      record({
        ...{ vm: text, fenceToken: count },
        verdict: fc.constantFrom('adopt' as const, 'kill' as const, 'orphan' as const),
      }),
    ),
  }),
  report: record({ ...kind('reportTaken'), sequence: count }),
};

const mutation = { operationId: text, project: text };
const ofVm = { ...mutation, vm: text };
const quota = record({
  ...{
    vmsMax: maybe(count),
    cpusMax: maybe(count),
    memoryBytesMax: maybe(count),
    diskBytesMax: maybe(count),
    imageBytesMax: maybe(count),
  },
});
const image = {
  ...{ name: text, digest: text, format: fc.constantFrom('raw' as const, 'qcow2' as const) },
  ...{ fileBytes: count, virtualBytes: count },
};

export const userRequest: fc.Arbitrary<PlasmaRequest> = fc.oneof(
  record({ ...kind('vmCreate'), ...mutation, spec, start: flag }),
  ...(['vmStart', 'vmPause', 'vmResume', 'vmDelete'] as const).map((name) =>
    record({ ...kind(name), ...ofVm }),
  ),
  record({ ...kind('vmStop'), ...ofVm, force: flag }),
  record({ ...kind('vmMigrate'), ...ofVm, node: maybe(text), live: flag }),
  ...(['vmSnapshot', 'vmRestore', 'vmDeleteSnapshot'] as const).map((name) =>
    record({ ...kind(name), ...ofVm, snapshot: text }),
  ),
  record({ ...kind('vmAttachDisk'), ...ofVm, disk }),
  record({ ...kind('vmDetachDisk'), ...ofVm, disk: text }),
  record({ ...kind('vmResizeDisk'), ...ofVm, disk: text, sizeBytes: count }),
  ...(['nodeCordon', 'nodeUncordon', 'nodeDrain', 'nodeForget'] as const).map((name) =>
    record({ ...kind(name), ...mutation, node: text }),
  ),
  record({ ...kind('nodeFence'), ...mutation, ...ofEpoch }),
  record({ ...kind('imageAdd'), ...mutation, ...image }),
  record({ ...kind('imageRemove'), ...mutation, name: text }),
  record({ ...kind('sharedDiskCreate'), ...mutation, disk: text, sizeBytes: count }),
  record({ ...kind('sharedDiskDelete'), ...mutation, disk: text }),
  record({ ...kind('quotaSet'), ...mutation, quota }),
  record({ ...kind('vmGet'), project: text, vm: text }),
  record({ ...kind('vmList'), project: text, matches: labels }),
  record(kind('nodeList')),
  ...(['imageList', 'sharedDiskList', 'quotaGet'] as const).map((name) =>
    record({ ...kind(name), project: text }),
  ),
  record({ ...kind('operationGet'), project: text, operationId: text }),
  record({ ...kind('events'), project: text, fromRevision: count, limit: small, waitUs: count }),
);

const vm = record({
  ...{ id: text, spec, generation: count, node: maybe(text), fenceToken: maybe(count) },
  wanted: fc.constantFrom('running' as const, 'paused' as const, 'stopped' as const, 'deleted' as const),
  ...{ migratingTo: maybe(text), instance: maybe(instance), cause: maybe(fc.constantFrom(...endCauses)) },
  state: fc.constantFrom(...vmStates, 'pending' as const, 'unknown' as const),
  ...{ message: text, restarts: small, snapshots: list(text), revision: count },
});

export const userResponse: fc.Arbitrary<Exclude<PlasmaResponse, { kind: 'refused' }>> = fc.oneof(
  record({ ...kind('committed'), operationId: text, revision: count, vm: maybe(text) }),
  record({ ...kind('vms'), revision: count, vms: list(vm) }),
  record({
    ...kind('nodes'),
    revision: count,
    nodes: list(
      record({
        ...{
          name: text,
          epoch: count,
          state: fc.constantFrom('up' as const, 'silent' as const, 'lost' as const),
        },
        ...{ cordoned: flag, draining: flag, labels, accelerators: list(text), capacity: resources },
        ...{ allocated: resources, vms: small, orphans: small, address: text },
      }),
    ),
  }),
  record({ ...kind('images'), images: list(record({ ...image, usedBy: small })) }),
  record({
    ...kind('sharedDisks'),
    disks: list(
      record({
        ...{ name: text, sizeBytes: count, usedBy: maybe(text) },
        state: fc.constantFrom('there' as const, 'deleting' as const),
      }),
    ),
  }),
  record({
    ...kind('quota'),
    quota,
    used: record({ vms: count, cpus: count, memoryBytes: count, diskBytes: count, imageBytes: count }),
  }),
  record({
    ...kind('operation'),
    state: fc.constantFrom('running' as const, 'done' as const, 'failed' as const),
    ...{ revision: count, vm: maybe(text), message: text },
  }),
  record({
    ...kind('events'),
    events: list(
      record({
        ...{ revision: count, atMs: count, by: text, what: text, project: maybe(text), vm: maybe(text) },
        ...{ node: maybe(text), message: text },
      }),
    ),
  }),
);
