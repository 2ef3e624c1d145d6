import { type StateForm } from '../../base/capture.ts';
import { type RaftRefusal, type RaftView, type Term } from '../../raft/types.ts';
import { type CommandBody, emptyBody } from '../command.ts';
import { type Namespaces } from './namespaces.ts';

export interface NamespaceTurnsPort {
  /** A command under the next number of this member. */
  encode(body: CommandBody): { readonly seq: number; readonly bytes: Uint8Array };
  /** Gives it to Raft. @returns why it was not taken */
  propose(bytes: Uint8Array): RaftRefusal | undefined;
}

/**
 * A leader's part in counting what namespaces hold: as long as something is left, it proposes the next turn when the one before
 * is applied. Another leader goes on where the log has come to.
 */
export class NamespaceTurns {
  readonly #raftView: RaftView;
  readonly #namespaces: Namespaces;
  readonly #state: { readonly term: Term };
  readonly #retryUs: number;
  readonly #port: NamespaceTurnsPort;
  /** The entry under way. In its own log a leader's entry is applied in the end, or the term is over. */
  #underWay: { readonly seq: number; readonly term: Term } | undefined;
  #notBeforeUs = 0;

  constructor(given: {
    readonly raft: RaftView;
    readonly namespaces: Namespaces;
    readonly state: { readonly term: Term };
    readonly retryUs: number;
    readonly port: NamespaceTurnsPort;
  }) {
    this.#raftView = given.raft;
    this.#namespaces = given.namespaces;
    this.#state = given.state;
    this.#retryUs = given.retryUs;
    this.#port = given.port;
  }

  /** When `settle` has something to do even if nothing arrives. */
  get dueUs(): number {
    const { role, term } = this.#raftView;
    // What is left is known when everything of earlier terms is applied.
    if (role !== 'leader' || this.#state.term !== term || this.#underWay?.term === term) return Infinity;
    return this.#namespaces.nextTurn === undefined ? Infinity : this.#notBeforeUs;
  }

  /** A command of this member was applied. @returns whether it was the one under way */
  applied(seq: number): boolean {
    if (this.#underWay?.seq !== seq) return false;
    this.#underWay = undefined;
    return true;
  }

  settle(nowUs: number): void {
    if (this.dueUs > nowUs) return;
    const namespaceTurn = this.#namespaces.nextTurn;
    if (namespaceTurn === undefined) return;
    const { seq, bytes } = this.#port.encode({ ...emptyBody, namespaceTurn });
    const refusal = this.#port.propose(bytes);
    if (refusal === undefined) this.#underWay = { seq, term: this.#raftView.term };
    else this.#notBeforeUs = nowUs + this.#retryUs;
  }

  passState(form: StateForm): void {
    this.#underWay = form.optional('underWay', this.#underWay, { seq: 0, term: 0 }, (fields, entry) => ({
      seq: fields.number('seq', entry.seq),
      term: fields.number('term', entry.term),
    }));
    this.#notBeforeUs = form.number('notBeforeUs', this.#notBeforeUs);
  }
}
