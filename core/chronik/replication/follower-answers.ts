import { type NodeId } from '../../base/ids.ts';
import { FollowerWindow } from './follower-window.ts';
import { recordsBytes } from './message-codec.ts';
import { type FetchAnswer } from './messages.ts';
import { type Partition } from './partition.ts';
import { type ReplicaProgress } from './replica-progress.ts';
import { type ReplicationSettings } from './settings.ts';
import { type ReplicationThrottle } from './throttle.ts';

interface Ready {
  readonly partition: Partition;
  readonly progress: ReplicaProgress;
}

/**
 * What this broker has to answer to the fetches of one other. Partitions that have something for it stand in a queue, and one
 * that was answered comes behind all others: none starves. What the follower's window does not let through waits there.
 */
export class FollowerAnswers {
  readonly to: NodeId;
  readonly #window: FollowerWindow;
  readonly #partitionBytesMax: number;
  readonly #throttle: ReplicationThrottle;
  #direct: FetchAnswer[] = [];
  #ready: Ready[] = [];
  /** When one that the throttle held back may be answered. */
  #openUs = Infinity;

  constructor(to: NodeId, settings: ReplicationSettings, throttle: ReplicationThrottle) {
    this.to = to;
    this.#throttle = throttle;
    this.#window = new FollowerWindow(settings.followerBytesMax, settings.fetchTimeoutMaxUs);
    this.#partitionBytesMax = settings.partitionBytesMax;
  }

  /** Without records: leaves with the next message. */
  add(answer: FetchAnswer): void {
    this.#direct.push(answer);
  }

  enqueue(partition: Partition, progress: ReplicaProgress): void {
    if (progress.queued) return;
    progress.queued = true;
    this.#ready.push({ partition, progress });
  }

  /** The follower has got what was on its way to this partition, or nobody waits for it. */
  arrived(progress: ReplicaProgress): void {
    if (progress.inFlight === undefined) return;
    this.#window.free(progress.inFlight);
    progress.inFlight = undefined;
  }

  /** When a full window may be taken for lost, or the throttle opens; `Infinity` while nobody waits for either. */
  get deadlineUs(): number {
    return this.#ready.length === 0 ? Infinity : Math.min(this.#window.deadlineUs, this.#openUs);
  }

  /** What may leave now. */
  take(nowUs: number): readonly FetchAnswer[] {
    this.#window.expire(nowUs);
    const answers = this.#direct;
    this.#direct = [];
    let taken = 0;
    const held: Ready[] = [];
    this.#openUs = Infinity;
    for (const ready of this.#ready) {
      const { partition, progress } = ready;
      if (!this.#window.isEmpty && this.#window.freeBytes < this.#partitionBytesMax) break;
      taken += 1;
      const openUs = this.#throttle.answerUs(partition, this.to);
      if (openUs > nowUs) {
        held.push(ready);
        this.#openUs = Math.min(this.#openUs, openUs);
        continue;
      }
      progress.queued = false;
      const answer = partition.leadership?.takeAnswer(progress);
      if (answer === undefined) continue;
      answers.push(answer);
      const bytes = recordsBytes(answer.records);
      if (bytes > 0) progress.inFlight = this.#window.add(bytes, nowUs);
      this.#throttle.answered(partition, this.to, bytes, nowUs);
    }
    if (taken > 0) this.#ready = [...held, ...this.#ready.slice(taken)];
    return answers;
  }
}
