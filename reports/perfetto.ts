import { type NodeId } from '../core/base/ids.ts';
import { type Operation } from '../sim/types.ts';
import { type Change, type NodeLanes, type RunEvidence, type StepNumber } from './evidence/types.ts';

/** The trace format of Chrome and Perfetto (JSON): what ui.perfetto.dev opens. Times are µs, with fractions. */
export interface PerfettoTrace {
  readonly displayTimeUnit: 'ms';
  readonly otherData: Readonly<Record<string, string>>;
  readonly traceEvents: readonly TraceEvent[];
}

interface Place {
  readonly pid: number;
  readonly tid: number;
}

export type TraceEvent =
  /** A name for a process or a track. */
  | (Place & {
      readonly ph: 'M';
      readonly name: string;
      readonly args: Readonly<Record<string, string | number>>;
    })
  /** Something that lasts. */
  | (Place & {
      readonly ph: 'X';
      readonly name: string;
      readonly cat: string;
      readonly ts: number;
      readonly dur: number;
      readonly args?: Readonly<Record<string, unknown>>;
    })
  /** A moment. */
  | (Place & {
      readonly ph: 'i';
      readonly s: 'p' | 'g';
      readonly name: string;
      readonly cat: string;
      readonly ts: number;
    })
  /** A number from here on. */
  | (Place & {
      readonly ph: 'C';
      readonly name: string;
      readonly ts: number;
      readonly args: Readonly<Record<string, number>>;
    })
  /** An arrow's two ends, each in the slice that is there at its time. */
  | (Place & {
      readonly ph: 's' | 'f';
      readonly name: string;
      readonly cat: string;
      readonly id: number;
      readonly ts: number;
      readonly bp?: 'e';
    });

/** Nodes are processes of their own numbers; these two stand beside them. */
const clientsPid = 100_000;
const faultsPid = 100_001;
const roleTid = 1;
const stepTid = 2;
/** A step takes no time; to be seen it has at most this, shared with the others of its microsecond. */
const stepUs = 1;
/** The format's finest: a nanosecond. */
const grainUs = 0.001;

/** A run for Perfetto: a process a node, with its roles, steps and numbers; clients and faults beside them; packets as arrows. */
export function perfettoTrace(evidence: RunEvidence): PerfettoTrace {
  const { result } = evidence;
  const steps = stepSlices(evidence);
  return {
    displayTimeUnit: 'ms',
    otherData: {
      scenario: result.scenario,
      seed: String(result.seed),
      hash: result.hash,
      ...(result.violation === undefined ? {} : { violation: result.violation.detail }),
    },
    traceEvents: [
      ...[...evidence.nodes].flatMap((node) => nodeEvents(evidence, node)),
      ...steps.events,
      ...clientEvents(evidence, steps.at),
      ...faultEvents(evidence),
      ...noteEvents(evidence),
      ...packetEvents(evidence, steps.at),
    ],
  };
}

function nodeEvents({ lanes, result }: RunEvidence, node: NodeId): readonly TraceEvent[] {
  const place = { pid: node, tid: roleTid };
  const events: TraceEvent[] = [
    ...named(node, `n${node}`),
    trackNamed(node, roleTid, 'role'),
    trackNamed(node, stepTid, 'steps'),
  ];
  const lane = lanes.get(node);
  if (lane === undefined) return events;
  const endUs = Math.max(result.simulatedUs, lane.role.at(-1)?.atUs ?? 0);
  for (const [position, { atUs, step, value }] of lane.role.entries()) {
    const untilUs = lane.role[position + 1]?.atUs ?? endUs;
    const term = valueAt(lane.term, step);
    const args = { step, ...(term === undefined ? {} : { term }) };
    if (untilUs > atUs)
      events.push({ ...place, ph: 'X', name: value, cat: 'role', ts: atUs, dur: untilUs - atUs, args });
  }
  return [...events, ...numbers(node, lane)];
}

function numbers(node: NodeId, lane: NodeLanes): readonly TraceEvent[] {
  const counters: readonly (readonly [string, readonly Change<number>[]])[] = [
    ['term', lane.term],
    ['commit index', lane.commitIndex],
    ['applied index', lane.appliedIndex],
    ['clock offset (µs)', lane.clockOffsetUs],
    ['log bytes appended', lane.appendedBytes],
    ['log bytes durable', lane.durableBytes],
  ];
  return counters.flatMap(([name, changes]) =>
    changes.map(({ atUs, value }): TraceEvent => ({
      ph: 'C',
      pid: node,
      tid: 0,
      name,
      ts: atUs,
      args: { value },
    })),
  );
}

/** When and where a step is drawn. */
interface StepSlices {
  readonly events: readonly TraceEvent[];
  at(step: StepNumber): { readonly place: Place; readonly ts: number } | undefined;
}

/** Steps of one node in the same microsecond share it, one behind the other, so that none covers another. */
function stepSlices({ steps, firstStep }: RunEvidence): StepSlices {
  const crowds = new Map<string, number>();
  for (const { node, atUs } of steps) crowds.set(`${node} ${atUs}`, (crowds.get(`${node} ${atUs}`) ?? 0) + 1);
  const drawn = new Map<string, number>();
  const begins: number[] = [];
  const events = steps.map((step, position): TraceEvent => {
    const crowd = `${step.node} ${step.atUs}`;
    const before = drawn.get(crowd) ?? 0;
    drawn.set(crowd, before + 1);
    const dur = Math.max(grainUs, Math.floor(stepUs / grainUs / (crowds.get(crowd) ?? 1)) * grainUs);
    const ts = step.atUs + before * dur;
    begins.push(ts);
    return {
      ph: 'X',
      pid: step.node,
      tid: stepTid,
      name: step.kind,
      cat: 'step',
      ts,
      dur,
      args: { step: firstStep + position, boot: step.boot, event: step.event, effects: step.effects },
    };
  });
  return {
    events,
    at: (number) => {
      const position = number - firstStep;
      const step = steps[position];
      const ts = begins[position];
      return step === undefined || ts === undefined
        ? undefined
        : { place: { pid: step.node, tid: stepTid }, ts };
    },
  };
}

/** Operations of a client that overlap lie on tracks of their own. */
function clientEvents(evidence: RunEvidence, stepAt: StepSlices['at']): readonly TraceEvent[] {
  const { operations, operationSteps, result } = evidence;
  const events: TraceEvent[] = [...named(clientsPid, 'clients')];
  const tracks = new Map<number, Tracks>();
  let nextTid = 1;
  let arrow = 0;
  for (const [position, operation] of operations.entries()) {
    const { client, startUs } = operation;
    const endUs = Math.max(startUs + grainUs, operation.endUs ?? result.simulatedUs);
    let own = tracks.get(client);
    if (own === undefined) tracks.set(client, (own = new Tracks()));
    const { tid, isNew } = own.place(startUs, endUs, () => nextTid++);
    if (isNew) events.push(trackNamed(clientsPid, tid, `client ${client}`));
    const place = { pid: clientsPid, tid };
    events.push({
      ...place,
      ph: 'X',
      name: operation.request.kind,
      cat: 'operation',
      ts: startUs,
      dur: endUs - startUs,
      args: { call: operation.callId, outcome: outcomeWords(operation) },
    });
    const [first] = operationSteps[position] ?? [];
    const served = first === undefined ? undefined : stepAt(first);
    if (served === undefined || served.ts < startUs) continue;
    arrow += 1;
    events.push({ ...place, ph: 's', name: 'asked', cat: 'operation', id: arrow, ts: startUs });
    events.push({
      ...served.place,
      ph: 'f',
      bp: 'e',
      name: 'asked',
      cat: 'operation',
      id: arrow,
      ts: served.ts,
    });
  }
  return events;
}

function faultEvents({ faults }: RunEvidence): readonly TraceEvent[] {
  const events: TraceEvent[] = [...named(faultsPid, 'faults')];
  const tracks = new Tracks();
  let nextTid = 1;
  const inOrder = [...faults].sort((left, right) => left.fromUs - right.fromUs);
  for (const { fault, fromUs, toUs, fired, position } of inOrder) {
    const endUs = Math.max(toUs, fromUs + grainUs);
    const { tid, isNew } = tracks.place(fromUs, endUs, () => nextTid++);
    if (isNew) events.push(trackNamed(faultsPid, tid, 'faults'));
    events.push({
      pid: faultsPid,
      tid,
      ph: 'X',
      name: fired ? fault.kind : `${fault.kind} (no effect)`,
      cat: 'fault',
      ts: fromUs,
      dur: endUs - fromUs,
      args: { position, fault },
    });
  }
  return events;
}

function noteEvents({ notes }: RunEvidence): readonly TraceEvent[] {
  return notes.map(({ atUs, node, text }) => ({
    ph: 'i',
    s: node === undefined ? 'g' : 'p',
    pid: node ?? faultsPid,
    tid: roleTid,
    name: text,
    cat: 'note',
    ts: atUs,
  }));
}

/** Arrows from the step that sent to the step that was given it; what did not arrive has none. */
function packetEvents({ packets, operations }: RunEvidence, stepAt: StepSlices['at']): readonly TraceEvent[] {
  const events: TraceEvent[] = [];
  let id = operations.length;
  for (const { sentBy, takenBy, what } of packets) {
    if (sentBy === undefined || takenBy === undefined) continue;
    const [from, to] = [stepAt(sentBy), stepAt(takenBy)];
    if (from === undefined || to === undefined) continue;
    id += 1;
    events.push({ ...from.place, ph: 's', name: what, cat: 'packet', id, ts: from.ts });
    events.push({ ...to.place, ph: 'f', bp: 'e', name: what, cat: 'packet', id, ts: to.ts });
  }
  return events;
}

/** Tracks on which what is placed does not overlap; the first that is free is taken. */
class Tracks {
  readonly #ends: { readonly tid: number; untilUs: number }[] = [];

  place(
    fromUs: number,
    untilUs: number,
    newTid: () => number,
  ): { readonly tid: number; readonly isNew: boolean } {
    const free = this.#ends.find((track) => track.untilUs <= fromUs);
    if (free !== undefined) {
      free.untilUs = untilUs;
      return { tid: free.tid, isNew: false };
    }
    const tid = newTid();
    this.#ends.push({ tid, untilUs });
    return { tid, isNew: true };
  }
}

function named(pid: number, name: string): readonly TraceEvent[] {
  return [
    { ph: 'M', pid, tid: 0, name: 'process_name', args: { name } },
    { ph: 'M', pid, tid: 0, name: 'process_sort_index', args: { sort_index: pid } },
  ];
}

function trackNamed(pid: number, tid: number, name: string): TraceEvent {
  return { ph: 'M', pid, tid, name: 'thread_name', args: { name } };
}

function valueAt<T>(changes: readonly Change<T>[], step: StepNumber): T | undefined {
  return changes.findLast((change) => change.step <= step)?.value;
}

function outcomeWords({ outcome }: Operation): string {
  switch (outcome.kind) {
    case 'answered':
      return 'answered';
    case 'refused':
      return `refused ${outcome.refusal.code}`;
    default:
      return `${outcome.kind}: ${outcome.reason}`;
  }
}
