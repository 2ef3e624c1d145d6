import { expect, test } from 'vitest';

import { DurabilityAudit, OutputGate } from '../../sim/gate.ts';
import { Violation } from '../../sim/types.ts';

const effect = (afterSyncSeq: number, name = 'x') => ({ kind: 'send', afterSyncSeq, name });

test('what is not gated passes at once, the rest when its sync is reported, in the order of its coming', () => {
  const gate = new OutputGate<ReturnType<typeof effect>>();
  expect(gate.passes(effect(0))).toBe(true);
  expect(gate.passes(effect(2, 'a'))).toBe(false);
  expect(gate.passes(effect(1, 'b'))).toBe(false);
  expect(gate.passes(effect(2, 'c'))).toBe(false);
  expect(gate.passes(effect(3, 'd'))).toBe(false);
  expect(gate.synced(2).map(({ name }) => name)).toEqual(['a', 'b', 'c']);
  expect(gate.held).toBe(1);
  expect(gate.passes(effect(2))).toBe(true);
  expect(gate.synced(3).map(({ name }) => name)).toEqual(['d']);
});

test('sync numbers rise', () => {
  const gate = new OutputGate<ReturnType<typeof effect>>();
  gate.synced(2);
  expect(() => gate.synced(2)).toThrow('sync numbers rise');
});

test('an effect may leave when the disk itself has everything that it waits for', () => {
  let durable = 0;
  const audit = new DurabilityAudit(() => durable);
  audit.leaves(effect(0));
  audit.persisted(1, 3);
  audit.persisted(2, 5);
  expect(() => {
    audit.leaves(effect(1));
  }).toThrow(Violation);
  durable = 3;
  audit.leaves(effect(1));
  expect(() => {
    audit.leaves(effect(2));
  }).toThrow('while sync 2 could still be lost');
  durable = 5;
  audit.leaves(effect(2));
});

test('an effect that waits for what nobody persisted is found out, and so are numbers that do not rise', () => {
  const audit = new DurabilityAudit(() => 1_000);
  audit.persisted(4, 1);
  expect(() => {
    audit.leaves(effect(5));
  }).toThrow('nothing above 4 was persisted');
  expect(() => {
    audit.persisted(4, 2);
  }).toThrow('was persisted after 4');
});
