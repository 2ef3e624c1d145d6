/**
 * The same as `set-child.ts`, with a Chainfire member alone in its cluster: a number is a key that is put, and what was
 * found is a linearizable read of every key. The store is lost with the process, so that all of it comes from the log.
 */
import { type DurableStore } from '../../../adapters/runner/ports.ts';
import { Runner } from '../../../adapters/runner/runner.ts';
import { FileSegments } from '../../../adapters/segments/file-segments.ts';
import { noBytes } from '../../../core/base/bytes.ts';
import { nodeId } from '../../../core/base/ids.ts';
import { PutRequest, RangeRequest } from '../../../core/chainfire/api/kv.ts';
import { ChainfireMember, defaultMemberConfig, memberTables } from '../../../core/chainfire/member.ts';
import { type MemberRequest, type MemberResponse } from '../../../core/chainfire/member-protocol.ts';
import { type GroupMessage, type SnapshotHeader } from '../../../core/raft/types.ts';
import { MemoryBackend } from '../../../core/storage/memory-backend.ts';
import { type MemberStreams } from '../../../nodes/chainfire/live-member.ts';
import { seededPrng } from '../../../sim/prng.ts';
import { PowerCutLayer } from '../segments/power-cut-layer.ts';
import { endingSyncsEarly } from './ending-syncs-early.ts';
import { say } from './say.ts';

const requestsInFlight = 8;
const syncMsMax = 4;

/** Never reports anything as stored: the log is never cut, and is the whole truth after a restart. */
class LostStore extends MemoryBackend implements DurableStore {
  onStored = (): void => undefined;
  onFailed = (): void => undefined;

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const [dir = '', firstNumber = '1', variant = 'whole'] = process.argv.slice(2);
const layer = new PowerCutLayer(dir, (done) => void setTimeout(done, Math.random() * syncMsMax));
const files = FileSegments.open({ dir, layer });
const store = new LostStore(memberTables);
const id = nodeId(1);
const member = ChainfireMember.recover(
  { store, segments: files },
  {
    ...defaultMemberConfig,
    clusterId: 1n,
    id,
    initialMembers: [{ id, name: 'alone', peerUrls: ['http://127.0.0.1:1'] }],
    clientUrls: [],
    raft: {
      ...defaultMemberConfig.raft,
      electionTimeoutUs: 10_000,
      heartbeatIntervalUs: 2_000,
      segmentBytesMax: 8_192,
    },
  },
  seededPrng(String(Math.random())),
  Math.floor(performance.now() * 1_000),
);
const runner = new Runner<MemberRequest, MemberResponse, GroupMessage, SnapshotHeader, MemberStreams>(
  member,
  {
    store,
    segments: variant === 'syncEndsEarly' ? endingSyncsEarly(files) : files,
    transport: { send: () => undefined, sendSnapshot: () => Promise.reject(new Error('there are no peers')) },
  },
  {
    onStop: (failure) => {
      say(`failed ${failure.reason}`);
      process.exit(1);
    },
  },
);
runner.start();

const keys = await allKeys();
say(`recovered ${member.view.raft.repairing ? 'damaged' : 'whole'} ${keys.join(' ')}`);
let next = Number(firstNumber);
for (let lane = 0; lane < requestsInFlight; lane += 1) void put();

async function allKeys(): Promise<readonly string[]> {
  const everything = RangeRequest.create({ key: '\0', rangeEnd: '\0' });
  for (;;) {
    const response = await runner.request({ kind: 'range', request: everything });
    if (response.kind === 'range') return response.response.kvs.map(({ key }) => key);
    if (response.kind !== 'refused' || response.code !== 'NO_LEADER')
      throw new Error(JSON.stringify(response));
  }
}

async function put(): Promise<void> {
  for (;;) {
    const number = next;
    next += 1;
    say(`issued ${number}`);
    const request = PutRequest.create({ key: String(number), value: noBytes });
    const response = await runner.request({ kind: 'put', request });
    say(response.kind === 'put' ? `acknowledged ${number}` : `failed ${JSON.stringify(response)}`);
  }
}
