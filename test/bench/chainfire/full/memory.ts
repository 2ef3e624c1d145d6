import { RangeRequest, RangeResponse } from '../../../../core/chainfire/api/kv.ts';
import { RangeStreamResponse } from '../../../../core/chainfire/api/range-stream.ts';
import { type Calls } from '../calls.ts';
import { keyAt } from '../requests.ts';
import { Connection } from './client-streams.ts';
import { type Figure } from './figures.ts';
import { largestMemory, MemoryWatch, type Stage } from './stage.ts';

const keysPerPage = 10_000;
const behindEveryKey = 'bench0';

/** What a member takes of memory for many keys, and what listing all of them adds to it. */
export async function measureMemory(stage: Stage): Promise<readonly Figure[]> {
  const { system, loadSeconds, mostWhileLoading } = await stage.loaded();
  const { keys } = stage.settings;
  const leader = await system.leader();
  const before = largestMemory(system);
  // etcd's index is its own memory, ours is in a mapped file that the system takes back when it wants it.
  const figures: Figure[] = [
    { what: 'keys loaded in', unit: 's', value: loadSeconds },
    {
      what: 'RssAnon, most while loading',
      unit: 'MB',
      value: megabytes(mostWhileLoading.rssAnonBytes),
      atMost: 250,
    },
    { what: 'RssAnon, loaded', unit: 'MB', value: megabytes(before.rssAnonBytes), atMost: 250 },
    { what: 'RssFile, loaded', unit: 'MB', value: megabytes(before.rssFileBytes) },
  ];
  const lists: readonly (readonly [how: string, list: () => Promise<void>, atMost?: number])[] = [
    ['in pages', () => listPages(leader.calls, keys), 100],
    // Debian's etcd is older than it.
    ...(stage.kind.name === 'photon'
      ? [['by RangeStream', () => listStream(leader.place.client, keys), 100] as const]
      : []),
    ['in one answer', () => listAtOnce(leader.calls, keys)],
  ];
  for (const [how, list, atMost] of lists) {
    const most = new MemoryWatch(system);
    const startMs = performance.now();
    await list();
    const seconds = (performance.now() - startMs) / 1_000;
    const added = megabytes(most.stop().rssAnonBytes - before.rssAnonBytes);
    figures.push({
      what: `list of all, ${how}: RssAnon more than loaded`,
      unit: 'MB',
      value: added,
      ...(atMost === undefined ? {} : { atMost }),
    });
    figures.push({ what: `list of all, ${how}`, unit: 's', value: seconds });
  }
  return figures;
}

function megabytes(bytes: number): number {
  return Math.max(0, bytes) / 1e6;
}

const codecs = { request: RangeRequest, response: RangeResponse };
const listTimeoutMs = 120_000;

/** Page after page, all of one revision, as clients do. @throws Error when a key is missing */
async function listPages(calls: Calls, keys: number): Promise<void> {
  let seen = 0;
  let revision = 0;
  for (let key = keyAt(0); ;) {
    const request = RangeRequest.create({ key, rangeEnd: behindEveryKey, limit: keysPerPage, revision });
    const page = await calls.unary('etcdserverpb.KV/Range', codecs, request, listTimeoutMs);
    seen += page.kvs.length;
    revision = page.header?.revision ?? 0;
    const last = page.kvs.at(-1);
    if (!page.more || last === undefined) break;
    key = `${last.key}\0`;
  }
  if (seen !== keys) throw new Error(`a list in pages has ${seen} keys of ${keys}`);
}

async function listStream(endpoint: string, keys: number): Promise<void> {
  const connection = new Connection(endpoint);
  const request = RangeRequest.create({ key: keyAt(0), rangeEnd: behindEveryKey });
  const pieces = { request: RangeRequest, response: RangeStreamResponse };
  let seen = 0;
  for await (const piece of connection.ask('etcdserverpb.KV/RangeStream', pieces, request)) {
    seen += (piece as RangeStreamResponse).rangeResponse?.kvs.length ?? 0;
  }
  connection.close();
  if (seen !== keys) throw new Error(`a list by RangeStream has ${seen} keys of ${keys}`);
}

async function listAtOnce(calls: Calls, keys: number): Promise<void> {
  const request = RangeRequest.create({ key: keyAt(0), rangeEnd: behindEveryKey });
  const count = await calls.unary('etcdserverpb.KV/Range', countCodecs, request, listTimeoutMs);
  if (count !== keys) throw new Error(`a list in one answer has ${count} keys of ${keys}`);
}

/** Keeps nothing of what comes but the count: the answer is hundreds of megabytes. */
const countCodecs = {
  request: RangeRequest,
  response: {
    ...RangeResponse,
    decode: (bytes: Uint8Array): number => RangeResponse.decode(bytes).kvs.length,
  },
};
