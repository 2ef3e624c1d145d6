import { type Logger } from 'pino';

import { type AddressBook } from '../../adapters/peer/address-book.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { type Member } from '../../core/chainfire/api/cluster.ts';
import { type MemberView } from '../../core/chainfire/view.ts';
import { type Configuration } from '../../core/raft/types.ts';
import { type ClusterFile } from './cluster-file.ts';
import { placeOf } from './cluster-place.ts';

/** Where members are to be found may change without a change of who they are; then it is seen within this time. */
const lookUs = 100_000;

/**
 * Keeps the ways to the other members as the cluster has agreed upon them: who they are and where, as this member has applied
 * it. What the next start begins with is written down beside.
 */
export class Neighbours {
  readonly #view: MemberView;
  readonly #book: AddressBook;
  readonly #transport: { setMembers(members: readonly NodeId[]): void };
  readonly #clusterFile: ClusterFile;
  readonly #log: Logger;
  readonly #onChanged: (members: readonly Member[]) => void;
  #lookedAtIndex = -1;
  #configuration: Configuration | undefined;
  #againUs = 0;
  /** As they were, to compare. */
  #members = '';
  #listed = '';

  constructor(parts: {
    readonly view: MemberView;
    readonly book: AddressBook;
    readonly transport: { setMembers(members: readonly NodeId[]): void };
    readonly clusterFile: ClusterFile;
    readonly log: Logger;
    /** Called when anything of the members has changed, but for what was there at the start. */
    readonly onChanged: (members: readonly Member[]) => void;
  }) {
    this.#view = parts.view;
    this.#book = parts.book;
    this.#transport = parts.transport;
    this.#clusterFile = parts.clusterFile;
    this.#log = parts.log;
    this.#onChanged = parts.onChanged;
    this.look(0);
  }

  /** To be called after steps: cheap while nothing was applied. */
  look(nowUs: number): void {
    const { appliedIndex, raft } = this.#view;
    if (appliedIndex === this.#lookedAtIndex) return;
    if (raft.configuration === this.#configuration && nowUs < this.#againUs) return;
    this.#lookedAtIndex = appliedIndex;
    this.#configuration = raft.configuration;
    this.#againUs = nowUs + lookUs;
    const listed = this.#view.members;
    this.#tell(listed);
    const members = listed.map(({ id, name, peerUrls }) => ({ id: Number(id), name, peerUrls }));
    const text = JSON.stringify(members);
    if (text === this.#members) return;
    const isFirst = this.#members === '';
    this.#members = text;
    this.#book.agreed(members.map(placeOf));
    this.#transport.setMembers(this.#book.members);
    // One that joins reads of the members before its time; whom it was told of is better.
    if (members.some(({ id }) => id === raft.id)) this.#clusterFile.change({ members });
    if (!isFirst) this.#log.info({ members: members.map(({ id, name }) => `${id} ${name}`) }, 'members');
  }

  #tell(listed: readonly Member[]): void {
    const text = JSON.stringify(listed.map((member) => ({ ...member, id: String(member.id) })));
    if (text === this.#listed) return;
    const isFirst = this.#listed === '';
    this.#listed = text;
    if (!isFirst) this.#onChanged(listed);
  }
}
