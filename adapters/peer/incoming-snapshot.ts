import { type NodeId } from '../../core/base/ids.ts';
import { End, frameKinds, PeerRefusal, Receipt, Rows } from './protocol.ts';
import { decoded, type PeerReceiver } from './receiver.ts';

/** A snapshot on its way in: rows go into a stage as they come, which the machine gets when all are there. */
export class IncomingSnapshot<Message, Header> {
  readonly #receiver: PeerReceiver<Message, Header>;
  readonly #from: NodeId;
  /** Undefined before the header has come, and once the stage was handed over or given back. */
  #stage: { readonly id: number; readonly header: Header } | undefined;
  #rows = 0;

  constructor(receiver: PeerReceiver<Message, Header>, from: NodeId) {
    this.#receiver = receiver;
    this.#from = from;
  }

  /**
   * @returns the encoded receipt, once the snapshot is whole
   * @throws PeerRefusal
   */
  frame(kind: number, payload: Uint8Array): Uint8Array | undefined {
    const stage = this.#stage;
    if (stage === undefined) {
      if (kind !== frameKinds.header) throw new PeerRefusal('MALFORMED', 'a snapshot begins with its header');
      const header = decoded('header', () => this.#receiver.decodeHeader(payload));
      this.#stage = { id: this.#receiver.stages.openStage(), header };
      return undefined;
    }
    switch (kind) {
      case frameKinds.rows:
        this.#stageRows(stage.id, payload);
        return undefined;
      case frameKinds.end: {
        const { rows } = decoded('end', () => End.decode(payload));
        if (rows !== this.#rows) throw new PeerRefusal('INCOMPLETE', `${this.#rows} rows came of ${rows}`);
        this.#stage = undefined;
        this.#receiver.snapshotReceived(this.#from, stage.id, stage.header);
        return Receipt.encode({ rows });
      }
      default:
        throw new PeerRefusal('MALFORMED', `a frame of kind ${kind} inside a snapshot`);
    }
  }

  /** To be called whatever the end is. */
  discard(): void {
    if (this.#stage === undefined) return;
    this.#receiver.stages.discardStage(this.#stage.id);
    this.#stage = undefined;
  }

  #stageRows(stageId: number, payload: Uint8Array): void {
    const { stages } = this.#receiver;
    const { table, rows } = decoded('rows', () => Rows.decode(payload));
    if (!stages.tables.includes(table)) {
      throw new PeerRefusal('MALFORMED', `there is no table ${JSON.stringify(table)}`);
    }
    stages.stageRows(
      stageId,
      table,
      rows.map(({ key, value }) => [key, value] as const),
    );
    this.#rows += rows.length;
  }
}
