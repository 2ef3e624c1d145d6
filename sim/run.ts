import { type Prng } from '../core/base/prng.ts';
import { defaultMemberConfig } from '../core/chainfire/member.ts';
import { type Backup } from './backup/backup.ts';
import { BackupLog } from './backup/backup-log.ts';
import { type BackupPlan, type RestorePlan } from './backup/plan.ts';
import { RestoredDisks } from './backup/restored-disks.ts';
import { BackupTakers } from './backup/takers.ts';
import { CaptureCheck } from './capture-check.ts';
import { inherit } from './checkers/inheritance.ts';
import { createCheckers, truthOf } from './checkers/registry.ts';
import { ClusterLife } from './cluster-life.ts';
import { type MemberProcess } from './cluster.ts';
import { seededPrng } from './prng.ts';
import { Unrecoverable } from './recoverability.ts';
import { RunRecord } from './run-record.ts';
import { type TraceSink } from './trace.ts';
import {
  type BackupCounts,
  type Checker,
  type Operation,
  type RunResult,
  type Scenario,
  Violation,
} from './types.ts';
import { violationShown } from './violation-shown.ts';
import { behindWall } from './wall.ts';
import { type RunWatcher } from './watcher.ts';
import { World } from './world.ts';

export interface RunOptions {
  /** In place of the scenario's own. What watches a run never changes it. */
  readonly checkers?: readonly Checker[];
  /** The same for a cluster that is made from a backup; default: the scenario's own, who know what it begins with. */
  readonly restoredCheckers?: readonly Checker[];
  readonly trace?: TraceSink;
  /** Sees more than a checker, and changes as little. */
  readonly watcher?: RunWatcher | undefined;
  /** Captures the machine after one step in so many, and has one that was restored from that go on: the hash stays the same. */
  readonly recaptureEvery?: number | undefined;
}

/**
 * Runs a scenario from its seed to its end or to its first violation, in virtual time. The same code, scenario and seed
 * give the same result, hash included, on every machine.
 */
export function runScenario(scenario: Scenario, seed: number, options: RunOptions = {}): RunResult {
  return new Run(scenario, seed, options).run();
}

/** One run, from its beginning, to its end or as far as it is wanted. */
export class Run {
  readonly #scenario: Scenario;
  readonly #seed: number;
  readonly #options: RunOptions;
  readonly #prng: Prng;
  readonly #world = new World();
  readonly #record: RunRecord;
  readonly #checkers: readonly Checker[];
  readonly #life: ClusterLife;
  /** Of the cluster that is to be made from a backup; undefined: none is. */
  readonly #restoredLife: ClusterLife | undefined;
  readonly #backups = new BackupLog();
  #takers: BackupTakers | undefined;
  /** The time has come, and nobody has a backup yet. */
  #restoreDue = false;
  #restoredUs: number | undefined;
  #restoredJudged = false;
  /** Gives the times that are to be reached, one after the other; between them it looks at what has come of it. */
  readonly #phases: Iterator<number, void>;
  /** The one that is being reached. */
  #untilUs: number | undefined;
  #violation: Violation | undefined;
  /** Why nothing could bring back what was promised. */
  #unrecoverable: string | undefined;
  #over = false;

  constructor(scenario: Scenario, seed: number, options: RunOptions) {
    this.#scenario = scenario;
    this.#seed = seed;
    this.#options = options;
    const world = this.#world;
    this.#record = new RunRecord(world, options);
    // Not by the scenario's name: a schedule that was shrunk or renamed runs in the same world.
    const prng = seededPrng(`photon ${seed}`);
    this.#prng = prng;
    const record = this.#record;
    const captureCheck = this.#newCaptureCheck('');
    this.#life = new ClusterLife({ world, prng, plan: scenario, record, captureCheck });
    this.#checkers = options.checkers ?? createCheckers(scenario.checks);
    this.#life.judgeBy(this.#checkers);
    const restore = scenario.backups?.restore;
    this.#restoredLife =
      restore === undefined
        ? undefined
        : new ClusterLife({
            world,
            prng: prng.fork('restored'),
            plan: restoredPlan(scenario, restore),
            record,
            isRestored: true,
            captureCheck: this.#newCaptureCheck(' restored'),
          });
    this.#phases = this.#phasesInTurn();
    record.watcher?.began(world, [...this.#life.cluster.nodes, ...(this.#restoredLife?.cluster.nodes ?? [])]);
  }

  /** Steps that members have made. */
  get steps(): number {
    return this.#record.steps;
  }

  get nowUs(): number {
    return this.#world.nowUs;
  }

  /** By address, those that are down included, and those of a cluster that is still to be made. */
  get processes(): readonly MemberProcess[] {
    return [...this.#life.cluster.processes, ...(this.#restoredLife?.cluster.processes ?? [])];
  }

  /** What clients have asked and were told so far. */
  get operations(): readonly Operation[] {
    const first = this.#life.history.operations;
    const restored = this.#restoredLife?.history.operations ?? [];
    return restored.length === 0 ? first : [...first, ...restored];
  }

  /** Goes on to the end or to the first violation. */
  run(): RunResult {
    this.#goOn();
    this.#record.watcher?.over(this.operations, [
      ...this.#life.injector.met,
      ...(this.#restoredLife?.injector.met ?? []),
    ]);
    return this.#result();
  }

  /**
   * Goes on until this many steps were made; those of the turn in which that happens are all made.
   *
   * @returns false when the run is over before
   */
  advance(steps: number): boolean {
    if (this.steps < steps) this.#goOn(() => this.steps >= steps);
    return this.steps >= steps;
  }

  #goOn(enough?: () => boolean): void {
    if (this.#over) return;
    behindWall(() => {
      try {
        this.#reachAll(enough);
      } catch (failure) {
        if (failure instanceof Unrecoverable) {
          this.#record.line(`unrecoverable: ${failure.message}`);
          this.#unrecoverable = failure.message;
          this.#over = true;
          return;
        }
        if (!(failure instanceof Violation)) throw failure;
        this.#record.line(`violation: ${failure.message}`);
        this.#violation = failure;
        this.#over = true;
      }
    });
  }

  #reachAll(enough: (() => boolean) | undefined): void {
    for (;;) {
      if (this.#untilUs === undefined) {
        const next = this.#phases.next();
        if (next.done === true) {
          this.#over = true;
          return;
        }
        this.#untilUs = next.value;
      }
      this.#world.runUntil(this.#untilUs, enough);
      if (enough?.() === true) return;
      this.#untilUs = undefined;
    }
  }

  *#phasesInTurn(): Generator<number, void> {
    const { backups, durationUs } = this.#scenario;
    // Faults are on; nothing wrong may ever be observed.
    this.#life.begin();
    if (backups !== undefined) this.#takeBackups(backups);
    yield durationUs;
    const liveness = this.#life.liveness();
    yield* liveness.waits();
    this.#takers?.stop();
    this.#life.judge(liveness, this.#backups);
    if (backups?.restore !== undefined) yield* this.#restoredPhases(backups.restore);
  }

  /** The old cluster is gone by then; what was made of it goes on by itself. */
  *#restoredPhases({ durationUs }: RestorePlan): Generator<number, void> {
    const life = this.#restoredLife;
    if (life === undefined || this.#restoredUs === undefined) return;
    this.#life.retire();
    yield Math.max(this.#world.nowUs, this.#restoredUs + durationUs);
    const liveness = life.liveness();
    yield* liveness.waits();
    life.judge(liveness, undefined);
    this.#restoredJudged = true;
  }

  #takeBackups(plan: BackupPlan): void {
    const { cluster, network } = this.#life;
    const { restore } = plan;
    this.#takers = new BackupTakers({
      world: this.#world,
      network,
      cluster,
      plan,
      log: this.#backups,
      opened: (backup) => {
        this.#life.backupOpened(backup);
      },
      taken: (backup) => {
        const { node, member } = backup;
        this.#record.noted(`a backup of member ${node} is whole, of revision ${member.revision}`);
        if (this.#restoreDue && restore !== undefined) this.#restore(backup, restore);
      },
    });
    this.#takers.start(this.#prng.fork('backups'));
    if (restore === undefined) return;
    const chosen = this.#prng.fork('restored backup');
    this.#world.at(restore.atUs, () => {
      const { backups } = this.#backups;
      const backup = backups[chosen.below(Math.max(1, backups.length))];
      if (backup === undefined) this.#restoreDue = true;
      else this.#restore(backup, restore);
    });
  }

  #restore(backup: Backup, { revisions, members }: RestorePlan): void {
    const life = this.#restoredLife;
    if (life === undefined || this.#restoredUs !== undefined) return;
    const { nowUs } = this.#world;
    this.#restoreDue = false;
    this.#restoredUs = nowUs;
    const { revision } = backup.member;
    this.#record.noted(`a cluster of ${members} is made from a backup of revision ${revision}`);
    const raft = this.#scenario.cluster.config.raft ?? defaultMemberConfig.raft;
    const disks = new RestoredDisks(backup, revisions, raft.segmentBytesMax);
    const inheritance = inherit(backup, revisions, { truth: truthOf(this.#checkers), atUs: nowUs });
    life.judgeBy(this.#options.restoredCheckers ?? createCheckers(this.#scenario.checks, inheritance));
    life.begin({ disks, ...(revisions.bump > 0 ? { seenRevision: this.#seenRevision } : {}) });
  }

  /** The newest that any client was told. */
  get #seenRevision(): number {
    let seen = 1;
    for (const { outcome } of this.#life.history.operations) {
      if (outcome.kind === 'answered') seen = Math.max(seen, outcome.response.response.header?.revision ?? 0);
    }
    return seen;
  }

  #newCaptureCheck(which: string): CaptureCheck | undefined {
    const { recaptureEvery } = this.#options;
    if (recaptureEvery === undefined) return undefined;
    return new CaptureCheck(seededPrng(`recapture${which} ${this.#seed}`), recaptureEvery);
  }

  #result(): RunResult {
    const life = this.#life;
    const atUs = this.#world.nowUs;
    return {
      scenario: this.#scenario.name,
      seed: this.#seed,
      violation: violationShown(this.#violation, atUs),
      hash: this.#record.hash,
      simulatedUs: atUs,
      events: this.steps,
      operations: life.operations,
      elections: life.elections,
      snapshotsInstalled: life.snapshotsInstalled,
      faultsFired: sumOf(life.injector.fired, this.#restoredLife?.injector.fired ?? {}),
      ...(this.#scenario.backups === undefined ? {} : { backups: this.#backupCounts() }),
      unrecoverable: this.#unrecoverable,
      coverage: this.#record.coverage.names,
    };
  }

  #backupCounts(): BackupCounts {
    return {
      taken: this.#backups.backups.length,
      brokenOff: this.#backups.broken,
      restored: this.#restoredJudged ? 1 : 0,
      restoredAnswered: this.#restoredLife?.operations.answered ?? 0,
    };
  }
}

/** Settings and workload are those of the cluster that the backup was taken from. */
function restoredPlan(
  scenario: Scenario,
  { members, faults }: RestorePlan,
): Pick<Scenario, 'cluster' | 'workload' | 'faults'> {
  const { cluster, workload } = scenario;
  return { cluster: { ...cluster, members, spares: 0 }, workload, faults };
}

function sumOf(left: RunResult['faultsFired'], right: RunResult['faultsFired']): RunResult['faultsFired'] {
  const sum = new Map(Object.entries(left));
  for (const [kind, count] of Object.entries(right)) sum.set(kind, (sum.get(kind) ?? 0) + count);
  return Object.fromEntries(sum);
}
