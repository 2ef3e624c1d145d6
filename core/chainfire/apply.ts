import { assert, unreachable } from '../base/assert.ts';
import { type StateForm } from '../base/capture.ts';
import { type NodeId } from '../base/ids.ts';
import { type Prng } from '../base/prng.ts';
import { decodeConfiguration, encodeConfiguration, membersOf } from '../raft/configuration.ts';
import { type Configuration, type Entry } from '../raft/types.ts';
import { type StorageBackend, type StoreWrite } from '../storage/backend.ts';
import { WireWriter } from '../wire/writer.ts';
import { type AlarmState } from './alarm/alarm-state.ts';
import { type CheckJob } from './alarm/check-job.ts';
import { type CheckState } from './alarm/check-state.ts';
import { refuseByAlarm } from './alarm/refuse-command.ts';
import { type AlarmRequest, alarmTypes } from './api/cluster.ts';
import { type CompactionRequest, type ResponseHeader } from './api/kv.ts';
import { type LeaseKeys } from './auth/accesses.ts';
import { applyAuthChange } from './auth/apply-change.ts';
import { type AuthState } from './auth/auth-state.ts';
import { AuthAnswer, type AuthChange } from './auth/protocol.ts';
import { readsAttachments, refuseCommand } from './auth/refuse-command.ts';
import { type Backlog } from '../raft/backlog.ts';
import { Command, commandDepthMax, readsHistory } from './command.ts';
import { type LeaseTable } from './lease/lease-table.ts';
import { type EndedChange, type Membership } from './membership.ts';
import { type MemberDirectory } from './members.ts';
import { type MemberResponse } from './member-protocol.ts';
import { metaTable } from './mvcc/keys.ts';
import { appliedWrite, readApplied } from './mvcc/meta.ts';
import { type Mvcc } from './mvcc/mvcc.ts';
import { type Namespaces, statusOf } from './namespace/namespaces.ts';
import { WriteQuota } from './namespace/quota.ts';
import { etcdRefusal } from './refusals.ts';
import { executeDeleteRange, executePut, executeTxn, type LeaseLookup } from './txn/execute.ts';

/** What became of a command that this member proposed in this life; its header names the revision only. */
export interface AppliedCommand {
  readonly seq: number;
  /** Undefined for what no request has asked for. */
  readonly response: MemberResponse | undefined;
  /** A change of the members has begun; its response comes under the same number when it has ended. */
  readonly underWay: boolean;
}

/** Who this member is, in the origin of its commands. */
export interface Proposer {
  readonly member: NodeId;
  readonly boot: number;
}

/** A number that no other life of the member has drawn, as far as 53 bits go. */
export function drawBoot(prng: Prng): number {
  return prng.below(2 ** 21) * 2 ** 32 + prng.below(2 ** 32);
}

const configurationRow = 'configuration';
/** What a row of a batch counts for in the backlog beside its key and value. */
const rowOverheadBytes = 32;

/**
 * The replicated state machine: what entries of the log make of the store. The same entries give the same state and the
 * same answers on every member; nothing here depends on time, on who leads, or on what this member has freed or flushed.
 *
 * What a run of entries changes is written as one batch with the applied index, so that a crash leaves the effects of whole
 * entries; entries behind a crash are applied again, onto exactly the state that they met the first time.
 */
export class StateMachine {
  readonly #mvcc: Mvcc;
  readonly #store: StorageBackend;
  readonly #backlog: Backlog;
  readonly #directory: MemberDirectory;
  readonly #membership: Membership;
  readonly #auth: AuthState;
  readonly #alarms: AlarmState;
  readonly #namespaces: Namespaces;
  readonly #quota: WriteQuota;
  readonly #checks: CheckState;
  readonly #checkJob: CheckJob;
  readonly #leaseKeys: LeaseKeys;
  readonly #initialConfiguration: Configuration;
  readonly #leases: LeaseTable;
  readonly #leaseExists: LeaseLookup;
  #index = 0;
  #term = 0;
  /** Applied index of the last batch written. */
  #writtenIndex = 0;
  #configuration: Configuration;
  /** Rows of `meta` that entries changed, beside the applied row. */
  #metaWrites: StoreWrite[] = [];
  readonly #positionWriter = new WireWriter();

  constructor(given: {
    readonly mvcc: Mvcc;
    readonly backlog: Backlog;
    readonly directory: MemberDirectory;
    readonly membership: Membership;
    readonly auth: AuthState;
    readonly alarms: AlarmState;
    readonly namespaces: Namespaces;
    readonly checks: CheckState;
    readonly checkJob: CheckJob;
    readonly initialConfiguration: Configuration;
    readonly leases: LeaseTable;
  }) {
    this.#mvcc = given.mvcc;
    this.#store = given.mvcc.store;
    this.#backlog = given.backlog;
    this.#directory = given.directory;
    this.#membership = given.membership;
    this.#auth = given.auth;
    this.#alarms = given.alarms;
    this.#namespaces = given.namespaces;
    this.#quota = new WriteQuota(given.mvcc, given.namespaces);
    this.#checks = given.checks;
    this.#checkJob = given.checkJob;
    this.#leaseKeys = (id) => given.mvcc.attachedKeys(id);
    this.#initialConfiguration = given.initialConfiguration;
    this.#configuration = given.initialConfiguration;
    this.#leases = given.leases;
    this.#leaseExists = (id) => given.leases.has(id);
    this.#load();
  }

  /** Takes everything from the store, which was replaced by a snapshot. */
  reload(): void {
    this.#mvcc.reload();
    this.#leases.reload(this.#store);
    this.#directory.reload(this.#store);
    this.#membership.reload(this.#store);
    this.#auth.reload(this.#store);
    this.#alarms.reload(this.#store);
    this.#namespaces.reload();
    this.#checks.reload(this.#store);
    // Of what was here: it says nothing of what is here now.
    this.#checkJob.abort();
    this.#load();
  }

  get index(): number {
    return this.#index;
  }

  get term(): number {
    return this.#term;
  }

  /** In force at the applied index. */
  get configuration(): Configuration {
    return this.#configuration;
  }

  /** Applies entries that follow the applied index, and writes what they change. */
  apply(entries: readonly Entry[], proposer: Proposer): readonly AppliedCommand[] {
    const own: AppliedCommand[] = [];
    for (const entry of entries) {
      assert(entry.index === this.#index + 1, 'entries are applied in order, without a gap');
      assert(entry.term >= this.#term, 'terms of entries never go back');
      switch (entry.kind) {
        case 'empty':
          this.#enter(entry);
          break;
        case 'configuration':
          this.#enter(entry);
          this.#configured(decodeConfiguration(entry.data));
          this.#metaWrites.push({
            table: metaTable,
            key: configurationRow,
            value: encodeConfiguration(this.#configuration),
          });
          this.#changeEnded(this.#membership.configured(this.#standing), proposer, own);
          break;
        case 'command': {
          const command = Command.decode(entry.data, commandDepthMax);
          if (this.#needsWritten(command)) this.#flush();
          this.#enter(entry);
          this.#applyCommand(command, proposer, own);
          if (command.checkRequested !== undefined) this.#beginCheck();
          break;
        }
        default:
          unreachable(entry.kind);
      }
    }
    this.#flush();
    return own;
  }

  /** The store has it all: it must be at the same entry. */
  passState(form: StateForm): void {
    const written = this.#metaWrites.length === 0 && this.#writtenIndex === this.#index;
    assert(written, 'state is captured when all of it is written');
    form.same('index', this.#index);
    form.same('term', this.#term);
  }

  #load(): void {
    const applied = readApplied(this.#store);
    this.#index = applied.index;
    this.#term = applied.term;
    this.#writtenIndex = applied.index;
    const configuration = this.#store.get(metaTable, configurationRow);
    this.#configuration =
      configuration === undefined ? this.#initialConfiguration : decodeConfiguration(configuration);
    this.#metaWrites = [];
  }

  /** Moves to the entry: from here on the state is that behind it. */
  #enter(entry: Entry): void {
    this.#index = entry.index;
    this.#term = entry.term;
    const writer = this.#positionWriter;
    writer.reset();
    writer.varint(entry.index);
    writer.varint(entry.term);
    this.#mvcc.mix(writer.finish());
    this.#mvcc.mix(entry.data);
  }

  #applyCommand(command: Command, proposer: Proposer, own: AppliedCommand[]): void {
    if (command.memberChangeRefused !== undefined) {
      const standing = { ...this.#standing, term: this.#term };
      this.#changeEnded(this.#membership.refused(command.memberChangeRefused, standing), proposer, own);
      return;
    }
    const changeBefore = this.#membership.change;
    const response = this.#execute(command);
    const underWay = changeBefore === undefined && this.#membership.change !== undefined;
    if (command.boot === proposer.boot && command.member === proposer.member) {
      own.push({ seq: command.seq, response, underWay });
    }
  }

  #changeEnded(ended: EndedChange | undefined, proposer: Proposer, own: AppliedCommand[]): void {
    if (ended === undefined) return;
    const { change, response } = ended;
    if (change.boot !== proposer.boot || change.member !== proposer.member) return;
    own.push({ seq: change.seq, response, underWay: false });
  }

  get #standing(): { readonly configuration: Configuration; readonly revision: number } {
    return { configuration: this.#configuration, revision: this.#mvcc.revision };
  }

  #execute(command: Command): MemberResponse | undefined {
    const mvcc = this.#mvcc;
    const denied = refuseCommand(this.#auth, command, this.#leaseKeys);
    if (denied !== undefined) return denied;
    const alarmed = refuseByAlarm(this.#alarms, command);
    if (alarmed !== undefined) return alarmed;
    if (command.put !== undefined) {
      const response = executePut(mvcc, this.#leaseExists, command.put, this.#quota);
      return 'kind' in response ? response : { kind: 'put', response };
    }
    if (command.txn !== undefined) {
      mvcc.counters.txns += 1;
      const response = executeTxn(mvcc, this.#leaseExists, command.txn, this.#quota);
      return 'kind' in response ? response : { kind: 'txn', response };
    }
    if (command.deleteRange !== undefined) {
      return { kind: 'deleteRange', response: executeDeleteRange(mvcc, command.deleteRange) };
    }
    if (command.compact !== undefined) return this.#compact(command.compact);
    if (command.leaseRenew !== undefined) {
      this.#leases.renew(command.leaseRenew, this.#index);
      return undefined;
    }
    if (command.leaseGrant !== undefined) return this.#leases.grant(command.leaseGrant, this.#index);
    if (command.leaseRevoke !== undefined) return this.#leases.revoke(command.leaseRevoke);
    if (command.leaseExpire !== undefined) this.#leases.expire(command.leaseExpire, this.#term);
    if (command.publishMember !== undefined) {
      // Said before its removal, and in the log behind it.
      if (this.#isMember(BigInt(command.publishMember.id))) this.#directory.publish(command.publishMember);
      return undefined;
    }
    if (command.alarm !== undefined) return this.#alarm(command.alarm);
    if (command.alarmRaised !== undefined) {
      if (this.#isMember(command.alarmRaised.memberId)) this.#alarms.raise(command.alarmRaised);
      return undefined;
    }
    if (command.checkRequested !== undefined) this.#checks.requested(this.#index);
    if (command.checkReported !== undefined) {
      const differing = this.#checks.reported(command.checkReported, this.#configuration);
      for (const memberId of differing) this.#alarms.raise({ memberId, alarm: alarmTypes.corrupt });
      return undefined;
    }
    if (command.authChange !== undefined) return this.#changeAuth(command);
    return this.#changeNamespaces(command) ?? this.#changeMembers(command);
  }

  /** Undefined for a change that has begun, and for what is none. */
  #changeMembers(command: Command): MemberResponse | undefined {
    const { member, boot, seq } = command;
    const asked = { ...this.#standing, index: this.#index, origin: { member, boot, seq } };
    if (command.memberAdd !== undefined) return this.#membership.add(command.memberAdd, asked);
    if (command.memberRemove !== undefined) return this.#membership.remove(command.memberRemove, asked);
    if (command.memberPromote !== undefined) return this.#membership.promote(command.memberPromote, asked);
    if (command.memberUpdate !== undefined) return this.#membership.update(command.memberUpdate, asked);
    return undefined;
  }

  #configured(configuration: Configuration): void {
    const before = membersOf(this.#configuration);
    this.#configuration = configuration;
    for (const id of before) if (!this.#isMember(BigInt(id))) this.#alarms.memberLeft(BigInt(id));
  }

  #isMember(id: bigint): boolean {
    return membersOf(this.#configuration).some((member) => BigInt(member) === id);
  }

  /** Everybody looks at the state behind this very entry: it is written, and nothing of what follows. */
  #beginCheck(): void {
    this.#flush();
    const { revision, compactRevision } = this.#mvcc;
    this.#checkJob.begin({ index: this.#index, revision, compactRevision });
  }

  #alarm(request: AlarmRequest): MemberResponse {
    const response = this.#alarms.execute(request, (id) => this.#isMember(id));
    if ('kind' in response) return response;
    const header = { clusterId: 0n, memberId: 0n, revision: this.#mvcc.revision, raftTerm: 0 };
    return { kind: 'alarm', response: { ...response, header } };
  }

  /** Undefined for what is none of them. */
  #changeNamespaces({ namespacePut, namespaceRemove, namespaceTurn }: Command): MemberResponse | undefined {
    const namespaces = this.#namespaces;
    const header: ResponseHeader = {
      clusterId: 0n,
      memberId: 0n,
      revision: this.#mvcc.revision,
      raftTerm: 0,
    };
    if (namespacePut !== undefined) {
      const defined = namespaces.define(namespacePut);
      if ('kind' in defined) return defined;
      return { kind: 'namespacePut', response: { header, namespace: statusOf(defined, 0) } };
    }
    if (namespaceRemove !== undefined) {
      return namespaces.remove(namespaceRemove) ?? { kind: 'namespaceRemove', response: { header } };
    }
    if (namespaceTurn !== undefined) namespaces.turn(namespaceTurn);
    return undefined;
  }

  #changeAuth({ authChange, caller }: Command): MemberResponse {
    const refusal = applyAuthChange(this.#auth, authChange as AuthChange, caller);
    if (refusal !== undefined) return refusal;
    const header: ResponseHeader = {
      clusterId: 0n,
      memberId: 0n,
      revision: this.#mvcc.revision,
      raftTerm: 0,
    };
    const { enabled, revision } = this.#auth;
    return { kind: 'authChange', response: AuthAnswer.create({ header, enabled, authRevision: revision }) };
  }

  /** Whether a command reads what is seen in the store only: a point in the past, or which keys a lease has. */
  #needsWritten(command: Command): boolean {
    const { txn, leaseRevoke, leaseExpire } = command;
    if (txn !== undefined && readsHistory(txn)) return true;
    const { namespaceRemove, namespaceTurn } = command;
    const clears = namespaceRemove !== undefined || namespaceTurn !== undefined;
    if (clears && this.#namespaces.leaseKeysChanged) return true;
    const readsKeys = leaseRevoke !== undefined || leaseExpire !== undefined;
    return (readsKeys || readsAttachments(this.#auth, command)) && this.#mvcc.attachmentsChanged;
  }

  #compact(request: CompactionRequest): MemberResponse {
    const mvcc = this.#mvcc;
    if (request.revision <= mvcc.compactRevision) return etcdRefusal('COMPACTED');
    if (request.revision > mvcc.revision) return etcdRefusal('FUTURE_REVISION');
    mvcc.compact(request.revision);
    const header: ResponseHeader = { clusterId: 0n, memberId: 0n, revision: mvcc.revision, raftTerm: 0 };
    return { kind: 'compact', response: { header } };
  }

  /** Writes what has changed up to the applied index, in one batch with it. */
  #flush(): void {
    if (this.#writtenIndex === this.#index) return;
    this.#writtenIndex = this.#index;
    const mvcc = this.#mvcc;
    const changedBytes = mvcc.writesBytes;
    const writes = mvcc.takeWrites();
    for (const write of this.#leases.takeWrites()) writes.push(write);
    for (const write of this.#directory.takeWrites()) writes.push(write);
    for (const write of this.#membership.takeWrites()) writes.push(write);
    for (const write of this.#auth.takeWrites()) writes.push(write);
    for (const write of this.#alarms.takeWrites()) writes.push(write);
    for (const write of this.#namespaces.takeWrites()) writes.push(write);
    for (const write of this.#checks.takeWrites()) writes.push(write);
    for (const write of this.#metaWrites) writes.push(write);
    this.#metaWrites = [];
    writes.push(
      appliedWrite({
        index: this.#index,
        term: this.#term,
        hash: mvcc.hash,
        revision: mvcc.revision,
        compactRevision: mvcc.compactRevision,
        liveBytes: mvcc.liveBytes,
      }),
    );
    const storeSeq = this.#store.write(writes);
    this.#backlog.written(storeSeq, changedBytes + writes.length * rowOverheadBytes, this.#index);
  }
}
