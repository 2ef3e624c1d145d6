import { nodeId } from '../../../core/base/ids.ts';
import { type Endpoint, type Packet, type StepRecord } from '../../../reports/evidence/types.ts';
import { type Fault } from '../../../sim/fault.ts';

export const [one, two, three] = [nodeId(1), nodeId(2), nodeId(3)];

export function stepAt(atUs: number, node: number, parts: Partial<StepRecord> = {}): StepRecord {
  return {
    atUs,
    node: nodeId(node),
    boot: 1,
    kind: 'tick',
    event: 'tick',
    effects: [],
    causes: [],
    ...parts,
  };
}

export function packet(parts: Partial<Packet> & { readonly sentUs: number }): Packet {
  return {
    from: member(1),
    to: member(2),
    arrivedUs: undefined,
    sentBy: undefined,
    takenBy: undefined,
    what: 'appendRequest',
    ...parts,
  };
}

export function member(node: number): Endpoint {
  return { kind: 'node', node: nodeId(node) };
}

export function client(number: number): Endpoint {
  return { kind: 'client', client: number };
}

export function crash(atUs: number, node: number, downUs = 1_000): Fault {
  return { kind: 'crash', atUs, node: nodeId(node), downUs };
}
