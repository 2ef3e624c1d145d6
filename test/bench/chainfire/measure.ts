import { load } from './h2load.ts';
import { type Operation } from './requests.ts';
import { type RunningMember, type RunningSystem } from './systems.ts';
import { cpuUs } from './usage.ts';

export interface Measurement {
  readonly operation: string;
  readonly clients: number;
  readonly callsPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  /** CPU time of the member that was asked, and of all members, for one call. */
  readonly leaderCpuUs: number;
  readonly allCpuUs: number;
}

/** How long each figure is measured, about, and what comes before it. */
export interface Effort {
  readonly seconds: number;
  readonly dir: string;
  /** Core of the load generator; undefined for any. */
  readonly core?: number | undefined;
}

/** Calls of the first look, for each second that is measured: they warm the path up, and say how many calls fill the time. */
const probeCallsPerClient = 10;
const probeCallsMin = 50;

/** What is asked, and who answers: a member, or the echo. */
export interface Target {
  readonly endpoint: string;
  readonly pid: number;
  /** Others that work for the same calls. */
  readonly otherPids: readonly number[];
}

export function targetOf(system: RunningSystem, member: RunningMember): Target {
  return {
    endpoint: member.place.client,
    pid: member.pid,
    otherPids: system.members.filter(({ pid }) => pid !== member.pid).map(({ pid }) => pid),
  };
}

/** @returns the measurement, and how many calls were made for it in all */
export async function measure(
  target: Target,
  operation: Operation,
  clients: number,
  effort: Effort,
): Promise<{ readonly measurement: Measurement; readonly calls: number }> {
  const options = {
    endpoint: target.endpoint,
    path: operation.path,
    request: operation.request,
    clients,
    dir: effort.dir,
    core: effort.core,
  };
  const probeCalls = Math.max(
    clients,
    Math.ceil(effort.seconds * Math.max(probeCallsMin, probeCallsPerClient * clients)),
  );
  const probe = await load({ ...options, calls: probeCalls });
  const calls = Math.max(probeCalls, Math.ceil(probe.callsPerSecond * effort.seconds));
  const cpuOfAll = (): number => target.otherPids.reduce((sum, pid) => sum + cpuUs(pid), cpuUs(target.pid));
  const before = { leader: cpuUs(target.pid), all: cpuOfAll() };
  const { callsPerSecond, p50Us, p99Us } = await load({ ...options, calls });
  return {
    measurement: {
      operation: operation.name,
      clients,
      callsPerSecond,
      p50Us,
      p99Us,
      leaderCpuUs: (cpuUs(target.pid) - before.leader) / calls,
      allCpuUs: (cpuOfAll() - before.all) / calls,
    },
    calls: probeCalls + calls,
  };
}

/**
 * Measures on the leader, and holds the answers against what the system says of itself: it must have counted as many OK
 * answers as calls were made, and risen by as many revisions as these have written. The load generator takes every HTTP
 * 200 for a success, a refusal in gRPC's trailer included.
 */
export async function measureChecked(
  system: RunningSystem,
  operation: Operation,
  clients: number,
  effort: Effort,
): Promise<Measurement> {
  const leader = await system.leader();
  const labels = { grpc_method: operation.method, grpc_code: 'OK' };
  const counted = (): Promise<number> => system.metric(leader, 'grpc_server_handled_total', labels);
  const before = { counted: await counted(), revision: (await system.status(leader)).revision };
  const { measurement, calls } = await measure(targetOf(system, leader), operation, clients, effort);
  const after = { counted: await counted(), revision: (await system.status(leader)).revision };
  const where = `${system.kind.name}, ${operation.name}, ${clients} clients`;
  expectEqual(`${where}: OK answers that the server counted`, after.counted - before.counted, calls);
  expectEqual(`${where}: revisions written`, after.revision - before.revision, calls * operation.revisions);
  return measurement;
}

function expectEqual(what: string, found: number, expected: number): void {
  if (found !== expected) throw new Error(`${what}: ${found}, expected ${expected}`);
}
