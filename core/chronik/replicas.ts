import { type SegmentCut } from '../base/effects.ts';
import { type NodeId } from '../base/ids.ts';
import { type SegmentRepair } from '../storage/segment-files.ts';
import { type LogConfig } from './log/config.ts';
import { partitionDirectory, partitionOfFile } from './log/file-names.ts';
import { PartitionLog } from './log/partition-log.ts';
import { logConfigOf } from './log-config.ts';
import { type Configs } from './configs.ts';
import { type MetadataChanges, type MetadataImage, type TopicState } from './metadata/image.ts';
import { type PartitionState } from './metadata/rows.ts';
import { type PartitionAssignment } from './replication/assignment.ts';
import { type Replication } from './replication/replication.ts';
import { type PartitionKey, partitionKeyText } from './types.ts';

/** A replica on this broker. */
export interface Replica {
  readonly key: PartitionKey;
  readonly topic: string;
  readonly directory: string;
  readonly log: PartitionLog;
}

const partitionsPrefix = 'partitions/';

/**
 * The replicas of this broker: those that the metadata says it has, each with its log. Opens, hands to replication, and takes
 * away as the metadata changes. What lies on the disk and is nobody's is removed once this broker has caught up with what was
 * decided while it was away.
 */
export class Replicas {
  readonly #id: NodeId;
  readonly #segments: SegmentRepair;
  readonly #image: MetadataImage;
  readonly #configs: Configs;
  readonly #replication: Replication;
  readonly #cut: (cuts: readonly SegmentCut[]) => void;
  /** By `partitionKeyText`, in the order of their opening. */
  readonly #replicas = new Map<string, Replica>();
  /** Logs that were here at the start and that the metadata has said nothing of yet: their files, by `partitionKeyText`. */
  readonly #strangers = new Map<string, string[]>();
  /** Files that leave with this step's effects: until then a log of the same place cannot be opened. */
  readonly #leaving = new Set<string>();
  /** Partitions that wait for that. */
  #postponed: PartitionKey[] = [];
  /** What the metadata says of this broker's partitions is what it says now, and not only what it said once. */
  #isCaughtUp = false;

  constructor(given: {
    readonly id: NodeId;
    readonly segments: SegmentRepair;
    readonly image: MetadataImage;
    readonly configs: Configs;
    readonly replication: Replication;
    /** Carries cuts out at the end of the step, in order. */
    readonly cut: (cuts: readonly SegmentCut[]) => void;
  }) {
    this.#id = given.id;
    this.#segments = given.segments;
    this.#image = given.image;
    this.#configs = given.configs;
    this.#replication = given.replication;
    this.#cut = given.cut;
    this.#findStrangers();
  }

  get size(): number {
    return this.#replicas.size;
  }

  replica(key: PartitionKey): Replica | undefined {
    return this.#replicas.get(partitionKeyText(key));
  }

  /** In the order of their opening. */
  all(): Iterable<Replica> {
    return this.#replicas.values();
  }

  /** There are partitions to be opened in the next step. */
  get hasWork(): boolean {
    return this.#postponed.length > 0;
  }

  /** A step begins: whatever the one before has cut is gone. */
  stepBegun(nowUs: number): void {
    this.#leaving.clear();
    if (this.#postponed.length === 0) return;
    const postponed = this.#postponed;
    this.#postponed = [];
    for (const key of postponed) this.#look(key, nowUs);
  }

  /** What the metadata says now; the replicas become that. */
  changed(changes: MetadataChanges, nowUs: number): void {
    if (changes.replaced) {
      this.#lookAtAll(nowUs);
      return;
    }
    for (const topic of changes.topicsDeleted) {
      topic.partitions.forEach((_, partition) => this.#drop({ created: topic.created, partition }));
    }
    for (const key of changes.partitions) this.#look(key, nowUs);
    for (const topic of changes.topicConfigs) {
      topic.partitions.forEach((_, partition) => this.#look({ created: topic.created, partition }, nowUs));
    }
  }

  /**
   * This broker has applied its own registration, and with it everything that was decided before: what is still nobody's
   * belongs to topics that were deleted, or to partitions that moved away.
   */
  caughtUp(nowUs: number): void {
    this.#isCaughtUp = true;
    this.#lookAtAll(nowUs);
    for (const files of this.#strangers.values()) this.#remove(files);
    this.#strangers.clear();
  }

  #lookAtAll(nowUs: number): void {
    for (const { key } of [...this.#replicas.values()]) {
      if (this.#image.partition(key) === undefined) this.#drop(key);
    }
    for (const topic of this.#image.topics()) {
      topic.partitions.forEach((_, partition) => this.#look({ created: topic.created, partition }, nowUs));
    }
  }

  #look(key: PartitionKey, nowUs: number): void {
    const topic = this.#image.topicByCreated(key.created);
    const state = topic?.partitions[key.partition];
    if (topic === undefined || state?.replicas.includes(this.#id) !== true) {
      // What this broker knew when it ended may be older than its files: a partition that moved away may have come back.
      if (topic === undefined || this.#isCaughtUp) this.#drop(key);
      else if (this.#replicas.has(partitionKeyText(key))) this.#replication.unassign(key);
      return;
    }
    const directory = partitionDirectory(topic.name, key);
    if (this.#leaving.has(directory)) {
      this.#postponed.push(key);
      return;
    }
    const config = logConfigOf(this.#configs.topic(topic));
    const replica = this.#open(key, topic, { directory, config });
    replica.log.configure(config);
    if (replica.log.damage !== undefined && !this.#mayMend(replica, state)) return;
    this.#replication.assign(this.#assignmentOf(key, topic, state), replica.log, nowUs);
  }

  /**
   * What was durable here and is lost can be fetched again where another replica is in sync. Where there is none, this one
   * stays offline: it would lead, and what it lost would be lost without a word.
   */
  #mayMend({ log }: Replica, { isr }: PartitionState): boolean {
    if (isr.every((id) => id === this.#id)) return false;
    this.#cut(log.discardDamaged());
    return true;
  }

  #open(
    key: PartitionKey,
    topic: TopicState,
    given: { readonly directory: string; readonly config: LogConfig },
  ): Replica {
    const text = partitionKeyText(key);
    const known = this.#replicas.get(text);
    if (known !== undefined) return known;
    this.#strangers.delete(text);
    const { directory } = given;
    const log = PartitionLog.recover(this.#segments, given);
    const replica = { key, topic: topic.name, directory, log };
    this.#replicas.set(text, replica);
    return replica;
  }

  #assignmentOf(key: PartitionKey, topic: TopicState, state: PartitionState): PartitionAssignment {
    const config = this.#configs.topic(topic);
    const { minInsyncReplicas, cleanup } = config;
    const own = [`${key.partition}:${this.#id}`, '*'];
    const { replicas, isr, leader, leaderEpoch, partitionEpoch } = state;
    return {
      key,
      topic: topic.name,
      replicas,
      isr,
      leader,
      leaderEpoch,
      partitionEpoch,
      minInsyncReplicas,
      mayDeleteRecords: cleanup.delete,
      isThrottledAsLeader: config.leaderThrottledReplicas.some((one) => own.includes(one)),
      isThrottledAsFollower: config.followerThrottledReplicas.some((one) => own.includes(one)),
    };
  }

  /** This broker is to hold nothing of it any more. */
  #drop(key: PartitionKey): void {
    const text = partitionKeyText(key);
    const stranger = this.#strangers.get(text);
    if (stranger !== undefined) this.#remove(stranger);
    this.#strangers.delete(text);
    const replica = this.#replicas.get(text);
    if (replica === undefined) return;
    this.#replication.unassign(key);
    this.#replicas.delete(text);
    this.#leaving.add(replica.directory);
    this.#cut(replica.log.remove());
  }

  /** At once rather than behind the next sync: a log that is opened in the same place later must not lose its files to it. */
  #remove(files: readonly string[]): void {
    this.#cut(files.map((file) => ({ file, lengthBytes: 0 })));
  }

  #findStrangers(): void {
    for (const { file } of this.#segments.list(partitionsPrefix)) {
      const of = partitionOfFile(file);
      if (of === undefined) continue;
      const text = partitionKeyText(of.key);
      const files = this.#strangers.get(text);
      if (files === undefined) this.#strangers.set(text, [file]);
      else files.push(file);
    }
  }
}
