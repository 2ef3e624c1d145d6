import { type PlasmaClient } from '../../../adapters/grpc/plasma-client.ts';
import { type AgentRequest, type AgentResponse } from '../../../core/plasma/agent-protocol.ts';
import { type PlacementNode } from '../../../core/plasma/placement/placement-node.ts';
import { inTurns } from './in-turns.ts';

interface SimulatedNode {
  readonly name: string;
  readonly epoch: number;
  sequence: number;
  revision: number;
}

const registrationsUnderWay = 128;
const callTimeoutMs = 30_000;
/** Renewals are spread over their interval: so often in a second some are sent. */
const stepsPerSecond = 50;

/**
 * The agents of many nodes, as far as a server can see them while nothing is wrong: they register, tell that nothing is there,
 * renew their leases, and wait to hear what they are to run. They run nothing.
 */
export class SimulatedAgents {
  readonly #client: PlasmaClient;
  readonly #nodes: SimulatedNode[] = [];
  readonly #renewSeconds: number;
  #timer: NodeJS.Timeout | undefined;
  #next = 0;
  /** Renewals that are to be sent, and when that was reckoned. */
  #due = 0;
  #renewedMs = performance.now();
  #stopped = false;
  renewals = 0;
  desired = 0;
  /** What was not as it should be, first of all. */
  failure: Error | undefined;

  constructor(client: PlasmaClient, renewSeconds: number) {
    this.#client = client;
    this.#renewSeconds = renewSeconds;
  }

  /** Registers every node; from then on its lease is renewed. */
  async register(nodes: readonly PlacementNode[]): Promise<void> {
    this.#timer = setInterval(() => {
      this.#renewSome();
    }, 1_000 / stepsPerSecond);
    await inTurns(nodes.length, registrationsUnderWay, async (at) => {
      this.#nodes.push(await this.#registered(nodes[at] as PlacementNode));
    });
  }

  /** From now on each of them waits to hear what is wanted of it. */
  watch(): void {
    for (const node of this.#nodes) void this.#watch(node);
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
  }

  async #registered({ name, capacity, labels, accelerators }: PlacementNode): Promise<SimulatedNode> {
    const registered = await this.#ask({
      kind: 'register',
      node: name,
      ...{ agentBootId: `agent of ${name}`, machineBootId: `machine of ${name}` },
      ...{ capacity, labels, accelerators, address: '127.0.0.1:7071' },
    });
    const { epoch } = expected(registered, 'registered');
    expected(await this.#ask({ kind: 'inventory', node: name, epoch, found: [] }), 'inventoryJudged');
    return { name, epoch, sequence: 0, revision: 0 };
  }

  #renewSome(): void {
    const nowMs = performance.now();
    // A timer that fires late has more to do.
    this.#due += (this.#nodes.length * (nowMs - this.#renewedMs)) / (this.#renewSeconds * 1_000);
    this.#renewedMs = nowMs;
    for (; this.#due >= 1; this.#due -= 1) {
      const node = this.#nodes[this.#next % this.#nodes.length];
      this.#next += 1;
      if (node !== undefined) void this.#renew(node);
    }
  }

  async #renew(node: SimulatedNode): Promise<void> {
    node.sequence += 1;
    const { name, epoch, sequence, revision: appliedRevision } = node;
    try {
      const renewal = { kind: 'renewLease', node: name, epoch, sequence, appliedRevision } as const;
      expected(await this.#ask(renewal), 'leaseGranted');
      this.renewals += 1;
    } catch (error) {
      this.#failed(error as Error);
    }
  }

  async #watch(node: SimulatedNode): Promise<void> {
    const { name, epoch } = node;
    try {
      while (!this.#stopped) {
        const asked = { fromRevision: node.revision, waitUs: 10_000_000 };
        const answer = await this.#ask({ kind: 'watchDesired', node: name, epoch, ...asked });
        const { revision } = expected(answer, 'desired');
        if (revision > node.revision) this.desired += 1;
        node.revision = revision;
      }
    } catch (error) {
      this.#failed(error as Error);
    }
  }

  #ask(request: AgentRequest): Promise<AgentResponse> {
    return this.#client.agent(request, callTimeoutMs);
  }

  #failed(error: Error): void {
    if (!this.#stopped) this.failure ??= error;
  }
}

function expected<Kind extends AgentResponse['kind']>(
  response: AgentResponse,
  kind: Kind,
): Extract<AgentResponse, { readonly kind: Kind }> {
  if (response.kind === kind) return response as Extract<AgentResponse, { readonly kind: Kind }>;
  throw new Error(`an agent was answered ${JSON.stringify(response)}`);
}
