/**
 * What a checkpoint costs: a member with 100,000 keys, 10,000 leases and 1,000 watches is captured, written down and put up
 * again. The yardstick beside it is what Node's own serializer takes for the same state.
 */
import { serialize } from 'node:v8';

import { nodeId } from '../../core/base/ids.ts';
import { ChainfireMember, defaultMemberConfig, memberTables } from '../../core/chainfire/member.ts';
import { type MemberEvent, type MemberRequest } from '../../core/chainfire/member-protocol.ts';
import { WatchCreateRequest, WatchRequest } from '../../core/chainfire/api/watch.ts';
import { MemoryBackend } from '../../core/storage/memory-backend.ts';
import { MemorySegments } from '../../core/storage/memory-segments.ts';
import { readCaptured, writeCaptured } from '../../core/wire/captured-codec.ts';
import { WireReader } from '../../core/wire/reader.ts';
import { WireWriter } from '../../core/wire/writer.ts';
import { seededPrng } from '../../sim/prng.ts';
import { op, put, txn } from '../core/chainfire/requests.ts';

const keys = 100_000;
const leases = 10_000;
const watches = 1_000;
const watchesPerStream = 10;
const valueBytes = 256;
const putsPerTxn = 100;
const rounds = 21;

const config = {
  ...defaultMemberConfig,
  clusterId: 7n,
  id: nodeId(1),
  initialMembers: [{ id: nodeId(1), name: 'm1', peerUrls: ['http://m1:2380'] }],
  clientUrls: ['http://c:2379'],
};

/** One member, on disks that take no time. */
class Alone {
  readonly store = new MemoryBackend(memberTables);
  readonly segments = new MemorySegments();
  readonly member = ChainfireMember.recover(this, config, seededPrng('capture'), 0);
  nowUs = 0;
  #requests = 0;

  step(event: MemberEvent): void {
    for (const effect of this.member.step(event, this.nowUs)) {
      if (effect.kind !== 'persist') continue;
      for (const { file, bytes } of effect.appends) this.segments.append(file, bytes);
      this.step({ kind: 'synced', syncSeq: effect.syncSeq });
    }
  }

  request(request: MemberRequest): void {
    this.#requests += 1;
    this.step({ kind: 'requested', requestId: this.#requests, request });
    this.run();
  }

  /** Until there is nothing to do at once. */
  run(): void {
    for (let turns = 0; this.member.deadlineUs <= this.nowUs && turns < 100; turns += 1)
      this.step({ kind: 'tick' });
    this.step({ kind: 'stored', storeSeq: Number.MAX_SAFE_INTEGER });
  }
}

function fill(alone: Alone): void {
  while (alone.member.view.raft.role !== 'leader') {
    alone.nowUs = Math.max(alone.nowUs, alone.member.deadlineUs);
    alone.step({ kind: 'tick' });
  }
  alone.run();
  const text = 'x'.repeat(valueBytes);
  for (let at = 0; at < leases; at += 1)
    alone.request({ kind: 'leaseGrant', request: { id: BigInt(at + 1), ttlSeconds: 3_600 } });
  for (let at = 0; at < keys; at += putsPerTxn) {
    const success = Array.from({ length: putsPerTxn }, (_, offset) =>
      op.put(put(`key/${at + offset}`, text)),
    );
    alone.request({ kind: 'txn', request: txn({ success }) });
  }
  for (let at = 0; at < watches; at += 1) {
    const streamId = 1 + Math.floor(at / watchesPerStream);
    if (at % watchesPerStream === 0)
      alone.step({ kind: 'streamOpened', streamId, stream: { kind: 'watch', requireLeader: false } });
    const create = WatchCreateRequest.create({
      key: `key/${at}`,
      rangeEnd: at % 2 === 0 ? '' : `key/${at}~`,
    });
    alone.step({ kind: 'streamReceived', streamId, request: WatchRequest.create({ create }) });
  }
}

function medianMs(body: () => void): number {
  const times = Array.from({ length: rounds }, () => {
    const startMs = performance.now();
    body();
    return performance.now() - startMs;
  });
  return times.sort((left, right) => left - right)[Math.floor(rounds / 2)] ?? 0;
}

const alone = new Alone();
fill(alone);
const { view } = alone.member;
if (view.leaseCount !== leases || view.watches.watches !== watches || view.revision < keys / putsPerTxn)
  throw new Error('the member holds less than it was to hold');

const captured = alone.member.capture();
const encode = (): Uint8Array => {
  const writer = new WireWriter();
  writeCaptured(writer, captured);
  return writer.finish();
};
const bytes = encode();
const captureMs = medianMs(() => alone.member.capture());
const encodeMs = medianMs(encode);
const decodeMs = medianMs(() => readCaptured(new WireReader(bytes)));
const again = readCaptured(new WireReader(bytes));
const restoreMs = medianMs(() => {
  ChainfireMember.restore(alone, config, seededPrng('any'), again, alone.nowUs);
});
const yardstickMs = medianMs(() => serialize(captured));
const cacheBytes = (captured as { bytes: readonly Uint8Array[] }).bytes.reduce(
  (sum, { length }) => sum + length,
  0,
);

process.stdout.write(
  [
    `a member with ${keys} keys of ${valueBytes} bytes, ${leases} leases, ${watches} watches; medians of ${rounds}`,
    `capture     ${captureMs.toFixed(1)} ms`,
    `write down  ${encodeMs.toFixed(1)} ms, ${bytes.length} bytes, of which ${cacheBytes} are log entries kept in memory`,
    `yardstick   ${yardstickMs.toFixed(1)} ms for v8.serialize: capturing and writing down take ${((captureMs + encodeMs) / yardstickMs).toFixed(2)} of that`,
    `read        ${decodeMs.toFixed(1)} ms`,
    `restore     ${restoreMs.toFixed(1)} ms`,
    '',
  ].join('\n'),
);
