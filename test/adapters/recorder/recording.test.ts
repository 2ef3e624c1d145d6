import { readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';

import { blockMark } from '../../../adapters/recorder/format.ts';
import { defaultRecorderOptions, Recorder } from '../../../adapters/recorder/recorder.ts';
import { type RecordingReport, replayRecording } from '../../../adapters/recorder/replay-recording.ts';
import { type ReplayKit } from '../../../adapters/recorder/replay-segment.ts';
import { listSegments } from '../../../adapters/recorder/ring.ts';
import { Segment } from '../../../adapters/recorder/segment.ts';
import { present } from '../../../core/base/assert.ts';
import { bytesPerKib } from '../../../core/base/units.ts';
import {
  AuthChange,
  authActions,
  Credential,
  credentialKinds,
} from '../../../core/chainfire/auth/protocol.ts';
import { HashKvRequest } from '../../../core/chainfire/api/cluster.ts';
import { LeaseGrantRequest } from '../../../core/chainfire/api/lease.ts';
import { WatchCreateRequest, WatchRequest } from '../../../core/chainfire/api/watch.ts';
import { type ChainfireMember, defaultMemberConfig } from '../../../core/chainfire/member.ts';
import {
  type MemberEffect,
  type MemberEvent,
  type MemberResponse,
} from '../../../core/chainfire/member-protocol.ts';
import { memberReplayKit } from '../../../nodes/chainfire/member-replay-kit.ts';
import { ask } from '../../core/chainfire/requests.ts';
import { Disk, identity, makeDirectory, RecordedMember, software } from './recorded-member.ts';

/** Small ones, so that a recording has several. */
const segmentBytesMax = 64 * bytesPerKib;
const segmentsMax = 64;
/** A log cache of so few bytes keeps checkpoints small. */
const config = { raft: { ...defaultMemberConfig.raft, cacheBytesMax: 4 * bytesPerKib } };
const small = { segmentBytesMax, segmentsMax, config };

function replay(dir: string, kit = memberReplayKit): RecordingReport<MemberEvent> {
  return replayRecording(listSegments(dir), kit);
}

const stepsOf = ({ segments }: RecordingReport<MemberEvent>): number =>
  segments.reduce((sum, { steps }) => sum + steps, 0);

const userCredential = (name: string): Credential => Credential.create({ kind: credentialKinds.user, name });

/** Something of everything. */
function load(member: RecordedMember, calls: number): void {
  member.step({ kind: 'streamOpened', streamId: 1, stream: { kind: 'watch', requireLeader: false } });
  const create = WatchCreateRequest.create({ key: 'key/', rangeEnd: 'key0', prevKv: true });
  member.step({ kind: 'streamReceived', streamId: 1, request: WatchRequest.create({ create }) });
  loadMore(member, calls);
}

function loadMore(member: RecordedMember, calls: number): void {
  for (let at = 0; at < calls; at += 1) {
    const key = `key/${at % 20}`;
    member.call(ask.put(key, `value ${at} `.repeat(20), { prevKv: true }));
    if (at % 5 === 0) member.call(ask.all());
    if (at % 7 === 0) member.call(ask.del(key));
    if (at % 11 === 0)
      member.call({ kind: 'leaseGrant', request: LeaseGrantRequest.create({ ttlSeconds: 5 }) });
    if (at % 13 === 0) member.call({ kind: 'hashKv', request: HashKvRequest.create() });
    if (at % 17 === 0) member.step({ kind: 'streamDrained', streamId: 1, bytes: 1 });
  }
}

async function recorded(dir: string, calls: number, disk = new Disk()): Promise<RecordedMember> {
  const member = new RecordedMember(dir, disk, small);
  load(member, calls);
  await member.close();
  expect(member.failures).toEqual([]);
  return member;
}

test('everything that was recorded happens again, recovery, steps and the state at every rotation', async () => {
  const dir = makeDirectory();
  const disk = new Disk();
  const first = await recorded(dir, 300, disk);
  const second = await recorded(dir, 100, disk);
  const report = replay(dir);
  expect(report.problems).toEqual([]);
  expect(report.notes).toEqual([]);
  expect(stepsOf(report)).toBe(first.steps + second.steps);
  const { segments } = report;
  expect(segments.filter(({ boot }) => boot === 1).length).toBeGreaterThan(3);
  for (const [at, { ending, stateEqual, boot }] of segments.entries()) {
    const goesOn = segments[at + 1]?.boot === boot;
    expect({ ending, stateEqual }).toEqual(
      goesOn ? { ending: 'continued', stateEqual: true } : { ending: 'ended', stateEqual: undefined },
    );
  }
});

test('users and what they may do are known again behind every rotation', async () => {
  const dir = makeDirectory();
  const member = new RecordedMember(dir, new Disk(), small);
  const change = (fields: Partial<AuthChange>): MemberResponse =>
    member.call({ kind: 'authChange', request: AuthChange.create(fields), by: userCredential('root') });
  change({ action: authActions.userAdd, user: 'root' });
  change({ action: authActions.userGrantRole, user: 'root', role: 'root' });
  change({ action: authActions.userAdd, user: 'ann' });
  expect(change({ action: authActions.enable }).kind).not.toBe('refused');
  for (let at = 0; at < 400; at += 1) {
    const put = ask.put(`key/${at % 20}`, `value ${at} `.repeat(20));
    expect(member.call({ ...put, by: userCredential('root') }).kind).toBe('put');
    expect(member.call({ ...put, by: userCredential('ann') })).toMatchObject({ code: 'PERMISSION_DENIED' });
  }
  await member.close();
  expect(member.failures).toEqual([]);
  const { problems, segments } = replay(dir);
  expect(problems).toEqual([]);
  expect(segments.length).toBeGreaterThan(2);
  for (const { stateEqual } of segments.slice(0, -1)) expect(stateEqual).toBe(true);
});

test('nobody else may read a recording', async () => {
  const dir = `${makeDirectory()}/recording`;
  await recorded(dir, 5);
  expect(statSync(dir).mode & 0o777).toBe(0o700);
  for (const { path } of listSegments(dir)) expect(statSync(path).mode & 0o777).toBe(0o600);
});

/** Members that do something else than they did, from one step on. */
function altered(
  change: (effects: readonly MemberEffect[], step: number) => readonly MemberEffect[],
): typeof memberReplayKit {
  let steps = 0;
  const wrap = (member: ChainfireMember): ChainfireMember => {
    const original = member.step.bind(member);
    member.step = (event, nowUs) => {
      steps += 1;
      return change(original(event, nowUs), steps);
    };
    return member;
  };
  return {
    ...memberReplayKit,
    recover: (ports, start) => wrap(memberReplayKit.recover(ports, start)),
    restore: (ports, start) => wrap(memberReplayKit.restore(ports, start)),
  };
}

test('the first step with another effect is named', async () => {
  const dir = makeDirectory();
  await recorded(dir, 60);
  let changedAt = 0;
  const kit = altered((effects, step) => {
    if (step < 40 || changedAt > 0) return effects;
    const at = effects.findIndex(({ kind }) => kind === 'persist');
    if (at < 0) return effects;
    changedAt = step;
    const persist = effects[at] as Extract<MemberEffect, { kind: 'persist' }>;
    const [append, ...rest] = persist.appends;
    const { file, bytes } = present(append, 'something is appended');
    const flipped = bytes.slice();
    flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1;
    return effects.with(at, { ...persist, appends: [{ file, bytes: flipped }, ...rest] });
  });
  const { segments, problems } = replay(dir, kit);
  expect(changedAt).toBeGreaterThan(0);
  expect(segments[0]?.difference).toMatchObject({
    step: { number: changedAt },
    equalUpTo: Math.floor((changedAt - 1) / 16) * 16,
  });
  expect(problems[0]).toContain('its effects are not those that were recorded');
});

test('a machine that asks the store for something else is found at the question', async () => {
  const dir = makeDirectory();
  await recorded(dir, 30);
  const kit: ReplayKit<MemberEvent, MemberEffect, ChainfireMember> = {
    ...memberReplayKit,
    recover: ({ store, segments }, start) => {
      store.get('meta', 'another row');
      return memberReplayKit.recover({ store, segments }, start);
    },
  };
  const { problems } = replay(dir, kit);
  expect(problems[0]).toMatch(/the machine asks for a row of meta, and was asking for another key or table/);
});

test('randomness of another seed is found', async () => {
  const dir = makeDirectory();
  await recorded(dir, 30);
  const kit: ReplayKit<MemberEvent, MemberEffect, ChainfireMember> = {
    ...memberReplayKit,
    recover: (ports, start) => memberReplayKit.recover(ports, { ...start, seed: 'another' }),
  };
  expect(replay(dir, kit).problems.length).toBeGreaterThan(0);
});

test('no flipped bit is taken for what was written', async () => {
  const dir = makeDirectory();
  const disk = new Disk();
  const member = new RecordedMember(dir, disk);
  load(member, 300);
  await member.close();
  const place = present(listSegments(dir)[0], 'there is a segment');
  const whole = readFileSync(place.path);
  const lastBlock = whole.lastIndexOf(blockMark);
  expect(lastBlock).toBeGreaterThan(whole.length / 2);
  for (let at = 0; at < whole.length; at += 1 + Math.floor(whole.length / 80)) {
    const damaged = Buffer.from(whole);
    damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8));
    writeFileSync(place.path, damaged);
    const { problems, segments } = replay(dir);
    expect(segments[0]?.ending, `bit of byte ${at}`).not.toBe('ended');
    // The last block has none behind it that would tell damage from a torn tail.
    if (at < lastBlock) expect(problems, `bit of byte ${at}`).not.toEqual([]);
  }
});

test('a block that is damaged while others follow it is a problem, and the next segment goes on from its own checkpoint', async () => {
  const dir = makeDirectory();
  await recorded(dir, 300);
  const places = listSegments(dir);
  const { path } = present(places[1], 'there is a second segment');
  const bytes = readFileSync(path);
  const at = Math.floor(bytes.length / 2);
  bytes[at] = (bytes[at] ?? 0) ^ 0x40;
  writeFileSync(path, bytes);
  const { problems, segments } = replay(dir);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(/^boot 1, segment 2: /);
  expect(segments.map(({ ending }) => ending).filter((ending) => ending === 'continued').length).toBe(
    places.length - 2,
  );
});

test('a torn tail is cut with a note: what is before it is equal', async () => {
  const dir = makeDirectory();
  const member = await recorded(dir, 100);
  const { path } = present(listSegments(dir).at(-1), 'there is a segment');
  const { size } = statSync(path);
  let before = member.steps;
  for (const cut of [1, 100, 10_000]) {
    truncateSync(path, size - cut);
    const report = replay(dir);
    expect(report.problems).toEqual([]);
    expect(report.notes.join()).toMatch(/ends without a word after step \d+/);
    expect(stepsOf(report)).toBeLessThanOrEqual(before);
    before = stepsOf(report);
  }
});

test('a segment that is missing is named; the oldest may be gone', async () => {
  const dir = makeDirectory();
  await recorded(dir, 400);
  const places = listSegments(dir);
  rmSync(present(places[2], 'a third segment').path);
  expect(replay(dir).problems).toEqual(['boot 1: segments 3 to 3 are missing']);
  for (const { path } of places.slice(0, 2)) rmSync(path);
  const { problems, notes } = replay(dir);
  expect(problems).toEqual([]);
  expect(notes).toEqual(['boot 1: segments 1 to 3 have made way for newer ones']);
});

test('where the disk is behind, steps are left out, counted, and recording goes on from a checkpoint', async () => {
  const dir = makeDirectory();
  // The disk has no chance while this test runs: what waits for it soon reaches the bound.
  const member = new RecordedMember(dir, new Disk(), { ...small, bufferBytesMax: 32 * bytesPerKib });
  load(member, 100);
  expect(member.gaps).toEqual([undefined]);
  while (member.recorder.pendingBytes > 0) await new Promise((resolve) => setImmediate(resolve));
  // Less than would fill a block: the disk has had no further chance.
  loadMore(member, 4);
  const missed = present(member.gaps[1], 'it goes on');
  expect(missed).toBeGreaterThan(0);
  await member.close();
  const report = replay(dir);
  expect(report.problems).toEqual([]);
  expect(report.notes).toEqual([`boot 1: ${missed} steps before segment 2 were not recorded`]);
  expect(stepsOf(report)).toBe(member.steps - missed);
  expect(report.segments.map(({ ending }) => ending)).toEqual(['gap', 'ended']);
});

test('a machine that fails does so again, with the same words', async () => {
  const dir = makeDirectory();
  const member = new RecordedMember(dir, new Disk(), small);
  load(member, 10);
  expect(() => member.step({ kind: 'synced', syncSeq: 1_000_000 })).toThrow();
  await member.close();
  const { problems, notes, segments } = replay(dir);
  expect(problems).toEqual([]);
  expect(segments[0]?.ending).toBe('threw');
  expect(notes[0]).toMatch(/^boot 1, segment 1: the machine failed, and does so again: /);
});

test('a store that fails is a failure of the machine, which is replayed without it', async () => {
  const dir = makeDirectory();
  const disk = new Disk();
  const member = new RecordedMember(dir, disk, small);
  load(member, 10);
  disk.store.get = () => {
    throw new Error('the map is gone');
  };
  expect(() => member.call(ask.put('key/1', 'new'))).toThrow('the map is gone');
  await member.close();
  const { problems, segments } = replay(dir);
  expect(problems).toEqual([]);
  expect(segments[0]).toMatchObject({ ending: 'threw', detail: 'the map is gone' });
});

test('a recovery that fails is replayed, too', async () => {
  const dir = makeDirectory();
  const disk = new Disk();
  await recorded(dir, 10, disk);
  disk.segments.list = () => {
    throw new Error('the directory cannot be read');
  };
  expect(() => new RecordedMember(dir, disk, small)).toThrow('the directory cannot be read');
  const { problems, segments } = replay(dir);
  expect(problems).toEqual([]);
  expect(segments[1]).toMatchObject({
    boot: 2,
    steps: 0,
    ending: 'threw',
    detail: 'the directory cannot be read',
  });
});

test('a disk that fails ends the recording, once, and never the machine', async () => {
  const dir = makeDirectory();
  const member = new RecordedMember(dir, new Disk(), small);
  rmSync(dir, { recursive: true });
  load(member, 300);
  expect(member.failures).toHaveLength(1);
  expect(member.failures[0]?.message).toContain('ENOENT');
  expect(member.revision).toBeGreaterThan(300);
  await member.close();
});

test('the ring holds no more than it may, whichever starts filled it; the oldest go first', async () => {
  const dir = makeDirectory();
  const disk = new Disk();
  const options = { ...small, segmentsMax: 8 };
  for (let start = 0; start < 4; start += 1) {
    const member = new RecordedMember(dir, disk, options);
    load(member, 300);
    await member.close();
    expect(member.failures).toEqual([]);
    const places = listSegments(dir);
    const bytes = places.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
    expect(bytes).toBeLessThan(8.5 * segmentBytesMax);
    expect(places.at(-1)?.boot).toBe(start + 1);
  }
  const report = replay(dir);
  expect(report.problems).toEqual([]);
  expect(report.notes[0]).toMatch(/have made way/);
});

test('a state that leaves no room for steps ends the recording with what to do about it', async () => {
  const dir = makeDirectory();
  const member = new RecordedMember(dir, new Disk(), { segmentBytesMax: 32 * bytesPerKib, segmentsMax: 2 });
  load(member, 300);
  expect(member.failures).toHaveLength(1);
  expect(member.failures[0]?.message).toMatch(
    /the state alone takes \d+ bytes, more than a quarter of the 65536/,
  );
  await member.close();
});

test('a checkpoint that holds the machine up for too long is the last', async () => {
  const dir = makeDirectory();
  const member = new RecordedMember(dir, new Disk(), { ...small, checkpointCpuUsMax: 0 });
  load(member, 100);
  expect(member.failures).toHaveLength(1);
  expect(member.failures[0]?.message).toMatch(/to take the state down took \d+ ms, more than 0/);
  await member.close();
  // What was begun is kept, and says that it ends there.
  const { problems, notes } = replay(dir);
  expect(problems).toEqual([]);
  expect(notes.join()).toContain('boot 1, segment 2: ends without a word after step');
});

test('a directory of another member is refused by name', async () => {
  const dir = makeDirectory();
  await recorded(dir, 5);
  const open = (node: number): unknown =>
    Recorder.open(
      {
        ...defaultRecorderOptions,
        dir,
        identity: { ...identity, node },
        bootId: 'b',
        software,
        config: undefined,
        seed: '',
        codec: { write: () => undefined },
      },
      0,
    );
  expect(() => open(2)).toThrow(
    'holds a recording of chainfire member 1 (alone) of cluster 7, not of chainfire member 2 (alone) of cluster 7',
  );
});

test('segments that other code recorded are left out, and it is said once', async () => {
  const dir = makeDirectory();
  await recorded(dir, 300);
  const report = replayRecording(listSegments(dir), memberReplayKit, {
    refuse: ({ header }) => (header.software.machine === 'another' ? undefined : 'other sources'),
  });
  expect(report.problems).toEqual(['boot 1, segment 1: other sources']);
  expect(stepsOf(report)).toBe(0);
});

test('a replay stops where it is told to', async () => {
  const dir = makeDirectory();
  await recorded(dir, 100);
  const numbers: number[] = [];
  const report = replayRecording(listSegments(dir), memberReplayKit, {
    untilStep: 50,
    onStep: ({ number }) => numbers.push(number),
  });
  expect(report.problems).toEqual([]);
  expect(numbers).toEqual(Array.from({ length: 50 }, (_, at) => at + 1));
});

test('what is no recording, and what is one of another format, is said', async () => {
  const dir = makeDirectory();
  await recorded(dir, 5);
  const { path } = present(listSegments(dir)[0], 'there is a segment');
  const bytes = readFileSync(path);
  bytes[7] = '9'.charCodeAt(0);
  writeFileSync(path, bytes);
  expect(() => Segment.open(path)).toThrow('the recording has format "9", this program reads 1');
  writeFileSync(path, 'something else altogether');
  expect(() => Segment.open(path)).toThrow('this is no recording');
});
