import { describe, expect, test } from 'vitest';
import {
  defaultWatchdogConfig,
  type WatchdogEffect,
  type WatchdogRequest,
} from '../../../../core/plasma/watchdog/protocol.ts';
import { Watchdog } from '../../../../core/plasma/watchdog/watchdog.ts';
import { instanceOf } from '../agent/specs.ts';

const one = instanceOf({ pid: 1 });
const two = instanceOf({ pid: 2 });
const { killRetryUs } = defaultWatchdogConfig;

type Guard = Extract<WatchdogRequest, { kind: 'guard' }>;

function guard(changes: Partial<Guard> = {}): Guard {
  return {
    kind: 'guard',
    agentBootId: 'agent-1',
    sequence: 1,
    deadlineUs: 1_000,
    instances: [one],
    released: [],
    ...changes,
  };
}

function ask(watchdog: Watchdog, request: WatchdogRequest, nowUs: number): readonly WatchdogEffect[] {
  return watchdog.step({ kind: 'requested', requestId: 5, request }, nowUs);
}

const guarded = (sequence: number, killed: readonly (typeof one)[] = []): WatchdogEffect => ({
  kind: 'reply',
  requestId: 5,
  response: { kind: 'guarded', sequence, killed },
  afterSyncSeq: 0,
});
const kill = (instance: typeof one): WatchdogEffect => ({
  kind: 'act',
  act: { kind: 'kill', instance },
  afterSyncSeq: 0,
});

describe('a watchdog', () => {
  test('kills what it guards at its deadline, again until it is gone, and says so until it is released', () => {
    const watchdog = new Watchdog(defaultWatchdogConfig);
    expect(watchdog.deadlineUs).toBe(Infinity);
    expect(ask(watchdog, guard(), 0)).toEqual([guarded(1)]);
    expect(watchdog.deadlineUs).toBe(1_000);
    expect(watchdog.step({ kind: 'tick' }, 999)).toEqual([]);
    expect(watchdog.step({ kind: 'tick' }, 1_000)).toEqual([kill(one)]);
    expect(watchdog.deadlineUs).toBe(1_000 + killRetryUs);
    const report = { kind: 'killFailed', instance: one, message: 'not permitted' } as const;
    expect(watchdog.step({ kind: 'acted', report }, 1_001)).toEqual([]);
    expect(watchdog.step({ kind: 'tick' }, 1_000 + killRetryUs)).toEqual([kill(one)]);
    watchdog.step({ kind: 'acted', report: { kind: 'gone', instance: one } }, 200_000);
    expect(watchdog.deadlineUs).toBe(Infinity);
    expect(ask(watchdog, { kind: 'status' }, 200_000)).toMatchObject([
      { response: { kind: 'status', guarded: [], killed: [one] } },
    ]);
    const next = guard({ sequence: 2, deadlineUs: 300_000, instances: [], released: [one] });
    expect(ask(watchdog, next, 200_000)).toEqual([guarded(2)]);
  });

  test('puts off what is named again, and nothing else', () => {
    const watchdog = new Watchdog(defaultWatchdogConfig);
    ask(watchdog, guard({ instances: [one, two] }), 0);
    ask(watchdog, guard({ sequence: 2, deadlineUs: 5_000, instances: [two] }), 500);
    expect(ask(watchdog, { kind: 'status' }, 500)).toMatchObject([
      {
        response: {
          guarded: [
            { instance: one, deadlineUs: 1_000 },
            { instance: two, deadlineUs: 5_000 },
          ],
        },
      },
    ]);
    expect(watchdog.step({ kind: 'tick' }, 1_000)).toEqual([kill(one)]);
  });

  test('takes a deadline that is earlier than the one before', () => {
    const watchdog = new Watchdog(defaultWatchdogConfig);
    ask(watchdog, guard(), 0);
    ask(watchdog, guard({ sequence: 2, deadlineUs: 700 }), 100);
    expect(watchdog.deadlineUs).toBe(700);
  });

  test('kills what its deadline has come for, though the same step would put it off, and though it is asked later', () => {
    const watchdog = new Watchdog(defaultWatchdogConfig);
    ask(watchdog, guard(), 0);
    const late = guard({ sequence: 2, deadlineUs: 9_000 });
    expect(ask(watchdog, late, 1_000)).toEqual([kill(one), guarded(2, [one])]);
    watchdog.step({ kind: 'acted', report: { kind: 'gone', instance: one } }, 1_001);
    // Dead is dead: nobody is told that it is guarded.
    expect(ask(watchdog, guard({ sequence: 3, deadlineUs: 9_000 }), 1_002)).toEqual([guarded(3, [one])]);
    expect(watchdog.deadlineUs).toBe(Infinity);
  });

  test('refuses what is older than what it has heard, of the same agent and of an earlier one', () => {
    const watchdog = new Watchdog(defaultWatchdogConfig);
    ask(watchdog, guard({ sequence: 4 }), 0);
    const stale = [{ kind: 'reply', response: { kind: 'refused', code: 'STALE' } }];
    expect(ask(watchdog, guard({ sequence: 4, deadlineUs: 8_000 }), 1)).toMatchObject(stale);
    expect(ask(watchdog, guard({ agentBootId: 'agent-2' }), 2)).toEqual([guarded(1)]);
    expect(ask(watchdog, guard({ sequence: 9, deadlineUs: 8_000 }), 3)).toMatchObject(stale);
    expect(watchdog.deadlineUs).toBe(1_000);
  });

  test('goes on guarding when the agent is gone, and for the next one until that says otherwise', () => {
    const watchdog = new Watchdog(defaultWatchdogConfig);
    ask(watchdog, guard({ instances: [one, two] }), 0);
    ask(watchdog, guard({ agentBootId: 'agent-2', deadlineUs: 3_000, instances: [two] }), 500);
    expect(watchdog.step({ kind: 'tick' }, 1_000)).toEqual([kill(one)]);
    expect(watchdog.step({ kind: 'tick' }, 3_000)).toEqual([kill(two)]);
  });

  test('refuses what it cannot do, and says why', () => {
    const watchdog = new Watchdog({ ...defaultWatchdogConfig, instancesMax: 1 });
    expect(ask(watchdog, guard({ instances: [one, two] }), 0)).toMatchObject([
      { response: { kind: 'refused', code: 'TOO_MANY' } },
    ]);
    expect(ask(watchdog, guard({ deadlineUs: 10 }), 10)).toMatchObject([
      { response: { kind: 'refused', code: 'DEADLINE_PASSED' } },
    ]);
    expect(ask(watchdog, guard({ deadlineUs: 1.5 }), 0)).toMatchObject([
      { response: { kind: 'refused', code: 'INVALID' } },
    ]);
    expect(ask(watchdog, { kind: 'bark' } as unknown as WatchdogRequest, 0)).toMatchObject([
      { response: { kind: 'refused', code: 'INVALID', message: 'unknown request "bark": guard or status' } },
    ]);
    expect(watchdog.deadlineUs).toBe(Infinity);
  });
});
