import { type Fault } from '../../../sim/types.ts';

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
}

export function editable(faults: readonly Fault[]): readonly EditedFault[] {
  return faults.map((fault, id) => ({ id, fault, enabled: true }));
}

/** What a run of the edited list has. */
export function enabledFaults(list: readonly EditedFault[]): readonly Fault[] {
  return list.filter(({ enabled }) => enabled).map(({ fault }) => fault);
}

export function numberFields(fault: Fault): readonly NumberField[] {
  return Object.entries(fault)
    .filter((entry): entry is [string, number] => typeof entry[1] === 'number')
    .map(([name, value]) => ({ name, value }));
}

/** @throws RangeError when it is not a whole number, or negative where only a drift or an offset may be */
export function withNumber(fault: Fault, name: string, value: number): Fault {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${name} must be a whole number, not ${value}`);
  if (value < 0 && !/drift|offset|jump|step|by/iu.test(name))
    throw new RangeError(`${name} must not be negative, and is ${value}`);
  return { ...fault, [name]: value };
}

/** @throws RangeError with what is wrong and what is allowed */
export function parseFault(text: string, kinds: readonly string[]): Fault {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (failure) {
    throw new RangeError(`not JSON: ${failure instanceof Error ? failure.message : String(failure)}`, {
      cause: failure,
    });
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new RangeError('a fault is one object, such as {"kind": "pause", "atUs": 1000000, …}');
  const { kind, atUs } = parsed as { readonly kind?: unknown; readonly atUs?: unknown };
  if (typeof kind !== 'string' || !kinds.includes(kind))
    throw new RangeError(`kind is one of ${kinds.join(', ')}, not ${JSON.stringify(kind) ?? 'absent'}`);
  if (typeof atUs !== 'number' || !Number.isSafeInteger(atUs) || atUs < 0)
    throw new RangeError('atUs is a whole number of microseconds since the run began');
  return parsed as Fault;
}
