import { type NodeId } from '../../core/base/ids.ts';
import { type Prng } from '../../core/base/prng.ts';
import { type ChainfireMember } from '../../core/chainfire/member.ts';
import { leaveJoint, membersOf } from '../../core/raft/configuration.ts';
import { isQuorum } from '../../core/raft/quorum.ts';
import { type Configuration } from '../../core/raft/types.ts';
import { type Cluster, type MemberProcess } from '../cluster.ts';

/**
 * The configurations that may be in force, or come to be: the newest that is known to be committed, and every later one in
 * anybody's log, with what it leads to. Of a member that is down, the last that was seen of it; it may have lost the end of
 * its log since, and with it a configuration that then nobody needs.
 */
export function configurationsInForce(cluster: Cluster): readonly Configuration[] {
  const lives = [...cluster.lives].map(([member, { view }]) => ({ member, raft: view.raft }));
  let committedIndex = 0;
  for (const { raft } of lives) {
    if (raft.configurationIndex <= raft.commitIndex)
      committedIndex = Math.max(committedIndex, raft.configurationIndex);
  }
  const found: Configuration[] = [];
  for (const { member, raft } of lives) {
    const isHere = raft.configurationIndex <= raft.commitIndex || cluster.home(member)?.stopped === false;
    if (!isHere || raft.configurationIndex < committedIndex) continue;
    found.push(raft.configuration, leaveJoint(raft.configuration));
  }
  return found;
}

/** Whether somebody's log holds a change of the members that has not come to its end. */
export function isChanging(lives: Iterable<ChainfireMember>): boolean {
  for (const { view } of lives) {
    if (
      view.membership.change !== undefined ||
      !view.raft.configurationSettled ||
      view.membership.aspirants.length > 0
    ) {
      return true;
    }
  }
  return false;
}

/**
 * Machines whose members suffice whichever of the configurations is in force; those that nobody will ever start again are no
 * part of it. Everyone, or as few as the draw says, but never so few that some configuration would lack a quorum.
 */
export function drawCore(
  cluster: Cluster,
  configurations: readonly Configuration[],
  options: { readonly everyone: boolean; readonly prng: Prng },
): readonly MemberProcess[] {
  const { everyone, prng } = options;
  const wanted = new Set<NodeId>(configurations.flatMap(membersOf));
  const left = cluster.processes.filter(({ stopped, member }) => !stopped && wanted.has(member));
  if (everyone) return left;
  const majority = Math.floor(left.length / 2) + 1;
  const size = majority + prng.below(left.length - majority + 1);
  for (let tries = left.length * 2; left.length > size && tries > 0; tries -= 1) {
    const position = prng.below(left.length);
    const rest = new Set(left.filter((_, at) => at !== position).map(({ member }) => member));
    if (configurations.every((configuration) => isQuorum(configuration, (id) => rest.has(id))))
      left.splice(position, 1);
  }
  return left;
}

/** Those that run and were removed: told so, they stop. */
export function leavers(
  cluster: Cluster,
  configurations: readonly Configuration[],
): readonly MemberProcess[] {
  const members = new Set<NodeId>(configurations.flatMap(membersOf));
  return cluster.processes.filter(({ alive, member }) => alive && !members.has(member));
}
