import { type NodeId } from '../../../core/base/ids.ts';
import { type Endpoint } from '../../evidence/types.ts';

/** Where each node and client has its line in the diagram, in px from its top. */
export interface Rows {
  readonly lines: readonly Line[];
  readonly heightPx: number;
  /** Undefined: it is not shown. */
  yOf(endpoint: Endpoint): number | undefined;
}

export interface Line {
  readonly endpoint: Endpoint;
  readonly y: number;
}

const nodeRowPx = 38;
const clientRowPx = 24;
const marginPx = 6;

export function layOut(options: {
  readonly nodes: readonly NodeId[];
  readonly clients: readonly number[];
}): Rows {
  const lines: Line[] = [];
  let top = marginPx;
  for (const node of options.nodes) {
    lines.push({ endpoint: { kind: 'node', node }, y: top + nodeRowPx / 2 });
    top += nodeRowPx;
  }
  for (const client of options.clients) {
    lines.push({ endpoint: { kind: 'client', client }, y: top + clientRowPx / 2 });
    top += clientRowPx;
  }
  // By number, since every message of a frame asks twice.
  const nodes: number[] = [];
  const clients: number[] = [];
  for (const { endpoint, y } of lines) {
    if (endpoint.kind === 'node') nodes[endpoint.node] = y;
    else clients[endpoint.client] = y;
  }
  return {
    lines,
    heightPx: top + marginPx,
    yOf: (endpoint) => (endpoint.kind === 'node' ? nodes[endpoint.node] : clients[endpoint.client]),
  };
}
