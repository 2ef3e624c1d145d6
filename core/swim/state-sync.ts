import { type StateForm } from '../base/capture.ts';
import { type CapturablePrng, passPrng } from '../base/prng.ts';
import { type Beliefs } from './beliefs.ts';
import { type SwimConfig } from './config.ts';
import { encodedRecordLength, encodeMessage } from './datagram-codec.ts';
import { isLive } from './member-table.ts';
import { type DatagramOutbox } from './datagram-outbox.ts';
import { type MemberRecord, type SwimCounts, type SwimMessage } from './types.ts';

/** Seeds asked at once. */
const seedsAskedMax = 3;

/**
 * Whole states go to and fro, in as many datagrams as they take: how a member joins, how what gossip has missed gets around, and
 * how two halves of a cluster find each other again. Each datagram stands for itself: one that is lost is made up for next time.
 */
export class StateSync {
  readonly #config: SwimConfig;
  readonly #beliefs: Beliefs;
  readonly #outbox: DatagramOutbox;
  readonly #counts: SwimCounts;
  #prng: CapturablePrng;
  #joined = false;
  #nextSyncUs: number;
  #nextSeekUs: number;
  /** Answers that were given since the time beside. */
  #answers = 0;
  #answersSinceUs: number;

  constructor(parts: {
    readonly config: SwimConfig;
    readonly beliefs: Beliefs;
    readonly outbox: DatagramOutbox;
    readonly counts: SwimCounts;
    readonly prng: CapturablePrng;
    readonly nowUs: number;
  }) {
    this.#config = parts.config;
    this.#beliefs = parts.beliefs;
    this.#outbox = parts.outbox;
    this.#counts = parts.counts;
    this.#prng = parts.prng;
    this.#nextSyncUs = parts.nowUs + 1 + this.#prng.below(parts.config.syncIntervalUs);
    this.#nextSeekUs = parts.nowUs;
    this.#answersSinceUs = parts.nowUs;
  }

  /** Another member has told this one what it holds of the cluster. */
  get joined(): boolean {
    return this.#joined;
  }

  get deadlineUs(): number {
    return Math.min(this.#nextSyncUs, this.#nextSeekUs);
  }

  tick(nowUs: number): void {
    if (this.#nextSyncUs <= nowUs) {
      this.#nextSyncUs = this.#later(nowUs, this.#config.syncIntervalUs);
      const [partner] = this.#beliefs.table.draw(this.#prng, 1, ({ record }) => record.state === 'alive');
      if (partner !== undefined) this.#send(partner.gossipAddress, true);
    }
    if (this.#nextSeekUs <= nowUs) this.#seek(nowUs);
  }

  onSync(from: string, message: Extract<SwimMessage, { kind: 'sync' }>, nowUs: number): void {
    // One's own address may be among the seeds.
    if (message.from === this.#beliefs.self.name) return;
    for (const record of message.records) this.#beliefs.hearRecord(record, message.from, nowUs);
    if (message.wantsAnswer) this.#answer(from, nowUs);
    else if (!this.#joined) {
      this.#joined = true;
      this.#outbox.push({ kind: 'clusterJoined', by: message.from });
    }
  }

  passState(form: StateForm): void {
    this.#prng = passPrng(form, 'prng', this.#prng);
    this.#joined = form.flag('joined', this.#joined);
    this.#nextSyncUs = form.number('nextSyncUs', this.#nextSyncUs);
    this.#nextSeekUs = form.number('nextSeekUs', this.#nextSeekUs);
    this.#answers = form.number('answers', this.#answers);
    this.#answersSinceUs = form.number('answersSinceUs', this.#answersSinceUs);
  }

  /** Alone, it asks its seeds; in company one of those it misses, who may be on the other side of a partition. */
  #seek(nowUs: number): void {
    const { table, self } = this.#beliefs;
    const { seeds, joinRetryUs, reconnectIntervalUs } = this.#config;
    const alone = table.live === 0;
    this.#nextSeekUs = this.#later(nowUs, alone ? joinRetryUs : reconnectIntervalUs);
    const met = new Set([self, ...table.liveRecords()].map(({ gossipAddress }) => gossipAddress));
    const missed = new Set(seeds.filter((seed) => !met.has(seed)));
    for (const { record } of table.all()) {
      if (record.state === 'dead' && !met.has(record.gossipAddress)) missed.add(record.gossipAddress);
    }
    const candidates = [...missed];
    for (let left = alone ? seedsAskedMax : 1; left > 0 && candidates.length > 0; left -= 1) {
      const [drawn] = candidates.splice(this.#prng.below(candidates.length), 1);
      if (drawn !== undefined) this.#send(drawn, true);
    }
  }

  #answer(to: string, nowUs: number): void {
    if (nowUs - this.#answersSinceUs >= this.#config.probeIntervalUs) {
      this.#answers = 0;
      this.#answersSinceUs = nowUs;
    }
    if (this.#answers >= this.#config.syncAnswersMax) {
      this.#counts.syncsRefused += 1;
      return;
    }
    this.#answers += 1;
    this.#send(to, false);
  }

  /** This member's own record goes first: whoever is asked by a stranger knows at once who that is. */
  #send(to: string, wantsAnswer: boolean): void {
    const { self, table } = this.#beliefs;
    const roomBytes = this.#outbox.roomBytes - overheadBytes(self.name);
    // The living first: if something is lost, it is not they.
    const others = table.all().map(({ record }) => record);
    const records = [self, ...others.filter(isLive), ...others.filter((record) => !isLive(record))];
    let part: MemberRecord[] = [];
    let bytes = 0;
    let first = true;
    const flush = (): void => {
      // One answer is enough, though there are more parts.
      const message = {
        kind: 'sync',
        from: self.name,
        wantsAnswer: wantsAnswer && first,
        records: part,
      } as const;
      this.#outbox.sendAlone(to, message);
      first = false;
      part = [];
      bytes = 0;
    };
    for (const record of records) {
      const length = encodedRecordLength(record);
      if (part.length > 0 && bytes + length > roomBytes) flush();
      part.push(record);
      bytes += length;
    }
    flush();
  }

  /** Around the interval, so that those who start together do not stay together. */
  #later(nowUs: number, intervalUs: number): number {
    return nowUs + Math.floor((intervalUs * (75 + this.#prng.below(51))) / 100);
  }
}

/** What a `sync` takes beside its records; the length of a full part takes two bytes where that of an empty one takes one. */
function overheadBytes(name: string): number {
  return encodeMessage({ kind: 'sync', from: name, wantsAnswer: true, records: [] }).length + 1;
}
