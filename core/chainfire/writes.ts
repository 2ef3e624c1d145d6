import { assert } from '../base/assert.ts';
import { type StateForm } from '../base/capture.ts';
import { bytesPerMib } from '../base/units.ts';
import { type RefusedProposals } from '../raft/hand-over.ts';
import { type RaftRefusal, type RaftView, type Term } from '../raft/types.ts';
import { type Answers } from './answers.ts';
import { type AppliedCommand } from './apply.ts';
import { callerOf } from './auth/member-auth.ts';
import {
  Command,
  type CommandBody,
  commandDepthMax,
  emptyBody,
  type MemberAttributes,
  type MemberChangeRefused,
} from './command.ts';
import { type MemberConfig, type MemberRequest, type MemberResponse } from './member-protocol.ts';
import { type Numbering } from './numbering.ts';
import { blankProposal, passProposal, type PendingProposal, Proposals } from './proposals.ts';
import { etcdRefusal } from './refusals.ts';

/** Requests that become one command of the log each. */
export type WriteRequest = Extract<
  MemberRequest,
  {
    kind:
      | 'put'
      | 'deleteRange'
      | 'txn'
      | 'compact'
      | 'leaseGrant'
      | 'leaseRevoke'
      | 'memberAdd'
      | 'memberRemove'
      | 'memberUpdate'
      | 'memberPromote'
      | 'alarm'
      | 'namespacePut'
      | 'namespaceRemove'
      | 'authChange';
  }
>;

/** What writes need of the member that they belong to. */
export interface WritesPort {
  /** Gives an encoded command to Raft, which puts it into its log or passes it on. @returns why it did not */
  propose(bytes: Uint8Array): RaftRefusal | undefined;
  /** Many at once, for one batch of the log and one message a peer. @returns those that were not taken, and why */
  proposeAll(commands: readonly Uint8Array[]): RefusedProposals | undefined;
  reply(requestId: number, response: MemberResponse): void;
}

/** A request that waits for this member to have freed what a compaction released. */
interface PhysicalWait {
  readonly requestId: number;
  readonly response: MemberResponse;
}

/** Commands are given to Raft at most so many bytes at a time, or one that is larger: a message to a peer holds them. */
const handOverBytesMax = bytesPerMib;

/**
 * Writes on their way through the log: each is given to Raft under a number of its own and answered when this member applies
 * it. Those that come together gather until the next tick, which is due at once, and go into the log as one batch. Where
 * there is no leader they wait for one. Bounded by its owner.
 */
export class Writes {
  readonly #numbering: Numbering;
  readonly #requestBytesMax: number;
  readonly #raftView: RaftView;
  readonly #answers: Answers;
  readonly #port: WritesPort;
  readonly #proposals = new Proposals();
  /** Added since the last tick. */
  #gathered: PendingProposal[] = [];
  #physicalWaits: PhysicalWait[] = [];
  /** Changes of the members that the log has taken and that have not ended; one at a time, but for those that expire. */
  #changes: PendingProposal[] = [];

  constructor(given: {
    readonly config: Pick<MemberConfig, 'requestBytesMax'>;
    readonly numbering: Numbering;
    readonly raft: RaftView;
    readonly answers: Answers;
    readonly port: WritesPort;
  }) {
    this.#requestBytesMax = given.config.requestBytesMax;
    this.#numbering = given.numbering;
    this.#raftView = given.raft;
    this.#answers = given.answers;
    this.#port = given.port;
  }

  get size(): number {
    return this.#proposals.size + this.#physicalWaits.length + this.#changes.length;
  }

  add(requestId: number, request: WriteRequest, deadlineUs: number): void {
    const { seq, bytes } = this.#numbering.encode(bodyOf(request), callerOf(request.by));
    if (bytes.length > this.#requestBytesMax) {
      return this.#port.reply(requestId, etcdRefusal('REQUEST_TOO_LARGE'));
    }
    const proposal: PendingProposal = {
      requestId,
      seq,
      bytes,
      physical: request.kind === 'compact' && request.request.physical,
      deadlineUs,
      proposedTerm: 0,
    };
    this.#proposals.add(proposal);
    this.#gathered.push(proposal);
  }

  /** Something waits for the next tick. */
  get hasGathered(): boolean {
    return this.#gathered.length > 0;
  }

  /** What has gathered goes to Raft, but for what was cancelled meanwhile: that is surely not done. */
  tick(): void {
    if (this.#gathered.length === 0) return;
    const gathered = this.#gathered;
    this.#gathered = [];
    this.#handOver(
      gathered.filter(
        ({ seq, proposedTerm }) => proposedTerm === 0 && this.#proposals.get(seq) !== undefined,
      ),
    );
  }

  /** Proposes what nobody waits for. */
  publish(attributes: MemberAttributes): void {
    this.#port.propose(this.#numbering.encode({ ...emptyBody, publishMember: attributes }).bytes);
  }

  /** Proposes a leader's refusal of a change of the members. @returns whether the log has taken it */
  refuseChange(memberChangeRefused: MemberChangeRefused): boolean {
    const { bytes } = this.#numbering.encode({ ...emptyBody, memberChangeRefused });
    return this.#port.propose(bytes) === undefined;
  }

  cancel(requestId: number): void {
    this.#proposals.cancel(requestId);
    this.#physicalWaits = this.#physicalWaits.filter((wait) => wait.requestId !== requestId);
    this.#changes = this.#changes.filter((change) => change.requestId !== requestId);
  }

  leaderFound(): void {
    this.#handOver(this.#proposals.waiting());
  }

  /** The leader had no room for what was passed on to it: surely not done, and not to be tried again at once. */
  refused(bytes: Uint8Array): void {
    const { seq } = Command.decode(bytes, commandDepthMax);
    if (this.#proposals.get(seq)?.bytes !== bytes) return;
    this.#refuse(seq);
  }

  /** A command of this member's present life was applied. */
  applied({ seq, response, underWay }: AppliedCommand): void {
    const proposal = this.#proposals.take(seq) ?? this.#takeChange(seq);
    if (proposal === undefined) return;
    if (underWay) {
      this.#changes.push(proposal);
      return;
    }
    assert(response !== undefined, 'a request that becomes a command has an answer');
    const { requestId } = proposal;
    const completed = this.#answers.complete(response);
    if (proposal.physical && completed.kind === 'compact') {
      this.#physicalWaits.push({ requestId, response: completed });
    } else {
      this.#port.reply(requestId, completed);
    }
  }

  /**
   * The first entry of `term` was applied. What was lost with an earlier leader is surely not done: the client need not learn
   * that the leader changed.
   */
  termApplied(term: Term): void {
    this.#handOver(this.#proposals.overtakenBy(term));
  }

  /** A snapshot of `term` was installed. Entries may be among those it stands for, where nobody can see them any more. */
  snapshotInstalled(term: Term): void {
    for (const { requestId } of [...this.#proposals.takePossiblyUpTo(term), ...this.#changes]) {
      this.#port.reply(requestId, etcdRefusal('LEADER_CHANGED'));
    }
    this.#changes = [];
  }

  /** Somebody waits for what compaction released to be freed. */
  get waitsForFreeing(): boolean {
    return this.#physicalWaits.length > 0;
  }

  /** Everything that compaction released is freed here. */
  freed(): void {
    for (const { requestId, response } of this.#physicalWaits) this.#port.reply(requestId, response);
    this.#physicalWaits = [];
  }

  /** Answers those that have waited too long. */
  expire(nowUs: number): void {
    for (const { requestId, proposedTerm } of this.#proposals.expired(nowUs)) {
      this.#port.reply(requestId, etcdRefusal(proposedTerm > 0 ? 'TIMEOUT' : 'NO_LEADER'));
    }
    for (const { requestId, deadlineUs } of this.#changes) {
      if (deadlineUs <= nowUs) this.#port.reply(requestId, etcdRefusal('TIMEOUT'));
    }
    this.#changes = this.#changes.filter(({ deadlineUs }) => deadlineUs > nowUs);
  }

  /** Not for every step, see `Proposals`. */
  earliestDeadlineUs(): number {
    return this.#changes.reduce(
      (earliest, { deadlineUs }) => Math.min(earliest, deadlineUs),
      this.#proposals.earliestDeadlineUs(),
    );
  }

  passState(form: StateForm): void {
    const proposals = form.links('known', blankProposal, passProposal);
    form.fields('proposals', (fields) => {
      this.#proposals.passState(fields, proposals);
    });
    this.#gathered = form.list('gathered', this.#gathered, blankProposal, proposals.each);
    this.#changes = form.list('changes', this.#changes, blankProposal, proposals.each);
    const blank: PhysicalWait = { requestId: 0, response: etcdRefusal('STOPPED') };
    this.#physicalWaits = form.list('physicalWaits', this.#physicalWaits, blank, (row, wait) => ({
      requestId: row.number('requestId', wait.requestId),
      response: row.data('response', wait.response),
    }));
  }

  /** Gives proposals to Raft. Where there is no leader they wait for one, and are surely not done as long as they do. */
  #handOver(proposals: readonly PendingProposal[]): void {
    for (let at = 0; at < proposals.length;) {
      const commands: Uint8Array[] = [];
      let bytes = 0;
      for (let next = at; next < proposals.length && (next === at || bytes < handOverBytesMax); next += 1) {
        const command = (proposals[next] as PendingProposal).bytes;
        commands.push(command);
        bytes += command.length;
      }
      const refused = this.#port.proposeAll(commands);
      for (let count = commands.length; count > 0; count -= 1, at += 1) {
        const proposal = proposals[at] as PendingProposal;
        const isRefused = refused?.proposals.has(proposal.bytes) === true;
        proposal.proposedTerm = isRefused ? 0 : this.#raftView.term;
        if (isRefused && refused.code === 'BUSY') this.#refuse(proposal.seq);
      }
    }
  }

  #takeChange(seq: number): PendingProposal | undefined {
    const change = this.#changes.find((pending) => pending.seq === seq);
    this.#changes = this.#changes.filter((pending) => pending !== change);
    return change;
  }

  #refuse(seq: number): void {
    const proposal = this.#proposals.take(seq);
    if (proposal !== undefined) this.#port.reply(proposal.requestId, etcdRefusal('TOO_MANY_REQUESTS'));
  }
}

/** One shape for every kind: the encoder meets no other. */
function bodyOf(request: WriteRequest): CommandBody {
  return {
    put: request.kind === 'put' ? request.request : undefined,
    deleteRange: request.kind === 'deleteRange' ? request.request : undefined,
    txn: request.kind === 'txn' ? request.request : undefined,
    compact: request.kind === 'compact' ? request.request : undefined,
    publishMember: undefined,
    leaseGrant: request.kind === 'leaseGrant' ? request.request : undefined,
    leaseRevoke: request.kind === 'leaseRevoke' ? request.request : undefined,
    leaseRenew: undefined,
    leaseExpire: undefined,
    memberAdd: request.kind === 'memberAdd' ? request.request : undefined,
    memberRemove: request.kind === 'memberRemove' ? request.request : undefined,
    memberUpdate: request.kind === 'memberUpdate' ? request.request : undefined,
    memberPromote: request.kind === 'memberPromote' ? request.request : undefined,
    memberChangeRefused: undefined,
    alarm: request.kind === 'alarm' ? request.request : undefined,
    alarmRaised: undefined,
    namespacePut: request.kind === 'namespacePut' ? request.request : undefined,
    namespaceRemove: request.kind === 'namespaceRemove' ? request.request : undefined,
    namespaceTurn: undefined,
    checkRequested: undefined,
    checkReported: undefined,
    authChange: request.kind === 'authChange' ? request.request : undefined,
  };
}
