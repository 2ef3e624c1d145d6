import { RangeRequest, RangeResponse } from '../../../../core/chainfire/api/kv.ts';
import { type Calls } from '../calls.ts';
import { keyAt } from '../requests.ts';
import { type Figure } from './figures.ts';
import { MemoryWatch, type Stage } from './stage.ts';

const keysPerPage = 10_000;
const behindEveryKey = 'bench0';

/** What a member takes of memory for many keys, and what listing all of them adds to it. */
export async function measureMemory(stage: Stage): Promise<readonly Figure[]> {
  const { system, loadSeconds, mostWhileLoading } = await stage.loaded();
  const leader = await system.leader();
  const before = new MemoryWatch(system).stop();
  const paging = new MemoryWatch(system);
  const startMs = performance.now();
  await listPages(leader.calls, stage.settings.keys);
  const pagesSeconds = (performance.now() - startMs) / 1_000;
  const afterPages = paging.stop();
  stage.say(`listed in pages in ${pagesSeconds.toFixed(1)} s`);
  const listing = new MemoryWatch(system);
  const wholeStartMs = performance.now();
  await listAtOnce(leader.calls, stage.settings.keys);
  const wholeSeconds = (performance.now() - wholeStartMs) / 1_000;
  const afterWhole = listing.stop();
  const megabytes = (bytes: number): number => Math.max(0, bytes) / 1e6;
  // etcd's keys and index are its own memory, ours are in a mapped file that the system takes back when it wants it.
  return [
    { what: 'keys loaded in', unit: 's', value: loadSeconds },
    {
      what: 'RssAnon, most while loading',
      unit: 'MB',
      value: megabytes(mostWhileLoading.rssAnonBytes),
      atMost: 250,
    },
    { what: 'RssAnon, loaded', unit: 'MB', value: megabytes(before.rssAnonBytes), atMost: 250 },
    { what: 'RssFile, loaded', unit: 'MB', value: megabytes(before.rssFileBytes) },
    {
      what: 'added by a list of all, in pages',
      unit: 'MB',
      value: megabytes(afterPages.rssAnonBytes - before.rssAnonBytes),
      atMost: 100,
    },
    { what: 'list of all, in pages', unit: 's', value: pagesSeconds },
    {
      what: 'RssAnon, most during a list of all in one answer',
      unit: 'MB',
      value: megabytes(afterWhole.rssAnonBytes),
    },
    { what: 'list of all, in one answer', unit: 's', value: wholeSeconds },
  ];
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
