import { type Prng } from '../../base/prng.ts';
import { type AgentRequest, type AgentResponse } from '../agent-protocol.ts';
import { type Caller, type PlasmaMutation, type PlasmaQuery, type PlasmaResponse } from '../api.ts';
import { type NodeEpoch, type NodeName, type Revision } from '../types.ts';
import { type AgentJob, agentRefusal, InventoryJob, register, ReportJob, staleEpoch } from './agent-jobs.ts';
import { AuditLog } from './audit-log.ts';
import { type Answer, type Batch } from './batch.ts';
import { Commits } from './commits.ts';
import { Confirmation } from './confirmation.ts';
import { refusedWith } from './decision.ts';
import { desiredOn } from './desired.ts';
import { DesiredWatches } from './desired-watches.ts';
import { type Desk } from './desk.ts';
import { DiskRemovals } from './disk-removals.ts';
import { EventReads } from './event-reads.ts';
import { KeptRecords } from './kept-records.ts';
import { type Memory } from './memory.ts';
import { Mutations } from './mutations.ts';
import { NodeSessions } from './node-sessions.ts';
import { type ControlPlaneResponse, type KvOutcome, type StorageCallEvent } from './protocol.ts';
import { Queries } from './queries.ts';
import { Reports } from './reports.ts';
import { type ControlPlaneSettings } from './settings.ts';
import { type LastCommit } from './takeover.ts';
import { Upkeep } from './upkeep.ts';
import { VmLife } from './vm-life.ts';

type ReadQuery = Exclude<PlasmaQuery, { readonly kind: 'events' }>;
type Registration = Extract<AgentRequest, { readonly kind: 'register' }>;

/** What waits for a commit that has room for it. */
type Job =
  | {
      readonly kind: 'mutation';
      readonly requestId: number;
      readonly caller: Caller;
      readonly request: PlasmaMutation;
      /** Why the caller may not ask for it; undefined: he may. */
      readonly denied: string | undefined;
    }
  | { readonly kind: 'registration'; readonly requestId: number; readonly request: Registration }
  | { readonly kind: 'agent'; readonly requestId: number; readonly job: AgentJob };

/** What waits for the term to be confirmed. */
type Unconfirmed =
  | { readonly kind: 'answer'; readonly requestId: number; readonly response: ControlPlaneResponse }
  | { readonly kind: 'query'; readonly requestId: number; readonly query: ReadQuery }
  | {
      readonly kind: 'renewal';
      readonly requestId: number;
      readonly node: NodeName;
      readonly epoch: NodeEpoch;
      readonly sequence: number;
      readonly appliedRevision: Revision;
    }
  | {
      readonly kind: 'desired';
      readonly requestId: number;
      readonly node: NodeName;
      readonly epoch: NodeEpoch;
    };

/** Why a leader is one no more. */
export type LeaderEnd =
  | { readonly kind: 'deposed'; readonly reason: string }
  /** The term holds, and what is in memory does not: it is to be read again. */
  | { readonly kind: 'undone'; readonly reason: string };

/** Refusals of one commit that are written down. */
const deniedNotesMax = 8;

/**
 * A server while it leads. Requests are decided in memory in the order in which they come, and answered when what they have
 * seen or changed is surely so: after the commit that holds it, or, where there was nothing to commit, after the term was
 * confirmed.
 */
export class Leader {
  readonly #settings: ControlPlaneSettings;
  readonly #desk: Desk;
  readonly #memory: Memory;
  readonly #commits: Commits;
  readonly #confirmation: Confirmation<Unconfirmed>;
  readonly #sessions: NodeSessions;
  readonly #life: VmLife;
  readonly #reports: Reports;
  readonly #mutations: Mutations;
  readonly #upkeep: Upkeep;
  readonly #removals: DiskRemovals;
  readonly #queries: Queries;
  readonly #watches: DesiredWatches;
  readonly #events: EventReads;
  readonly #audit: AuditLog;
  /** In the order in which they came. At most `waitingMax`. */
  readonly #jobs: Job[] = [];
  #jobsDone = 0;
  #deniedNotes = 0;
  #end: LeaderEnd | undefined;
  #leaving = false;

  constructor(
    settings: ControlPlaneSettings,
    desk: Desk,
    prng: Prng,
    term: number,
    memory: Memory,
    last: LastCommit & { readonly attempts: number },
  ) {
    this.#settings = settings;
    this.#desk = desk;
    this.#memory = memory;
    this.#commits = new Commits(settings, desk, term, last);
    this.#confirmation = new Confirmation(settings, desk, term);
    this.#sessions = new NodeSessions(settings, desk, memory);
    this.#life = new VmLife(memory);
    this.#reports = new Reports(memory, this.#life);
    this.#mutations = new Mutations(memory, this.#life, new KeptRecords(memory), prng);
    this.#upkeep = new Upkeep(settings, desk, memory, this.#life, this.#sessions, this.#mutations.vms);
    this.#removals = new DiskRemovals(settings, desk, memory);
    this.#queries = new Queries(memory, this.#sessions, this.#removals);
    this.#watches = new DesiredWatches(desk, memory, last.revision);
    this.#events = new EventReads(settings, desk);
    this.#audit = new AuditLog(settings, desk, last.revision);
    // The first commit of the term: nothing that was under way before it can come to be any more.
    memory.note('leads', { message: `term ${term}` });
  }

  get memory(): Memory {
    return this.#memory;
  }

  get sessions(): NodeSessions {
    return this.#sessions;
  }

  get pendingCount(): number {
    return this.#life.pendingCount;
  }

  get commits(): Commits {
    return this.#commits;
  }

  /** No commit is under way: all that was sent to the store has been answered. */
  get isSettled(): boolean {
    return !this.#commits.isUnderWay;
  }

  get deadlineUs(): number {
    if (this.#leaving) return Infinity;
    // Without room for more there is a commit under way, and nothing can be done before it is answered.
    const upkeepUs = this.#memory.batch.hasRoom ? this.#upkeep.deadlineUs : Infinity;
    return Math.min(
      ...[upkeepUs, this.#removals.deadlineUs, this.#watches.deadlineUs, this.#events.deadlineUs],
    );
  }

  onMutation(requestId: number, caller: Caller, request: PlasmaMutation, denied: string | undefined): void {
    this.#enqueue({ kind: 'mutation', requestId, caller, request, denied });
  }

  onQuery(requestId: number, query: PlasmaQuery): void {
    if (this.#polls >= this.#settings.pollsMax) {
      this.#desk.reply(requestId, refusedWith('TOO_MANY_REQUESTS', `${this.#polls} requests wait already`));
    } else if (query.kind === 'events') {
      this.#events.begin(requestId, query);
    } else {
      this.#confirmation.wait({ kind: 'query', requestId, query });
    }
  }

  onAgent(requestId: number, request: AgentRequest): void {
    switch (request.kind) {
      case 'register':
        this.#enqueue({ kind: 'registration', requestId, request });
        break;
      case 'inventory':
        this.#enqueueAgent(requestId, new InventoryJob(this.#memory, this.#reports, request));
        break;
      case 'report':
        this.#enqueueAgent(requestId, new ReportJob(this.#memory, this.#reports, request));
        break;
      case 'renewLease':
        this.#confirm({ ...request, kind: 'renewal', requestId });
        break;
      case 'watchDesired':
        this.#onWatch(requestId, request);
        break;
    }
  }

  onCancelled(requestId: number): void {
    this.#watches.cancel(requestId);
    this.#events.cancel(requestId);
  }

  /** Something was answered by the store; others' answers are ignored. */
  onAnswered(kvId: number, outcome: KvOutcome): void {
    const committed = this.#commits.onAnswered(kvId, outcome);
    if (committed?.kind === 'committed') this.#onCommitted(committed.batch);
    else if (committed !== undefined) this.#end = committed;
    else if (this.#commits.isSettling) this.#confirmation.onCommitUnknown();
    const confirmed = this.#confirmation.onAnswered(kvId, outcome);
    if (confirmed?.kind === 'deposed') this.#end = confirmed;
    for (const waiting of confirmed?.kind === 'confirmed' ? confirmed.waiting : [])
      this.#onConfirmed(waiting);
    for (const { requestId } of confirmed?.kind === 'failed' ? confirmed.waiting : []) {
      this.#desk.refuse(requestId, 'UNAVAILABLE', 'whether this server still leads could not be asked');
    }
    this.#events.onAnswered(kvId, outcome);
    this.#audit.onAnswered(kvId, outcome);
  }

  onStorage({ callId, ...answered }: StorageCallEvent): void {
    const outcome =
      answered.kind === 'storageAnswered'
        ? answered.response
        : ({ kind: 'failed', reason: answered.reason } as const);
    this.#removals.onAnswered(callId, outcome);
  }

  /** At the end of each step: does what can be done now. @returns why it leads no more; undefined: it does */
  endStep(): LeaderEnd | undefined {
    if (this.#end !== undefined || this.#leaving) return this.#end;
    this.#events.onTick();
    this.#upkeep.run();
    this.#removals.run();
    this.#runJobs();
    for (const watch of this.#watches.takeDue()) {
      this.#confirmation.wait({ ...watch, kind: 'desired' });
    }
    if (!this.#commits.isUnderWay && !this.#memory.batch.isEmpty) this.#commit();
    if (!this.#commitsNext) this.#confirmation.begin();
    return undefined;
  }

  /**
   * Decides nothing any more. Whoever waits for the commit under way still hears of it; of what all others wait for nothing was
   * sent to the store, so that they may ask the next leader at once.
   */
  leave(message: string): void {
    this.#leaving = true;
    const sent = new Set((this.#commits.batchUnderWay?.answers ?? []).map(({ requestId }) => requestId));
    this.#desk.refuseAll('NOT_LEADER', message, undefined, sent);
  }

  /** One commit is under way and another follows, which confirms the term for all that wait. */
  get #commitsNext(): boolean {
    return this.#commits.isUnderWay && !this.#commits.isSettling && !this.#memory.batch.isEmpty;
  }

  /** Answers everybody who waits. What has been sent may have been done. */
  drop(end: LeaderEnd, leader: number | undefined): void {
    const unknown = 'whether it was done is not known: ask again under the same operation id';
    for (const { requestId } of this.#commits.batchUnderWay?.answers ?? []) {
      this.#desk.refuse(requestId, 'UNAVAILABLE', unknown);
    }
    this.#desk.refuseAll(
      end.kind === 'deposed' ? 'NOT_LEADER' : 'UNAVAILABLE',
      `this server does not lead now: ${end.reason}`,
      leader,
    );
  }

  get #polls(): number {
    return this.#events.size + this.#watches.size + this.#confirmation.size;
  }

  #enqueue(job: Job): void {
    if (this.#jobs.length - this.#jobsDone < this.#settings.waitingMax) {
      this.#jobs.push(job);
      return;
    }
    const message = `${this.#settings.waitingMax} requests wait already`;
    const response: ControlPlaneResponse =
      job.kind === 'mutation'
        ? refusedWith('TOO_MANY_REQUESTS', message)
        : agentRefusal('UNAVAILABLE', message);
    this.#desk.reply(job.requestId, response);
  }

  #enqueueAgent(requestId: number, job: AgentJob): void {
    this.#enqueue({ kind: 'agent', requestId, job });
  }

  #confirm(waiting: Unconfirmed): void {
    if (this.#polls < this.#settings.pollsMax) this.#confirmation.wait(waiting);
    else this.#desk.refuse(waiting.requestId, 'UNAVAILABLE', `${this.#polls} requests wait already`);
  }

  #onWatch(requestId: number, request: Extract<AgentRequest, { readonly kind: 'watchDesired' }>): void {
    const { node, epoch, fromRevision, waitUs } = request;
    if (this.#refusalOf(node, epoch) !== undefined) {
      this.#confirm({ kind: 'desired', requestId, node, epoch });
      return;
    }
    const isTime = Number.isSafeInteger(waitUs) && waitUs >= 0;
    const untilUs = this.#desk.nowUs + (isTime ? Math.min(waitUs, this.#settings.pollUsMax) : 0);
    if (this.#polls >= this.#settings.pollsMax) {
      this.#desk.refuse(requestId, 'UNAVAILABLE', `${this.#polls} requests wait already`);
    } else if (this.#watches.wait({ requestId, node, epoch, fromRevision, untilUs })) {
      this.#confirmation.wait({ kind: 'desired', requestId, node, epoch });
    }
  }

  /** Decides what fits into the next commit. */
  #runJobs(): void {
    while (this.#memory.batch.hasRoom) {
      const job = this.#jobs[this.#jobsDone];
      if (job === undefined) break;
      if (this.#runJob(job)) this.#jobsDone += 1;
    }
    if (this.#jobsDone > 0 && this.#jobsDone * 2 >= this.#jobs.length) {
      this.#jobs.splice(0, this.#jobsDone);
      this.#jobsDone = 0;
    }
  }

  /** @returns false where there is more of it */
  #runJob(job: Job): boolean {
    switch (job.kind) {
      case 'mutation':
        this.#answer(job.requestId, this.#mutated(job));
        return true;
      case 'registration': {
        const { node } = job.request;
        const response = register(this.#memory, job.request);
        this.#sessions.tellRoom(node);
        const grants = response.kind === 'registered' ? { node, epoch: response.epoch } : undefined;
        this.#answer(job.requestId, response, grants);
        return true;
      }
      case 'agent': {
        const response: AgentResponse | undefined = job.job.advance();
        if (response !== undefined) this.#answer(job.requestId, response);
        return response !== undefined;
      }
    }
  }

  #mutated({ request, caller, denied }: Extract<Job, { readonly kind: 'mutation' }>): PlasmaResponse {
    if (denied !== undefined) {
      this.#deniedNotes += 1;
      if (this.#deniedNotes <= deniedNotesMax) {
        const message = `${request.kind}: ${denied}`;
        this.#memory.note('denied', { project: request.project, message }, caller.identity);
      }
      return refusedWith('PERMISSION_DENIED', denied);
    }
    const response = this.#mutations.carryOut(request, caller);
    if (response.kind === 'committed' && 'node' in request && request.node !== undefined) {
      if (this.#memory.working.nodes.get(request.node)?.lost !== undefined) this.#sessions.end(request.node);
      this.#upkeep.attendTo(request.node);
    }
    return response;
  }

  /** When what it tells of is surely so. */
  #answer(requestId: number, response: ControlPlaneResponse, grants?: Answer['grants']): void {
    const isSettled = this.#memory.batch.isEmpty && !this.#commits.isUnderWay;
    if (isSettled) this.#confirmation.wait({ kind: 'answer', requestId, response });
    else this.#memory.batch.answerThen(requestId, response, grants);
  }

  #commit(): void {
    this.#deniedNotes = 0;
    this.#audit.trim(this.#memory.batch);
    this.#commits.begin(this.#memory.takeBatch());
    this.#confirmation.joinCommit();
  }

  #onCommitted(batch: Batch): void {
    this.#watches.onCommitting(batch);
    this.#memory.onCommitted(batch);
    this.#upkeep.onCommitted(batch);
    this.#removals.onCommitted(batch);
    this.#events.onCommitted(batch);
    this.#audit.onCommitted(batch);
    for (const { table, key } of batch.rows) if (table === 'nodes') this.#sessions.tellRoom(key);
    for (const { requestId, response, grants } of batch.answers) {
      if (grants !== undefined) this.#sessions.grant(grants.node, grants.epoch, 0);
      this.#desk.reply(requestId, response);
    }
    for (const waiting of this.#confirmation.onCommitted()) this.#onConfirmed(waiting);
  }

  #onConfirmed(waiting: Unconfirmed): void {
    const { requestId } = waiting;
    switch (waiting.kind) {
      case 'answer':
        this.#desk.reply(requestId, waiting.response);
        break;
      case 'query':
        this.#desk.reply(requestId, this.#queries.answer(waiting.query, this.#commits.revision));
        break;
      case 'renewal':
        this.#desk.reply(requestId, this.#renewed(waiting));
        break;
      case 'desired':
        this.#desk.reply(requestId, this.#desired(waiting.node, waiting.epoch));
        break;
    }
  }

  #renewed(renewal: Extract<Unconfirmed, { readonly kind: 'renewal' }>): AgentResponse {
    const { node, epoch, sequence, appliedRevision } = renewal;
    const stale = staleEpoch(this.#memory.working.nodes.get(node), node, epoch);
    if (stale !== undefined) return stale;
    this.#sessions.grant(node, epoch, appliedRevision);
    return { kind: 'leaseGranted', sequence, leaseTtlUs: this.#settings.nodeLeaseTtlUs };
  }

  #desired(node: NodeName, epoch: NodeEpoch): AgentResponse {
    const refusal = this.#refusalOf(node, epoch);
    if (refusal !== undefined) return refusal;
    const { committed } = this.#memory;
    return { kind: 'desired', revision: this.#commits.revision, vms: desiredOn(committed, node) };
  }

  #refusalOf(node: NodeName, epoch: NodeEpoch): AgentResponse | undefined {
    const stale = staleEpoch(this.#memory.working.nodes.get(node), node, epoch);
    if (stale !== undefined) return stale;
    const judged = this.#memory.committed.nodes.get(node)?.inventoriedEpoch;
    return judged === epoch ? undefined : agentRefusal('INVENTORY_DUE', 'the inventory comes first');
  }
}
