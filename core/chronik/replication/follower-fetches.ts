import { type NodeId } from '../../base/ids.ts';
import { type BrokerEpoch } from '../types.ts';
import { type FetchPosition, type ReplicationMessage, type SyncedMark } from './messages.ts';
import { type Partition } from './partition.ts';
import { type ReplicationThrottle } from './throttle.ts';

/**
 * What this broker has to ask and to tell the leaders of the partitions that it follows: gathered in a step, so that each leader
 * has one message for all of them.
 */
export class FollowerFetches {
  readonly #id: NodeId;
  readonly #throttle: ReplicationThrottle;
  readonly #send: (to: NodeId, message: ReplicationMessage) => void;
  #fetchSeq = 0;
  readonly #fetchesDue = new Set<Partition>();
  /** When a fetch that the throttle held back may be made. */
  #openUs = Infinity;
  readonly #syncedDue = new Set<Partition>();

  constructor(given: {
    readonly id: NodeId;
    readonly throttle: ReplicationThrottle;
    readonly send: (to: NodeId, message: ReplicationMessage) => void;
  }) {
    this.#id = given.id;
    this.#throttle = given.throttle;
    this.#send = given.send;
  }

  /** When there is something to send that is held back until then. */
  get deadlineUs(): number {
    return this.#fetchesDue.size === 0 ? Infinity : this.#openUs;
  }

  fetchDue(partition: Partition): void {
    this.#fetchesDue.add(partition);
  }

  syncedDue(partition: Partition): void {
    this.#syncedDue.add(partition);
  }

  forget(partition: Partition): void {
    this.#fetchesDue.delete(partition);
    this.#syncedDue.delete(partition);
  }

  /** Fetches that are due. */
  sendFetches(brokerEpoch: BrokerEpoch, nowUs: number): void {
    this.#openUs = Infinity;
    if (this.#fetchesDue.size === 0) return;
    const positions = new Map<NodeId, FetchPosition[]>();
    this.#fetchSeq += 1;
    const fetchSeq = this.#fetchSeq;
    for (const partition of this.#fetchesDue) {
      const openUs = this.#throttle.fetchUs(partition, this.#id);
      if (openUs > nowUs) {
        this.#openUs = Math.min(this.#openUs, openUs);
        continue;
      }
      this.#fetchesDue.delete(partition);
      const { following } = partition;
      const position = following?.takeFetch(fetchSeq, nowUs);
      if (following === undefined || position === undefined) continue;
      this.#syncedDue.delete(partition);
      pushTo(positions, following.leader, position);
    }
    for (const [leader, gathered] of positions) {
      this.#send(leader, { kind: 'replicaFetch', fetchSeq, brokerEpoch, positions: gathered });
    }
  }

  /** What was synced, where no fetch says so. */
  sendSynced(brokerEpoch: BrokerEpoch): void {
    if (this.#syncedDue.size === 0) return;
    const marks = new Map<NodeId, SyncedMark[]>();
    for (const { following, key } of this.#syncedDue) {
      const syncedOffset = following?.takeSynced();
      if (following === undefined || syncedOffset === undefined) continue;
      pushTo(marks, following.leader, { key, leaderEpoch: following.epoch, syncedOffset });
    }
    this.#syncedDue.clear();
    for (const [leader, gathered] of marks) {
      this.#send(leader, { kind: 'replicaSynced', brokerEpoch, marks: gathered });
    }
  }
}

function pushTo<T>(lists: Map<NodeId, T[]>, key: NodeId, item: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [item]);
  else list.push(item);
}
