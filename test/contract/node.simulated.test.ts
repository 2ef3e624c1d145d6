import { assert, present } from '../../core/base/assert.ts';
import { type NodeId, nodeId } from '../../core/base/ids.ts';
import { SimulatedSegments } from '../../sim/disk/segments.ts';
import { SimulatedStore } from '../../sim/disk/store.ts';
import { defaultNetworkPlan, Network } from '../../sim/network/network.ts';
import { PeerCarriage } from '../../sim/network/peer-carriage.ts';
import { raftPeerCodec } from '../../sim/network/raft-peer-codec.ts';
import { seededPrng } from '../../sim/prng.ts';
import { type MemberTypes } from '../../sim/member-machine.ts';
import { type ProcessSurroundings, SimulatedProcess } from '../../sim/process.ts';
import { World } from '../../sim/world.ts';
import { nodeContract } from './node-contract.ts';
import { type NodeSubject, nodeTables, Puppet } from './node-subject.ts';

const nodes = [1, 2, 3].map(nodeId);
/** Longer than anything in the suite takes. */
const patienceUs = 60_000_000;
let worlds = 0;

class SimulatedNodes implements NodeSubject {
  readonly nodes = nodes;
  readonly #world = new World();
  readonly #processes = new Map<NodeId, SimulatedProcess<Puppet, MemberTypes>>();
  #requestId = 0;

  constructor(throughCodec: boolean) {
    worlds += 1;
    const world = this.#world;
    const prng = seededPrng(`nodes ${worlds}`);
    const network = new Network({ world, prng: prng.fork('network'), plan: defaultNetworkPlan });
    const carriage = new PeerCarriage<Puppet, MemberTypes>({
      world,
      network,
      codec: raftPeerCodec,
      throughCodec,
      processOf: (node) => this.#processes.get(node),
    });
    const nothing = (): void => undefined;
    const surroundings: ProcessSurroundings<Puppet, MemberTypes> = {
      send: (from, effect) => carriage.send(from, effect),
      sendSnapshot: (from, effect) => carriage.sendSnapshot(from, effect),
      reply: nothing,
      notify: nothing,
      endStream: nothing,
      recovered: nothing,
      synced: nothing,
      stepped: nothing,
      ended: nothing,
      diskFailed: nothing,
    };
    for (const node of nodes) {
      const own = prng.fork(`node ${node}`);
      const process = new SimulatedProcess<Puppet, MemberTypes>({
        node,
        world,
        prng: own,
        segments: new SimulatedSegments({ world, prng: own.fork('segments'), syncMedianUs: 500 }),
        store: new SimulatedStore({ world, prng: own.fork('store'), tables: nodeTables, flushMedianUs: 500 }),
        driftPpm: node * 100 - 200,
        surroundings,
        recover: () => new Puppet(),
      });
      this.#processes.set(node, process);
      process.start();
    }
  }

  machine(node: NodeId): Puppet {
    return present(this.#process(node).machine, `a process on ${node}`);
  }

  store(node: NodeId): SimulatedStore {
    return this.#process(node).store;
  }

  poke(node: NodeId): void {
    this.#requestId += 1;
    const request = { kind: 'status', request: {} } as const;
    assert(
      this.#process(node).deliver({ kind: 'requested', requestId: this.#requestId, request }),
      'it runs',
    );
  }

  until(done: () => boolean): Promise<void> {
    const endUs = this.#world.nowUs + patienceUs;
    if (!done()) this.#world.runUntil(endUs, done);
    return done() ? Promise.resolve() : Promise.reject(new Error('it does not come to that'));
  }

  kill(node: NodeId): Promise<void> {
    this.#process(node).crash('process');
    return Promise.resolve();
  }

  start(node: NodeId): Promise<void> {
    this.#process(node).start();
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #process(node: NodeId): SimulatedProcess<Puppet, MemberTypes> {
    return present(this.#processes.get(node), `node ${node}`);
  }
}

nodeContract('simulated nodes', () => Promise.resolve(new SimulatedNodes(false)));
nodeContract('simulated nodes, through the codec', () => Promise.resolve(new SimulatedNodes(true)));
