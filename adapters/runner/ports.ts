import { type NodeId } from '../../core/base/ids.ts';
import { type StorageBackend, type StoreView } from '../../core/storage/backend.ts';

/** What the production runner needs of the network between nodes. */
export interface PeerTransport<Message, Header> {
  /** Fire and forget: never throws, drops what exceeds its bound (machines repair losses themselves). */
  send(to: NodeId, messages: readonly Message[]): void;
  /**
   * Streams every table of the view in chunks, with back-pressure, and resolves once the other side has staged all of
   * it and stepped its machine. Rejects when it has not. Does not close the view.
   */
  sendSnapshot(to: NodeId, header: Header, view: StoreView, tables: readonly string[]): Promise<void>;
}

/** A store as the production runner needs it: lent to the machine, and reporting what became durable. */
export interface DurableStore extends StorageBackend {
  /** Called with the highest batch number that is durable; never twice with the same. */
  onStored: (storeSeq: number) => void;
  /** Called when a batch could not be made durable; the process must stop. */
  onFailed: (reason: Error) => void;
  /** Writes what is pending, waits for the disk, and closes. */
  close(): Promise<void>;
}
