import { faultKinds, swarmFaultKinds } from '../sim/fault-shapes.ts';
import { type FaultKind } from '../sim/fault.ts';
import { type RunResult } from '../sim/types.ts';
import { type RunSummary } from './page/page-data.ts';

/** Below this many seeds of the swarm nothing can be expected of chance. */
const swarmSeedsMin = 20;

/** Sums over many runs, and what they must come to. */
export class Tally {
  runs = 0;
  simulatedUs = 0;
  events = 0;
  elections = 0;
  snapshotsInstalled = 0;
  readonly operations = { answered: 0, refused: 0, failed: 0, unknown: 0 };
  readonly services = { watchEvents: 0, leasesGranted: 0, leasesExpired: 0, locksHeld: 0 };
  readonly faultsFired = new Map<FaultKind, number>(faultKinds.map((kind) => [kind, 0]));

  add(result: RunResult): void {
    this.runs += 1;
    this.simulatedUs += result.simulatedUs;
    this.events += result.events;
    this.elections += result.elections;
    this.snapshotsInstalled += result.snapshotsInstalled;
    this.operations.answered += result.operations.answered;
    this.operations.refused += result.operations.refused;
    this.operations.failed += result.operations.failed;
    this.operations.unknown += result.operations.unknown;
    this.services.watchEvents += result.operations.watchEvents;
    this.services.leasesGranted += result.operations.leasesGranted;
    this.services.leasesExpired += result.operations.leasesExpired;
    this.services.locksHeld += result.operations.locksHeld;
    for (const kind of faultKinds) {
      this.faultsFired.set(kind, (this.faultsFired.get(kind) ?? 0) + (result.faultsFired[kind] ?? 0));
    }
  }

  /** What another run over other seeds has come to. */
  addSummary(summary: RunSummary): void {
    this.runs += summary.runs;
    this.simulatedUs += summary.simulatedUs;
    this.events += summary.events;
    this.elections += summary.elections;
    this.snapshotsInstalled += summary.snapshotsInstalled;
    for (const name of countNames(this.operations)) this.operations[name] += summary.operations[name] ?? 0;
    for (const name of countNames(this.services)) this.services[name] += summary.operations[name] ?? 0;
    for (const kind of faultKinds) {
      this.faultsFired.set(kind, (this.faultsFired.get(kind) ?? 0) + (summary.faultsFired[kind] ?? 0));
    }
  }

  /** What this many seeds of the swarm have not done between them; none below 20 seeds. */
  missedFloors(): readonly string[] {
    if (this.runs < swarmSeedsMin) return [];
    const some = Math.ceil(this.runs / swarmSeedsMin);
    const floors: readonly (readonly [what: string, count: number, floor: number])[] = [
      ['operations answered', this.operations.answered, 50 * this.runs],
      ['operations of unknown outcome', this.operations.unknown, this.runs],
      ['elections', this.elections, 2 * this.runs],
      ['snapshots installed', this.snapshotsInstalled, some],
      ['events watched', this.services.watchEvents, 50 * this.runs],
      ['leases granted', this.services.leasesGranted, 2 * this.runs],
      ['leases expired', this.services.leasesExpired, this.runs],
      ['locks held', this.services.locksHeld, this.runs],
      ...swarmFaultKinds.map((kind) => [`${kind} fired`, this.faultsFired.get(kind) ?? 0, some] as const),
    ];
    return floors
      .filter(([, count, floor]) => count < floor)
      .map(([what, count, floor]) => `${what}: ${count}, where ${this.runs} seeds should reach ${floor}`);
  }

  /** Lines for a human. */
  lines(): readonly string[] {
    const { answered, refused, failed, unknown } = this.operations;
    const { watchEvents, leasesGranted, leasesExpired, locksHeld } = this.services;
    const faults = [...this.faultsFired].map(([kind, count]) => `${kind} ${grouped(count)}`).join(', ');
    return [
      `operations  ${grouped(answered)} answered, ${grouped(refused)} refused, ${grouped(failed)} failed, ${grouped(unknown)} unknown`,
      `services    ${grouped(watchEvents)} events watched, ${grouped(leasesGranted)} leases granted, ${grouped(leasesExpired)} expired, ${grouped(locksHeld)} locks held`,
      `elections   ${grouped(this.elections)}`,
      `snapshots   ${grouped(this.snapshotsInstalled)} installed`,
      `faults      ${faults}`,
      `simulated   ${grouped(Math.round(this.simulatedUs / 1_000_000))} s, ${grouped(this.events)} events`,
    ];
  }
}

export function grouped(count: number): string {
  return count.toLocaleString('en-US');
}

function countNames<Name extends string>(counts: Readonly<Record<Name, number>>): readonly Name[] {
  return Object.keys(counts) as Name[];
}
