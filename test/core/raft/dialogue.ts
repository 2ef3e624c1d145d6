import { latin1FromBytes } from '../../../core/base/bytes.ts';
import { type NodeId, nodeId } from '../../../core/base/ids.ts';
import { decodeConfiguration } from '../../../core/raft/configuration.ts';
import {
  type Configuration,
  type Entry,
  type RaftMessage,
  type RaftNodeEffect,
} from '../../../core/raft/types.ts';
import { Cluster, group1, type Packet } from './cluster.ts';
import { appendRequest, received } from './scene.ts';

/**
 * Plays a script and writes down who says what. A script is lines; `#` begins a comment, `>` a line that was written down.
 *
 * ```
 * cluster 3 voters 1,2,3   members 1 … 3, started and at rest; the first three are voters
 * history 2 1,1,3          gives a member entries of these terms, as a leader of the last of them would
 * tick 1                   the member's deadline comes
 * sync 1                   its disk has caught up
 * pass 1>2                 the oldest message on the link arrives; `lose 1>2` loses it
 * propose 1 a b            a client's commands
 * change 1 2,3,4           a new set of voters
 * settle                   everything is synced and arrives, until nobody has anything to say
 * show                     the members as they are
 * ```
 */
export function play(script: string): string {
  const dialogue = new Dialogue();
  const lines: string[] = [];
  for (const line of script.split('\n')) {
    if (line.startsWith('>')) continue;
    lines.push(line);
    if (line.trim() === '' || line.startsWith('#')) continue;
    for (const said of dialogue.perform(line.trim().split(/\s+/))) lines.push(`> ${said}`);
  }
  return lines.join('\n');
}

class Dialogue {
  #cluster = new Cluster({ members: 1 });
  #said: string[] = [];

  perform([verb = '', first = '', ...rest]: readonly string[]): readonly string[] {
    this.#said = [];
    const id = Number(first);
    switch (verb) {
      case 'cluster':
        this.#open(id, rest);
        break;
      case 'history':
        this.#history(id, rest);
        break;
      case 'tick':
        this.#cluster.nowUs = Math.max(this.#cluster.nowUs, this.#cluster.member(id).node.deadlineUs);
        this.#cluster.step(id, { kind: 'tick' });
        break;
      case 'sync':
        this.#cluster.sync(id);
        break;
      case 'pass':
        this.#cluster.deliver(this.#take(first));
        break;
      case 'lose':
        this.#take(first);
        break;
      case 'propose':
        this.#cluster.propose(id, ...rest);
        break;
      case 'change':
        this.#cluster.step(id, {
          kind: 'configurationProposed',
          group: group1,
          configuration: { voters: members(rest[0]), outgoing: [], learners: [] },
        });
        break;
      case 'settle':
        this.#cluster.settle();
        break;
      case 'show':
        this.#show();
        break;
      default:
        throw new Error(`a dialogue knows no "${verb}"`);
    }
    return this.#said;
  }

  #open(count: number, [, voters]: readonly string[]): void {
    const initial: Configuration = { voters: members(voters), outgoing: [], learners: [] };
    this.#cluster = new Cluster({ members: count, initial });
    this.#cluster.settle();
    this.#cluster.observe = (member, effects) => {
      for (const effect of effects) this.#said.push(...describe(member.id, effect));
    };
  }

  #history(id: number, [terms = '']: readonly string[]): void {
    const entries = terms.split(',').map((term, at): Entry => ({
      index: at + 1,
      term: Number(term),
      kind: 'command',
      data: Uint8Array.of(0x61 + at),
    }));
    const term = entries.at(-1)?.term ?? 0;
    const from = id === 1 ? 2 : 1;
    this.#cluster.step(id, received(from, appendRequest({ term, entries })));
    this.#cluster.sync(id);
    this.#cluster.packets = [];
    this.#said = [];
  }

  #take(link: string): Packet {
    const at = this.#cluster.packets.findIndex(({ from, to }) => `${from}>${to}` === link);
    const [packet] = at < 0 ? [] : this.#cluster.packets.splice(at, 1);
    if (packet === undefined) throw new Error(`nothing is on its way over ${link}`);
    return packet;
  }

  #show(): void {
    for (const { id, view } of this.#cluster.members.values()) {
      const log = Array.from({ length: view.lastIndex - view.firstIndex + 1 }, (_, at) =>
        view.termAt(view.firstIndex + at),
      );
      this.#said.push(
        `${id} ${view.role} term ${view.term} leader ${view.leader} commit ${view.commitIndex} ` +
          `log [${log.join(' ')}] ${configurationText(view.configuration)}`,
      );
    }
  }
}

function members(list = ''): readonly NodeId[] {
  return list.split(',').map((id) => nodeId(Number(id)));
}

function describe(id: NodeId, effect: RaftNodeEffect): readonly string[] {
  switch (effect.kind) {
    case 'persist':
      return [`${id} persists ${effect.syncSeq}`];
    case 'send': {
      const gate = effect.afterSyncSeq === 0 ? '' : ` after ${effect.afterSyncSeq}`;
      return effect.messages.map(({ message }) => `${id}>${effect.to}${gate} ${messageText(message)}`);
    }
    case 'leaderChanged':
      return [`${id} is ${effect.role}, term ${effect.term}, leader ${effect.leader}`];
    case 'committed':
      return [`${id} can apply`];
    default:
      return [`${id} ${effect.kind}`];
  }
}

function messageText(message: RaftMessage): string {
  switch (message.kind) {
    case 'voteRequest':
      return `${message.preVote ? 'preVote' : 'vote'} in ${message.term}? last ${message.lastIndex}/${message.lastTerm}`;
    case 'voteResponse':
      return `${message.preVote ? 'preVote' : 'vote'} in ${message.term}: ${message.granted ? 'yes' : 'no'}`;
    case 'appendRequest': {
      const entries = message.entries.map(entryText).join(' ');
      return `append in ${message.term} behind ${message.previousIndex}/${message.previousTerm} [${entries}] commit ${message.commitIndex}`;
    }
    case 'appendResponse':
      return message.rejected
        ? `no, not behind ${message.index}; at best at ${message.hintIndex}/${message.hintTerm}`
        : `have up to ${message.index}`;
    default:
      return message.kind;
  }
}

function entryText({ index, term, kind, data }: Entry): string {
  if (kind === 'command') return `${index}/${term}:${latin1FromBytes(data)}`;
  return `${index}/${term}:${kind === 'empty' ? '-' : configurationText(decodeConfiguration(data))}`;
}

function configurationText({ voters, outgoing, learners }: Configuration): string {
  return `(${voters.join(',')}${outgoing.length > 0 ? ` & ${outgoing.join(',')}` : ''}${learners.length > 0 ? ` + ${learners.join(',')}` : ''})`;
}
