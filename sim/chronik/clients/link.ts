import { type NodeId } from '../../../core/base/ids.ts';
import { between, type Prng } from '../../../core/base/prng.ts';
import { type BrokerResponse } from '../../../core/chronik/broker-protocol.ts';
import { type ChronikBroker } from '../../../core/chronik/broker.ts';
import {
  type ApiName,
  apis,
  type KafkaCall,
  type RequestOf,
  type ResponseOf,
} from '../../../core/wire/kafka/apis.ts';
import { type Message, type Partially } from '../../../core/wire/kafka/schema.ts';
import { type AttemptEnd, type ClientCalls } from '../../client-calls.ts';
import { type World } from '../../world.ts';
import { type BrokerTypes } from '../broker-process.ts';
import { clientListener } from '../cluster.ts';
import { carriedCall } from '../kafka-carriage.ts';

/** How a call ends, as its client sees it. */
export type CallEnd<A extends ApiName> =
  | { readonly kind: 'answered'; readonly body: ResponseOf<A> }
  /** `reached: 'no'`: it was certainly not carried out. */
  | { readonly kind: 'failed'; readonly reached: 'no' | 'maybe'; readonly reason: string };

/** Versions that clients draw theirs from, where what they ask is said in the same words in all of them. */
const drawnVersions: Readonly<Partial<Record<ApiName, readonly [from: number, to: number]>>> = {
  produce: [3, 9],
  fetch: [4, 12],
  listOffsets: [1, 7],
  metadata: [4, 12],
  createTopics: [4, 7],
  initProducerId: [0, 4],
};
/** Where newer ones say it in other words. */
const chosenVersions: Readonly<Partial<Record<ApiName, number>>> = {
  findCoordinator: 3,
  deleteTopics: 5,
  leaveGroup: 3,
  offsetFetch: 7,
  offsetCommit: 8,
  joinGroup: 5,
  syncGroup: 3,
  heartbeat: 3,
  addPartitionsToTxn: 3,
};

/** One client's connections to all brokers: calls of the Kafka protocol, each in the version that the client speaks. */
export class KafkaLink {
  readonly client: number;
  readonly world: World;
  readonly nodes: readonly NodeId[];
  readonly #calls: ClientCalls<ChronikBroker, BrokerTypes>;
  readonly #prng: Prng;
  readonly #throughCodec: boolean;
  readonly #versions = new Map<ApiName, number>();
  /** Calls under way. */
  #open = 0;

  constructor(options: {
    readonly client: number;
    readonly world: World;
    readonly nodes: readonly NodeId[];
    readonly calls: ClientCalls<ChronikBroker, BrokerTypes>;
    readonly prng: Prng;
    readonly throughCodec: boolean;
  }) {
    this.client = options.client;
    this.world = options.world;
    this.nodes = options.nodes;
    this.#calls = options.calls;
    this.#prng = options.prng;
    this.#throughCodec = options.throughCodec;
  }

  /** Calls that have not ended. */
  get open(): number {
    return this.#open;
  }

  anyNode(): NodeId {
    return this.nodes[this.#prng.below(this.nodes.length)] as NodeId;
  }

  /** Asks one broker; `ended` is called once. */
  call<A extends ApiName>(
    node: NodeId,
    api: A,
    body: Partially<RequestOf<A>>,
    options: { readonly timeoutUs: number; readonly ended: (end: CallEnd<A>) => void },
  ): void {
    const codec = apis[api].request as unknown as Message<unknown>;
    const version = this.versionOf(api);
    const whole = { api, version, body: codec.create(body) } as unknown as KafkaCall<A>;
    const call = (this.#throughCodec ? carriedCall(whole) : whole) as KafkaCall;
    this.#open += 1;
    this.#calls.attempt({
      client: this.client,
      node,
      request: {
        kind: 'call',
        call,
        client: {
          id: `client-${this.client}`,
          principal: 'User:ANONYMOUS',
          host: `host-${this.client}`,
          listener: clientListener,
        },
      },
      timeoutUs: options.timeoutUs,
      ended: (end) => {
        this.#open -= 1;
        options.ended(callEnd<A>(end));
      },
    });
  }

  /** In which version this client speaks of it. */
  versionOf(api: ApiName): number {
    const known = this.#versions.get(api);
    if (known !== undefined) return known;
    const range = drawnVersions[api];
    const version =
      range === undefined ? (chosenVersions[api] ?? apis[api].max) : between(this.#prng, range[0], range[1]);
    this.#versions.set(api, version);
    return version;
  }
}

function callEnd<A extends ApiName>(end: AttemptEnd<BrokerResponse>): CallEnd<A> {
  if (end.kind === 'attemptFailed') return { kind: 'failed', reached: end.reached, reason: end.reason };
  const { response } = end;
  if (response.kind === 'answered') return { kind: 'answered', body: response.body as ResponseOf<A> };
  const reason = response.kind === 'disconnect' ? response.reason : 'no answer was to come';
  return { kind: 'failed', reached: 'maybe', reason };
}
