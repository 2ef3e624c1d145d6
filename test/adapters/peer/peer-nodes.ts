import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach } from 'vitest';

import { type Address } from '../../../adapters/config/address.ts';
import { dialTcp, PeerLink } from '../../../adapters/peer/link.ts';
import { type Enquiry, type PeerIdentity, PeerRefusal } from '../../../adapters/peer/protocol.ts';
import { type PeerReceiver } from '../../../adapters/peer/receiver.ts';
import { PeerServer } from '../../../adapters/peer/server.ts';
import { bytesFromLatin1, latin1FromBytes } from '../../../core/base/bytes.ts';
import { nodeId, type NodeId } from '../../../core/base/ids.ts';
import { MemoryBackend } from '../../../core/storage/memory-backend.ts';
import { framingBytes, writeFraming } from '../../../core/wire/framing.ts';

/** Messages are strings, headers too. */
export const codec = {
  encode: (messages: readonly string[]) => bytesFromLatin1(messages.join('\n')),
  sizeOf: (message: string) => message.length,
  encodeHeader: (header: string) => bytesFromLatin1(header),
};

export const identityOf = (id: number, clusterId = 7n): PeerIdentity => ({
  clusterId,
  id: nodeId(id),
  bootId: `boot-${id}`,
});
export const two = nodeId(2);

/** Lets a test await what a callback reports. */
export class Inbox<T> {
  readonly #items: T[] = [];
  #wake: () => void = () => undefined;
  push(item: T): void {
    this.#items.push(item);
    this.#wake();
  }
  async next(): Promise<T> {
    while (this.#items.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.#items.shift() as T;
  }
  async until(condition: (item: T) => boolean): Promise<T> {
    for (;;) {
      const item = await this.next();
      if (condition(item)) return item;
    }
  }
}

export const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Node 2: receives, and remembers. */
export async function receivingNode(
  options: {
    port?: number;
    knows?: readonly number[];
    tables?: readonly string[];
    ready?: boolean;
    introduce?: (purpose: Enquiry) => Promise<Uint8Array>;
  } = {},
) {
  const store = new MemoryBackend(options.tables ?? ['t', 'u']);
  const received = new Inbox<readonly string[]>();
  const snapshots = new Inbox<{ from: NodeId; stageId: number; header: string }>();
  const knows = new Set(options.knows ?? [1, 2]);
  const stages = { opened: 0, discarded: 0 };
  const addresses: (Address | undefined)[] = [];
  const receiver: PeerReceiver<string, string> = {
    own: identityOf(2),
    nameOf: () => undefined,
    knows: (id) => {
      if (options.ready === false) throw new PeerRefusal('NOT_READY', 'the member is starting');
      return knows.has(id);
    },
    admits: (id, address) => {
      addresses.push(address);
      return receiver.knows(id);
    },
    introduce: options.introduce ?? (() => Promise.resolve(bytesFromLatin1('we are 1 and 2'))),
    decodeMessages: (bytes) => latin1FromBytes(bytes).split('\n'),
    decodeHeader: latin1FromBytes,
    received: (_, messages) => received.push(messages),
    stages: {
      tables: store.tables,
      openStage: () => {
        stages.opened += 1;
        return store.openStage();
      },
      stageRows: (stageId, table, rows) => store.stageRows(stageId, table, rows),
      discardStage: (stageId) => {
        stages.discarded += 1;
        store.discardStage(stageId);
      },
    },
    snapshotReceived: (from, stageId, header) => snapshots.push({ from, stageId, header }),
  };
  const defects: unknown[] = [];
  const server = await PeerServer.listen({
    address: { host: '127.0.0.1', port: options.port ?? 0 },
    receiver,
    onDefect: (error) => defects.push(error),
  });
  const stop = () => server.stop();
  cleanups.push(stop);
  return { store, received, snapshots, knows, stages, defects, addresses, address: server.address, stop };
}

export interface LinkTestOptions {
  own?: PeerIdentity;
  to?: NodeId;
  queueBytesMax?: number;
  keepaliveMs?: number;
  addresses?: () => readonly Address[];
}

export function link(address: Address, options: LinkTestOptions = {}) {
  const connected = new Inbox<NodeId>();
  const disconnected = new Inbox<string>();
  const created = new PeerLink<string>({
    own: options.own ?? identityOf(1),
    to: options.to ?? two,
    name: () => undefined,
    addresses: options.addresses ?? (() => [address]),
    codec,
    queueBytesMax: options.queueBytesMax ?? 1_000_000,
    batchBytesMax: 1_000,
    reconnectMinMs: 5,
    reconnectMaxMs: 50,
    keepaliveMs: options.keepaliveMs ?? 3_000,
    dial: dialTcp,
    onConnected: (to) => connected.push(to),
    onDisconnected: (_, reason) => disconnected.push(reason),
  });
  cleanups.push(() => created.close());
  return { link: created, connected, disconnected };
}

export function frameOf(kind: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(framingBytes + payload.length);
  writeFraming(frame, kind, payload);
  frame.set(payload, framingBytes);
  return frame;
}

/** Something that listens, and is no peer of ours. */
export async function listening(onSocket: (socket: Socket) => void): Promise<{ readonly address: Address }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    onSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { address: { host: '127.0.0.1', port: (server.address() as AddressInfo).port } };
}
