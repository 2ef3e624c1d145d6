import { type PlasmaClient } from '../../../adapters/grpc/plasma-client.ts';
import { type AgentRequest, type AgentResponse } from '../../../core/plasma/agent-protocol.ts';
import { type PlacementNode } from '../../../core/plasma/placement/placement-node.ts';
import { OldestFirst } from '../../../core/plasma/control-plane/oldest-first.ts';
import { inTurns } from './in-turns.ts';

interface SimulatedNode {
  readonly node: PlacementNode;
  epoch: number;
  sequence: number;
  revision: number;
  renewMs: number;
  /** It has lost its epoch, and registers again. */
  returning: boolean;
}

const registrationsUnderWay = 128;
const callTimeoutMs = 30_000;
/** How often in a second it is looked whose lease is to be renewed. */
const stepsPerSecond = 50;

/**
 * The agents of many nodes, as far as a server can see them while nothing is wrong: they register, tell that nothing is there,
 * renew their leases, and wait to hear what they are to run. They run nothing.
 */
export class SimulatedAgents {
  readonly #client: PlasmaClient;
  readonly #nodes: SimulatedNode[] = [];
  /** Whose lease is to be renewed next. */
  readonly #renewals = new OldestFirst<SimulatedNode>();
  readonly #renewSeconds: number;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  renewals = 0;
  /** How often the server has given a node up. */
  lost = 0;
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
      const node = nodes[at] as PlacementNode;
      const epoch = await this.#register(node);
      const registered = { node, epoch, sequence: 0, revision: 0, renewMs: 0, returning: false };
      this.#nodes.push(registered);
      this.#renewAfter(registered, performance.now());
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

  async #register(node: PlacementNode): Promise<number> {
    const { name, capacity, labels, accelerators } = node;
    const registered = await this.#ask({
      kind: 'register',
      node: name,
      ...{ agentBootId: `agent of ${name}`, machineBootId: `machine of ${name}` },
      ...{ capacity, labels, accelerators, address: '127.0.0.1:7071' },
    });
    const { epoch } = expected(registered, 'registered');
    expected(await this.#ask({ kind: 'inventory', node: name, epoch, found: [] }), 'inventoryJudged');
    return epoch;
  }

  #renewSome(): void {
    const nowMs = performance.now();
    while ((this.#renewals.first?.renewMs ?? Infinity) <= nowMs) {
      const node = this.#renewals.shift();
      if (node === undefined) break;
      void this.#renew(node);
      this.#renewAfter(node, nowMs);
    }
  }

  #renewAfter(node: SimulatedNode, nowMs: number): void {
    node.renewMs = nowMs + this.#renewSeconds * 1_000;
    this.#renewals.push(node);
  }

  async #renew(node: SimulatedNode): Promise<void> {
    if (node.returning) return;
    node.sequence += 1;
    const { epoch, sequence, revision: appliedRevision } = node;
    try {
      const renewal = { kind: 'renewLease', node: node.node.name, epoch, sequence, appliedRevision } as const;
      if (await this.#heard(node, await this.#ask(renewal))) this.renewals += 1;
    } catch (error) {
      this.#failed(error as Error);
    }
  }

  async #watch(node: SimulatedNode): Promise<void> {
    try {
      while (!this.#stopped) {
        const { epoch, revision: fromRevision } = node;
        const watch = { kind: 'watchDesired', node: node.node.name, epoch, fromRevision } as const;
        const answer = await this.#ask({ ...watch, waitUs: 10_000_000 });
        if (!(await this.#heard(node, answer))) continue;
        const { revision } = expected(answer, 'desired');
        if (revision > node.revision) this.desired += 1;
        node.revision = revision;
      }
    } catch (error) {
      this.#failed(error as Error);
    }
  }

  /** @returns false where the server has given the node up, which registers again, as agents do */
  async #heard(node: SimulatedNode, answer: AgentResponse): Promise<boolean> {
    if (answer.kind !== 'refused') return true;
    if (answer.code !== 'STALE_EPOCH' && answer.code !== 'INVENTORY_DUE') expected(answer, 'leaseGranted');
    if (node.returning) {
      // Somebody else sees to it: not at once again.
      await new Promise((resolve) => setTimeout(resolve, 100));
      return false;
    }
    node.returning = true;
    this.lost += 1;
    node.epoch = await this.#register(node.node);
    node.revision = 0;
    node.returning = false;
    return false;
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
