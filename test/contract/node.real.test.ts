import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { PeerServer } from '../../adapters/peer/server.ts';
import { SocketPeerTransport } from '../../adapters/peer/transport.ts';
import { type DurableStore } from '../../adapters/runner/ports.ts';
import { Runner } from '../../adapters/runner/runner.ts';
import { type Address } from '../../adapters/config/address.ts';
import { present } from '../../core/base/assert.ts';
import { type NodeId, nodeId } from '../../core/base/ids.ts';
import { type MemberRequest, type MemberResponse } from '../../core/chainfire/member-protocol.ts';
import {
  decodeGroupMessages,
  decodeSnapshotHeader,
  encodeGroupMessages,
  encodeSnapshotHeader,
} from '../../core/raft/message-codec.ts';
import { type GroupMessage, type SnapshotHeader } from '../../core/raft/types.ts';
import { MemoryBackend } from '../../core/storage/memory-backend.ts';
import { MemorySegments } from '../../core/storage/memory-segments.ts';
import { type MemberStreams } from '../../nodes/chainfire/live-member.ts';
import { nodeContract } from './node-contract.ts';
import { type NodeSubject, nodeTables, Puppet } from './node-subject.ts';

const nodes = [1, 2, 3].map(nodeId);
/** A look costs nothing; what is looked for comes from sockets and timers. */
const lookMs = 1;

interface Life {
  readonly machine: Puppet;
  readonly store: StoredAtOnce;
  readonly runner: Runner<MemberRequest, MemberResponse, GroupMessage, SnapshotHeader, MemberStreams>;
  readonly transport: SocketPeerTransport<GroupMessage, SnapshotHeader>;
  readonly server: PeerServer;
}

/** Runners as in production, with their sockets and timers, all in this process. */
class RealNodes implements NodeSubject {
  readonly nodes = nodes;
  readonly #addresses: ReadonlyMap<NodeId, Address>;
  readonly #lives = new Map<NodeId, Life>();
  #boots = 0;

  private constructor(addresses: ReadonlyMap<NodeId, Address>) {
    this.#addresses = addresses;
  }

  static async open(): Promise<RealNodes> {
    const addresses = new Map<NodeId, Address>();
    for (const node of nodes) addresses.set(node, { host: '127.0.0.1', port: await freePort() });
    const subject = new RealNodes(addresses);
    for (const node of nodes) await subject.start(node);
    return subject;
  }

  machine(node: NodeId): Puppet {
    return this.#life(node).machine;
  }

  store(node: NodeId): StoredAtOnce {
    return this.#life(node).store;
  }

  poke(node: NodeId): void {
    // Nobody answers; the end of the runner does.
    this.#life(node)
      .runner.request({ kind: 'status', request: {} })
      .catch(() => undefined);
  }

  async until(done: () => boolean): Promise<void> {
    while (!done()) await sleep(lookMs);
  }

  async kill(node: NodeId): Promise<void> {
    const { runner, transport, server } = this.#life(node);
    this.#lives.delete(node);
    transport.close();
    await server.stop();
    await runner.stop();
  }

  async start(node: NodeId): Promise<void> {
    this.#boots += 1;
    const own = { clusterId: 7n, id: node, bootId: `boot-${this.#boots}` };
    const machine = new Puppet();
    const store = new StoredAtOnce(nodeTables);
    const transport = new SocketPeerTransport<GroupMessage, SnapshotHeader>({
      own,
      addressesOf: (id) => [present(this.#addresses.get(id), 'an address')],
      codec: { encode: encodeGroupMessages, sizeOf: () => 64, encodeHeader: encodeSnapshotHeader },
      onConnected: () => undefined,
      onDisconnected: () => undefined,
    });
    transport.setMembers(nodes.filter((id) => id !== node));
    const segments = new SyncedAtOnce();
    const runner: Life['runner'] = new Runner(
      machine,
      { segments, store, transport },
      {
        onStop: (failure) => {
          throw new Error(failure.reason);
        },
        drainUs: 1,
        wallClock: 'none',
      },
    );
    const server = await PeerServer.listen({
      address: present(this.#addresses.get(node), 'an address'),
      receiver: {
        own,
        nameOf: () => undefined,
        knows: (id) => nodes.includes(id),
        admits: (id) => nodes.includes(id),
        introduce: () => Promise.reject(new Error('nobody joins')),
        decodeMessages: decodeGroupMessages,
        decodeHeader: decodeSnapshotHeader,
        received: (from, messages) => runner.received(from, messages),
        stages: store,
        snapshotReceived: (from, stageId, header) => runner.snapshotReceived(from, stageId, header),
      },
      onDefect: (defect) => {
        throw defect;
      },
    });
    this.#lives.set(node, { machine, store, runner, transport, server });
    runner.start();
  }

  async close(): Promise<void> {
    for (const node of [...this.#lives.keys()]) await this.kill(node);
  }

  #life(node: NodeId): Life {
    return present(this.#lives.get(node), `a process on ${node}`);
  }
}

class StoredAtOnce extends MemoryBackend implements DurableStore {
  onStored = (): void => undefined;
  onFailed = (): void => undefined;

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Files in memory, as the store: the suite is not about them. */
class SyncedAtOnce extends MemorySegments {
  override sync(onEnd: (failure: string | undefined) => void): void {
    setImmediate(onEnd, undefined);
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

nodeContract('nodes on sockets and timers', () => RealNodes.open());
