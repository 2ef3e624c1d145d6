import { describe, expect, test } from 'vitest';

import { type Address } from '../../../adapters/config/address.ts';
import { askForIntroduction } from '../../../adapters/peer/introduction.ts';
import { dialTcp } from '../../../adapters/peer/link.ts';
import { type Enquiry, PeerRefusal } from '../../../adapters/peer/protocol.ts';
import { SocketPeerTransport } from '../../../adapters/peer/transport.ts';
import { bytesFromLatin1, latin1FromBytes } from '../../../core/base/bytes.ts';
import { nodeId, type NodeId } from '../../../core/base/ids.ts';
import { cleanups, codec, identityOf, Inbox, link, listening, receivingNode, two } from './peer-nodes.ts';

describe('who asks', () => {
  const ask = (
    address: Address,
    given: { purpose?: Enquiry; clusterId?: bigint; timeoutMs?: number; signal?: AbortSignal } = {},
  ): Promise<string> =>
    askForIntroduction({
      address,
      dial: dialTcp,
      purpose: given.purpose ?? 'introduction',
      clusterId: given.clusterId,
      timeoutMs: given.timeoutMs ?? 20_000,
      signal: given.signal ?? new AbortController().signal,
    }).then(latin1FromBytes);

  test('is told of the cluster, whether it names that or none, and counts as nobody', async () => {
    const node = await receivingNode({
      introduce: (purpose) => Promise.resolve(bytesFromLatin1(`for ${purpose}`)),
    });
    expect(await ask(node.address)).toBe('for introduction');
    expect(await ask(node.address, { purpose: 'acquaintance', clusterId: 7n })).toBe('for acquaintance');
    expect(node.addresses).toEqual([]);
  });

  test('is refused by a node of another cluster, and by one that cannot say', async () => {
    const node = await receivingNode({
      introduce: () => Promise.reject(new PeerRefusal('NOT_READY', 'nobody leads')),
    });
    await expect(ask(node.address, { clusterId: 8n })).rejects.toThrow('WRONG_CLUSTER');
    await expect(ask(node.address)).rejects.toThrow('NOT_READY: nobody leads');
    expect(node.defects).toEqual([]);
  });

  test('is refused as busy beyond eight at once, and served again when they have gone', async () => {
    const waiting: ((said: Uint8Array) => void)[] = [];
    const node = await receivingNode({ introduce: () => new Promise((resolve) => waiting.push(resolve)) });
    const asked = Array.from({ length: 8 }, () => ask(node.address));
    await expect.poll(() => waiting.length).toBe(8);
    await expect(ask(node.address)).rejects.toThrow('BUSY: node 2 is introducing 8 nodes already');
    for (const answer of waiting) answer(bytesFromLatin1('we'));
    expect(new Set(await Promise.all(asked))).toEqual(new Set(['we']));
    const last = ask(node.address);
    await expect.poll(() => waiting.length).toBe(9);
    waiting[8]?.(bytesFromLatin1('again'));
    expect(await last).toBe('again');
  });

  test('does not wait for ever, and not when nobody wants to know any more', async () => {
    const { address } = await listening(() => undefined);
    await expect(ask(address, { timeoutMs: 20 })).rejects.toThrow('it does not answer for 20 ms');
    const stop = new AbortController();
    const asked = ask(address, { signal: stop.signal });
    stop.abort();
    await expect(asked).rejects.toThrow('nobody waits for the answer any more');
  });
});

describe('addresses', () => {
  test('one that does not answer is passed over for the next', async () => {
    const node = await receivingNode();
    const gone = await receivingNode();
    await gone.stop();
    const { connected, disconnected } = link(node.address, { addresses: () => [gone.address, node.address] });
    expect(await disconnected.next()).toContain('ECONNREFUSED');
    expect(await connected.next()).toBe(two);
  });

  test('a peer that moves is found where it is said to be by then', async () => {
    const before = await receivingNode();
    const after = await receivingNode();
    let addresses = [before.address];
    const { connected, disconnected, link: way } = link(before.address, { addresses: () => addresses });
    await connected.next();
    addresses = [after.address];
    await before.stop();
    await disconnected.next();
    await connected.next();
    expect(way.address).toEqual(after.address);
  });

  test('a peer of whom nobody knows where it is, is called once somebody does', async () => {
    const node = await receivingNode();
    let addresses: readonly Address[] = [];
    const { connected, disconnected, link: way } = link(node.address, { addresses: () => addresses });
    // Told while the link was being made.
    expect(await disconnected.next()).toBe('no address of it is known');
    addresses = [node.address];
    way.hurry();
    expect(await connected.next()).toBe(two);
  });

  test('a caller says where it is itself', async () => {
    const node = await receivingNode();
    const { connected } = link(node.address, {
      own: { ...identityOf(1), address: { host: '127.0.0.1', port: 4711 } },
    });
    await connected.next();
    expect(node.addresses).toEqual([{ host: '127.0.0.1', port: 4711 }]);
  });
});

describe('ways', () => {
  function ways(addressesOf: (id: NodeId) => readonly Address[]) {
    const givenUp = new Inbox<NodeId>();
    const connected = new Inbox<NodeId>();
    const transport = new SocketPeerTransport<string, string>({
      own: identityOf(1),
      addressesOf,
      codec,
      onConnected: (to) => connected.push(to),
      onDisconnected: () => undefined,
      onGivenUp: (to) => givenUp.push(to),
      passingMs: 200,
    });
    cleanups.push(() => transport.close());
    return { transport, givenUp, connected };
  }

  test('one that is no member is called when there is something to say to it, and given up when there is not', async () => {
    const node = await receivingNode();
    const { transport, givenUp } = ways((id) => (id === two ? [node.address] : []));
    transport.send(two, ['you were removed']);
    expect(await node.received.next()).toEqual(['you were removed']);
    expect(await givenUp.next()).toBe(two);
    expect(transport.connected(two)).toBe(false);
    // Nobody knows where it is: nothing is kept for it.
    transport.send(nodeId(3), ['x']);
    expect([...transport.counters().keys()]).toEqual([]);
  });

  test('members are called at once and kept; one that leaves the members is kept as long as it is spoken to', async () => {
    const node = await receivingNode();
    const { transport, givenUp, connected } = ways(() => [node.address]);
    transport.setMembers([two]);
    expect(await connected.next()).toBe(two);
    transport.setMembers([]);
    transport.send(two, ['your removal']);
    expect(await node.received.next()).toEqual(['your removal']);
    expect(await givenUp.next()).toBe(two);
    transport.setMembers([two]);
    expect(await connected.next()).toBe(two);
  });
});
