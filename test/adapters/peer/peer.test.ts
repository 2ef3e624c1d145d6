import { once } from 'node:events';
import { describe, expect, test } from 'vitest';

import { type Address } from '../../../adapters/config/address.ts';
import { dialTcp } from '../../../adapters/peer/link.ts';
import { Accepted, frameKinds, Hello, helloOf } from '../../../adapters/peer/protocol.ts';
import { SocketPeerTransport } from '../../../adapters/peer/transport.ts';
import { bytesFromLatin1, latin1FromBytes } from '../../../core/base/bytes.ts';
import { nodeId } from '../../../core/base/ids.ts';
import { MemoryBackend } from '../../../core/storage/memory-backend.ts';
import { type StoreRow } from '../../../core/storage/backend.ts';
import { FrameReader } from '../../../core/wire/framing.ts';
import {
  cleanups,
  codec,
  frameOf,
  identityOf,
  Inbox,
  link,
  listening,
  receivingNode,
  two,
} from './peer-nodes.ts';

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

  test('an answer that is no handshake breaks the connection, not the process', async () => {
    for (const [babble, reason] of [
      ['HTTP/1.1 400 Bad Request\r\n\r\n', 'longer than'],
      [frameOf(frameKinds.pong, new Uint8Array(0)), 'the answer to the handshake cannot be read'],
      [frameOf(frameKinds.accepted, Uint8Array.of(0xff)), 'cannot be read'],
      [
        frameOf(frameKinds.accepted, Accepted.encode({ nodeId: 3, bootId: '' })),
        'node 3 answers where node 2 should',
      ],
    ] as const) {
      const { address } = await listening((socket) => socket.write(babble));
      const { disconnected } = link(address);
      expect(await disconnected.next()).toContain(reason);
    }
  });

  test('a caller that says no hello is told so, and one that says something else altogether is cut off', async () => {
    const node = await receivingNode();
    const call = async (bytes: Uint8Array | string): Promise<string> => {
      const socket = dialTcp(node.address);
      socket.write(bytes);
      let heard = '';
      socket.on('data', (piece: Buffer) => (heard += piece.toString('latin1')));
      await once(socket, 'close');
      return heard;
    };
    expect(await call(frameOf(frameKinds.messages, bytesFromLatin1('intruder')))).toContain(
      'a connection begins with a hello',
    );
    const hello = Hello.encode({ ...helloOf(identityOf(1), two, 'exchange'), version: 7 });
    expect(await call(frameOf(frameKinds.hello, hello))).toContain('it speaks peer protocol 7');
    expect(await call('GET / HTTP/1.1\r\n\r\n')).toBe('');
    expect(node.defects).toEqual([]);
  });

  test('a node that is not ready says so, and is heard once it is', async () => {
    const options = { ready: false };
    const node = await receivingNode(options);
    const { disconnected, connected } = link(node.address);
    expect(await disconnected.next()).toBe('NOT_READY: the member is starting');
    options.ready = true;
    await connected.next();
  });

  test('a damaged frame ends the connection, and nothing of it is received', async () => {
    const node = await receivingNode();
    const { address } = await listening((socket) => {
      // In the middle: turns one bit of the first batch over.
      const onward = dialTcp(node.address);
      cleanups.push(() => void onward.destroy());
      onward.pipe(socket);
      let bytes = 0;
      socket.on('data', (piece: Buffer) => {
        if (bytes > 0) piece[piece.length - 1] = (piece.at(-1) ?? 0) ^ 1;
        bytes += piece.length;
        onward.write(piece);
      });
    });
    const { link: way, connected, disconnected } = link(address);
    await connected.next();
    way.send(['damaged']);
    expect(await disconnected.next()).toMatch(/ended|closed/);
    const honest = link(node.address);
    await honest.connected.next();
    honest.link.send(['whole']);
    expect(await node.received.next()).toEqual(['whole']);
  });

  test('a peer that is connected and says nothing any more is given up', async () => {
    const { address } = await listening((socket) => {
      socket.write(frameOf(frameKinds.accepted, Accepted.encode({ nodeId: 2, bootId: '' })));
      socket.resume();
    });
    const { connected, disconnected } = link(address, { keepaliveMs: 40 });
    await connected.next();
    expect(await disconnected.next()).toBe('the peer does not answer');
  });

  test('a quiet connection stays open: its peer answers when asked', async () => {
    const node = await receivingNode();
    const { link: way, connected } = link(node.address, { keepaliveMs: 250 });
    await connected.next();
    // Three times as long as it takes to give up one that does not answer.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(way.connected).toBe(true);
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
      expect(await disconnected.next()).toMatch(/^WRONG_CLUSTER|^NOT_A_MEMBER|^WRONG_NODE/);
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
    const text = await disconnected.next();
    expect(text).toContain('node 2 refuses the peer 127.0.0.1:');
    expect(text).toContain(reason);
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
  function transportTo(address: Address): SocketPeerTransport<string, string> {
    const transport = new SocketPeerTransport<string, string>({
      own: identityOf(1),
      addressesOf: (id) => (id === two ? [address] : []),
      codec,
      onConnected: () => undefined,
      onDisconnected: () => undefined,
    });
    cleanups.push(() => transport.close());
    transport.setMembers([two]);
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
      'MALFORMED: there is no table "u"',
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

  test('messages do not wait behind a snapshot', async () => {
    const node = await receivingNode();
    const source = filled(rows);
    const view = source.view(source.openView());
    const transport = transportTo(node.address);
    await expect.poll(() => transport.connected(two)).toBe(true);
    const sent = transport.sendSnapshot(two, 'h', view, ['t', 'u']);
    transport.send(two, ['heartbeat']);
    expect(await node.received.next()).toEqual(['heartbeat']);
    expect(node.stages).toEqual({ opened: 0, discarded: 0 });
    await sent;
    expect(node.stages).toEqual({ opened: 1, discarded: 0 });
  });

  test('a third snapshot at once is refused as busy', async () => {
    const node = await receivingNode();
    const source = filled(rows);
    const view = source.view(source.openView());
    // Two that never get further than their header.
    for (const id of [1, 1]) {
      const socket = dialTcp(node.address);
      cleanups.push(() => void socket.destroy());
      socket.write(frameOf(frameKinds.hello, Hello.encode(helloOf(identityOf(id), two, 'snapshot'))));
      await once(socket, 'data');
      socket.write(frameOf(frameKinds.header, bytesFromLatin1('h')));
    }
    await expect(transportTo(node.address).sendSnapshot(two, 'h', view, ['t', 'u'])).rejects.toThrow(
      'BUSY: node 2 is receiving 2 snapshots already',
    );
  });

  test('a snapshot whose end counts other rows than came is refused, the stage discarded', async () => {
    const node = await receivingNode();
    const socket = dialTcp(node.address);
    const reader = new FrameReader(10_000);
    const answers: string[] = [];
    socket.on('data', (piece: Buffer) => {
      reader.push(piece);
      for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
        if (frame.kind === frameKinds.refused) answers.push(latin1FromBytes(frame.payload));
      }
    });
    socket.write(frameOf(frameKinds.hello, Hello.encode(helloOf(identityOf(1), two, 'snapshot'))));
    socket.write(frameOf(frameKinds.header, bytesFromLatin1('h')));
    socket.write(frameOf(frameKinds.end, Uint8Array.of(8, 5)));
    await once(socket, 'close');
    expect(answers[0]).toContain('0 rows came of 5');
    expect(node.stages).toEqual({ opened: 1, discarded: 1 });
  });

  test('a stopping node does not wait for a peer that does not read', async () => {
    const asked = new Inbox<string>();
    const { address } = await listening((socket) => {
      socket.once('data', () => {
        socket.pause();
        asked.push('asked');
      });
    });
    const source = filled(rows);
    const transport = transportTo(address);
    await asked.next();
    const sent = transport.sendSnapshot(two, 'h', source.view(source.openView()), ['t', 'u']);
    await asked.next();
    const ended = expect(sent).rejects.toThrow('this node ended the stream');
    transport.close();
    await ended;
  });

  test('a peer that is not there rejects', async () => {
    const node = await receivingNode();
    await node.stop();
    const source = filled(rows);
    const view = source.view(source.openView());
    await expect(transportTo(node.address).sendSnapshot(two, 'h', view, ['t'])).rejects.toThrow(
      'ECONNREFUSED',
    );
  });
});
