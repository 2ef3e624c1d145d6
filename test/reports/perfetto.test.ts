import { describe, expect, test } from 'vitest';

import { present } from '../../core/base/assert.ts';
import { collectEvidence } from '../../reports/evidence/collect.ts';
import { perfettoTrace, type TraceEvent } from '../../reports/perfetto.ts';
import { scenarioNamed } from '../../scenarios/registry.ts';

type Slice = Extract<TraceEvent, { readonly ph: 'X' }>;
type ArrowEnd = Extract<TraceEvent, { readonly ph: 's' | 'f' }>;

const evidence = collectEvidence(
  { ...scenarioNamed('swarm').plan(7), durationUs: 30_000_000, floors: {} },
  7,
);
const trace = perfettoTrace(evidence);
// What a viewer gets is the text.
const events = (JSON.parse(JSON.stringify(trace)) as typeof trace).traceEvents;
const slices = events.filter((event): event is Slice => event.ph === 'X');

test('the text of a trace says all that its events say', () => {
  expect(events).toEqual(trace.traceEvents);
  expect(trace.otherData).toMatchObject({ scenario: 'swarm', seed: '7', hash: evidence.result.hash });
});

test('every process has a name, and every track that something lies on', () => {
  const processes = new Set(metadata('process_name').map(({ pid }) => pid));
  const tracks = new Set(metadata('thread_name').map(({ pid, tid }) => `${pid}.${tid}`));
  for (const { pid } of events) expect(processes).toContain(pid);
  for (const { pid, tid } of slices) expect(tracks).toContain(`${pid}.${tid}`);
  expect(processes.size).toBe(evidence.nodes.length + 2);
});

test('no slice of a track overlaps another, and none has no length', () => {
  const tracks = new Map<string, Slice[]>();
  for (const slice of slices) {
    const track = `${slice.pid}.${slice.tid}`;
    tracks.set(track, [...(tracks.get(track) ?? []), slice]);
  }
  for (const track of tracks.values()) {
    track.sort((left, right) => left.ts - right.ts);
    for (const [position, { ts, dur }] of track.entries()) {
      expect(dur).toBeGreaterThan(0);
      const next = track[position + 1];
      // A nanosecond is the format's grain.
      if (next !== undefined) expect(ts + dur).toBeLessThanOrEqual(next.ts + 0.0005);
    }
  }
});

test('every step, operation and fault is drawn once', () => {
  expect(ofCategory('step')).toHaveLength(evidence.steps.length);
  expect(ofCategory('operation')).toHaveLength(evidence.operations.length);
  expect(ofCategory('fault')).toHaveLength(evidence.faults.length);
  const leaders = ofCategory('role').filter(({ name }) => name === 'leader');
  expect(leaders.length).toBeGreaterThan(0);
});

describe('arrows', () => {
  const ends = events.filter((event): event is ArrowEnd => event.ph === 's' || event.ph === 'f');

  test('have a beginning and an end, in the order of time, each with a slice to hold on to', () => {
    const byId = new Map<string, ArrowEnd[]>();
    for (const end of ends)
      byId.set(`${end.cat} ${end.id}`, [...(byId.get(`${end.cat} ${end.id}`) ?? []), end]);
    const begins = new Set(slices.map(({ pid, tid, ts }) => `${pid}.${tid} ${ts}`));
    expect(byId.size).toBeGreaterThan(100);
    for (const [from, to, ...more] of byId.values()) {
      expect(more).toEqual([]);
      expect([from?.ph, to?.ph]).toEqual(['s', 'f']);
      for (const end of [from, to]) {
        const { pid, tid, ts } = present(end, 'an arrow has two ends');
        expect(begins).toContain(`${pid}.${tid} ${ts}`);
      }
      expect(from?.ts).toBeLessThan(to?.ts ?? -1);
    }
  });

  test('stand for the packets that a step sent and a step was given', () => {
    const joined = evidence.packets.filter(
      ({ sentBy, takenBy }) => sentBy !== undefined && takenBy !== undefined,
    );
    expect(ends.filter(({ cat, ph }) => cat === 'packet' && ph === 's')).toHaveLength(joined.length);
  });
});

function metadata(name: string): readonly TraceEvent[] {
  return events.filter((event) => event.ph === 'M' && event.name === name);
}

function ofCategory(category: string): readonly Slice[] {
  return slices.filter(({ cat }) => cat === category);
}
