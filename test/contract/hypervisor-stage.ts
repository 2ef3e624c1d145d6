import { expect } from 'vitest';

import { assert } from '../../core/base/assert.ts';
import { type FoundInstance, type HypervisorReport } from '../../core/plasma/hypervisor.ts';
import { type DiskSpec, type InstanceId, type VmSpec } from '../../core/plasma/types.ts';
import { type AskedAct, type HypervisorNode, type HypervisorSubject } from './hypervisor-subject.ts';

export const vm = 'vm-0123456789abcdef0123456789abcdef';
export const other = 'vm-fedcba9876543210fedcba9876543210';
export const token = 7;
/** What a test with real hypervisors may take on a busy machine. */
export const quick = 120_000;

export interface Start {
  readonly vm: string;
  readonly fenceToken: number;
  readonly spec: VmSpec;
  readonly exports: Readonly<Record<string, string>>;
  readonly incoming: boolean;
  readonly paused: boolean;
}

export interface StartedInstance {
  readonly instance: InstanceId;
  readonly incomingUri: string | undefined;
}

/** What tests of hypervisors say, in terms of whatever implementation is under test. */
export function hypervisorStage(subjectOf: () => HypervisorSubject) {
  async function answered(node: HypervisorNode, act: AskedAct): Promise<HypervisorReport> {
    const actId = node.act(act);
    const answer = (): HypervisorReport | undefined =>
      node.reports.find((report) => 'actId' in report && report.actId === actId);
    await subjectOf().until(() => answer() !== undefined);
    const report = answer();
    assert(report !== undefined, 'it is there');
    return report;
  }

  async function done(node: HypervisorNode, act: AskedAct): Promise<void> {
    expect(await answered(node, act)).toMatchObject({ kind: 'done' });
  }

  async function refused(node: HypervisorNode, act: AskedAct): Promise<string> {
    const report = await answered(node, act);
    expect(report).toMatchObject({ kind: 'failed' });
    return report.kind === 'failed' ? report.message : '';
  }

  const local = (): DiskSpec => ({
    name: 'root',
    kind: 'local',
    image: subjectOf().bootImage,
    sharedDisk: undefined,
    sizeBytes: subjectOf().bootImageBytes,
  });
  const shared = (): DiskSpec => ({
    ...local(),
    kind: 'shared',
    image: undefined,
    sharedDisk: 'shared-root',
  });

  function specOf(...disks: readonly DiskSpec[]): VmSpec {
    return {
      ...subjectOf().machine,
      name: 'guest',
      project: 'project',
      labels: {},
      disks,
      nics: [],
      cloudInit: undefined,
      restartPolicy: 'never',
      leasePolicy: 'must-stop',
      nodeSelector: {},
      affinity: [],
      priority: 0,
      migratable: true,
    };
  }

  function start(changed: Partial<Start> = {}): Start {
    return {
      vm,
      fenceToken: token,
      spec: specOf(local()),
      exports: {},
      incoming: false,
      paused: false,
      ...changed,
    };
  }

  async function launched(node: HypervisorNode, changed: Partial<Start> = {}): Promise<StartedInstance> {
    const asked = start(changed);
    await done(node, {
      kind: 'prepare',
      vm: asked.vm,
      fenceToken: asked.fenceToken,
      spec: asked.spec,
      exports: asked.exports,
    });
    const report = await answered(node, { kind: 'launch', ...asked });
    if (report.kind !== 'launched') throw new Error(JSON.stringify(report));
    expect(report.instance).toMatchObject({ vm: asked.vm, fenceToken: asked.fenceToken });
    return report;
  }

  async function runs(node: HypervisorNode, instance: InstanceId): Promise<void> {
    const before = node.tick(instance);
    await subjectOf().until(() => node.tick(instance) > before + 1);
  }

  async function stands(node: HypervisorNode, instance: InstanceId): Promise<void> {
    const before = node.tick(instance);
    await subjectOf().pass();
    expect(node.tick(instance)).toBe(before);
  }

  const about = (node: HypervisorNode, instance: InstanceId): readonly HypervisorReport[] =>
    node.reports.filter(
      (report) => 'instance' in report && report.instance.pid === instance.pid && report.kind !== 'launched',
    );
  const heard = (node: HypervisorNode, kind: HypervisorReport['kind'], instance: InstanceId): Promise<void> =>
    subjectOf().until(() => about(node, instance).some((report) => report.kind === kind));

  async function inventory(
    node: HypervisorNode,
  ): Promise<Extract<HypervisorReport, { kind: 'inventoried' }>> {
    const report = await answered(node, { kind: 'inventory' });
    if (report.kind !== 'inventoried') throw new Error(JSON.stringify(report));
    return report;
  }

  async function found(node: HypervisorNode): Promise<readonly FoundInstance[]> {
    return (await inventory(node)).instances;
  }

  return {
    ...{ answered, done, refused, launched, runs, stands, about, heard, inventory, found },
    ...{ local, shared, specOf, start },
  };
}
