import { type NodeId } from '../../base/ids.ts';
import { type Prng } from '../../base/prng.ts';
import { type RaftView } from '../../raft/types.ts';
import { type BrokerEpoch, noEpoch } from '../types.ts';
import { createCommand } from './commands.ts';
import { mayLeave, successorOf } from './departure.ts';
import { type Duties } from './duties.ts';
import { type BrokerBeat } from './messages.ts';
import { type MetadataConfig } from './replica-protocol.ts';
import { type BrokerState } from './rows.ts';
import { type MetadataState } from './state.ts';

export interface PresencePort {
  /** Tells the controller, which may be this broker itself. */
  beat(to: NodeId, beat: BrokerBeat): void;
  /** Asks another to be the controller. */
  transfer(to: NodeId): void;
}

const registerDuty = 'register';

/** This broker as the others know it: that it registers, lives, and one day leaves. */
export class Presence {
  readonly #config: MetadataConfig;
  readonly #state: MetadataState;
  readonly #duties: Duties;
  readonly #raft: RaftView;
  readonly #port: PresencePort;
  /** Names this life of the broker: 32 hex digits. */
  readonly #incarnation: string;
  #wantsShutdown = false;
  /** Not before then is it registered again, is something told that is no news, is another asked to be the controller. */
  #registerUs = 0;
  #beatUs = 0;
  #transferUs = 0;
  /** To whom the last beat was told, and what of it is news. */
  #lastBeat = '';

  constructor(given: {
    readonly config: MetadataConfig;
    readonly state: MetadataState;
    readonly duties: Duties;
    readonly raft: RaftView;
    readonly prng: Prng;
    readonly port: PresencePort;
  }) {
    this.#config = given.config;
    this.#state = given.state;
    this.#duties = given.duties;
    this.#raft = given.raft;
    this.#port = given.port;
    this.#incarnation = drawHex(given.prng);
  }

  get brokerEpoch(): BrokerEpoch {
    return this.#registration?.epoch ?? noEpoch;
  }

  get mayStop(): boolean {
    const own = this.#registration;
    return this.#wantsShutdown && (own === undefined || mayLeave(this.#state, own));
  }

  /** When `settle` has something to do, whatever is applied. */
  get dueUs(): number {
    return Math.min(this.#beatUs, this.#registerDueUs);
  }

  beginShutdown(): void {
    this.#wantsShutdown = true;
    this.#beatUs = 0;
  }

  settle(nowUs: number): void {
    this.#register(nowUs);
    this.#handControlOver(nowUs);
    this.#beat(nowUs);
  }

  /** As it is registered in this life. */
  get #registration(): BrokerState | undefined {
    const own = this.#state.broker(this.#config.id);
    return own?.incarnation === this.#incarnation ? own : undefined;
  }

  get #registerDueUs(): number {
    const isDue = this.#registration === undefined && !this.#wantsShutdown;
    return isDue && !this.#duties.isBlocked(registerDuty) ? this.#registerUs : Infinity;
  }

  /**
   * A broker that finds itself unknown, or known by another life, says that it is there. Not at once each time: were there two
   * of one id, they would oust each other as fast as the log takes it.
   */
  #register(nowUs: number): void {
    if (this.#registerDueUs > nowUs) return;
    this.#registerUs = nowUs + this.#config.beatIntervalUs;
    const { id: broker, endpoints, rack } = this.#config;
    const body = { broker, incarnation: this.#incarnation, endpoints, rack };
    this.#duties.begin(registerDuty, createCommand('registerBroker', body));
  }

  /** A controller that is about to stop has another take over, so that nobody has to find out that it is gone. */
  #handControlOver(nowUs: number): void {
    if (!this.#wantsShutdown || this.#raft.role !== 'leader' || nowUs < this.#transferUs || !this.mayStop)
      return;
    this.#transferUs = nowUs + this.#config.beatIntervalUs;
    const to = successorOf(this.#raft, this.#state);
    if (to !== undefined) this.#port.transfer(to);
  }

  /** Tells the controller that this broker lives: from time to time, and when there is news in it. */
  #beat(nowUs: number): void {
    const { leader } = this.#raft;
    const { brokerEpoch } = this;
    const wantsShutdown = this.#wantsShutdown;
    const news = `${leader} ${brokerEpoch} ${wantsShutdown ? 'leaves' : 'stays'}`;
    if (nowUs < this.#beatUs && news === this.#lastBeat) return;
    this.#beatUs = nowUs + this.#config.beatIntervalUs;
    this.#lastBeat = news;
    if (leader === 0) return;
    this.#port.beat(leader, { brokerEpoch, appliedIndex: this.#state.index, wantsShutdown });
  }
}

/** 32 hex digits. */
function drawHex(prng: Prng): string {
  let text = '';
  for (let word = 0; word < 4; word += 1)
    text += prng
      .below(2 ** 32)
      .toString(16)
      .padStart(8, '0');
  return text;
}
