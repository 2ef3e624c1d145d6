import { type NodeId } from '../../core/base/ids.ts';
import { type Prng } from '../../core/base/prng.ts';
import { type ChainfireMember } from '../../core/chainfire/member.ts';
import { isJoint, leaveJoint, membersOf } from '../../core/raft/configuration.ts';
import { isQuorum } from '../../core/raft/quorum.ts';
import { type Configuration, type RaftView } from '../../core/raft/types.ts';
import { type Cluster, type MemberProcess } from '../cluster.ts';

/**
 * The configurations that may be in force, or come to be: the newest that is known to be committed, and every later one in
 * anybody's log, with what it leads to. Of a member that is down, the last that was seen of it; it may have lost the end of
 * its log since, and with it a configuration that then nobody needs. Of a member that has left, the last that it knew, unless
 * somebody has come further since.
 */
export function configurationsInForce(cluster: Pick<Cluster, 'lives' | 'home'>): readonly Configuration[] {
  const lives = [...cluster.lives].map(([member, { view }]) => ({ member, raft: view.raft }));
  let committedIndex = 0;
  let commitIndex = 0;
  for (const { raft } of lives) {
    commitIndex = Math.max(commitIndex, raft.commitIndex);
    if (raft.configurationIndex <= raft.commitIndex)
      committedIndex = Math.max(committedIndex, raft.configurationIndex);
  }
  const found: Configuration[] = [];
  for (const { member, raft } of lives) {
    const isHere = raft.configurationIndex <= raft.commitIndex || cluster.home(member)?.stopped === false;
    if (!isHere || raft.configurationIndex < committedIndex) continue;
    if (lives.some((other) => supersedes(other.raft, raft))) continue;
    found.push(raft.configuration, leaveJoint(raft.configuration));
    // It may yet come to nothing, and then what it was to replace stays.
    if (isJoint(raft.configuration) && raft.configurationIndex > commitIndex)
      found.push({ voters: raft.configuration.outgoing, outgoing: [], learners: [] });
  }
  return found;
}

/**
 * True when an older configuration is of no account, since a log holds it as committed and below its own newest one, which
 * need not be committed itself. The one before that is, since nobody enters the next before (Raft §4.1). A joint
 * configuration counts what it replaces along with it; of the others only the end of a joint one has another quorum than the
 * one before it.
 */
function supersedes(
  newer: Pick<RaftView, 'commitIndex' | 'configuration' | 'configurationIndex'>,
  older: Pick<RaftView, 'configuration' | 'configurationIndex'>,
): boolean {
  if (newer.commitIndex < older.configurationIndex || newer.configurationIndex <= older.configurationIndex)
    return false;
  if (isJoint(newer.configuration) || !isJoint(older.configuration)) return true;
  const { voters } = newer.configuration;
  return older.configuration.voters.join() !== voters.join();
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
