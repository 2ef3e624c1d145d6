/** A virtual machine as a trace has it. */
export interface Arrival {
  readonly arriveMs: number;
  /** Infinity: still there when the trace ends. */
  readonly departMs: number;
  readonly cpuMilli: number;
  readonly memoryBytes: number;
}

export type TraceRead =
  | { readonly kind: 'trace'; readonly arrivals: readonly Arrival[] }
  | { readonly kind: 'unreadable'; readonly message: string };

const columns = ['arrive_s', 'lifetime_s', 'vcpus', 'memory_gib'] as const;
type Column = (typeof columns)[number];

/** More is taken for something else than a trace. */
const arrivalsMax = 10_000_000;
const secondsMax = 100 * 365 * 86_400;
const vcpusMax = 100_000;
const memoryGibMax = 1_000_000;

/**
 * CSV with a header. Its columns, in any order, others beside them: `arrive_s` in seconds from any beginning, never falling;
 * `lifetime_s`, empty for one that is still there when the trace ends; `vcpus`; `memory_gib`. At most three decimals.
 */
export function readPlacementTrace(text: string): TraceRead {
  const lines = text.split(/\r?\n/);
  while (lines.at(-1) === '') lines.pop();
  const header = (lines[0] ?? '').split(',').map((name) => name.trim());
  const at = new Map<Column, number>();
  for (const column of columns) {
    const index = header.indexOf(column);
    if (index < 0)
      return unreadable(1, `there is no column ${column}: there have to be ${columns.join(', ')}`);
    at.set(column, index);
  }
  if (lines.length - 1 > arrivalsMax) return unreadable(arrivalsMax + 2, `at most ${arrivalsMax} arrivals`);
  const arrivals: Arrival[] = [];
  let beforeMs = 0;
  for (let line = 1; line < lines.length; line += 1) {
    const fields = (lines[line] ?? '').split(',');
    const arrival = readArrival((column) => (fields[at.get(column) ?? -1] ?? '').trim());
    if (typeof arrival === 'string') return unreadable(line + 1, arrival);
    if (arrival.arriveMs < beforeMs) return unreadable(line + 1, 'it arrives before the one above it');
    beforeMs = arrival.arriveMs;
    arrivals.push(arrival);
  }
  if (arrivals.length === 0) return unreadable(lines.length, 'there is no arrival in it');
  return { kind: 'trace', arrivals };
}

/** @returns what is wrong with it, in place of an arrival */
function readArrival(field: (column: Column) => string): Arrival | string {
  const arriveMs = thousandths(field('arrive_s'), secondsMax);
  if (arriveMs === undefined) return told('arrive_s', field('arrive_s'), 0, secondsMax);
  const lifetime = field('lifetime_s');
  const lifetimeMs = lifetime === '' ? Infinity : thousandths(lifetime, secondsMax);
  if (lifetimeMs === undefined) return `${told('lifetime_s', lifetime, 0, secondsMax)}, or empty`;
  const cpuMilli = thousandths(field('vcpus'), vcpusMax);
  if (cpuMilli === undefined || cpuMilli === 0) return told('vcpus', field('vcpus'), 0.001, vcpusMax);
  const memoryMilliGib = thousandths(field('memory_gib'), memoryGibMax);
  if (memoryMilliGib === undefined || memoryMilliGib === 0)
    return told('memory_gib', field('memory_gib'), 0.001, memoryGibMax);
  const memoryBytes = Math.ceil((memoryMilliGib * 1_073_741_824) / 1_000);
  return { arriveMs, departMs: arriveMs + lifetimeMs, cpuMilli, memoryBytes };
}

/** A decimal number with at most three decimals, in thousandths: whole, so that no sum of them is rounded. */
function thousandths(text: string, max: number): number | undefined {
  const match = /^(\d{1,12})(?:\.(\d{1,3}))?$/.exec(text);
  if (match === null) return undefined;
  const milli = Number(match[1]) * 1_000 + Number((match[2] ?? '').padEnd(3, '0'));
  return milli > max * 1_000 ? undefined : milli;
}

function told(column: Column, text: string, min: number, max: number): string {
  return `${column} is "${text}": allowed is a number of ${min} to ${max} with at most three decimals`;
}

function unreadable(line: number, message: string): TraceRead {
  return { kind: 'unreadable', message: `line ${line}: ${message}` };
}
