import { latin1FromBytes } from '../../../../core/base/bytes.ts';
import { bytesPerMib, usPerSecond } from '../../../../core/base/units.ts';
import { type KeyValue } from '../../../../core/chainfire/api/kv.ts';
import {
  Event,
  eventTypes,
  WatchCancelRequest,
  WatchCreateRequest,
  WatchProgressRequest,
  WatchRequest,
  type WatchResponse,
} from '../../../../core/chainfire/api/watch.ts';
import { memberTables } from '../../../../core/chainfire/member.ts';
import { WatchQuota } from '../../../../core/chainfire/namespace/watch-quota.ts';
import { defaultTurnBounds, type TurnBounds } from '../../../../core/chainfire/watch/catch-up.ts';
import { type HubConfig, WatchHub } from '../../../../core/chainfire/watch/hub.ts';
import { Machine } from '../machine.ts';

export type Write = Parameters<Machine['do']>[0];

/** A hub beside the state machine whose changes it tells of, and the streams' other ends, which read when they are told to. */
export class WatchScene {
  readonly machine = new Machine();
  readonly hub: WatchHub;
  nowUs = 0;
  leaderKnown = true;
  /** Why a stream was ended, by its number. */
  readonly ends = new Map<number, string>();
  readonly #unread = new Map<number, { item: WatchResponse; bytes: number }[]>();
  #streams = 0;

  constructor(config: Partial<HubConfig> = {}, bounds: Partial<TurnBounds> = {}) {
    this.hub = new WatchHub({
      config: {
        streamBytesMax: bytesPerMib,
        watchesPerStreamMax: 100_000,
        streamsMax: 1_000,
        watchFragmentBytes: bytesPerMib,
        watchProgressIntervalUs: 600 * usPerSecond,
        raft: { electionTimeoutUs: usPerSecond },
        ...config,
      },
      store: this.machine.store,
      mvcc: this.machine.mvcc,
      authority: { refuseWatch: () => undefined, refuseGoingOn: () => undefined, moved: () => false },
      quota: new WatchQuota(this.machine.namespaces),
      answers: { header: (revision) => ({ clusterId: 1n, memberId: 2n, revision, raftTerm: 3 }) },
      bounds: { ...defaultTurnBounds, ...bounds },
    });
    this.#after();
  }

  open(requireLeader = false): number {
    this.#streams += 1;
    this.#unread.set(this.#streams, []);
    this.hub.opened(this.#streams, { kind: 'watch', requireLeader });
    this.#after();
    return this.#streams;
  }

  create(stream: number, create: Partial<WatchCreateRequest>): void {
    this.#send(stream, WatchRequest.create({ create: WatchCreateRequest.create(create) }));
  }

  cancel(stream: number, watchId: number): void {
    this.#send(stream, WatchRequest.create({ cancel: WatchCancelRequest.create({ watchId }) }));
  }

  askProgress(stream: number): void {
    this.#send(stream, WatchRequest.create({ progress: WatchProgressRequest.create({}) }));
  }

  send(stream: number, request: WatchRequest): void {
    this.#send(stream, request);
  }

  close(stream: number): void {
    this.hub.closed(stream);
    this.#unread.delete(stream);
    this.#after();
  }

  /** Commands that the member applies in one go. */
  write(...requests: readonly Write[]): void {
    const { mvcc } = this.machine;
    mvcc.captureChanges(this.hub.wantsChanges);
    this.machine.doAll(requests);
    this.hub.published(mvcc.takeChanges(), this.nowUs);
    this.#after();
  }

  /** The member takes up a snapshot in which these commands have been carried out, too. */
  installSnapshot(...requests: readonly Write[]): void {
    const ahead = new Machine(undefined, [...this.machine.log]);
    ahead.restart();
    ahead.doAll(requests);
    const { store, state, log } = this.machine;
    const stageId = store.openStage();
    for (const table of memberTables) store.stageRows(stageId, table, ahead.rows(table));
    store.installStage(stageId);
    log.push(...ahead.log.slice(log.length));
    state.reload();
    this.hub.replaced(this.nowUs);
    this.#after();
  }

  /** One turn. */
  turn(): void {
    this.hub.turn(this.nowUs);
    this.#after();
  }

  /** As many turns as there is work for. */
  catchUp(): void {
    while (this.hub.hasWork) this.turn();
  }

  wait(us: number): void {
    this.nowUs += us;
    this.turn();
  }

  /** Reads what there is, or so many responses, and says so. */
  read(stream: number, most = Infinity): readonly WatchResponse[] {
    const unread = this.#unread.get(stream) ?? [];
    const read = unread.splice(0, Math.min(most, unread.length));
    let bytes = 0;
    for (const { bytes: itsBytes } of read) bytes += itsBytes;
    if (bytes > 0) this.hub.drained(stream, bytes);
    this.#after();
    return read.map(({ item }) => item);
  }

  /** `read`, as text. */
  hear(stream: number, most = Infinity): readonly string[] {
    return this.read(stream, most).map(inWords);
  }

  /** Turns and reads until nothing more comes. */
  hearAll(stream: number): readonly string[] {
    const heard: string[] = [];
    for (;;) {
      this.catchUp();
      const more = this.hear(stream);
      if (more.length === 0 && !this.hub.hasWork) return heard;
      heard.push(...more);
    }
  }

  unreadBytes(stream: number): number {
    let sum = 0;
    for (const { bytes } of this.#unread.get(stream) ?? []) sum += bytes;
    return sum;
  }

  #send(stream: number, request: WatchRequest): void {
    this.hub.received(stream, request, this.nowUs);
    this.#after();
  }

  #after(): void {
    this.hub.settle(this.leaderKnown, this.nowUs);
    for (const effect of this.hub.takeEffects()) {
      if (effect.kind === 'endStream') this.ends.set(effect.streamId, effect.refusal?.code ?? '');
      else this.#unread.get(effect.streamId)?.push({ item: effect.item, bytes: effect.bytes });
    }
  }
}

/** A response as a line: watch, header's revision, what it says. */
export function inWords(response: WatchResponse): string {
  const words = [`${response.watchId}`, `r${response.header?.revision ?? -1}`];
  if (response.created) words.push('created');
  if (response.canceled) words.push('canceled');
  if (response.compactRevision > 0) words.push(`compacted ${response.compactRevision}`);
  if (response.cancelReason !== '') words.push(`(${response.cancelReason})`);
  if (response.fragment) words.push('fragment');
  for (const bytes of response.events) {
    const { type, kv, prevKv } = Event.decode(bytes);
    const what = type === eventTypes.delete ? 'del' : 'put';
    words.push(
      `${what} ${keyValueInWords(kv)}${prevKv === undefined ? '' : ` was ${keyValueInWords(prevKv)}`}`,
    );
  }
  return words.join(' ');
}

function keyValueInWords(kv: KeyValue | undefined): string {
  if (kv === undefined) return '?';
  const value = kv.value.length > 0 ? `=${latin1FromBytes(kv.value)}` : '';
  return `${kv.key}${value}@${kv.modRevision}`;
}
