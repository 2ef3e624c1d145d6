import { type StateForm } from '../base/capture.ts';
import { type NodeId } from '../base/ids.ts';
import { type RaftView } from '../raft/types.ts';
import { type Answers } from './answers.ts';
import { type MemberResponse } from './member-protocol.ts';
import { etcdRefusal } from './refusals.ts';

interface PendingMove {
  readonly requestId: number;
  readonly to: NodeId;
  readonly deadlineUs: number;
}

/** Requests to hand the leadership over that wait to see it done. Bounded by its owner. */
export class LeaderMoves {
  readonly #raft: RaftView;
  readonly #answers: Pick<Answers, 'currentHeader'>;
  readonly #reply: (requestId: number, response: MemberResponse) => void;
  #moves: PendingMove[] = [];

  constructor(given: {
    readonly raft: RaftView;
    readonly answers: Pick<Answers, 'currentHeader'>;
    readonly reply: (requestId: number, response: MemberResponse) => void;
  }) {
    this.#raft = given.raft;
    this.#answers = given.answers;
    this.#reply = given.reply;
  }

  get size(): number {
    return this.#moves.length;
  }

  /** @returns whom to hand over to; undefined when that is refused, or done already */
  add(requestId: number, targetId: bigint, deadlineUs: number): NodeId | undefined {
    const { role, configuration, id } = this.#raft;
    if (role !== 'leader') return this.#refuse(requestId, 'NOT_LEADER');
    const to = configuration.voters.find((voter) => BigInt(voter) === targetId);
    if (to === undefined) return this.#refuse(requestId, 'BAD_LEADER_TRANSFEREE');
    this.#moves.push({ requestId, to, deadlineUs });
    return to === id ? undefined : to;
  }

  cancel(requestId: number): void {
    this.#moves = this.#moves.filter((move) => move.requestId !== requestId);
  }

  /** Answers those whose leader it has become. */
  settle(): void {
    if (this.#moves.length === 0) return;
    const { leader } = this.#raft;
    for (const { requestId, to } of this.#moves) {
      if (to !== leader) continue;
      this.#reply(requestId, { kind: 'moveLeader', response: { header: this.#answers.currentHeader } });
    }
    this.#moves = this.#moves.filter(({ to }) => to !== leader);
  }

  expire(nowUs: number): void {
    for (const { requestId, deadlineUs } of this.#moves) {
      if (deadlineUs <= nowUs) this.#reply(requestId, etcdRefusal('TIMEOUT'));
    }
    this.#moves = this.#moves.filter(({ deadlineUs }) => deadlineUs > nowUs);
  }

  earliestDeadlineUs(): number {
    return this.#moves.reduce((earliest, { deadlineUs }) => Math.min(earliest, deadlineUs), Infinity);
  }

  passState(form: StateForm): void {
    const blank: PendingMove = { requestId: 0, to: 1 as NodeId, deadlineUs: 0 };
    this.#moves = form.list('moves', this.#moves, blank, (row, move) => ({
      requestId: row.number('requestId', move.requestId),
      to: row.number('to', move.to),
      deadlineUs: row.number('deadlineUs', move.deadlineUs),
    }));
  }

  #refuse(requestId: number, code: 'NOT_LEADER' | 'BAD_LEADER_TRANSFEREE'): undefined {
    this.#reply(requestId, etcdRefusal(code));
    return undefined;
  }
}
