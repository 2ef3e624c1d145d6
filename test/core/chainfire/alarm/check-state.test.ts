import { expect, test } from 'vitest';
import { nodeId } from '../../../../core/base/ids.ts';
import { CheckState } from '../../../../core/chainfire/alarm/check-state.ts';
import { memberTables } from '../../../../core/chainfire/member.ts';
import { type Configuration } from '../../../../core/raft/types.ts';
import { MemoryBackend } from '../../../../core/storage/memory-backend.ts';

function configuration(voters: readonly number[], learners: readonly number[] = []): Configuration {
  return { voters: voters.map(nodeId), outgoing: [], learners: learners.map(nodeId) };
}

/** Who is found to differ at each report, for reports given as [member, hash]. */
function verdicts(
  members: Configuration,
  reports: readonly (readonly [member: number, hash: number])[],
): readonly (readonly number[])[] {
  const state = new CheckState(new MemoryBackend(memberTables), () => undefined);
  state.requested(5);
  return reports.map(([member, hash]) => state.reported({ member, index: 5, hash }, members).map(Number));
}

const three = configuration([1, 2, 3]);

test('nothing is said before a majority has: then whoever has something else differs, early or late', () => {
  expect(
    verdicts(three, [
      [1, 8],
      [2, 9],
      [3, 9],
    ]),
  ).toEqual([[], [], [1]]);
  expect(
    verdicts(three, [
      [1, 9],
      [2, 9],
      [3, 8],
    ]),
  ).toEqual([[], [], [3]]);
  expect(
    verdicts(three, [
      [1, 9],
      [2, 9],
      [3, 9],
    ]),
  ).toEqual([[], [], []]);
});

test('each is told once; one that says something else later is looked at again', () => {
  expect(
    verdicts(three, [
      [1, 9],
      [2, 9],
      [3, 8],
      [3, 8],
      [1, 9],
      [2, 7],
    ]),
  ).toEqual([[], [], [3], [], [], [0]]);
  expect(
    verdicts(three, [
      [1, 9],
      [2, 9],
      [3, 9],
      [3, 8],
    ]),
  ).toEqual([[], [], [], [3]]);
});

test('no majority can come about: in nobody’s name, as soon as that is certain', () => {
  expect(
    verdicts(configuration([1, 2]), [
      [1, 8],
      [2, 9],
    ]),
  ).toEqual([[], [0]]);
  expect(
    verdicts(three, [
      [1, 7],
      [2, 8],
      [3, 9],
    ]),
  ).toEqual([[], [], [0]]);
  expect(
    verdicts(configuration([1, 2, 3, 4]), [
      [1, 8],
      [2, 8],
      [3, 9],
      [4, 9],
    ]),
  ).toEqual([[], [], [], [0]]);
});

test('learners have no vote, and are judged by the voters', () => {
  const members = configuration([1, 2, 3], [4, 5]);
  expect(
    verdicts(members, [
      [4, 8],
      [5, 8],
      [1, 9],
      [2, 9],
    ]),
  ).toEqual([[], [], [], [4, 5]]);
});

test('only members count, and only reports of this comparison', () => {
  const state = new CheckState(new MemoryBackend(memberTables), () => undefined);
  state.requested(5);
  expect(state.reported({ member: 9, index: 5, hash: 1 }, three)).toEqual([]);
  expect(state.reported({ member: 1, index: 4, hash: 1 }, three)).toEqual([]);
  expect(state.check.reports).toEqual([]);
});

test('it is in the store, and the next request begins anew', () => {
  const store = new MemoryBackend(memberTables);
  const state = new CheckState(store, () => undefined);
  state.requested(5);
  state.reported({ member: 1, index: 5, hash: 1 }, three);
  store.write(state.takeWrites());
  expect(new CheckState(store, () => undefined).check).toEqual(state.check);
  state.requested(8);
  expect(state.check).toEqual({ index: 8, reports: [], blamed: [] });
});
