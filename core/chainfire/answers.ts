import { unreachable } from '../base/assert.ts';
import { crc32c } from '../base/crc32c.ts';
import { writeConfiguration } from '../raft/configuration.ts';
import { type RaftView } from '../raft/types.ts';
import { WireWriter } from '../wire/writer.ts';
import { type StatusResponse } from './api/cluster.ts';
import { type ResponseHeader } from './api/kv.ts';
import { type AlarmState, textOfAlarm } from './alarm/alarm-state.ts';
import { type NamespacePutResponse, NamespaceUsage } from './api/namespace.ts';
import { type StateMachine } from './apply.ts';
import { type LeaseKeys } from './auth/accesses.ts';
import { answerAuthQuery } from './auth/answer-query.ts';
import { type AuthState } from './auth/auth-state.ts';
import { callerOf } from './auth/member-auth.ts';
import { refuseRead } from './auth/refuse-command.ts';
import { MemberAttributes } from './command.ts';
import { type Membership } from './membership.ts';
import { type MemberDirectory } from './members.ts';
import { answerLeases, answerTimeToLive } from './lease/lease-answers.ts';
import { type LeaseDeadlines } from './lease/lease-deadlines.ts';
import { type LeaseTable } from './lease/lease-table.ts';
import {
  type MemberConfig,
  type MemberRefusal,
  type MemberRequest,
  type MemberResponse,
  type RequestOf,
} from './member-protocol.ts';
import { type Mvcc } from './mvcc/mvcc.ts';
import { listNamespaces } from './namespace/list.ts';
import { type Namespaces } from './namespace/namespaces.ts';
import { type WatchQuota } from './namespace/watch-quota.ts';
import { checkRevision, evaluateRange } from './mvcc/range.ts';
import { evaluatePage } from './mvcc/range-page.ts';
import { etcdRefusal } from './refusals.ts';
import { executeTxn } from './txn/execute.ts';

/**
 * The level of etcd's API that Status reports. Clients decide by it what they may rely on: Kubernetes serves consistent lists
 * from its cache where progress, asked for, is never ahead of the events of a stream and is answered once all of its watches
 * have come to the present, which etcd does from 3.4.31 on and this member always does (`watch/hub.ts`). It is not raised
 * beyond what the member answers: what 3.5 added (a storage version, downgrades) it does not have.
 */
export const etcdApiVersion = '3.4.31';

/** Answers from this member's state, with the header that clients see. */
export class Answers {
  readonly #clusterId: bigint;
  readonly #memberId: bigint;
  readonly #mvcc: Mvcc;
  readonly #state: StateMachine;
  readonly #directory: MemberDirectory;
  readonly #membership: Membership;
  readonly #auth: AuthState;
  readonly #alarms: AlarmState;
  readonly #namespaces: Namespaces;
  readonly #watchQuota: WatchQuota;
  readonly #leaseKeys: LeaseKeys;
  readonly #raft: RaftView;
  readonly #leases: LeaseTable;
  readonly #deadlines: LeaseDeadlines;

  constructor(given: {
    readonly config: Pick<MemberConfig, 'clusterId' | 'id'>;
    readonly mvcc: Mvcc;
    readonly state: StateMachine;
    readonly directory: MemberDirectory;
    readonly membership: Membership;
    readonly auth: AuthState;
    readonly alarms: AlarmState;
    readonly namespaces: Namespaces;
    readonly watchQuota: WatchQuota;
    readonly raft: RaftView;
    readonly leases: LeaseTable;
    readonly deadlines: LeaseDeadlines;
  }) {
    this.#clusterId = given.config.clusterId;
    this.#memberId = BigInt(given.config.id);
    this.#mvcc = given.mvcc;
    this.#state = given.state;
    this.#directory = given.directory;
    this.#membership = given.membership;
    this.#auth = given.auth;
    this.#alarms = given.alarms;
    this.#namespaces = given.namespaces;
    this.#watchQuota = given.watchQuota;
    this.#leaseKeys = (id) => given.mvcc.attachedKeys(id);
    this.#raft = given.raft;
    this.#leases = given.leases;
    this.#deadlines = given.deadlines;
  }

  /** @param revision what the answer reflects; never above it */
  header(revision: number): ResponseHeader {
    return { clusterId: this.#clusterId, memberId: this.#memberId, revision, raftTerm: this.#raft.term };
  }

  /** Of an answer that reflects the present. */
  get currentHeader(): ResponseHeader {
    return this.header(this.#mvcc.revision);
  }

  /** Completes the header of an answer that the state machine gave. */
  complete(response: MemberResponse): MemberResponse {
    switch (response.kind) {
      case 'namespacePut':
        return this.#completeNamespace(response.response);
      case 'put':
      case 'deleteRange':
      case 'txn':
      case 'range':
      case 'compact':
      case 'leaseGrant':
      case 'leaseRevoke':
      case 'memberAdd':
      case 'memberRemove':
      case 'memberUpdate':
      case 'memberPromote':
      case 'alarm':
      case 'namespaceRemove':
      case 'namespaceList':
      case 'authChange':
      case 'authQuery': {
        const header = this.header(response.response.header?.revision ?? this.#mvcc.revision);
        return { kind: response.kind, response: { ...response.response, header } } as MemberResponse;
      }
      default:
        return response;
    }
  }

  /** Whether the state as it is now forbids the caller what it asks for. */
  refuse(request: MemberRequest): MemberRefusal | undefined {
    return refuseRead(this.#auth, request, callerOf(request.by), this.#leaseKeys);
  }

  /** Answers a request that reads and that is not refused, from the state as it is now; a checksum is the business of `HashJobs`. */
  read(request: MemberRequest, nowUs: number): MemberResponse {
    switch (request.kind) {
      case 'range':
        return this.#range(request);
      case 'txn': {
        // No put comes here, so no lease is ever looked up.
        const response = executeTxn(this.#mvcc, () => false, request.request);
        return 'kind' in response ? response : this.complete({ kind: 'txn', response });
      }
      case 'memberList':
        return {
          kind: 'memberList',
          response: {
            header: this.header(this.#mvcc.revision),
            members: this.#directory.list(this.#state.configuration),
          },
        };
      case 'status':
        return { kind: 'status', response: this.#status() };
      case 'leaseTimeToLive': {
        const response = answerTimeToLive(request.request, {
          header: this.header(this.#mvcc.revision),
          table: this.#leases,
          deadlines: this.#deadlines,
          mvcc: this.#mvcc,
          nowUs,
        });
        return { kind: 'leaseTimeToLive', response };
      }
      case 'leaseLeases': {
        const response = answerLeases(this.header(this.#mvcc.revision), this.#leases);
        return { kind: 'leaseLeases', response };
      }
      case 'alarm': {
        const alarms = this.#alarms.list(request.request.alarm);
        return { kind: 'alarm', response: { header: this.currentHeader, alarms } };
      }
      case 'authQuery': {
        const response = answerAuthQuery(this.#auth, request.request, callerOf(request.by));
        return 'code' in response ? response : this.complete({ kind: 'authQuery', response });
      }
      case 'namespaceList': {
        const response = listNamespaces(this.#namespaces, this.#watchQuota, request.request);
        return 'kind' in response ? response : this.complete({ kind: 'namespaceList', response });
      }
      case 'put':
      case 'deleteRange':
      case 'compact':
      case 'namespacePut':
      case 'namespaceRemove':
      case 'authChange':
      case 'hash':
      case 'hashKv':
      case 'leaseGrant':
      case 'leaseRevoke':
      case 'leaseKeepAlive':
      case 'memberAdd':
      case 'memberRemove':
      case 'memberUpdate':
      case 'memberPromote':
      case 'moveLeader':
        return unreachable(request as never);
      default:
        return unreachable(request);
    }
  }

  #range({ request, page }: RequestOf<'range'>): MemberResponse {
    const refusal = checkRevision(this.#mvcc, page?.at?.revision ?? request.revision);
    if (refusal !== undefined) return etcdRefusal(refusal);
    if (page === undefined) {
      return this.complete({ kind: 'range', response: evaluateRange(this.#mvcc, request) });
    }
    const { response, next } = evaluatePage(this.#mvcc, request, page);
    const header = this.header(response.header?.revision ?? 0);
    return { kind: 'range', response: { ...response, header }, next };
  }

  /** What the checksum of the whole state begins with: everything replicated that is not in the history. */
  hashOfTheRest(): number {
    const writer = new WireWriter();
    writer.varint(this.#mvcc.revision);
    writer.varint(this.#mvcc.compactRevision);
    writeConfiguration(writer, this.#state.configuration);
    for (const { id, name, peerUrls, clientUrls } of this.#directory.list(this.#state.configuration)) {
      MemberAttributes.write(writer, { id: Number(id), name, peerUrls, clientUrls });
    }
    writer.bytes(this.#membership.encode());
    if (this.#auth.isUsed) this.#auth.writeTo(writer);
    this.#alarms.writeTo(writer);
    return crc32c(writer.finish());
  }

  /** Which watches there are is known here alone. */
  #completeNamespace({ header, namespace }: NamespacePutResponse): MemberResponse {
    const known = this.#namespaces.named(namespace?.name ?? '');
    const watches = known === undefined ? 0 : this.#watchQuota.countOf(known);
    const usage = NamespaceUsage.create({ ...namespace?.usage, watches });
    return {
      kind: 'namespacePut',
      response: {
        header: this.header(header?.revision ?? this.#mvcc.revision),
        namespace: namespace && { ...namespace, usage },
      },
    };
  }

  #status(): StatusResponse {
    const raft = this.#raft;
    return {
      header: this.header(this.#mvcc.revision),
      version: etcdApiVersion,
      dbSize: this.#mvcc.storedBytes,
      leader: BigInt(raft.leader),
      raftIndex: raft.commitIndex,
      raftTerm: raft.term,
      raftAppliedIndex: this.#state.index,
      errors: this.#errors(),
      dbSizeInUse: this.#mvcc.liveBytes,
      isLearner: this.#state.configuration.learners.some((id) => id === raft.id),
    };
  }

  #errors(): readonly string[] {
    const errors: string[] = [];
    if (this.#raft.leader === 0) errors.push(etcdRefusal('NO_LEADER').message);
    if (this.#raft.repairing)
      errors.push('the log is damaged, and what is missing is being fetched from the peers');
    for (const alarm of this.#alarms.list()) errors.push(textOfAlarm(alarm));
    return errors;
  }
}
