import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';

import { type Address } from '../../../../adapters/config/address.ts';
import { PeerLink } from '../../../../adapters/grpc/peer/link.ts';
import {
  exchangePath,
  type PeerIdentity,
  peerServiceName,
  snapshotPath,
} from '../../../../adapters/grpc/peer/protocol.ts';
import { peerService, type PeerReceiver } from '../../../../adapters/grpc/peer/service.ts';
import { GrpcPeerTransport, peerReceiveBytesMax } from '../../../../adapters/grpc/peer/transport.ts';
import { GrpcServer } from '../../../../adapters/grpc/server.ts';
import { type CallContext, duplex } from '../../../../adapters/grpc/service.ts';
import { bytesFromLatin1, latin1FromBytes } from '../../../../core/base/bytes.ts';
import { nodeId, type NodeId } from '../../../../core/base/ids.ts';
import { MemoryBackend } from '../../../../core/storage/memory-backend.ts';
import { type StoreRow } from '../../../../core/storage/backend.ts';

/** Messages are strings, headers too. */
const codec = {
  encode: (messages: readonly string[]) => bytesFromLatin1(messages.join('\n')),
  sizeOf: (message: string) => message.length,
  encodeHeader: (header: string) => bytesFromLatin1(header),
};

const identityOf = (id: number, clusterId = 7n): PeerIdentity => ({
  clusterId,
  id: nodeId(id),
  bootId: `boot-${id}`,
});
const two = nodeId(2);

/** Lets a test await what a callback reports. */
class Inbox<T> {
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

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Node 2: receives, and remembers. */
async function receivingNode(
  options: { port?: number; knows?: readonly number[]; tables?: readonly string[] } = {},
) {
  const store = new MemoryBackend(options.tables ?? ['t', 'u']);
  const received = new Inbox<readonly string[]>();
  const snapshots = new Inbox<{ from: NodeId; stageId: number; header: string }>();
  const knows = new Set(options.knows ?? [1, 2]);
  const stages = { opened: 0, discarded: 0 };
  const receiver: PeerReceiver<string, string> = {
    own: identityOf(2),
    knows: (id) => knows.has(id),
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
  const server = await GrpcServer.listen({
    address: { host: '127.0.0.1', port: options.port ?? 0 },
    purpose: 'peers',
    services: [peerService(receiver)],
    receiveBytesMax: peerReceiveBytesMax,
    hooks: { onDefect: (_, error) => defects.push(error) },
  });
  const stop = () => server.stop(0);
  cleanups.push(stop);
  return { store, received, snapshots, knows, stages, defects, address: server.address, stop };
}

function link(address: Address, options: { own?: PeerIdentity; to?: NodeId; queueBytesMax?: number } = {}) {
  const connected = new Inbox<NodeId>();
  const disconnected = new Inbox<string>();
  const created = new PeerLink<string>({
    own: options.own ?? identityOf(1),
    to: options.to ?? two,
    address,
    codec,
    queueBytesMax: options.queueBytesMax ?? 1_000_000,
    batchBytesMax: 1_000,
    reconnectMinMs: 5,
    reconnectMaxMs: 50,
    onConnected: (to) => connected.push(to),
    onDisconnected: (_, reason) => disconnected.push(reason),
  });
  cleanups.push(() => created.close());
  return { link: created, connected, disconnected };
}

describe('exchange', () => {
  test('messages arrive in order; what waits while a write is under way goes out in fewer batches', async () => {
    const node = await receivingNode();
    const { link: way, connected } = link(node.address);
    await connected.next();
    const sent = Array.from({ length: 2_000 }, (_, at) => `message ${at}`);
    for (const message of sent) way.send([message]);
    const arrived: string[] = [];
    let batches = 0;
    while (arrived.length < sent.length) {
      arrived.push(...(await node.received.next()));
      batches += 1;
    }
    expect(arrived).toEqual(sent);
    expect(batches).toBeLessThan(sent.length / 10);
    expect(way.counters.droppedMessages).toBe(0);
  });

  test('what exceeds the queue is dropped and counted', async () => {
    const node = await receivingNode();
    const { link: way } = link(node.address, { queueBytesMax: 25 });
    way.send(['0123456789', '0123456789', '0123456789']);
    expect(way.counters.droppedMessages).toBe(1);
    expect(await node.received.next()).toEqual(['0123456789', '0123456789']);
  });

  test('a node that comes back is heard again', async () => {
    const first = await receivingNode();
    const { link: way, connected, disconnected } = link(first.address);
    await connected.next();
    await first.stop();
    await disconnected.next();
    way.send(['lost']);
    expect(way.counters.droppedMessages).toBe(1);
    const second = await receivingNode({ port: first.address.port });
    await connected.next();
    way.send(['again']);
    expect(await second.received.next()).toEqual(['again']);
  });

  test('an answer that is no handshake breaks the call, not the process', async () => {
    const anything = {
      name: 'anything',
      encode: (bytes: Uint8Array) => bytes,
      decode: (bytes: Uint8Array) => bytes,
    };
    async function* babble() {
      yield await Promise.resolve(new Uint8Array([0xff, 0xff, 0xff]));
    }
    const server = await GrpcServer.listen({
      address: { host: '127.0.0.1', port: 0 },
      purpose: 'peers',
      services: [{ name: peerServiceName, methods: [duplex(exchangePath, anything, anything, babble)] }],
      receiveBytesMax: peerReceiveBytesMax,
      hooks: { onDefect: () => undefined },
    });
    cleanups.push(() => server.stop(0));
    const { disconnected } = link(server.address);
    expect(await disconnected.next()).toBe('the answer to the handshake cannot be read');
  });

  const refusals: readonly (readonly [string, Parameters<typeof link>[1], string])[] = [
    [
      'another cluster',
      { own: identityOf(1, 8n) },
      'it belongs to cluster 0000000000000008, this node to 0000000000000007',
    ],
    [
      'a node that is no member',
      { own: identityOf(9) },
      'it says it is node 9, which is no other member of this cluster',
    ],
    [
      'a node that takes this one for another',
      { to: nodeId(3) },
      'it calls node 3; check the addresses of the members',
    ],
  ];
  test.each(refusals)(
    '%s is refused with the reason, and nothing of it is read',
    async (_, options, reason) => {
      const node = await receivingNode({ knows: [1, 2, 3] });
      const { link: way, disconnected } = link(node.address, options);
      way.send(['intruder']);
      expect(await disconnected.next()).toContain(`FAILED_PRECONDITION: node 2 refuses the peer`);
      const honest = link(node.address, { own: identityOf(3) });
      await honest.connected.next();
      honest.link.send(['welcome']);
      expect(await node.received.next()).toEqual(['welcome']);
      // The reason is asked for again: it is the same at every attempt, and reported once.
      expect(reason).not.toBe('');
    },
  );

  test.each(refusals)('the text of the refusal of %s says what does not fit', async (_, options, reason) => {
    const node = await receivingNode({ knows: [1, 2, 3] });
    const { disconnected } = link(node.address, options);
    expect(await disconnected.until((text) => text.includes('FAILED_PRECONDITION'))).toContain(reason);
  });

  test('a member that is removed while it is connected is no longer listened to', async () => {
    const node = await receivingNode();
    const { link: way, connected, disconnected } = link(node.address);
    await connected.next();
    way.send(['member']);
    expect(await node.received.next()).toEqual(['member']);
    node.knows.delete(1);
    way.send(['removed']);
    expect(await disconnected.next()).toContain('node 1 is no longer a member');
  });
});

describe('snapshots', () => {
  function transportTo(address: Address): GrpcPeerTransport<string, string> {
    const transport = new GrpcPeerTransport<string, string>({
      own: identityOf(1),
      peers: new Map([[two, address]]),
      codec,
      onConnected: () => undefined,
      onDisconnected: () => undefined,
    });
    cleanups.push(() => transport.close());
    return transport;
  }

  function filled(rows: ReadonlyMap<string, readonly StoreRow[]>): MemoryBackend {
    const store = new MemoryBackend([...rows.keys()]);
    for (const [table, list] of rows) store.write(list.map(([key, value]) => ({ table, key, value })));
    return store;
  }

  const rows = new Map<string, readonly StoreRow[]>([
    [
      't',
      Array.from(
        { length: 3_000 },
        (_, at) => [`key ${String(at).padStart(5, '0')}`, new Uint8Array(300).fill(at)] as const,
      ),
    ],
    ['u', [['\x00\xff', new Uint8Array(1_000_000).fill(3)]]],
  ]);

  test('every table arrives row for row, in several chunks, and is handed over once', async () => {
    const node = await receivingNode();
    const source = filled(rows);
    const view = source.view(source.openView());
    await transportTo(node.address).sendSnapshot(two, 'a header', view, ['t', 'u']);
    const { from, stageId, header } = await node.snapshots.next();
    expect({ from, header }).toEqual({ from: 1, header: 'a header' });
    node.store.installStage(stageId);
    for (const [table, list] of rows) {
      const found = [...node.store.range(table, { from: '' })];
      expect(found.length).toBe(list.length);
      expect(
        found.every(
          ([key, value], at) =>
            key === list[at]?.[0] && Buffer.compare(value, list[at]?.[1] ?? new Uint8Array(0)) === 0,
        ),
      ).toBe(true);
    }
    expect(node.stages).toEqual({ opened: 1, discarded: 0 });
  });

  test('a table that the receiver does not have is refused, the stage discarded', async () => {
    const node = await receivingNode({ tables: ['t'] });
    const source = filled(rows);
    const view = source.view(source.openView());
    await expect(transportTo(node.address).sendSnapshot(two, 'h', view, ['t', 'u'])).rejects.toThrow(
      'INVALID_ARGUMENT: there is no table "u"',
    );
    expect(node.stages).toEqual({ opened: 1, discarded: 1 });
    expect(node.defects).toEqual([]);
  });

  test('a sender that breaks off leaves no stage behind', async () => {
    const node = await receivingNode();
    const source = filled(rows);
    const view = source.view(source.openView());
    const broken = {
      ...view,
      get: view.get.bind(view),
      close: view.close.bind(view),
      range: (table: string, range: Parameters<typeof view.range>[1]) => {
        if (table === 'u') throw new Error('the disk is gone');
        return view.range(table, range);
      },
    };
    await expect(transportTo(node.address).sendSnapshot(two, 'h', broken, ['t', 'u'])).rejects.toThrow(
      'the disk is gone',
    );
    // The next one is served: the first no longer counts, and its stage was given back.
    await transportTo(node.address).sendSnapshot(two, 'second', view, ['t', 'u']);
    expect((await node.snapshots.next()).header).toBe('second');
    expect(node.stages.opened - node.stages.discarded).toBe(1);
  });

  test('a stopping node does not wait for a peer that does not read', async () => {
    const anything = {
      name: 'anything',
      encode: (bytes: Uint8Array) => bytes,
      decode: (bytes: Uint8Array) => bytes,
    };
    const asked = new Inbox<string>();
    async function* deaf(_: AsyncIterable<Uint8Array>, context: CallContext) {
      asked.push('asked');
      await once(context.signal, 'abort');
      yield new Uint8Array(0);
    }
    const server = await GrpcServer.listen({
      address: { host: '127.0.0.1', port: 0 },
      purpose: 'peers',
      services: [{ name: peerServiceName, methods: [duplex(snapshotPath, anything, anything, deaf)] }],
      receiveBytesMax: peerReceiveBytesMax,
      hooks: { onDefect: () => undefined },
    });
    cleanups.push(() => server.stop(0));
    const source = filled(rows);
    const transport = transportTo(server.address);
    const sent = transport.sendSnapshot(two, 'h', source.view(source.openView()), ['t', 'u']);
    await asked.next();
    const ended = expect(sent).rejects.toThrow('CANCELLED');
    transport.close();
    await ended;
  });

  test('a peer that is not there rejects', async () => {
    const node = await receivingNode();
    await node.stop();
    const source = filled(rows);
    const view = source.view(source.openView());
    await expect(transportTo(node.address).sendSnapshot(two, 'h', view, ['t'])).rejects.toThrow(
      'UNAVAILABLE',
    );
  });
});
