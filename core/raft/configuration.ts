import { type NodeId } from '../base/ids.ts';
import { WireError, WireReader } from '../wire/reader.ts';
import { WireWriter } from '../wire/writer.ts';
import { type Configuration } from './types.ts';

/** Members of one role; far above what a group is for, low enough that a broken input cannot exhaust memory. */
export const membersMax = 1_024;

/** The payload of a configuration entry, and part of a snapshot's header. */
export function encodeConfiguration(configuration: Configuration): Uint8Array {
  const writer = new WireWriter();
  writeConfiguration(writer, configuration);
  return writer.finish();
}

/** @throws WireError when the bytes are not a configuration */
export function decodeConfiguration(bytes: Uint8Array): Configuration {
  const reader = new WireReader(bytes);
  const configuration = readConfiguration(reader);
  if (!reader.done) throw new WireError('a configuration is followed by more bytes');
  return configuration;
}

export function writeConfiguration(writer: WireWriter, configuration: Configuration): void {
  writeIds(writer, configuration.voters);
  writeIds(writer, configuration.outgoing);
  writeIds(writer, configuration.learners);
}

/** @throws WireError */
export function readConfiguration(reader: WireReader): Configuration {
  return { voters: readIds(reader), outgoing: readIds(reader), learners: readIds(reader) };
}

/** What may be asked for: at least one voter, nobody twice, sorted, no joint configuration. */
export function isValidTarget(configuration: Configuration): boolean {
  const { voters, outgoing, learners } = configuration;
  if (voters.length === 0 || voters.length > membersMax || learners.length > membersMax) return false;
  if (outgoing.length > 0 || !isSortedSet(voters) || !isSortedSet(learners)) return false;
  return voters.every((voter) => !learners.includes(voter));
}

/**
 * The joint configuration on the way from one to another (Raft §4.3). A voter that becomes a learner is in `outgoing` and
 * in `learners` until the joint configuration is left.
 */
export function enterJoint(current: Configuration, target: Configuration): Configuration {
  return { voters: target.voters, outgoing: current.voters, learners: target.learners };
}

export function leaveJoint(joint: Configuration): Configuration {
  return { voters: joint.voters, outgoing: [], learners: joint.learners };
}

export function isJoint(configuration: Configuration): boolean {
  return configuration.outgoing.length > 0;
}

export function isVoter(configuration: Configuration, id: NodeId): boolean {
  return configuration.voters.includes(id) || configuration.outgoing.includes(id);
}

/** Everybody whom a leader replicates to, ascending, each once. */
export function membersOf(configuration: Configuration): readonly NodeId[] {
  const all = new Set([...configuration.voters, ...configuration.outgoing, ...configuration.learners]);
  return [...all].sort((left, right) => left - right);
}

/** Everybody whose vote counts, ascending, each once. */
export function votersOf(configuration: Configuration): readonly NodeId[] {
  if (configuration.outgoing.length === 0) return configuration.voters;
  return [...new Set([...configuration.voters, ...configuration.outgoing])].sort(
    (left, right) => left - right,
  );
}

export function sameConfiguration(left: Configuration, right: Configuration): boolean {
  return (
    sameIds(left.voters, right.voters) &&
    sameIds(left.outgoing, right.outgoing) &&
    sameIds(left.learners, right.learners)
  );
}

function sameIds(left: readonly NodeId[], right: readonly NodeId[]): boolean {
  return left.length === right.length && left.every((id, at) => id === right[at]);
}

function isSortedSet(ids: readonly NodeId[]): boolean {
  return ids.every((id, at) => Number.isSafeInteger(id) && id > (at === 0 ? 0 : (ids[at - 1] as number)));
}

function writeIds(writer: WireWriter, ids: readonly NodeId[]): void {
  writer.varint(ids.length);
  for (const id of ids) writer.varint(id);
}

function readIds(reader: WireReader): readonly NodeId[] {
  const count = reader.varint();
  if (count > membersMax)
    throw new WireError(`a configuration names ${count} members; ${membersMax} are allowed`);
  const ids: NodeId[] = [];
  for (let at = 0; at < count; at += 1) {
    const id = reader.varint() as NodeId;
    if (id <= (ids.at(-1) ?? 0)) throw new WireError('members of a configuration are not in ascending order');
    ids.push(id);
  }
  return ids;
}
