import {
  type AgentRefusal,
  type AgentRequest,
  type AgentResponse,
  type FoundVm,
  type InventoryVerdict,
} from '../agent-protocol.ts';
import { type NodeName, type VmId } from '../types.ts';
import { type Memory } from './memory.ts';
import { foundKey, type Reports } from './reports.ts';
import { type NodeRow } from './rows.ts';
import { wrongLabels, wrongNodeName, wrongResources } from './validation.ts';

type RequestOf<Kind extends AgentRequest['kind']> = Extract<AgentRequest, { readonly kind: Kind }>;

/** In one request; more come in another. Bounds how long a job of an agent keeps others waiting. */
const foundMax = 20_000;

export function agentRefusal(code: AgentRefusal['code'], message: string): AgentRefusal {
  return { kind: 'refused', code, message, leader: undefined };
}

/** @returns why a request of this epoch is not heard; undefined: it is the node's */
export function staleEpoch(
  row: NodeRow | undefined,
  node: NodeName,
  epoch: number,
): AgentRefusal | undefined {
  if (row === undefined) return agentRefusal('STALE_EPOCH', `there is no node ${node}: register`);
  if (row.lost !== undefined) {
    return agentRefusal('STALE_EPOCH', `the node was given up (${row.lost}): register again`);
  }
  if (row.epoch === epoch) return undefined;
  return agentRefusal('STALE_EPOCH', `epoch ${epoch} is not the node's, which is ${row.epoch}`);
}

/** Begins an epoch of the node. */
export function register(memory: Memory, request: RequestOf<'register'>): AgentResponse {
  const { node: name, agentBootId, machineBootId, capacity, labels, accelerators, address } = request;
  const wrong =
    wrongNodeName(name) ?? wrongResources(capacity) ?? wrongLabels('the node', labels) ?? wrongTexts(request);
  if (wrong !== undefined) return agentRefusal('INVALID', wrong);
  const before = memory.working.nodes.get(name);
  if (before === undefined && memory.working.nodes.size >= memory.settings.nodesMax) {
    return agentRefusal(
      'UNAVAILABLE',
      `there are ${memory.settings.nodesMax} nodes, and no more are allowed`,
    );
  }
  const epoch = (before?.epoch ?? 0) + 1;
  memory.put('nodes', {
    name,
    epoch,
    inventoriedEpoch: before?.inventoriedEpoch ?? 0,
    agentBootId,
    machineBootId,
    capacity,
    labels,
    accelerators,
    address,
    cordoned: before?.lost === 'forgotten' ? false : (before?.cordoned ?? false),
    draining: before?.lost === 'forgotten' ? false : (before?.draining ?? false),
    lost: undefined,
    orphans: before?.orphans ?? 0,
  });
  memory.note('registered', { node: name, message: `epoch ${epoch}` });
  return { kind: 'registered', epoch, leaseTtlUs: memory.settings.nodeLeaseTtlUs };
}

function wrongTexts({
  agentBootId,
  machineBootId,
  accelerators,
  address,
}: RequestOf<'register'>): string | undefined {
  if (accelerators.length > 16)
    return `${accelerators.length} accelerators are given, and at most 16 are allowed`;
  for (const one of [agentBootId, machineBootId, address, ...accelerators]) {
    if (one.length > 256) return 'a boot id, accelerator or address is longer than 256 characters';
  }
  return undefined;
}

/** Work that is done one virtual machine at a time, over as many commits as it takes. */
export interface AgentJob {
  /** @returns the answer when all is done; undefined: there is more */
  advance(): AgentResponse | undefined;
}

/** States of virtual machines, taken in one by one. */
export class ReportJob implements AgentJob {
  readonly #memory: Memory;
  readonly #reports: Reports;
  readonly #request: RequestOf<'report'>;
  #at = 0;

  constructor(memory: Memory, reports: Reports, request: RequestOf<'report'>) {
    this.#memory = memory;
    this.#reports = reports;
    this.#request = request;
  }

  advance(): AgentResponse | undefined {
    const { node, epoch, sequence, vms } = this.#request;
    const row = this.#memory.working.nodes.get(node);
    const stale = staleEpoch(row, node, epoch);
    if (stale !== undefined) return stale;
    if (row?.inventoriedEpoch !== epoch) return agentRefusal('INVENTORY_DUE', 'the inventory comes first');
    if (vms.length > foundMax) return tooMany(vms.length);
    const report = vms[this.#at];
    if (report !== undefined) this.#reports.take({ node, epoch, sequence }, report);
    this.#at += 1;
    return this.#at < vms.length ? undefined : { kind: 'reportTaken', sequence };
  }
}

/**
 * Everything that is on a node, judged. Only the first of an epoch changes anything: it was made before anything was started
 * in it, which can not be said of one that comes again, and late.
 */
export class InventoryJob implements AgentJob {
  readonly #memory: Memory;
  readonly #reports: Reports;
  readonly #request: RequestOf<'inventory'>;
  readonly #found = new Map<string, FoundVm>();
  readonly #verdicts: InventoryVerdict[] = [];
  /** What the node should have, by id; undefined: nothing was looked at yet. */
  #expected: readonly VmId[] | undefined;
  #at = 0;

  constructor(memory: Memory, reports: Reports, request: RequestOf<'inventory'>) {
    this.#memory = memory;
    this.#reports = reports;
    this.#request = request;
    for (const one of request.found) this.#found.set(foundKey(one.vm, one.fenceToken), one);
  }

  advance(): AgentResponse | undefined {
    const { node, epoch, found } = this.#request;
    const { working } = this.#memory;
    const row = working.nodes.get(node);
    const stale = staleEpoch(row, node, epoch);
    if (stale !== undefined || row === undefined) return stale;
    if (found.length > foundMax) return tooMany(found.length);
    if (row.inventoriedEpoch === epoch) return this.#judgedAgain();
    const teller = { node, epoch, sequence: 0 };
    this.#expected ??= [
      ...working.vmsOnNode(node).map(({ id }) => id),
      ...working.deletedOnNode(node).map(({ id }) => id),
    ];
    const expected = this.#expected[this.#at];
    const one = found[this.#at - this.#expected.length];
    if (expected !== undefined) {
      this.#reports.takeMissing(teller, expected, this.#found);
    } else if (one !== undefined) {
      const verdict = this.#reports.takeFound(teller, one);
      this.#verdicts.push({ vm: one.vm, fenceToken: one.fenceToken, verdict });
    } else {
      return this.#end(row);
    }
    this.#at += 1;
    return undefined;
  }

  #end(row: NodeRow): AgentResponse {
    const orphans = this.#verdicts.filter(({ verdict }) => verdict === 'orphan').length;
    const { name, epoch } = row;
    this.#memory.put('nodes', { ...row, inventoriedEpoch: epoch, orphans });
    this.#memory.note('inventoried', {
      node: name,
      message: `${this.#verdicts.length} found, ${orphans} of them unknown`,
    });
    return { kind: 'inventoryJudged', verdicts: this.#verdicts };
  }

  #judgedAgain(): AgentResponse {
    const { node, epoch, found } = this.#request;
    const teller = { node, epoch, sequence: 0 };
    const verdicts = found.map((one) => {
      const verdict = this.#reports.judge(teller, one);
      return { vm: one.vm, fenceToken: one.fenceToken, verdict };
    });
    return { kind: 'inventoryJudged', verdicts };
  }
}

function tooMany(given: number): AgentRefusal {
  return agentRefusal(
    'INVALID',
    `${given} virtual machines are told of, and at most ${foundMax} are allowed`,
  );
}
