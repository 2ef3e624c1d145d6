import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

import { RecordedMachine } from '../../../adapters/recorder/recorded-machine.ts';
import { Recorder, type RecorderOptions } from '../../../adapters/recorder/recorder.ts';
import { assert, present } from '../../../core/base/assert.ts';
import { type Captured } from '../../../core/base/capture.ts';
import { nodeId } from '../../../core/base/ids.ts';
import { memberEventCodec } from '../../../core/chainfire/event-codec.ts';
import { type ChainfireMember, defaultMemberConfig, memberTables } from '../../../core/chainfire/member.ts';
import {
  type MemberConfig,
  type MemberEffect,
  type MemberEvent,
  type MemberRequest,
  type MemberResponse,
} from '../../../core/chainfire/member-protocol.ts';
import { MemoryBackend } from '../../../core/storage/memory-backend.ts';
import { MemorySegments } from '../../../core/storage/memory-segments.ts';
import { memberBaseTables, recoverMember } from '../../../nodes/chainfire/member-recorder.ts';

/** A directory that is gone behind the test. */
export function makeDirectory(): string {
  const dir = mkdtempSync(join(tmpdir(), 'photon-recorder-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const id = nodeId(1);
const config: MemberConfig = {
  ...defaultMemberConfig,
  clusterId: 7n,
  id,
  initialMembers: [{ id, name: 'alone', peerUrls: ['http://alone:2380'] }],
  clientUrls: ['http://alone:2379'],
};

/** What lasts from one start to the next. */
export class Disk {
  readonly store = new MemoryBackend(memberTables);
  readonly segments = new MemorySegments();
  starts = 0;
}

export const software = { version: '1.2.3', commit: undefined, machine: 'as it is' };
export const identity = { system: 'chainfire', cluster: '7', node: 1, name: 'alone' };

type Options = Partial<Omit<RecorderOptions<MemberEvent>, 'config'>> & {
  readonly config?: Partial<MemberConfig>;
};

/** A member alone in its cluster, recorded, on a disk that takes no time, with the runner's part of it. */
export class RecordedMember {
  readonly recorder: Recorder<MemberEvent>;
  readonly failures: Error[] = [];
  readonly gaps: (number | undefined)[] = [];
  nowUs: number;
  steps = 0;
  readonly #disk: Disk;
  readonly #member: ChainfireMember;
  readonly #machine: RecordedMachine<MemberEvent, MemberEffect>;
  readonly #replies = new Map<number, MemberResponse>();
  readonly #waiting: MemberEvent[] = [{ kind: 'tick' }];
  #requests = 0;
  #storedSeq = 0;

  constructor(dir: string, disk: Disk = new Disk(), options: Options = {}) {
    disk.starts += 1;
    this.#disk = disk;
    this.nowUs = disk.starts * 1_000_000_000;
    const seed = `start ${disk.starts}`;
    const memberConfig = { ...config, ...options.config };
    this.recorder = Recorder.open<MemberEvent>(
      {
        dir,
        identity,
        bootId: `boot ${disk.starts}`,
        software,
        seed,
        codec: memberEventCodec,
        checkpointSteps: 16,
        onFailed: (error) => this.failures.push(error),
        onGap: (missed) => this.gaps.push(missed),
        ...options,
        config: memberConfig as unknown as Captured,
      },
      this.nowUs,
    );
    this.#member = recoverMember(disk, { config: memberConfig, seed, nowUs: this.nowUs }, this.recorder);
    const base = { store: disk.store, tables: memberBaseTables };
    this.#machine = new RecordedMachine(this.#member, this.recorder, base);
  }

  get revision(): number {
    return this.#member.view.revision;
  }

  /** Asks, and steps until there is an answer. */
  call(request: MemberRequest): MemberResponse {
    this.#requests += 1;
    const requestId = this.#requests;
    this.step({ kind: 'requested', requestId, request });
    for (let turns = 0; !this.#replies.has(requestId); turns += 1) {
      assert(turns < 10_000, 'it is answered');
      this.turn();
    }
    return present(this.#replies.get(requestId), 'answered');
  }

  /** The next thing that happens. */
  turn(): void {
    const event = this.#waiting.shift();
    if (event !== undefined) return this.step(event);
    this.nowUs = Math.max(this.nowUs + 1, this.#machine.deadlineUs);
    this.step({ kind: 'tick' });
  }

  step(event: MemberEvent): void {
    this.steps += 1;
    for (const effect of this.#machine.step(event, this.nowUs)) this.#carryOut(effect);
    const stored = this.#member.view.appliedIndex;
    if (stored > this.#storedSeq) this.#reportStored(stored);
  }

  async close(): Promise<void> {
    await this.recorder.close();
  }

  #reportStored(appliedIndex: number): void {
    this.#storedSeq = appliedIndex;
    const storeSeq = this.#disk.store.write([]);
    this.#waiting.push({ kind: 'stored', storeSeq });
  }

  #carryOut(effect: MemberEffect): void {
    switch (effect.kind) {
      case 'persist':
        for (const { file, bytes } of effect.appends) this.#disk.segments.append(file, bytes);
        this.#waiting.push({ kind: 'synced', syncSeq: effect.syncSeq });
        break;
      case 'reply':
        this.#replies.set(effect.requestId, effect.response);
        break;
      case 'removeSegments':
        for (const file of effect.files) this.#disk.segments.remove(file);
        break;
      default:
    }
  }
}
