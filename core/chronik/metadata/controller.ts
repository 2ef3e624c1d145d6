import { type NodeId } from '../../base/ids.ts';
import { createCommand, electionTypes } from './commands.ts';
import { type Duties } from './duties.ts';
import { type BrokerBeat } from './messages.ts';
import { type MetadataConfig } from './replica-protocol.ts';
import { type BrokerState } from './rows.ts';
import { type MetadataState } from './state.ts';

/** What the controller has heard of a broker. */
interface Session {
  heardUs: number;
  /** The newest; undefined: this controller has heard nothing of it yet. */
  beat: BrokerBeat | undefined;
}

/**
 * What the leader of the metadata's group does besides: it hears who lives, and proposes what follows from it. It decides nothing
 * by itself: each of its findings names the life of the broker that it is about, and is looked at again where it is applied.
 *
 * Sessions are its own and of its term: a new controller gives everybody a whole one, since it does not know when others were last
 * heard.
 */
export class Controller {
  readonly #state: MetadataState;
  readonly #duties: Duties;
  readonly #config: MetadataConfig;
  /** Undefined while another leads. */
  #sessions: Map<NodeId, Session> | undefined;
  #sinceUs = 0;
  #settledUs = 0;
  #balanceUs = Infinity;

  constructor(state: MetadataState, duties: Duties, config: MetadataConfig) {
    this.#state = state;
    this.#duties = duties;
    this.#config = config;
  }

  get isActive(): boolean {
    return this.#sessions !== undefined;
  }

  begin(nowUs: number): void {
    this.#sessions = new Map();
    this.#sinceUs = nowUs;
    this.#settledUs = nowUs;
    const { leaderBalanceIntervalUs } = this.#config;
    this.#balanceUs = leaderBalanceIntervalUs === 0 ? Infinity : nowUs + leaderBalanceIntervalUs;
  }

  end(): void {
    this.#sessions = undefined;
    this.#balanceUs = Infinity;
  }

  heard(from: NodeId, beat: BrokerBeat, nowUs: number): void {
    if (this.#sessions === undefined) return;
    const isKnown = this.#config.initialBrokers.includes(from) || this.#state.broker(from) !== undefined;
    if (!isKnown) return;
    // One that is on its way since before the broker was started again says nothing of it.
    const known = this.#sessions.get(from)?.beat;
    if (known !== undefined && known.brokerEpoch > beat.brokerEpoch) return;
    this.#sessions.set(from, { heardUs: nowUs, beat });
  }

  /** When `settle` has something to do. */
  get dueUs(): number {
    if (this.#sessions === undefined) return Infinity;
    let dueUs = this.#balanceUs;
    for (const broker of this.#state.brokers) {
      if (broker.fenced || this.#duties.isBlocked(fenceDuty(broker))) continue;
      dueUs = Math.min(dueUs, this.#sessionEndUs(broker.id));
    }
    return dueUs;
  }

  /** Proposes what follows from what was heard, and from what was not. */
  settle(nowUs: number): void {
    if (this.#sessions === undefined) return;
    this.#sleptUntil(nowUs);
    for (const broker of this.#state.brokers) this.#look(broker, nowUs);
    if (nowUs < this.#balanceUs) return;
    this.#balanceUs = nowUs + this.#config.leaderBalanceIntervalUs;
    if (!this.#isImbalanced()) return;
    const { preferred: electionType } = electionTypes;
    this.#duties.begin('balance', createCommand('electLeaders', { electionType, all: true }));
  }

  /**
   * Steps come at least as often as beats. A controller that was not stepped for longer could hear nobody meanwhile: that time
   * counts for no session.
   */
  #sleptUntil(nowUs: number): void {
    const sleptUs = nowUs - this.#settledUs - this.#config.beatIntervalUs;
    this.#settledUs = nowUs;
    if (sleptUs <= 0) return;
    this.#sinceUs += sleptUs;
    for (const session of this.#sessions?.values() ?? [])
      session.heardUs = Math.min(nowUs, session.heardUs + sleptUs);
  }

  #look(broker: BrokerState, nowUs: number): void {
    const life = { broker: broker.id, brokerEpoch: broker.epoch };
    if (!broker.fenced && this.#sessionEndUs(broker.id) <= nowUs) {
      this.#duties.begin(fenceDuty(broker), createCommand('fenceBroker', life));
      return;
    }
    const beat = this.#sessions?.get(broker.id)?.beat;
    if (beat?.brokerEpoch !== broker.epoch) return;
    if (beat.wantsShutdown) this.#lookAtLeaving(broker);
    else if (broker.fenced && beat.appliedIndex >= broker.epoch && this.#sessionEndUs(broker.id) > nowUs) {
      this.#duties.begin(`unfence ${broker.id}@${broker.epoch}`, createCommand('unfenceBroker', life));
    }
  }

  /** One that is about to stop first leads nothing, then is away: whoever asks is told so before it is. */
  #lookAtLeaving(broker: BrokerState): void {
    const { id, epoch, fenced, inControlledShutdown } = broker;
    if (fenced) return;
    const life = { broker: id, brokerEpoch: epoch };
    if (!inControlledShutdown) {
      this.#duties.begin(`shutdown ${id}@${epoch}`, createCommand('beginControlledShutdown', life));
    } else if (this.#state.load(id).leaders === 0) {
      this.#duties.begin(fenceDuty(broker), createCommand('fenceBroker', life));
    }
  }

  #sessionEndUs(id: NodeId): number {
    const heardUs = this.#sessions?.get(id)?.heardUs ?? this.#sinceUs;
    return heardUs + this.#config.sessionTimeoutUs;
  }

  /** Some partition is led by another than its preferred leader, which could lead it. */
  #isImbalanced(): boolean {
    for (const { partitions } of this.#state.topics()) {
      for (const { replicas, isr, leader } of partitions) {
        const [preferred] = replicas;
        if (preferred === undefined || leader === preferred) continue;
        if (isr.includes(preferred) && this.#state.isActive(preferred)) return true;
      }
    }
    return false;
  }
}

function fenceDuty({ id, epoch }: BrokerState): string {
  return `fence ${id}@${epoch}`;
}
