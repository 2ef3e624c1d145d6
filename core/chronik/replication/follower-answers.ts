import { type NodeId } from '../../base/ids.ts';
import { FollowerWindow } from './follower-window.ts';
import { recordsBytes } from './message-codec.ts';
import { type FetchAnswer } from './messages.ts';
import { type Partition } from './partition.ts';
import { type ReplicaProgress } from './replica-progress.ts';
import { type ReplicationSettings } from './settings.ts';

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
  #direct: FetchAnswer[] = [];
  #ready: Ready[] = [];

  constructor(to: NodeId, settings: ReplicationSettings) {
    this.to = to;
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

  /** When a full window may be taken for lost; `Infinity` while nobody waits for it. */
  get deadlineUs(): number {
    return this.#ready.length === 0 ? Infinity : this.#window.deadlineUs;
  }

  /** What may leave now. */
  take(nowUs: number): readonly FetchAnswer[] {
    this.#window.expire(nowUs);
    const answers = this.#direct;
    this.#direct = [];
    let taken = 0;
    for (const { partition, progress } of this.#ready) {
      if (!this.#window.isEmpty && this.#window.freeBytes < this.#partitionBytesMax) break;
      taken += 1;
      progress.queued = false;
      const answer = partition.leadership?.takeAnswer(progress);
      if (answer === undefined) continue;
      answers.push(answer);
      const bytes = recordsBytes(answer.records);
      if (bytes > 0) progress.inFlight = this.#window.add(bytes, nowUs);
    }
    if (taken > 0) this.#ready = this.#ready.slice(taken);
    return answers;
  }
}
