import { bytesFromLatin1 } from '../core/base/bytes.ts';
import { type NodeId } from '../core/base/ids.ts';
import { processCredential } from '../core/chainfire/auth/protocol.ts';
import { type MemberRequest } from '../core/chainfire/member-protocol.ts';
import { type AttemptEnd, type ClientCalls } from './client-calls.ts';
import { type History } from './history.ts';
import { type MemberMachine } from './member-machine.ts';
import { type World } from './world.ts';

const attemptTimeoutUs = 3_000_000;
const retryUs = 100_000;

/**
 * Asks one member, and no other, for a write and then for a linearizable read of it, again and again until both were
 * answered. Every attempt is a call of its own in the history.
 */
export class Probe<M extends MemberMachine> {
  readonly #world: World;
  readonly #calls: ClientCalls<M>;
  readonly #history: History;
  readonly #client: number;
  readonly #node: NodeId;
  #callId = 0;
  #answered = 0;
  #givenUp = false;
  /** The cluster wants to know who asks: this is nobody's user. */
  #asProcess = false;
  #last = 'nothing was asked yet';

  constructor(options: {
    readonly world: World;
    readonly calls: ClientCalls<M>;
    readonly history: History;
    readonly client: number;
    readonly node: NodeId;
  }) {
    this.#world = options.world;
    this.#calls = options.calls;
    this.#history = options.history;
    this.#client = options.client;
    this.#node = options.node;
  }

  get done(): boolean {
    return this.#answered === 2;
  }

  /** For a human: where it stands. */
  get state(): string {
    return `${this.#answered} of 2 requests to n${this.#node} answered; ${this.#last}`;
  }

  /** Asks nothing more: the member has left. */
  giveUp(): void {
    this.#givenUp = true;
  }

  start(): void {
    if (this.#givenUp) return;
    this.#callId += 1;
    const { nowUs } = this.#world;
    const wanted = this.#answered === 0 ? this.#put() : this.#get();
    const request = this.#asProcess ? { ...wanted, by: processCredential } : wanted;
    const call = { client: this.#client, callId: this.#callId, request, startUs: nowUs };
    const position = this.#history.began(call);
    this.#calls.attempt({
      client: this.#client,
      node: this.#node,
      request,
      timeoutUs: attemptTimeoutUs,
      ended: (end) => {
        this.#ended(position, end);
      },
    });
  }

  #ended(position: number, end: AttemptEnd): void {
    const { nowUs } = this.#world;
    if (end.kind === 'attemptFailed') {
      this.#last = end.reason;
      const kind = end.reached === 'no' ? 'failed' : 'unknown';
      this.#history.ended(position, nowUs, { kind, reason: end.reason });
    } else if (end.response.kind === 'refused') {
      this.#last = end.response.message;
      this.#asProcess ||= end.response.code === 'USER_NAME_EMPTY';
      const unknown = end.response.code === 'TIMEOUT' || end.response.code === 'LEADER_CHANGED';
      this.#history.ended(
        position,
        nowUs,
        unknown
          ? { kind: 'unknown', reason: end.response.message }
          : { kind: 'refused', refusal: end.response },
      );
    } else {
      this.#answered += 1;
      this.#history.ended(position, nowUs, { kind: 'answered', response: end.response });
      if (!this.done) this.start();
      return;
    }
    this.#world.after(retryUs, () => {
      this.start();
    });
  }

  #put(): MemberRequest {
    const value = bytesFromLatin1(`probe ${this.#client} ${this.#callId}`);
    return {
      kind: 'put',
      request: { key: this.#key, value, lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false },
    };
  }

  #get(): MemberRequest {
    return {
      kind: 'range',
      request: {
        key: this.#key,
        rangeEnd: '',
        limit: 0,
        revision: 0,
        sortOrder: 0,
        sortTarget: 0,
        serializable: false,
        keysOnly: false,
        countOnly: false,
        minModRevision: 0,
        maxModRevision: 0,
        minCreateRevision: 0,
        maxCreateRevision: 0,
      },
    };
  }

  get #key(): string {
    return `probe/${this.#node}`;
  }
}
