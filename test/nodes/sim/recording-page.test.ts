import { expect, test } from 'vitest';

import { replayRecording } from '../../../adapters/recorder/replay-recording.ts';
import { listSegments } from '../../../adapters/recorder/ring.ts';
import { memberReplayKit } from '../../../nodes/chainfire/member-replay-kit.ts';
import { recordingPage } from '../../../nodes/sim/recording-page.ts';
import { type RecordingPage } from '../../../reports/page/page-data.ts';
import { Disk, makeDirectory, RecordedMember } from '../../adapters/recorder/recorded-member.ts';
import { ask } from '../../core/chainfire/requests.ts';

/** @returns steps of each start */
async function record(dir: string, puts: readonly number[]): Promise<readonly number[]> {
  const disk = new Disk();
  const steps: number[] = [];
  for (const count of puts) {
    const member = new RecordedMember(dir, disk);
    for (let at = 0; at < count; at += 1) member.call(ask.put(`key ${at}`, 'value'));
    await member.close();
    steps.push(member.steps);
  }
  return steps;
}

/** The page, and what the steps of the recording are called in it, by start. */
function pageOf(
  dir: string,
  options: { readonly boot?: number } = {},
): { readonly page: RecordingPage; readonly recorded: readonly (readonly [boot: number, number: number])[] } {
  const places = listSegments(dir).filter(({ boot }) => options.boot === undefined || boot === options.boot);
  const recorded: [number, number][] = [];
  let boot = 0;
  const report = replayRecording(places, memberReplayKit, {
    onSegment: ({ header }) => (boot = header.boot),
    onStep: ({ number }) => recorded.push([boot, number]),
  });
  return { page: recordingPage(places, report, { untilStep: undefined, replayCommand: 'replay' }), recorded };
}

test("a page's steps have the numbers that the recording gives them", async () => {
  const dir = makeDirectory();
  await record(dir, [1_800]);
  const { page, recorded } = pageOf(dir);
  const { evidence, states } = page;
  expect(recorded.length).toBeGreaterThan(5_000);
  expect(evidence.steps).toHaveLength(5_000);
  expect(evidence.firstStep).toBe(recorded.at(-5_000)?.[1]);
  expect(evidence.firstStep).toBe(recorded.length - 5_000 + 1);
  expect(states).toHaveLength(1_000);
});

test('of a later start that fills the page alone, they are the numbers of that start', async () => {
  const dir = makeDirectory();
  const [first = 0] = await record(dir, [10, 1_800]);
  const { page, recorded } = pageOf(dir);
  const [boot, number] = recorded.at(-5_000) ?? [];
  expect([page.evidence.steps[0]?.boot, page.evidence.firstStep]).toEqual([boot, number]);
  expect(boot).toBe(2);
  expect(page.evidence.firstStep).toBe(recorded.length - first - 5_000 + 1);
});

test('what is shown from its begin is counted from 1', async () => {
  const dir = makeDirectory();
  const [first = 0, second = 0] = await record(dir, [10, 20]);
  expect(pageOf(dir).page.evidence.firstStep).toBe(1);
  expect(pageOf(dir).page.evidence.steps).toHaveLength(first + second);
  const { evidence } = pageOf(dir, { boot: 2 }).page;
  expect([evidence.firstStep, evidence.steps.length]).toEqual([1, second]);
});
