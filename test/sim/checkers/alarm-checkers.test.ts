import { describe, expect, test } from 'vitest';

import { nodeId } from '../../../core/base/ids.ts';
import { alarmTypes } from '../../../core/chainfire/api/cluster.ts';
import { AlarmsAgree } from '../../../sim/checkers/alarms-agree.ts';
import { AlarmsHeeded } from '../../../sim/checkers/alarms-heeded.ts';
import { CorruptionFound } from '../../../sim/checkers/corruption-found.ts';
import { type StepObservation } from '../../../sim/types.ts';
import { member, type Shown, step } from './observations.ts';

const { nospace, corrupt } = alarmTypes;
const second = 1_000_000;

function at(nowUs: number, shown: Shown): StepObservation {
  return { ...step(shown), nowUs };
}

describe('alarms-heeded', () => {
  const standing: Shown = {
    node: 1,
    alarms: [[2, nospace]],
    alarmChanges: 3,
    puts: 5,
    grants: 1,
    revision: 9,
  };
  const differing: Shown = { ...standing, alarms: [[0, corrupt]], compactRevision: 4 };

  function after(before: Shown, now: Shown): () => void {
    const checker = new AlarmsHeeded();
    checker.onStep(step(before));
    return () => {
      checker.onStep(step(now));
    };
  }

  test('fires for a put and for a grant while there is no space, not for a deletion', () => {
    expect(after(standing, { ...standing, puts: 6, revision: 10 })).toThrow('alarms-heeded');
    expect(after(standing, { ...standing, grants: 2 })).toThrow('alarms-heeded');
    expect(after(standing, { ...standing, revision: 10, compactRevision: 8 })).not.toThrow();
  });

  test('fires for any change of keys, and for a compaction, while members differ', () => {
    expect(after(differing, { ...differing, revision: 10 })).toThrow('alarms-heeded');
    expect(after(differing, { ...differing, compactRevision: 5 })).toThrow('alarms-heeded');
    expect(after(differing, differing)).not.toThrow();
  });

  test('says nothing of a step in which alarms changed, nor across a restart', () => {
    expect(after(standing, { ...standing, alarmChanges: 4, puts: 6 })).not.toThrow();
    const checker = new AlarmsHeeded();
    checker.onStep(step(standing));
    checker.onRecovered(nodeId(1));
    checker.onStep(step({ ...standing, puts: 6 }));
  });
});

describe('alarms-agree', () => {
  test('fires where two members at the same index have other alarms, a member that has just started included', () => {
    const checker = new AlarmsAgree();
    checker.onStep(step({ node: 1, applied: 7, alarms: [[2, nospace]] }));
    checker.onStep(step({ node: 2, applied: 7, alarms: [[2, nospace]] }));
    checker.onStep(step({ node: 2, applied: 8 }));
    expect(() => {
      checker.onStep(step({ node: 3, applied: 7 }));
    }).toThrow('at index 7 member 1 has the alarms [NOSPACE of 2], member 3 has []');
    expect(() => {
      checker.onRecovered(nodeId(1), member({ node: 1, applied: 8, alarms: [[2, corrupt]] }));
    }).toThrow('alarms-agree');
  });
});

describe('corruption-found', () => {
  const naming = (...blamed: readonly number[]): Shown => ({ node: 1, check: { index: 4, blamed } });

  test('fires for a member that is named and whose store nobody has changed, and for nobody’s name', () => {
    expect(() => {
      new CorruptionFound().onStep(step(naming(2)));
    }).toThrow('member 2 was found to differ');
    expect(() => {
      new CorruptionFound().onStep(step(naming(0)));
    }).toThrow('corruption-found');
    const checker = new CorruptionFound();
    checker.onRotted(nodeId(2), 0);
    checker.onStep(step(naming(2, 0)));
  });

  test('fires for damage that nobody has noticed within the bound, where members are compared at all', () => {
    const checker = new CorruptionFound();
    checker.onRotted(nodeId(2), second);
    checker.onStep(at(100 * second, { node: 1 }));
    checker.onStep(at(20 * second, naming()));
    expect(() => {
      checker.onStep(at(22 * second, naming()));
    }).toThrow('the store of member 2 was changed behind its back');
  });

  test('a member that was removed need not be found, nor one that has another’s state by now', () => {
    const removed = new CorruptionFound();
    removed.onRotted(nodeId(3), 0);
    removed.onStep(at(30 * second, { ...naming(), voters: [1, 2] }));
    const restored = new CorruptionFound();
    restored.onRotted(nodeId(1), 0);
    const event = { kind: 'snapshotReceived', from: nodeId(2), stageId: 1, header: {} } as never;
    restored.onStep({ ...at(second, naming()), event });
    restored.onStep(at(30 * second, naming()));
  });
});
