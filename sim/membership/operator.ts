import { present } from '../../core/base/assert.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { type ChainfireMember } from '../../core/chainfire/member.ts';
import { type MemberRequest, type MemberResponse } from '../../core/chainfire/member-protocol.ts';
import { type AttemptEnd, type ClientCalls } from '../client-calls.ts';
import { type World } from '../world.ts';

/** What a job of the operator's does next: asks a member and waits for its word, or only waits. */
export type OperatorMove =
  | { readonly kind: 'ask'; readonly request: MemberRequest; readonly at?: NodeId | undefined }
  | { readonly kind: 'wait'; readonly forUs: number };

/** What it was told; undefined when nobody said anything that can be relied on. */
export type OperatorJob = Generator<OperatorMove, void, MemberResponse | undefined>;

const attemptTimeoutUs = 3_000_000;

/**
 * Who changes the members of the cluster: a client of its own, which carries out one job after the other. It stays with a machine
 * that answers, and goes on to the next from one that does not or that refuses, since nobody tells it who leads.
 */
export class Operator {
  readonly #world: World;
  readonly #calls: ClientCalls<ChainfireMember>;
  readonly #client: number;
  readonly #nodes: readonly NodeId[];
  readonly #jobs: OperatorJob[] = [];
  #next = 0;
  #over = false;
  #unsettledUntilUs = 0;

  constructor(options: {
    readonly world: World;
    readonly calls: ClientCalls<ChainfireMember>;
    readonly client: number;
    readonly nodes: readonly NodeId[];
  }) {
    this.#world = options.world;
    this.#calls = options.calls;
    this.#client = options.client;
    this.#nodes = options.nodes;
  }

  /** What it has asked for may still come about. */
  get unsettled(): boolean {
    return this.#jobs.length > 0 || this.#world.nowUs < this.#unsettledUntilUs;
  }

  /** Takes up a job, once those before it are done; an urgent one is the next. */
  take(job: OperatorJob, urgency: 'inTurn' | 'next' = 'inTurn'): void {
    if (this.#over) return;
    if (urgency === 'next') this.#jobs.splice(1, 0, job);
    else this.#jobs.push(job);
    if (this.#jobs.length === 1) this.#goOn(undefined);
  }

  /** Lets everything be. What it asked for last may still come about. */
  end(): void {
    this.#over = true;
  }

  #goOn(told: MemberResponse | undefined): void {
    if (this.#over) return;
    const job = this.#jobs[0];
    if (job === undefined) return;
    const move = job.next(told);
    if (move.done === true) {
      this.#jobs.shift();
      this.#goOn(undefined);
    } else if (move.value.kind === 'wait') {
      this.#world.after(move.value.forUs, () => {
        this.#goOn(undefined);
      });
    } else {
      this.#ask(move.value.request, move.value.at ?? this.#nextNode());
    }
  }

  #ask(request: MemberRequest, node: NodeId): void {
    this.#calls.attempt({
      client: this.#client,
      node,
      request,
      timeoutUs: attemptTimeoutUs,
      ended: (end) => {
        const told = surely(end);
        // A member gives up on what it was asked within its own time-out; until then it may still come about.
        if (told === undefined) this.#unsettledUntilUs = this.#world.nowUs + unsettledUs;
        if (told === undefined || told.kind === 'refused') this.#next += 1;
        this.#goOn(told);
      },
    });
  }

  /** Whoever gave a good answer last, or the next after one that gave none. */
  #nextNode(): NodeId {
    return present(this.#nodes[this.#next % this.#nodes.length], 'a cluster has machines');
  }
}

/** The longest that a member lets a request wait in any plan, and a message may be on its way. */
const unsettledUs = 20_000_000;

/** What was certainly said: a time-out, of whoever, is no word on what became of the request. */
function surely(end: AttemptEnd): MemberResponse | undefined {
  if (end.kind === 'attemptFailed') return undefined;
  const { response } = end;
  if (response.kind !== 'refused') return response;
  return response.code === 'TIMEOUT' || response.code === 'LEADER_CHANGED' ? undefined : response;
}
