import { type NodeId } from '../../core/base/ids.ts';
import { type StorageBackend } from '../../core/storage/backend.ts';
import { WireError } from '../../core/wire/reader.ts';
import { type Address } from '../config/address.ts';
import { type Enquiry, type PeerIdentity, PeerRefusal } from './protocol.ts';

/** What the receiving side needs of the node behind it. */
export interface PeerReceiver<Message, Header> {
  readonly own: PeerIdentity;
  /**
   * Whether a node that calls may speak here, and where it says that it is to be found.
   *
   * @throws PeerRefusal when nobody can say, or too many speak already
   */
  admits(id: NodeId, address: Address | undefined): boolean;
  /** Its name, where it is known: who shows a certificate must be named so in it. @throws PeerRefusal when nobody can say */
  nameOf(id: NodeId): string | undefined;
  /** Whether a node that was admitted still may speak. @throws PeerRefusal when nobody can say */
  knows(id: NodeId): boolean;
  /**
   * The cluster and its members, encoded, for one that speaks for no member: as the cluster has agreed upon them by now
   * (`introduction`), or as this node knows them, without asking anybody (`acquaintance`). Rejects with a PeerRefusal.
   */
  introduce(purpose: Enquiry): Promise<Uint8Array>;
  /** @throws WireError */
  decodeMessages(bytes: Uint8Array): readonly Message[];
  /** @throws WireError */
  decodeHeader(bytes: Uint8Array): Header;
  received(from: NodeId, messages: readonly Message[]): void;
  readonly stages: Pick<StorageBackend, 'openStage' | 'stageRows' | 'discardStage' | 'tables'>;
  /** The stage is whole and now belongs to the machine, which installs or discards it. */
  snapshotReceived(from: NodeId, stageId: number, header: Header): void;
}

/** @throws PeerRefusal MALFORMED for what the peer sent in place of `what` */
export function decoded<T>(what: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof WireError) throw new PeerRefusal('MALFORMED', `malformed ${what}: ${error.message}`);
    throw error;
  }
}
