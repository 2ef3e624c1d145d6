import { type PlasmaRequest, type PlasmaResponse, type VmShown } from '../../../../core/plasma/api.ts';
import { type VmSpec } from '../../../../core/plasma/types.ts';
import { type ModelCloud, spec } from './model-cloud.ts';

export function create(
  name: string,
  more: Partial<VmSpec> = {},
  operationId = `create-${name}`,
): PlasmaRequest {
  return { kind: 'vmCreate', operationId, project: 'p', spec: spec(name, more), start: true };
}

/** What it is shown as. */
export function shown(cloud: ModelCloud, vm: string): VmShown {
  const response = cloud.user({ kind: 'vmGet', project: 'p', vm });
  const one = response.kind === 'vms' ? response.vms[0] : undefined;
  if (one === undefined) throw new Error(`${vm}: ${JSON.stringify(response)}`);
  return one;
}

export function operation(cloud: ModelCloud, operationId: string): PlasmaResponse {
  return cloud.user({ kind: 'operationGet', project: 'p', operationId });
}

export function events(cloud: ModelCloud): readonly string[] {
  const response = cloud.user({ kind: 'events', project: 'p', fromRevision: 0, limit: 1_000, waitUs: 0 });
  return response.kind === 'events' ? response.events.map(({ what }) => what) : [];
}
