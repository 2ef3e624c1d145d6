import { type CapturablePrng, type Prng } from '../core/base/prng.ts';
import { type ChainfireMember, defaultMemberConfig } from '../core/chainfire/member.ts';
import { type MemberEffect, type MemberEvent } from '../core/chainfire/member-protocol.ts';
import { atlasMember, FaultAtlas } from './atlas.ts';
import { type BackupLog } from './backup/backup-log.ts';
import { type OpenedBackup } from './backup/backup.ts';
import { type RestoredDisks } from './backup/restored-disks.ts';
import { type CaptureCheck } from './capture-check.ts';
import { ClientLogs } from './client-logs.ts';
import { SimulatedClient } from './clients.ts';
import { Cluster, type ClusterObserver, type MemberProcess } from './cluster.ts';
import { type DiskFailure } from './disk/failure.ts';
import { FaultInjector } from './faults/injector.ts';
import { History } from './history.ts';
import { LivenessPhase } from './liveness.ts';
import { defaultNetworkPlan, Network } from './network/network.ts';
import { type RunRecord } from './run-record.ts';
import { countServices } from './service-counts.ts';
import { type Fault } from './fault.ts';
import {
  type Checker,
  type RunResult,
  type Scenario,
  type StepObservation,
  type SyncObservation,
} from './types.ts';
import { userOfClient } from './workload-users.ts';
import { WorkloadClient } from './workload.ts';
import { type World } from './world.ts';

type Stepper = Checker & Required<Pick<Checker, 'onStep'>>;
type SyncWatcher = Checker & Required<Pick<Checker, 'onSynced'>>;

/** Members start within this time. */
const startUsMax = 500_000;
/** Clients leave a silent stream sooner than by default: several times within the bound of the liveness phase. */
const streamSilenceUsMax = 4_000_000;

/** Where a cluster that is made from a backup has its machines and its clients: no number of the first one's is among them. */
export const restoredBehind = { nodes: 10, clients: 100 } as const;

export interface ClusterLifeOptions {
  readonly world: World;
  readonly prng: CapturablePrng;
  readonly plan: Pick<Scenario, 'cluster' | 'workload' | 'faults'>;
  readonly record: RunRecord;
  /** It waits to be made from a backup, where it is; default: it is the world's first cluster. */
  readonly isRestored?: boolean;
  readonly captureCheck?: CaptureCheck | undefined;
}

/**
 * One cluster from its beginning to its end: its machines and their network, its clients, the faults that are meant for it,
 * and those who judge it. A world may have two, the second made from a backup of the first; nothing passes between them.
 */
export class ClusterLife implements ClusterObserver {
  readonly cluster: Cluster;
  readonly network: Network;
  readonly history = new History();
  readonly logs = new ClientLogs();
  readonly injector: FaultInjector;
  readonly #world: World;
  readonly #prng: Prng;
  readonly #plan: ClusterLifeOptions['plan'];
  readonly #record: RunRecord;
  readonly #isRestored: boolean;
  #checkers: readonly Checker[] = [];
  /** How those of them look that look at every step. Looked up once: a step is short, and the checkers are many. */
  #onSteps: readonly ((step: StepObservation) => void)[] = [];
  #onSyncs: readonly ((sync: SyncObservation) => void)[] = [];
  #clients: readonly SimulatedClient<ChainfireMember>[] = [];
  #elections = 0;
  /** Highest term that had a leader. */
  #ledTerm = 0;

  constructor(options: ClusterLifeOptions) {
    const { world, prng, plan, record, isRestored = false } = options;
    this.#world = world;
    this.#prng = prng;
    this.#plan = plan;
    this.#record = record;
    this.#isRestored = isRestored;
    this.network = new Network({
      world,
      prng: prng.fork('network'),
      plan: defaultNetworkPlan,
      watcher: record.watcher,
    });
    this.cluster = new Cluster({
      world,
      network: this.network,
      prng: prng.fork('cluster'),
      plan: plan.cluster,
      observer: this,
      watcher: record.watcher,
      captureCheck: options.captureCheck,
      restoredBehind: isRestored ? restoredBehind.nodes : undefined,
    });
    this.injector = new FaultInjector({
      world,
      network: this.network,
      cluster: this.cluster,
      prng: prng.fork('faults'),
      atlas: new FaultAtlas(this.cluster.processes.map(atlasMember), (member) =>
        this.cluster.isLeaving(member),
      ),
      noted: (what) => {
        record.noted(what);
      },
      struck: (fault) => record.watcher?.fired(fault),
      damaged: (node) => {
        const { member } = this.cluster.process(node);
        for (const checker of this.#checkers) checker.onDamaged?.(member, world.nowUs);
      },
      rotted: (node) => {
        const { member } = this.cluster.process(node);
        for (const checker of this.#checkers) checker.onRotted?.(member, world.nowUs);
      },
    });
  }

  get elections(): number {
    return this.#elections;
  }

  /** Where those who take part in it beside its own clients and probes have their numbers. */
  get firstClient(): number {
    return this.#isRestored ? restoredBehind.clients : 0;
  }

  /** Those who judge it from now on. */
  judgeBy(checkers: readonly Checker[]): void {
    this.#checkers = checkers;
    this.#onSteps = checkers.filter(isStepper).map((checker) => checker.onStep.bind(checker));
    this.#onSyncs = checkers.filter(isSyncWatcher).map((checker) => checker.onSynced.bind(checker));
  }

  /**
   * Its members start, its clients begin to ask, and its faults come at their times from now on.
   *
   * @param given.seenRevision up to which its clients remember another cluster
   */
  begin(given: { readonly seenRevision?: number; readonly disks?: RestoredDisks } = {}): void {
    const { disks } = given;
    if (disks !== undefined) this.cluster.restore((fresh) => disks.make(fresh()));
    const beganUs = this.#world.nowUs;
    this.#clients = this.#newClients(this.#prng.fork('clients'), given.seenRevision);
    const starts = this.#prng.fork('starts');
    for (const process of this.cluster.processes) {
      if (process.stopped) continue;
      this.#world.after(starts.below(startUsMax), () => {
        process.start();
      });
    }
    for (const client of this.#clients) client.start();
    this.injector.schedule(this.#plan.faults.map((fault) => later(fault, beganUs)));
  }

  liveness(): LivenessPhase {
    const { config } = this.#plan.cluster;
    const raft = config.raft ?? defaultMemberConfig.raft;
    return new LivenessPhase({
      world: this.#world,
      network: this.network,
      cluster: this.cluster,
      injector: this.injector,
      clients: this.#clients,
      firstClient: this.firstClient,
      history: this.history,
      prng: this.#prng.fork('liveness'),
      electionTimeoutUs: raft.electionTimeoutUs,
      callTimeoutUs: this.#plan.workload.callTimeoutUs,
      clockDriftPpmMax: config.clockDriftPpmMax ?? defaultMemberConfig.clockDriftPpmMax,
    });
  }

  /** It was judged to its end, in which these members were up. @throws Violation */
  judge(liveness: LivenessPhase, backups: BackupLog | undefined): void {
    const end = {
      nowUs: this.#world.nowUs,
      history: this.history.operations,
      members: liveness.members,
      watches: this.logs.watches,
      holds: this.logs.holds,
      backups: backups?.backups ?? [],
    };
    for (const checker of this.#checkers) checker.onEnd?.(end);
  }

  /** Nobody needs it any more. */
  retire(): void {
    for (const process of this.cluster.processes) process.retire();
  }

  /** Somebody's backup shows this member as it is now. */
  backupOpened(backup: OpenedBackup): void {
    for (const checker of this.#checkers) checker.onBackupOpened?.(backup);
  }

  /** What came of its calls, and what clients had of leases, watches and locks. */
  get operations(): RunResult['operations'] {
    const outcomes = { answered: 0, refused: 0, failed: 0, unknown: 0 };
    for (const { outcome } of this.history.operations) outcomes[outcome.kind] += 1;
    return { ...outcomes, ...countServices(this.history.operations, this.logs) };
  }

  get snapshotsInstalled(): number {
    let installed = 0;
    for (const process of this.cluster.processes) installed += process.snapshotsInstalled;
    return installed;
  }

  recovered(process: MemberProcess, member: ChainfireMember): void {
    this.#record.recovered(process, member);
    for (const checker of this.#checkers) checker.onRecovered?.(process.member, member, this.#world.nowUs);
  }

  stepped(
    process: MemberProcess,
    event: MemberEvent,
    effects: readonly MemberEffect[],
    member: ChainfireMember,
  ): void {
    const { raft } = member.view;
    const step = { nowUs: this.#world.nowUs, node: process.member, event, effects, member };
    this.injector.stepped(raft);
    if (raft.role === 'leader' && raft.term > this.#ledTerm) {
      this.#ledTerm = raft.term;
      this.#elections += 1;
      this.injector.elected(process.node);
    }
    this.#record.stepped(process, step, this.#isRestored ? process.node : process.member);
    for (const onStep of this.#onSteps) onStep(step);
  }

  synced(process: MemberProcess, syncSeq: number, member: ChainfireMember): void {
    const sync = { node: process.member, syncSeq, member };
    for (const onSynced of this.#onSyncs) onSynced(sync);
  }

  stepFailed(process: MemberProcess, event: MemberEvent, failure: DiskFailure): void {
    this.#record.stepFailed(this.#isRestored ? process.node : process.member, event, failure);
  }

  ended(process: MemberProcess): void {
    this.#record.watcher?.ended(process);
    for (const checker of this.#checkers) checker.onCrashed?.(process.member, this.#world.nowUs);
  }

  diskFailed(process: MemberProcess, failure: DiskFailure, why?: string): void {
    this.injector.diskFailed(process, failure, why);
  }

  #newClients(prng: Prng, seenRevision: number | undefined): readonly SimulatedClient<ChainfireMember>[] {
    const { workload: plan } = this.#plan;
    const { nodes, calls, streams } = this.cluster;
    return Array.from({ length: plan.clients }, (_, at) => {
      const client = this.firstClient + at;
      const workload = new WorkloadClient({
        client,
        plan,
        endpoints: nodes.length,
        config: { streamSilenceUsMax },
        prng: prng.fork(`client ${at}`),
        nowUs: this.#world.nowUs,
        history: this.history,
        logs: this.logs,
        seenRevision,
      });
      const first = at % nodes.length;
      const endpoints = [...nodes.slice(first), ...nodes.slice(0, first)];
      return new SimulatedClient({
        world: this.#world,
        calls,
        streams,
        prng: prng.fork(`transport ${at}`),
        client,
        by: userOfClient(plan, at),
        workload,
        endpoints,
      });
    });
  }
}

/** Faults of a plan count from the cluster's beginning; those of the world's first cluster from the world's, which is the same. */
function later<F extends Fault>(fault: F, byUs: number): F {
  return byUs === 0 ? fault : { ...fault, atUs: fault.atUs + byUs };
}

function isStepper(checker: Checker): checker is Stepper {
  return checker.onStep !== undefined;
}

function isSyncWatcher(checker: Checker): checker is SyncWatcher {
  return checker.onSynced !== undefined;
}
