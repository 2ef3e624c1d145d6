import { everyWatch, type WatchCreateRequest, watchFilters } from '../api/watch.ts';
import { type KeyRange, keyRange, toTheEnd } from '../mvcc/key-range.ts';
import { wantsNoDeletions, wantsNoPuts, wantsPrevious } from './stream.ts';

/** etcd's texts: clients match on them. */
const duplicateId = 'mvcc: duplicate watch ID provided on the WatchStream';
const emptyRange = 'mvcc: watcher range is empty';

/** The least key. */
const leastKey = '\x00';

/** A creation that is in order. */
export interface CheckedCreate {
  readonly range: KeyRange;
  readonly wants: number;
}

/**
 * What a request to create a watch says, or the reason for which there will be none.
 *
 * As in etcd: no key is the least key, and an end of one zero byte means to the end of all keys. etcd takes a filter that it
 * does not know for none, and a number that means every watch for that of a watch: both are refused by name.
 */
export function checkCreate(
  request: WatchCreateRequest,
  stream: { readonly watches: ReadonlyMap<number, unknown> },
  watchesMax: number,
): CheckedCreate | string {
  const { watchId, startRevision, rangeEnd } = request;
  if (watchId === everyWatch)
    return `WatchCreateRequest.watch_id is ${watchId}; that stands for every watch of a stream`;
  if (stream.watches.has(watchId) && watchId !== 0) return duplicateId;
  const key = request.key === '' ? leastKey : request.key;
  if (rangeEnd !== '' && rangeEnd !== toTheEnd && rangeEnd <= key) return emptyRange;
  if (startRevision < 0) {
    return `WatchCreateRequest.start_revision is ${startRevision}; 0 means from now on, and it is not below 0`;
  }
  let wants = request.prevKv ? wantsPrevious : 0;
  for (const filter of request.filters) {
    if (filter === watchFilters.noPut) wants |= wantsNoPuts;
    else if (filter === watchFilters.noDelete) wants |= wantsNoDeletions;
    else return `WatchCreateRequest.filters has ${filter}; it has 0 (no puts) and 1 (no deletions)`;
  }
  if (stream.watches.size >= watchesMax) return `a stream has ${watchesMax} watches at most`;
  return { range: keyRange(key, rangeEnd), wants };
}
