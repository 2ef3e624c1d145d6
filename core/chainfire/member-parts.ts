import { type Stateful } from '../base/capture.ts';
import { type NodeId } from '../base/ids.ts';
import { type CapturablePrng } from '../base/prng.ts';
import { type RaftNode } from '../raft/node.ts';
import { type RaftRefusal, type RaftView } from '../raft/types.ts';
import { type StorageBackend } from '../storage/backend.ts';
import { type SegmentRepair } from '../storage/segment-files.ts';
import { type CheckJob } from './alarm/check-job.ts';
import { CorruptionChecks } from './alarm/corruption-checks.ts';
import { Quota } from './alarm/quota.ts';
import { Answers } from './answers.ts';
import { drawBoot, type StateMachine } from './apply.ts';
import { AutoCompaction } from './auto-compaction.ts';
import { MemberAuth } from './auth/member-auth.ts';
import { type Backlog } from '../raft/backlog.ts';
import { Freeing } from './freeing.ts';
import { LeaderMoves } from './leader-moves.ts';
import { Leases } from './lease/leases.ts';
import { type MemberConfig } from './member-protocol.ts';
import { type Mvcc } from './mvcc/mvcc.ts';
import { type Namespaces } from './namespace/namespaces.ts';
import { NamespaceTurns } from './namespace/turns.ts';
import { Numbering } from './numbering.ts';
import { Publication } from './publication.ts';
import { Queries } from './queries.ts';
import { Reconfigurer } from './reconfigurer.ts';
import { memberGroup, type recoverRaft } from './recover-raft.ts';
import { recoverReplica, type Replica } from './replica.ts';
import { Requests } from './requests.ts';
import { SnapshotHolds } from '../raft/snapshot-holds.ts';
import { WatchHub } from './watch/hub.ts';
import { Writes, type WritesPort } from './writes.ts';

/** Election time-outs that a peer has to take up the log behind its snapshot, at least. */
const snapshotGraceElections = 5;

/** What a member is lent. */
export interface MemberPorts {
  readonly store: StorageBackend;
  readonly segments: SegmentRepair;
}

/** The parts of a member that have state: all of them are captured, in this order. */
export interface MemberParts extends Readonly<Record<string, Stateful>> {
  readonly raft: RaftNode;
  readonly mvcc: Mvcc;
  readonly state: StateMachine;
  readonly backlog: Backlog;
  readonly freeing: Freeing;
  readonly numbering: Numbering;
  readonly requests: Requests;
  readonly writes: Writes;
  readonly leases: Leases;
  readonly queries: Queries;
  readonly publication: Publication;
  readonly reconfigurer: Reconfigurer;
  readonly leaderMoves: LeaderMoves;
  readonly quota: Quota;
  readonly watches: WatchHub;
  readonly snapshotHolds: SnapshotHolds;
  readonly auth: MemberAuth;
  readonly namespaces: Namespaces;
  readonly namespaceTurns: NamespaceTurns;
  readonly checkJob: CheckJob;
  readonly corruptionChecks: CorruptionChecks;
  readonly autoCompaction: AutoCompaction;
}

/** A member's parts, joined: each knows those that it needs. */
export interface AssembledMember {
  readonly parts: MemberParts;
  readonly replica: Replica;
  readonly raftView: RaftView;
  /** The boot is drawn at the start, and captured. */
  readonly proposer: { readonly member: NodeId; boot: number };
}

/** What the parts ask of the member that they are of. */
export interface AssemblyPort extends Pick<WritesPort, 'proposeAll' | 'reply'> {
  /** Asks Raft to hand the leadership over. */
  transfer(to: NodeId): void;
}

/** How a member begins: found on its disk, or blank, to be restored. */
export interface MemberBeginning {
  readonly prng: CapturablePrng;
  readonly nowUs: number;
  readonly raftOf: typeof recoverRaft;
}

export function assembleMember(
  ports: MemberPorts,
  config: MemberConfig,
  given: MemberBeginning & { readonly port: AssemblyPort },
): AssembledMember {
  const { prng, nowUs } = given;
  const { proposeAll, transfer, reply } = given.port;
  const { electionTimeoutUs, heartbeatIntervalUs } = config.raft;
  const replica = recoverReplica(ports.store, config, nowUs);
  const { mvcc, state, backlog, directory } = replica;
  const node = given.raftOf(ports.segments, replica, { config, prng: prng.fork('raft'), nowUs });
  const raft = node.view(memberGroup);
  const answers = new Answers({ config, raft, ...replica });
  const proposer = { member: config.id, boot: drawBoot(prng.fork('boot')) };
  const numbering = new Numbering(proposer);
  const propose = (bytes: Uint8Array): RaftRefusal | undefined => proposeAll([bytes])?.code;
  const encode = numbering.encode.bind(numbering);
  const port = { propose, proposeAll, reply, encode };
  const common = { ...replica, config, raft, answers, numbering, port, reply };
  const auth = new MemberAuth(replica.auth, config.authTokenTtlUs);
  const waiting = {
    writes: new Writes(common),
    leases: new Leases({ ...common, prng: prng.fork('leases') }),
    queries: new Queries({ ...common, retryUs: Math.ceil(electionTimeoutUs / 2) }),
    leaderMoves: new LeaderMoves(common),
    quota: new Quota(common),
  };
  const parts = {
    raft: node,
    mvcc,
    state,
    backlog,
    freeing: new Freeing({ ...common, store: ports.store }),
    numbering,
    ...waiting,
    requests: new Requests({ ...common, ...waiting, auth, transfer }),
    publication: new Publication(config, directory),
    reconfigurer: new Reconfigurer({ ...common, retryUs: heartbeatIntervalUs }),
    watches: new WatchHub({ ...common, store: ports.store, authority: auth, quota: replica.watchQuota }),
    snapshotHolds: new SnapshotHolds(snapshotGraceElections * electionTimeoutUs),
    auth,
    namespaces: replica.namespaces,
    namespaceTurns: new NamespaceTurns({ ...common, retryUs: heartbeatIntervalUs }),
    autoCompaction: new AutoCompaction({ ...common, nowUs }),
    checkJob: replica.checkJob,
    corruptionChecks: new CorruptionChecks({ ...common, nowUs }),
  };
  return { parts, replica, raftView: raft, proposer };
}
