import { expect, test } from 'vitest';

import { nodeId } from '../../../core/base/ids.ts';
import { bytesFromLatin1 } from '../../../core/base/bytes.ts';
import { KeyValue, ResponseHeader } from '../../../core/chainfire/api/kv.ts';
import {
  Event,
  eventTypes,
  everyWatch,
  WatchCreateRequest,
  watchFilters,
  WatchRequest,
  WatchResponse,
} from '../../../core/chainfire/api/watch.ts';
import { type MemberEffect, type MemberEvent } from '../../../core/chainfire/member-protocol.ts';
import { Truth } from '../../../sim/checkers/truth.ts';
import { watchAtomic } from '../../../sim/checkers/watch-atomic.ts';
import { watchBookmarkable } from '../../../sim/checkers/watch-bookmarkable.ts';
import { type FeedRule, WatchChecker } from '../../../sim/checkers/watch-checker.ts';
import { watchCompaction } from '../../../sim/checkers/watch-compaction.ts';
import { watchFaithful } from '../../../sim/checkers/watch-faithful.ts';
import { feedOfLog, MemberFeeds, type WatchFeed } from '../../../sim/checkers/watch-feeds.ts';
import { watchOrdered } from '../../../sim/checkers/watch-ordered.ts';
import { watchPrevKv } from '../../../sim/checkers/watch-prev-kv.ts';
import { watchReliable } from '../../../sim/checkers/watch-reliable.ts';
import { watchUnique } from '../../../sim/checkers/watch-unique.ts';
import { type RunEnd, type WatchLog } from '../../../sim/types.ts';
import { endOf, step } from './observations.ts';

const rules: Readonly<Record<string, FeedRule>> = {
  ordered: watchOrdered,
  unique: watchUnique,
  faithful: watchFaithful,
  atomic: watchAtomic,
  reliable: watchReliable,
  bookmarkable: watchBookmarkable,
  prevKv: watchPrevKv,
  compaction: watchCompaction,
};

const row = (key: string, modRevision: number, createRevision = modRevision, version = 1): KeyValue =>
  KeyValue.create({
    key,
    value: bytesFromLatin1(`${key}${modRevision}`),
    createRevision,
    modRevision,
    version,
  });
const gone = (key: string, modRevision: number): KeyValue => KeyValue.create({ key, modRevision });

/** 2: a and b. 3: x. 4: a again. 5: a and b deleted. 6: b anew. */
const rows: readonly (readonly KeyValue[])[] = [
  [row('a', 2), row('b', 2)],
  [row('x', 3)],
  [row('a', 4, 2, 2)],
  [gone('a', 5), gone('b', 5)],
  [row('b', 6)],
];
const truth = new Truth();
rows.forEach((changed, at) => {
  truth.add({ revision: at + 2, atUs: 10 * at, rows: changed });
});
truth.compacted(4, 100);

const at = (revision: number, key: string, prevKv?: KeyValue): Event => {
  const kv = truth.changeAt(revision)?.rows.find((changed) => changed.key === key);
  if (kv === undefined) throw new Error(`${key} did not change at ${revision}`);
  return { type: kv.version === 0 ? eventTypes.delete : eventTypes.put, kv, prevKv };
};
interface Told {
  readonly revision: number;
  readonly events?: readonly Event[];
  readonly moreFollows?: boolean;
  readonly atUs?: number;
}
const told = (revision: number, ...events: Event[]): Told => ({ revision, events });
/** A watch of everything below `m` from revision 2 on, unless said otherwise. */
const feed = (
  deliveries: readonly Told[],
  how: Partial<WatchFeed['target']> = {},
  more: Partial<WatchFeed> = {},
): WatchFeed => ({
  who: 'a watch',
  target: { ...WatchCreateRequest.create({ key: 'a', rangeEnd: 'm', startRevision: 2 }), ...how },
  from: how.startRevision ?? 2,
  deliveries: deliveries.map((one) => ({ atUs: 50, events: [], moreFollows: false, ...one })),
  compacted: undefined,
  ...more,
});
/** Names of the rules that object. */
const broken = (watch: WatchFeed): readonly string[] =>
  Object.entries(rules)
    .filter(([, rule]) => rule(watch, truth) !== undefined)
    .map(([name]) => name);

const two = told(2, at(2, 'a'), at(2, 'b'));
const four = told(4, at(4, 'a'));
const five = told(5, at(5, 'a'), at(5, 'b'));
const six = told(6, at(6, 'b'));

test('a watch that is told everything as it was breaks no rule, however it is cut between revisions', () => {
  expect(broken(feed([two, four, five, six]))).toEqual([]);
  expect(
    broken(feed([told(5, at(2, 'a'), at(2, 'b'), at(4, 'a'), at(5, 'b'), at(5, 'a')), told(6, at(6, 'b'))])),
  ).toEqual([]);
  expect(broken(feed([told(1), two, told(3), four, told(4), five, six, told(6), told(6)]))).toEqual([]);
  expect(broken(feed([four, five], { startRevision: 4 }))).toEqual([]);
  expect(broken(feed([told(3, at(3, 'x'))], { key: '', rangeEnd: '\0', startRevision: 3 }))).toEqual([]);
  expect(broken(feed([told(5)], { key: 'm', rangeEnd: 'n' }))).toEqual([]);
});

test('watch-ordered fires on an event behind a later one, before the start, and ahead of its response', () => {
  expect(broken(feed([two, five, four]))).toContain('ordered');
  expect(broken(feed([two, four, five], { startRevision: 4 }))).toEqual(['ordered']);
  expect(broken(feed([two, { ...four, revision: 3 }]))).toContain('ordered');
});

test('watch-unique fires on an event that is told twice', () => {
  expect(broken(feed([two, four, four]))).toEqual(['unique']);
  expect(broken(feed([told(2, at(2, 'a'), at(2, 'b'), at(2, 'a'))]))).toContain('unique');
});

test('watch-atomic fires on a revision that comes in two, and not on fragments that say so', () => {
  const [first, second] = [told(2, at(2, 'a')), told(2, at(2, 'b'))];
  expect(broken(feed([first, second]))).toContain('atomic');
  expect(broken(feed([{ ...first, moreFollows: true }, second]))).toEqual([]);
  expect(broken(feed([{ ...first, moreFollows: true }, told(2), second]))).toContain('atomic');
  expect(broken(feed([{ ...first, moreFollows: true }, four]))).toContain('atomic');
  expect(broken(feed([two, four, told(5, at(5, 'a')), six]))).toContain('atomic');
});

test('watch-reliable fires on a gap before an event, wherever it began, and not on what is not wanted', () => {
  expect(broken(feed([two, five]))).toContain('reliable');
  expect(broken(feed([four]))).toContain('reliable');
  expect(broken(feed([two, five], { filters: [watchFilters.noPut] }))).not.toContain('reliable');
  expect(broken(feed([five], { filters: [watchFilters.noPut] }))).toEqual([]);
  expect(broken(feed([two, four, six], { filters: [watchFilters.noDelete] }))).toEqual([]);
  expect(broken(feed([two, four, six]))).toContain('reliable');
});

test('watch-bookmarkable fires on progress ahead of events, progress that falls, and progress into the future', () => {
  expect(broken(feed([told(2), two]))).toEqual(['bookmarkable']);
  expect(broken(feed([two, told(4), four]))).toEqual(['bookmarkable']);
  expect(broken(feed([two, { ...four, revision: 5 }, five]))).toEqual(['bookmarkable']);
  expect(broken(feed([two, four, told(3)]))).toEqual(['bookmarkable']);
  expect(broken(feed([two, four, five, six, told(7)]))).toEqual(['bookmarkable']);
});

test('watch-faithful fires on what never was, was otherwise, or is not wanted', () => {
  const other = { ...at(4, 'a'), kv: { ...row('a', 4, 2, 2), value: bytesFromLatin1('other') } };
  expect(broken(feed([two, told(4, other)]))).toEqual(['faithful']);
  expect(broken(feed([two, told(4, { ...at(4, 'a'), kv: { ...row('a', 4, 2, 2), lease: 7n } })]))).toEqual([
    'faithful',
  ]);
  expect(broken(feed([two, told(4, { ...at(4, 'a'), type: eventTypes.delete })]))).toEqual(['faithful']);
  expect(broken(feed([two, told(3, { ...at(3, 'x'), kv: row('c', 3) })]))).toContain('faithful');
  expect(broken(feed([two, told(3, at(3, 'x')), four]))).toEqual(['faithful']);
  expect(broken(feed([two, four, five], { filters: [watchFilters.noDelete] }))).toEqual(['faithful']);
});

test('watch-prev-kv fires on a wrong row before, on none, and on one that nobody wanted', () => {
  const wants = { prevKv: true, startRevision: 4 };
  const right = told(4, at(4, 'a', row('a', 2)));
  expect(broken(feed([right], wants))).toEqual([]);
  expect(broken(feed([right], { startRevision: 4 }))).toEqual(['prevKv']);
  expect(broken(feed([told(4, at(4, 'a', row('a', 3)))], wants))).toEqual(['prevKv']);
  expect(broken(feed([four], wants))).toEqual(['prevKv']);
  expect(broken(feed([told(6, at(6, 'b', row('b', 2)))], { ...wants, startRevision: 6 }))).toEqual([
    'prevKv',
  ]);
  // Compacted by then: what was before may be gone.
  expect(broken(feed([{ ...four, atUs: 100 }], wants))).toEqual([]);
  expect(broken(feed([{ ...five, atUs: 100 }], { ...wants, startRevision: 5 }))).toEqual(['prevKv']);
});

test('watch-compaction fires when a watch is ended that was owed nothing compacted, or for a compaction of nobody', () => {
  const ended = (revision: number, ...deliveries: Told[]): WatchFeed =>
    feed(deliveries, {}, { compacted: { atUs: 100, revision } });
  expect(broken(ended(4))).toEqual([]);
  expect(broken(ended(4, two))).toEqual([]);
  expect(broken(ended(4, two, told(3)))).toEqual(['compaction']);
  expect(broken(ended(4, two, four))).toEqual(['compaction']);
  expect(broken(ended(5, two))).toEqual(['compaction']);
});

test('what a client was told is a feed: it begins behind the revision at which it was set up, or where it was told to', () => {
  const log = (startRevision: number): WatchLog => ({
    client: 1,
    watchId: 2,
    target: WatchCreateRequest.create({ key: 'a', startRevision }),
    openedUs: 0,
    deliveries: [
      { atUs: 1, batch: { revision: 3, events: [] } },
      { atUs: 2, batch: four as { revision: number; events: readonly Event[] } },
    ],
    end: { kind: 'compacted', compactRevision: 9 },
    closed: false,
  });
  expect(feedOfLog(log(0)).from).toBe(4);
  expect(feedOfLog(log(3)).from).toBe(3);
  expect(feedOfLog({ ...log(0), deliveries: [] }).from).toBeUndefined();
  expect(feedOfLog(log(0)).compacted).toEqual({ atUs: 2, revision: 9 });
});

const opened: MemberEvent = {
  kind: 'streamOpened',
  streamId: 7,
  stream: { kind: 'watch', requireLeader: false },
};
const asked = (create: Partial<WatchCreateRequest>): MemberEvent => ({
  kind: 'streamReceived',
  streamId: 7,
  request: WatchRequest.create({ create: WatchCreateRequest.create(create) }),
});
const says = (revision: number, response: Partial<WatchResponse>, ...events: Event[]): MemberEffect => ({
  kind: 'notify',
  streamId: 7,
  bytes: 1,
  item: WatchResponse.create({
    header: ResponseHeader.create({ revision }),
    ...response,
    events: events.map((event) => Event.encode(event)),
  }),
});

test('what members say on their streams is recorded by watch, answers to requests for progress for each of them', () => {
  const feeds = new MemberFeeds();
  feeds.onStep(step({ node: 1 }, opened));
  feeds.onStep(
    step({ node: 1 }, asked({ key: 'a', rangeEnd: 'm', startRevision: 2 }), [
      says(4, { watchId: 0, created: true }),
    ]),
  );
  feeds.onStep(step({ node: 1 }, asked({ key: 'b' }), [says(4, { watchId: 1, created: true })]));
  feeds.onStep(
    step({ node: 1 }, asked({ key: '', watchId: 1 }), [
      says(4, { watchId: everyWatch, created: true, canceled: true }),
    ]),
  );
  feeds.onStep(
    step({ node: 1 }, undefined, [
      says(4, { watchId: 0 }, at(2, 'a'), at(2, 'b'), at(4, 'a')),
      says(4, { watchId: everyWatch }),
    ]),
  );
  feeds.onStep(
    step({ node: 1 }, undefined, [
      says(4, { watchId: 1, canceled: true, compactRevision: 5 }),
      says(5, { watchId: 1 }),
    ]),
  );
  expect(feeds.feeds.map(({ from, compacted }) => [from, compacted?.revision])).toEqual([
    [2, undefined],
    [5, 5],
  ]);
  expect(feeds.feeds.map(({ deliveries }) => deliveries.map(({ events }) => events.length))).toEqual([
    [3, 0],
    [0],
  ]);
  feeds.onCrashed(nodeId(1));
  feeds.onStep(step({ node: 1 }, undefined, [says(5, { watchId: 0 })]));
  expect(feeds.feeds[0]?.deliveries.length).toBe(2);
});

test('a watch checker names its invariant, for members’ feeds and for clients’', () => {
  const end = (watches: readonly WatchLog[]): RunEnd => ({
    nowUs: 0,
    history: [],
    members: new Map(),
    watches,
    holds: [],
  });
  const feeds = new MemberFeeds();
  const checker = new WatchChecker('watch-bookmarkable', watchBookmarkable, { truth, feeds });
  expect(endOf(checker, end([]))).toBeUndefined();
  const lagging: WatchLog = {
    client: 1,
    watchId: 1,
    target: WatchCreateRequest.create({ key: 'a', startRevision: 2 }),
    openedUs: 0,
    deliveries: [{ atUs: 1, batch: { revision: 2, events: [] } }],
    end: undefined,
    closed: false,
  };
  expect(endOf(checker, end([lagging]))).toBe('watch-bookmarkable');
  feeds.onStep(step({ node: 1 }, opened));
  feeds.onStep(
    step({ node: 1 }, asked({ key: 'a', startRevision: 2 }), [says(2, { created: true }), says(2, {})]),
  );
  expect(endOf(checker, end([]))).toBe('watch-bookmarkable');
});
