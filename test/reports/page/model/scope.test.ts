import { describe, expect, test } from 'vitest';

import { everything, packetKinds, scoped } from '../../../../reports/page/model/scope.ts';
import { evidenceOf } from '../../evidence/hand-made.ts';
import { client, member, one, packet, stepAt } from '../hand-made.ts';

// n1: 0 ── 2     n1 tells n2 of step 0; what it says in step 2 is lost; a client asks n2, which takes it in step 3.
// n2:   1 ── 3
const evidence = evidenceOf({
  steps: [
    stepAt(10, 1, { event: 'tick', effects: ['send to=2 term=7'] }),
    stepAt(20, 2, { event: 'received from=1' }),
    stepAt(30, 1),
    stepAt(40, 2, { event: 'requested put key=KEY/01' }),
  ],
  packets: [
    packet({ sentUs: 10, arrivedUs: 20, sentBy: 0, takenBy: 1, what: 'appendRequest heartbeatRequest' }),
    packet({ sentUs: 30, sentBy: 2, what: 'voteRequest' }),
    packet({ from: client(4), to: member(2), sentUs: 35, arrivedUs: 40, takenBy: 3, what: 'put' }),
  ],
});
const past = new Set([0, 1, 2]);

describe('what of a run is looked at', () => {
  test('is all of it, where nothing is asked for', () => {
    const all = scoped(evidence, everything, past);
    expect([all.steps, all.packets.length]).toEqual([[0, 1, 2, 3], 3]);
  });

  test('is what the violation follows from, with what of it was lost on its way', () => {
    const causal = scoped(evidence, { ...everything, scope: 'causal' }, past);
    expect(causal.steps).toEqual([0, 1, 2]);
    expect(causal.packets.map(({ what }) => what)).toEqual(['appendRequest heartbeatRequest', 'voteRequest']);
  });

  test('is without hidden nodes and what goes to or from them', () => {
    const without = scoped(evidence, { ...everything, hiddenNodes: new Set([one]) }, undefined);
    expect([without.steps, without.packets.map(({ what }) => what)]).toEqual([[1, 3], ['put']]);
  });

  test('is without clients, and without kinds of messages that are hidden', () => {
    const filters = { ...everything, clientsShown: false, hiddenKinds: new Set(['appendRequest']) };
    expect(scoped(evidence, filters, undefined).packets.map(({ what }) => what)).toEqual(['voteRequest']);
  });

  test('is what the search finds in events and effects, in small letters or capitals', () => {
    expect(scoped(evidence, { ...everything, search: 'key/01' }, undefined).steps).toEqual([3]);
    expect(scoped(evidence, { ...everything, search: ' TERM=7 ' }, undefined).steps).toEqual([0]);
  });
});

test('kinds of messages are counted, the most frequent first', () => {
  expect(packetKinds([...evidence.packets, packet({ sentUs: 50, what: 'put' })])).toEqual([
    ['put', 2],
    ['appendRequest', 1],
    ['voteRequest', 1],
  ]);
});
