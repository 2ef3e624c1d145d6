import { type NodeId } from '../../../core/base/ids.ts';
import { parseJson } from '../../../sim/decode.ts';
import { faultKinds, fieldsOf, type FieldShape } from '../../../sim/fault-shapes.ts';
import { decodeFault } from '../../../sim/scenario-decode.ts';
import { type Fault, type FaultKind } from '../../../sim/fault.ts';

/** A fault in the page's editor. */
export interface EditedFault {
  /** Tells the items of a list apart, whatever is done to them. */
  readonly id: number;
  readonly fault: Fault;
  readonly enabled: boolean;
}

export interface NumberField {
  readonly name: string;
  readonly value: number;
  readonly shape: FieldShape;
}

const lengthDefaultUs = 1_000_000;

export function editable(faults: readonly Fault[]): readonly EditedFault[] {
  return faults.map((fault, id) => ({ id, fault, enabled: true }));
}

/** What a run of the edited list has. */
export function enabledFaults(list: readonly EditedFault[]): readonly Fault[] {
  return list.filter(({ enabled }) => enabled).map(({ fault }) => fault);
}

/** What of a fault can be changed in a field of its own; everything else by its JSON. */
export function numberFields(fault: Fault): readonly NumberField[] {
  const values = fault as unknown as Readonly<Record<string, unknown>>;
  return fieldsOf(fault.kind).flatMap(([name, shape]) => {
    const value = values[name];
    return typeof value === 'number' ? [{ name, value, shape }] : [];
  });
}

/** @throws DecodeError with what is wrong and what is allowed */
export function withNumber(fault: Fault, name: string, value: number): Fault {
  return decodeFault({ ...fault, [name]: value }, fault.kind);
}

/** @throws DecodeError with what is wrong and what is allowed */
export function parseFault(text: string): Fault {
  return decodeFault(parseJson(text), 'fault');
}

/** A fault of this kind that can be run as it is: something to begin with. */
export function templateOf(kind: FaultKind, atUs: number, nodes: readonly NodeId[]): Fault {
  const fields: Record<string, unknown> = { kind };
  for (const [name, shape] of fieldsOf(kind)) {
    if (shape.optional !== true) fields[name] = templateValue(name, shape, atUs, nodes);
  }
  return decodeFault(fields, kind);
}

export { faultKinds };

function templateValue(name: string, shape: FieldShape, atUs: number, nodes: readonly NodeId[]): unknown {
  const [first = 1, ...others] = nodes;
  switch (shape.kind) {
    case 'time':
      return atUs;
    case 'length':
      return lengthDefaultUs;
    case 'node':
      return name === 'to' ? (others[0] ?? first) : first;
    case 'nodes':
      if (name === 'order') return nodes;
      return name === 'to' || name === 'otherSide' ? (others.length === 0 ? [first] : others) : [first];
    case 'twoNodes':
      return [first, others[0] ?? first];
    case 'clients':
      return [0];
    case 'ppm':
      return 100_000;
    case 'count':
      return Math.max(shape.least, 10);
    case 'word':
      return shape.words[0];
  }
}
