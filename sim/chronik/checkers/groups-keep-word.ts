import { kafkaErrors } from '../../../core/wire/kafka/error-codes.ts';
import { type ChronikChecker } from '../checker.ts';
import { type ChronikHistory, type GroupCommit, type GroupFetch } from '../history.ts';
import { type ChronikState } from '../state.ts';
import { Violation } from '../../types.ts';

/**
 * From what members of groups were told: a partition has one owner a generation; a commit that was acknowledged is known to
 * everybody who is given the partition in a later generation, unless a later one has taken its place; and none is acknowledged
 * in a generation after somebody was told his share in the next.
 *
 * Not verified: what a member is told that comes again in its own generation, by a coordinator that is cut off and does not
 * know of another; that members are heard of within their sessions.
 */
export class GroupsKeepWord implements ChronikChecker {
  readonly name = 'groups-keep-word';

  onEnd({ history }: ChronikState): void {
    this.#requireOneOwner(history);
    this.#requireFencing(history);
    const commits = byPartition(history.groupCommits);
    for (const fetch of history.groupFetches) {
      this.#requireKnown(fetch, commits.get(`${fetch.groupId} ${fetch.partition}`) ?? []);
    }
  }

  #requireOneOwner({ shares }: ChronikHistory): void {
    const owners = new Map<string, string>();
    for (const { groupId, generation, owner, partitions } of shares) {
      for (const partition of partitions) {
        const key = `partition ${partition} in generation ${generation} of group ${groupId}`;
        const other = owners.get(key) ?? owner;
        if (other !== owner) throw new Violation(this.name, `${key} was given to ${other} and to ${owner}`);
        owners.set(key, owner);
      }
    }
  }

  #requireFencing({ shares, groupCommits }: ChronikHistory): void {
    for (const { groupId, generation, partition, offset, startUs, error } of groupCommits) {
      if (error !== kafkaErrors.NONE) continue;
      const later = shares.find(
        (share) => share.groupId === groupId && share.generation > generation && share.atUs < startUs,
      );
      if (later === undefined) continue;
      throw new Violation(
        this.name,
        `offset ${offset} of partition ${partition} was taken in generation ${generation} of group ${groupId}, ${startUs - later.atUs} µs after ${later.owner} was told its share in generation ${later.generation}`,
      );
    }
  }

  /** The last acknowledged of an earlier generation, or one whose fate is unknown that may have come behind it. */
  #requireKnown(
    { generation, partition, offset, startUs, groupId }: GroupFetch,
    all: readonly GroupCommit[],
  ): void {
    const earlier = all.filter((commit) => commit.generation < generation);
    let last: GroupCommit | undefined;
    for (const commit of earlier) {
      const counts = commit.error === kafkaErrors.NONE && (commit.endUs ?? Infinity) <= startUs;
      if (counts && commit.generation >= (last?.generation ?? 0)) last = commit;
    }
    if (offset === (last?.offset ?? -1)) return;
    const mayHaveCounted = all.some(
      (commit) =>
        commit.offset === offset &&
        commit !== last &&
        commit.generation >= (last?.generation ?? 0) &&
        commit.startUs <= startUs &&
        isOpen(commit, startUs, generation),
    );
    if (mayHaveCounted) return;
    const known =
      last === undefined ? 'none' : `${last.offset}, acknowledged in generation ${last.generation}`;
    throw new Violation(
      this.name,
      `of partition ${partition} offset ${offset} was told in generation ${generation} of group ${groupId}, where the last is ${known}`,
    );
  }
}

/** In its own generation a member may have gone on; before, what was not acknowledged may have counted all the same. */
function isOpen({ generation, error, endUs }: GroupCommit, atUs: number, ofGeneration: number): boolean {
  if (generation >= ofGeneration) return true;
  return error === undefined || error !== kafkaErrors.NONE || (endUs ?? Infinity) > atUs;
}

function byPartition(commits: readonly GroupCommit[]): ReadonlyMap<string, readonly GroupCommit[]> {
  const found = new Map<string, GroupCommit[]>();
  for (const commit of commits) {
    const key = `${commit.groupId} ${commit.partition}`;
    const others = found.get(key) ?? [];
    others.push(commit);
    found.set(key, others);
  }
  return found;
}
