import { nodeId } from '../../../core/base/ids.ts';
import { type CompactionRequest, type TxnRequest } from '../../../core/chainfire/api/kv.ts';
import { type AppliedCommand, StateMachine } from '../../../core/chainfire/apply.ts';
import { Backlog } from '../../../core/raft/backlog.ts';
import { AlarmState } from '../../../core/chainfire/alarm/alarm-state.ts';
import { CheckJob } from '../../../core/chainfire/alarm/check-job.ts';
import { CheckState } from '../../../core/chainfire/alarm/check-state.ts';
import { AuthState } from '../../../core/chainfire/auth/auth-state.ts';
import { Command, type CommandBody } from '../../../core/chainfire/command.ts';
import { LeaseTable } from '../../../core/chainfire/lease/lease-table.ts';
import { memberTables } from '../../../core/chainfire/member.ts';
import { type MemberRequest, type MemberResponse } from '../../../core/chainfire/member-protocol.ts';
import { Membership } from '../../../core/chainfire/membership.ts';
import { MemberDirectory } from '../../../core/chainfire/members.ts';
import { Namespaces } from '../../../core/chainfire/namespace/namespaces.ts';
import { compactionTurn } from '../../../core/chainfire/mvcc/compaction.ts';
import { Mvcc } from '../../../core/chainfire/mvcc/mvcc.ts';
import { StateHash } from '../../../core/chainfire/mvcc/state-hash.ts';
import { type Entry } from '../../../core/raft/types.ts';
import { type StorageBackend } from '../../../core/storage/backend.ts';
import { MemoryBackend } from '../../../core/storage/memory-backend.ts';

const proposer = { member: nodeId(1), boot: 9 };
type Written =
  | Extract<
      MemberRequest,
      {
        kind:
          | 'put'
          | 'deleteRange'
          | 'txn'
          | 'compact'
          | 'leaseGrant'
          | 'leaseRevoke'
          | 'namespacePut'
          | 'namespaceRemove';
      }
    >
  | { readonly kind: 'namespaceTurn'; readonly request: NonNullable<CommandBody['namespaceTurn']> }
  | { readonly kind: 'leaseRenew'; readonly request: NonNullable<CommandBody['leaseRenew']> }
  | { readonly kind: 'leaseExpire'; readonly request: NonNullable<CommandBody['leaseExpire']> };

/** The replicated state machine by itself, with the log that drove it. */
export class Machine {
  readonly store: StorageBackend;
  readonly log: Entry[];
  mvcc: Mvcc;
  leases: LeaseTable;
  namespaces: Namespaces;
  state: StateMachine;
  readonly #turnMax: ConstructorParameters<typeof Namespaces>[1];

  /** @param turnMax work of one turn of counting a namespace */
  constructor(
    store: StorageBackend = new MemoryBackend(memberTables),
    log: Entry[] = [],
    turnMax?: ConstructorParameters<typeof Namespaces>[1],
  ) {
    this.store = store;
    this.log = log;
    this.#turnMax = turnMax;
    this.mvcc = new Mvcc(store);
    this.leases = new LeaseTable(this.mvcc);
    this.namespaces = new Namespaces(this.mvcc, this.#turnMax);
    this.state = this.#recover();
  }

  /** Forgets everything but the store, and applies what the log holds beyond it. */
  restart(): void {
    this.mvcc = new Mvcc(this.store);
    this.leases = new LeaseTable(this.mvcc);
    this.namespaces = new Namespaces(this.mvcc, this.#turnMax);
    this.state = this.#recover();
    this.state.apply(this.log.slice(this.state.index), proposer);
  }

  /** Proposes, commits and applies one command. */
  do(request: Written): MemberResponse {
    return (this.doAll([request])[0] as AppliedCommand).response as MemberResponse;
  }

  /** Several in one batch. */
  doAll(requests: readonly Written[], term = 1): readonly AppliedCommand[] {
    const entries = requests.map((request, at) => this.entry(request, this.log.length + at + 1, term));
    this.log.push(...entries);
    return this.state.apply(entries, proposer);
  }

  entry(request: Written, index: number, term = 1, seq = index): Entry {
    const data = Command.encode(
      Command.create({
        ...proposer,
        seq,
        put: request.kind === 'put' ? request.request : undefined,
        deleteRange: request.kind === 'deleteRange' ? request.request : undefined,
        txn: request.kind === 'txn' ? (request.request as TxnRequest) : undefined,
        compact: request.kind === 'compact' ? (request.request as CompactionRequest) : undefined,
        leaseGrant: request.kind === 'leaseGrant' ? request.request : undefined,
        leaseRevoke: request.kind === 'leaseRevoke' ? request.request : undefined,
        leaseRenew: request.kind === 'leaseRenew' ? request.request : undefined,
        leaseExpire: request.kind === 'leaseExpire' ? request.request : undefined,
        namespacePut: request.kind === 'namespacePut' ? request.request : undefined,
        namespaceRemove: request.kind === 'namespaceRemove' ? request.request : undefined,
        namespaceTurn: request.kind === 'namespaceTurn' ? request.request : undefined,
      }),
    );
    return { index, term, kind: 'command', data };
  }

  /** One turn of freeing; false when there was nothing to do. */
  free(recordsMax: number): boolean {
    const batch = compactionTurn(this.mvcc, recordsMax);
    if (batch !== undefined) this.store.write(batch);
    return batch !== undefined;
  }

  rows(table: string): readonly (readonly [string, Uint8Array])[] {
    return [...this.store.range(table, { from: '' })];
  }

  hashKv(revision = this.mvcc.revision, recordsPerTurn = 3): number {
    const { compactRevision } = this.mvcc;
    const view = this.store.view(this.store.openView());
    const hash = new StateHash(view, { compactRevision, revision, initial: 0, tables: [] });
    while (!hash.done) hash.advance(recordsPerTurn);
    view.close();
    return hash.hash;
  }

  #recover(): StateMachine {
    const directory = new MemberDirectory([], this.store);
    return new StateMachine({
      mvcc: this.mvcc,
      backlog: new Backlog(1_000_000_000, 0),
      directory,
      membership: new Membership(directory, [], this.store),
      initialConfiguration: { voters: [nodeId(1)], outgoing: [], learners: [] },
      auth: new AuthState(this.store, (bytes) => this.mvcc.mix(bytes)),
      alarms: new AlarmState(this.store, (bytes) => this.mvcc.mix(bytes)),
      checks: new CheckState(this.store, (bytes) => this.mvcc.mix(bytes)),
      checkJob: new CheckJob(this.store),
      leases: this.leases,
      namespaces: this.namespaces,
    });
  }
}
