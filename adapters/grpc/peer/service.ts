import { crc32c } from '../../../core/base/crc32c.ts';
import { type NodeId } from '../../../core/base/ids.ts';
import { type StorageBackend } from '../../../core/storage/backend.ts';
import { type Infer } from '../../../core/wire/protobuf.ts';
import { WireError } from '../../../core/wire/reader.ts';
import { type CallContext, duplex, type Service } from '../service.ts';
import { StatusError } from '../status.ts';
import {
  Accepted,
  acceptHandshake,
  Batch,
  exchangePath,
  type PeerIdentity,
  peerServiceName,
  Receipt,
  RowList,
  SnapshotChunk,
  snapshotPath,
} from './protocol.ts';

/** What the receiving side needs of the node behind it. */
export interface PeerReceiver<Message, Header> {
  readonly own: PeerIdentity;
  /** Whether a node is a member of the cluster as this node knows it now. */
  knows(id: NodeId): boolean;
  /** @throws WireError */
  decodeMessages(bytes: Uint8Array): readonly Message[];
  /** @throws WireError */
  decodeHeader(bytes: Uint8Array): Header;
  received(from: NodeId, messages: readonly Message[]): void;
  readonly stages: Pick<StorageBackend, 'openStage' | 'stageRows' | 'discardStage' | 'tables'>;
  /** The stage is whole and now belongs to the machine, which installs or discards it. */
  snapshotReceived(from: NodeId, stageId: number, header: Header): void;
}

/** Snapshots received at once; the store's own bound on stages is larger, so that recovery has room. */
const incomingSnapshotsMax = 2;

/** The receiving side of `photon.raft.v1.Peer`. */
export function peerService<Message, Header>(receiver: PeerReceiver<Message, Header>): Service {
  let incomingSnapshots = 0;

  async function* exchange(batches: AsyncIterable<Infer<typeof Batch>>, context: CallContext) {
    const from = acceptHandshake(receiver.own, context, (id) => receiver.knows(id));
    yield Accepted.create({ nodeId: receiver.own.id, bootId: receiver.own.bootId });
    for await (const batch of batches) {
      // Membership may have changed since the handshake: a removed node is not listened to.
      if (!receiver.knows(from))
        throw new StatusError('FAILED_PRECONDITION', `node ${from} is no longer a member`);
      receiver.received(
        from,
        decoded('messages', () => receiver.decodeMessages(batch.messages)),
      );
    }
  }

  async function* snapshot(chunks: AsyncIterable<Chunk>, context: CallContext) {
    const from = acceptHandshake(receiver.own, context, (id) => receiver.knows(id));
    if (incomingSnapshots >= incomingSnapshotsMax) {
      throw new StatusError(
        'RESOURCE_EXHAUSTED',
        `node ${receiver.own.id} is receiving ${incomingSnapshots} snapshots already`,
      );
    }
    incomingSnapshots += 1;
    try {
      yield await receiveSnapshot(receiver, from, chunks);
    } finally {
      incomingSnapshots -= 1;
    }
  }

  return {
    name: peerServiceName,
    methods: [
      duplex(exchangePath, Batch, Accepted, exchange),
      duplex(snapshotPath, SnapshotChunk, Receipt, snapshot),
    ],
  };
}

type Chunk = Infer<typeof SnapshotChunk>;

async function receiveSnapshot<Message, Header>(
  receiver: PeerReceiver<Message, Header>,
  from: NodeId,
  chunks: AsyncIterable<Chunk>,
): Promise<Infer<typeof Receipt>> {
  const stageId = receiver.stages.openStage();
  let handedOver = false;
  try {
    let header: Header | undefined;
    let rows = 0;
    for await (const chunk of chunks) {
      if (header === undefined) {
        header = decoded('header', () => receiver.decodeHeader(chunk.header));
      } else if (chunk.rows !== undefined) {
        rows += stageChunk(receiver, stageId, chunk.rows);
      } else if (chunk.end !== undefined) {
        if (chunk.end.rows !== rows)
          throw new StatusError('DATA_LOSS', `${rows} rows came of ${chunk.end.rows}`);
        handedOver = true;
        receiver.snapshotReceived(from, stageId, header);
        return Receipt.create({ rows });
      } else {
        throw new StatusError('INVALID_ARGUMENT', 'a chunk of a snapshot holds neither rows nor the end');
      }
    }
    throw new StatusError('DATA_LOSS', 'the stream of a snapshot stopped before its end');
  } finally {
    if (!handedOver) receiver.stages.discardStage(stageId);
  }
}

/** @returns the number of rows staged */
function stageChunk<Message, Header>(
  receiver: PeerReceiver<Message, Header>,
  stageId: number,
  part: NonNullable<Chunk['rows']>,
): number {
  if (crc32c(part.rows) !== part.crc32c)
    throw new StatusError('DATA_LOSS', `rows of table ${part.table} arrived damaged`);
  if (!receiver.stages.tables.includes(part.table)) {
    throw new StatusError('INVALID_ARGUMENT', `there is no table ${JSON.stringify(part.table)}`);
  }
  const { rows } = decoded('rows', () => RowList.decode(part.rows));
  receiver.stages.stageRows(
    stageId,
    part.table,
    rows.map(({ key, value }) => [key, value] as const),
  );
  return rows.length;
}

function decoded<T>(what: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof WireError)
      throw new StatusError('INTERNAL', `malformed ${what} from a peer: ${error.message}`);
    throw error;
  }
}
