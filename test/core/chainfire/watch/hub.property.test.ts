import fc from 'fast-check';
import { expect, test } from 'vitest';
import { latin1FromBytes } from '../../../../core/base/bytes.ts';
import { type RequestOp } from '../../../../core/chainfire/api/kv.ts';
import { Event, eventTypes, type WatchResponse } from '../../../../core/chainfire/api/watch.ts';
import { ask, del, op, put } from '../requests.ts';
import { ChangeLog, type ModelEvent } from './model.ts';
import { inWords, WatchScene, type Write } from './scene.ts';

interface Wish {
  readonly key: string;
  readonly rangeEnd: string;
  readonly filters: readonly number[];
  readonly prevKv: boolean;
  readonly fragment: boolean;
}

/** What a client knows of a watch of its own. */
interface ClientWatch {
  readonly wish: Wish;
  /** The first revision that it has not had; 0 until the answer to its creation says so. */
  next: number;
  /** The answer to its creation has come: only then can a word of progress mean this one, too. */
  created: boolean;
  /** Events of a revision whose end is still to come. */
  part: Uint8Array[];
}

/**
 * Clients that check every response against the log of all changes: a response that ends at revision R carries exactly the
 * events that the watch wants from the first one it lacked to R. So order, uniqueness, wholeness and completeness are one
 * comparison, and nothing the hub does can hide a gap: the comparison goes on where the last one ended.
 */
class Clients {
  readonly scene: WatchScene;
  readonly log = new ChangeLog();
  readonly watches = new Map<number, Map<number, ClientWatch>>();
  #ids = 0;
  /** Compactions done, so that a watch may be told of one only when there was one that overtook it. */
  compacted = 0;

  constructor(scene: WatchScene) {
    this.scene = scene;
  }

  open(): void {
    this.watches.set(this.scene.open(), new Map());
  }

  stream(at: number): number | undefined {
    const ids = [...this.watches.keys()];
    return ids.length === 0 ? undefined : ids[at % ids.length];
  }

  create(stream: number, wish: Wish, startRevision: number): void {
    this.#ids += 1;
    this.watches.get(stream)?.set(this.#ids, { wish, next: startRevision, created: false, part: [] });
    this.scene.create(stream, { ...wish, watchId: this.#ids, startRevision, progressNotify: true });
  }

  /** The stream breaks; every watch begins anew on another one, where it was. */
  resume(stream: number): void {
    const before = this.watches.get(stream) ?? new Map<number, ClientWatch>();
    this.scene.close(stream);
    this.watches.delete(stream);
    const after = this.scene.open();
    this.watches.set(after, new Map());
    // A watch that never heard where it begins begins now.
    for (const { wish, next } of before.values()) this.create(after, wish, next);
  }

  read(stream: number, most: number): void {
    for (const response of this.scene.read(stream, most)) this.#check(stream, response);
  }

  #check(stream: number, response: WatchResponse): void {
    const own = this.watches.get(stream) as Map<number, ClientWatch>;
    const revision = response.header?.revision ?? 0;
    expect(revision).toBeLessThanOrEqual(this.scene.machine.mvcc.revision);
    if (response.watchId === -1) {
      for (const watch of own.values()) if (watch.created) this.#advance(watch, revision, []);
      return;
    }
    const watch = own.get(response.watchId);
    // It was cancelled, and this was under way.
    if (watch === undefined) return;
    if (response.created) {
      watch.created = true;
      if (watch.next === 0) watch.next = revision + 1;
    } else if (response.canceled) {
      expect(response.compactRevision).toBeGreaterThan(watch.next);
      expect(response.compactRevision).toBeLessThanOrEqual(this.compacted);
      own.delete(response.watchId);
      this.create(stream, watch.wish, response.compactRevision);
    } else {
      watch.part.push(...response.events);
      if (response.fragment) {
        expect(watch.wish.fragment).toBe(true);
        return;
      }
      if (response.events.length === 0) expect(revision).toBeGreaterThanOrEqual(watch.next - 1);
      const events = watch.part;
      watch.part = [];
      this.#advance(watch, revision, events);
    }
  }

  #advance(watch: ClientWatch, revision: number, events: readonly Uint8Array[]): void {
    // Of a watch that is not yet created, or begins later, nothing is said.
    expect(watch.next).toBeGreaterThan(0);
    const expected = this.log.between(watch.next, revision, (event) => isWanted(watch.wish, event));
    expect(events.map((event) => this.#inWords(event, watch.wish))).toEqual(
      expected.map((event) => this.#expectedInWords(event, watch.wish)),
    );
    watch.next = Math.max(watch.next, revision + 1);
  }

  /** What was before may be left out where it has been compacted meanwhile; then it is not compared. */
  #inWords(bytes: Uint8Array, wish: Wish): string {
    const { type, kv, prevKv } = Event.decode(bytes);
    const value = type === eventTypes.delete ? '-' : latin1FromBytes(kv?.value ?? new Uint8Array());
    const previous = prevKv === undefined ? 'nothing' : latin1FromBytes(prevKv.value);
    expect(prevKv === undefined || wish.prevKv).toBe(true);
    const compared = wish.prevKv && (kv?.modRevision ?? 0) > this.compacted;
    return `${kv?.key} ${value} ${kv?.modRevision}${compared ? ` was ${previous}` : ''}`;
  }

  #expectedInWords({ key, value, revision, previous }: ModelEvent, wish: Wish): string {
    const compared = wish.prevKv && revision > this.compacted;
    return `${key} ${value ?? '-'} ${revision}${compared ? ` was ${previous ?? 'nothing'}` : ''}`;
  }
}

function isWanted({ key, rangeEnd, filters }: Wish, event: ModelEvent): boolean {
  if (filters.includes(event.value === undefined ? 1 : 0)) return false;
  if (rangeEnd === '') return event.key === key;
  return event.key >= key && (rangeEnd === '\x00' || event.key < rangeEnd);
}

const key = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const text = fc.string({ unit: fc.constantFrom('x', 'y'), minLength: 1, maxLength: 40 });
const wish: fc.Arbitrary<Wish> = fc.record({
  key,
  rangeEnd: fc.constantFrom('', '', '\x00', 'f'),
  filters: fc.constantFrom([], [], [], [0], [1], [0, 1]),
  prevKv: fc.boolean(),
  fragment: fc.boolean(),
});
type Step =
  | { readonly kind: 'write'; readonly writes: readonly Write[] }
  | { readonly kind: 'snapshot'; readonly writes: readonly Write[] }
  | { readonly kind: 'compact'; readonly back: number; readonly free: boolean }
  | {
      readonly kind: 'create';
      readonly stream: number;
      readonly wish: Wish;
      readonly ahead: number | undefined;
    }
  | { readonly kind: 'cancel' | 'resume' | 'progress'; readonly stream: number }
  | { readonly kind: 'read'; readonly stream: number; readonly most: number }
  | { readonly kind: 'open' }
  | { readonly kind: 'turn' }
  | { readonly kind: 'wait' };

const put1 = fc.tuple(key, text).map(([k, t]) => ask.put(k, t) as Write);
const del1 = fc
  .tuple(key, fc.constantFrom('', '\x00'))
  .map(([k, rangeEnd]) => ask.del(k, { rangeEnd }) as Write);
const txn1 = fc
  .uniqueArray(fc.tuple(key, text, fc.boolean()), { selector: ([k]) => k, minLength: 0, maxLength: 5 })
  .map((parts) => {
    const success: RequestOp[] = parts.map(([k, t, puts]) => (puts ? op.put(put(k, t)) : op.del(del(k))));
    return ask.txn({ success }) as Write;
  });
const writes = fc.array(fc.oneof(put1, del1, txn1), { minLength: 1, maxLength: 4 });
const stream = fc.nat(3);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: writes.map((list): Step => ({ kind: 'write', writes: list })) },
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('read'), stream, most: fc.integer({ min: 1, max: 6 }) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('create'),
      stream,
      wish,
      ahead: fc.option(fc.integer({ min: -12, max: 6 }), { nil: undefined }),
    }),
  },
  { weight: 5, arbitrary: fc.constant<Step>({ kind: 'turn' }) },
  { weight: 1, arbitrary: writes.map((list): Step => ({ kind: 'snapshot', writes: list })) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('compact'), back: fc.nat(6), free: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('cancel', 'resume', 'progress'), stream }) },
  { weight: 1, arbitrary: fc.constantFrom<Step>({ kind: 'open' }, { kind: 'wait' }) },
);

function take(clients: Clients, action: Step): void {
  const { scene, log } = clients;
  const { mvcc } = scene.machine;
  switch (action.kind) {
    case 'write':
      scene.write(...action.writes);
      return log.look(scene);
    case 'snapshot':
      scene.installSnapshot(...action.writes);
      return log.look(scene);
    case 'compact': {
      const revision = Math.max(mvcc.revision - action.back, 1);
      if (revision <= mvcc.compactRevision) return;
      clients.compacted = revision;
      scene.write(ask.compact(revision) as Write);
      while (action.free && scene.machine.free(2));
      return;
    }
    case 'turn':
      return scene.turn();
    case 'wait':
      return scene.wait(1_000_000);
    case 'open':
      return clients.open();
    default: {
      const id = clients.stream(action.stream);
      if (id === undefined) return;
      if (action.kind === 'read') return clients.read(id, action.most);
      if (action.kind === 'progress') return scene.askProgress(id);
      if (action.kind === 'resume') return clients.resume(id);
      if (action.kind === 'create') {
        const start = action.ahead === undefined ? 0 : Math.max(1, mvcc.revision + action.ahead);
        return clients.create(id, action.wish, start);
      }
      const own = clients.watches.get(id) as Map<number, ClientWatch>;
      for (const watchId of own.keys()) {
        scene.cancel(id, watchId);
        own.delete(watchId);
        return;
      }
    }
  }
}

function untilQuiet({ scene, watches }: Clients, read: (stream: number) => void): void {
  for (let round = 0; ; round += 1) {
    expect(round).toBeLessThan(2_000);
    scene.catchUp();
    let unread = 0;
    for (const id of watches.keys()) {
      unread += scene.unreadBytes(id);
      read(id);
    }
    if (unread === 0 && !scene.hub.hasWork) return;
  }
}

/** Everybody reads on until nothing comes any more: then everybody has had everything. */
function finish(clients: Clients): void {
  const { scene, log } = clients;
  const read = (id: number): void => clients.read(id, Infinity);
  untilQuiet(clients, read);
  for (const id of clients.watches.keys()) scene.askProgress(id);
  untilQuiet(clients, read);
  const { revision } = scene.machine.mvcc;
  for (const own of clients.watches.values()) {
    for (const watch of own.values()) {
      expect(log.between(watch.next, revision, (event) => isWanted(watch.wish, event))).toEqual([]);
      // The question for progress was answered, of the present.
      expect(watch.next).toBeGreaterThan(revision);
    }
  }
  const watches = [...clients.watches.values()].reduce((sum, own) => sum + own.size, 0);
  expect(scene.hub.counts).toMatchObject({ watches, behind: 0, undrainedBytes: 0 });
}

test('however slowly they read, whatever is compacted, resumed or installed meanwhile: all hear all, once, in order, whole', () => {
  const bounds = fc.record({
    readings: fc.integer({ min: 1, max: 3 }),
    joinRevisions: fc.nat(4),
    rows: fc.integer({ min: 1, max: 6 }),
    bytes: fc.constantFrom(1, 100, 10_000),
    watches: fc.integer({ min: 1, max: 4 }),
  });
  const sizes = fc.record({
    streamBytesMax: fc.constantFrom(1, 150, 400, 100_000),
    watchFragmentBytes: fc.constantFrom(20, 120, 100_000),
  });
  fc.assert(
    fc.property(sizes, bounds, fc.array(step, { minLength: 20, maxLength: 120 }), (config, turns, steps) => {
      const scene = new WatchScene({ ...config, watchProgressIntervalUs: 1_000_000 }, turns);
      const clients = new Clients(scene);
      clients.open();
      for (const action of steps) take(clients, action);
      finish(clients);
    }),
    { numRuns: 300 },
  );
});

test('the comparison notices a response that is out of its place', () => {
  const scene = new WatchScene();
  const clients = new Clients(scene);
  clients.open();
  clients.create(1, { key: 'a', rangeEnd: '', filters: [], prevKv: false, fragment: false }, 0);
  clients.read(1, Infinity);
  scene.write(ask.put('a', '1') as Write);
  clients.log.look(scene);
  const [lost] = scene.read(1);
  expect(inWords(lost as WatchResponse)).toBe('1 r2 put a=1@2');
  scene.write(ask.put('a', '2') as Write);
  clients.log.look(scene);
  expect(() => clients.read(1, Infinity)).toThrow(/a 1 2/);
});
