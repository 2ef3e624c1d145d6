import { type NodeId } from '../core/base/ids.ts';
import { type ChainfireMember } from '../core/chainfire/member.ts';
import { AlarmMeter } from './alarm-exercise.ts';
import { isDetachedRead } from './checkers/kv-moves.ts';
import { RecordMeter } from './record-exercise.ts';
import { ServiceMeter } from './service-exercise.ts';
import { type Fault } from './fault.ts';
import { type Checker, type Floors, type RunEnd, type RunResult, type StepObservation } from './types.ts';

type Isolation = Extract<Fault, { kind: 'partition' }>;

/** What a run did, beside what its result counts. Watches like a checker and never complains. */
export class ExerciseMeter implements Checker {
  readonly name = 'exercise';
  tornTails = 0;
  readsDuringFaults = 0;
  readonly service: ServiceMeter;
  readonly record = new RecordMeter();
  readonly alarms = new AlarmMeter();
  readonly #faults: readonly Fault[];
  readonly #isolations: readonly Isolation[];
  readonly #isolationsMet = new Set<Isolation>();
  readonly #lastIndexes = new Map<NodeId, number>();

  constructor(faults: readonly Fault[]) {
    this.#faults = faults;
    this.service = new ServiceMeter(faults);
    this.#isolations = faults.filter(
      (fault): fault is Isolation => fault.kind === 'partition' && fault.side.length === 1,
    );
  }

  get isolatedLeaders(): number {
    return this.#isolationsMet.size;
  }

  onStep(step: StepObservation): void {
    this.service.onStep(step);
    this.record.onStep(step);
    this.alarms.onStep(step);
    const { role, lastIndex } = step.member.view.raft;
    this.#lastIndexes.set(step.node, lastIndex);
    if (role !== 'leader') return;
    for (const isolation of this.#isolations) {
      const { atUs, forUs, side } = isolation;
      const inForce = atUs <= step.nowUs && step.nowUs < atUs + forUs;
      if (inForce && side[0] === step.node) this.#isolationsMet.add(isolation);
    }
  }

  onRecovered(node: NodeId, member: ChainfireMember): void {
    this.service.onRecovered(node, member);
    this.record.onRecovered(node, member);
    if (member.view.raft.lastIndex < (this.#lastIndexes.get(node) ?? 0)) this.tornTails += 1;
    this.#lastIndexes.set(node, member.view.raft.lastIndex);
  }

  onEnd(end: RunEnd): void {
    this.service.onEnd(end);
    this.record.onEnd(end);
    this.alarms.onEnd(end);
    const windows = this.#faults.map((fault) => ({ fromUs: fault.atUs, toUs: fault.atUs + lengthUs(fault) }));
    for (const operation of end.history) {
      const { startUs, endUs } = operation;
      const read = operation.request.kind === 'range' && !isDetachedRead(operation);
      if (!read || endUs === undefined || operation.outcome.kind !== 'answered') continue;
      if (windows.some(({ fromUs, toUs }) => fromUs <= startUs && endUs <= toUs)) this.readsDuringFaults += 1;
    }
  }
}

/** What the run fell short of, in words; undefined when it did everything it had to. */
export function missedFloor(floors: Floors, result: RunResult, meter: ExerciseMeter): string | undefined {
  const counts: readonly Count[] = [
    ['operations answered', result.operations.answered, floors.answered],
    ['elections', result.elections, floors.elections],
    ['snapshots installed', result.snapshotsInstalled, floors.snapshotsInstalled],
    ['isolated leaders', meter.isolatedLeaders, floors.isolatedLeaders],
    ['torn log tails', meter.tornTails, floors.tornTails],
    ['reads answered during faults', meter.readsDuringFaults, floors.readsDuringFaults],
    ...serviceCounts(floors, meter.service),
    ...recordCounts(floors, meter.record),
    ['backups taken', result.backups?.taken ?? 0, floors.backupsTaken],
    ['backups broken off', result.backups?.brokenOff ?? 0, floors.backupsBrokenOff],
    ['clusters restored', result.backups?.restored ?? 0, floors.restored],
    [
      'operations answered by a restored cluster',
      result.backups?.restoredAnswered ?? 0,
      floors.restoredAnswered,
    ],
    ...alarmCounts(floors, meter.alarms),
    ...Object.entries(floors.fired ?? {}).map(
      ([kind, floor]) => [`${kind} fired`, firedCount(result, kind), floor] as const,
    ),
  ];
  const missed = counts.find(([, count, floor]) => floor !== undefined && count < floor);
  return missed === undefined
    ? undefined
    : `${missed[0]}: ${missed[1]}, where ${String(missed[2])} is the least`;
}

type Count = readonly [what: string, count: number, floor: number | undefined];

function serviceCounts(floors: Floors, meter: ServiceMeter): readonly Count[] {
  return [
    ['reads on leases', meter.leaseReads, floors.leaseReads],
    ['leaders replaced while paused', meter.pausedLeaders, floors.pausedLeaders],
    ['leases expired', meter.leasesExpired, floors.leasesExpired],
    ['keepalives', meter.keepAlives, floors.keepAlives],
    ['elections while leases lived', meter.electionsWithLeases, floors.electionsWithLeases],
    ['events watched', meter.watchEvents, floors.watchEvents],
    ['watches resumed', meter.watchesResumed, floors.watchesResumed],
    ['watches overtaken by compaction', meter.watchesCompacted, floors.watchesCompacted],
    ['locks held', meter.locksHeld, floors.locksHeld],
    ['locks waited for', meter.locksContended, floors.locksContended],
  ];
}

function recordCounts(floors: Floors, meter: RecordMeter): readonly Count[] {
  return [
    ['deletions', meter.deletions, floors.deletions],
    ['keys overwritten', meter.overwrites, floors.overwrites],
    ['restarts that applied entries again', meter.appliedAgain, floors.appliedAgain],
    ['restarts in the middle of freeing', meter.freedInPart, floors.freedInPart],
    ['snapshots in a row', meter.snapshotsInARow, floors.snapshotsInARow],
    ['txns that read the past', meter.historicTxns, floors.historicTxns],
    ['txns that read what was compacted', meter.compactedTxns, floors.compactedTxns],
    ['watches from the future', meter.watchesFromTheFuture, floors.watchesFromTheFuture],
    ['watches from a compacted deletion', meter.watchesFromADeletion, floors.watchesFromADeletion],
    ['watches starved', meter.watchesStarved, floors.watchesStarved],
    ['reports of progress', meter.progressTold, floors.progressTold],
  ];
}

function alarmCounts(floors: Floors, meter: AlarmMeter): readonly Count[] {
  return [
    ['requests refused for space', meter.refusedForSpace, floors.refusedForSpace],
    ['requests refused since members differed', meter.refusedAsCorrupt, floors.refusedAsCorrupt],
    ['alarms disarmed', meter.alarmsDisarmed, floors.alarmsDisarmed],
    ['comparisons of all members', meter.comparisons, floors.comparisons],
    ['members found to differ', meter.membersNamed, floors.membersNamed],
  ];
}

function firedCount(result: RunResult, kind: string): number {
  return new Map(Object.entries(result.faultsFired)).get(kind) ?? 0;
}

function lengthUs(fault: Fault): number {
  if ('forUs' in fault) return fault.forUs;
  return 'downUs' in fault ? fault.downUs : 0;
}
