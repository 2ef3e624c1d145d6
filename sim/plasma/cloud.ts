import { type CapturablePrng } from '../../core/base/prng.ts';
import { present } from '../../core/base/assert.ts';
import { type ImageFetchAct } from '../../core/plasma/images/image-fetch.ts';
import { type Digest, type NodeName } from '../../core/plasma/types.ts';
import { Cluster, type ClusterObserver } from '../cluster.ts';
import { type Network } from '../network/network.ts';
import { type World } from '../world.ts';
import { clientAt, storageAddress } from './addresses.ts';
import { ComputeNode } from './compute-node.ts';
import { type ImageSupply } from './image-fetches.ts';
import { ServerImages } from './images.ts';
import { SimulatedHypervisors } from './hypervisor.ts';
import { type EndedProcess, type Execution, type GuestWrite } from './hypervisor-types.ts';
import { type ComputeNodeObserver } from './node-surroundings.ts';
import { type PlasmaCloudPlan } from './plan.ts';
import { PlasmaServers } from './servers.ts';
import { type StorageObserver, StorageNode } from './storage-node.ts';
import { type WriteOutcome } from './storage.ts';

export interface CloudObserver extends ComputeNodeObserver, StorageObserver {
  executionBegan(execution: Execution): void;
  executionEnded(execution: Execution): void;
  processEnded(ended: EndedProcess): void;
  writeEnded(write: GuestWrite, outcome: WriteOutcome): void;
  /** A node fetches an image: before it is done. */
  imageActing(node: NodeName, digest: Digest, act: ImageFetchAct): void;
}

const writeBytes = 4_096;
const imageChunkBytes = 4_096;

/** All of a cloud on one network: the store's members, servers, compute nodes and the storage node. */
export class PlasmaCloud {
  readonly chainfire: Cluster;
  readonly servers: PlasmaServers;
  readonly images: ServerImages;
  readonly storage: StorageNode;
  readonly hypervisors: SimulatedHypervisors;
  readonly nodes: readonly ComputeNode[];
  readonly #network: Network;
  readonly #observer: CloudObserver;

  constructor(options: {
    readonly world: World;
    readonly network: Network;
    readonly prng: CapturablePrng;
    readonly plan: PlasmaCloudPlan;
    readonly observer: CloudObserver;
    readonly chainfireObserver: ClusterObserver;
  }) {
    const { world, network, prng, plan, observer } = options;
    this.#network = network;
    this.#observer = observer;
    this.chainfire = new Cluster({
      world,
      network,
      prng: prng.fork('chainfire'),
      plan: { members: plan.members, config: plan.chainfire, throughCodec: false },
      observer: options.chainfireObserver,
    });
    const { chainfire } = this;
    this.servers = new PlasmaServers({
      world,
      network,
      prng: prng.fork('servers'),
      plan,
      chainfire,
      storage: () => this.storage,
      observer,
    });
    this.images = new ServerImages({
      world,
      network,
      prng: prng.fork('images'),
      plans: plan.images ?? [],
      servers: this.servers.processes,
    });
    this.storage = new StorageNode({ world, network, prng: prng.fork('storage'), observer });
    this.hypervisors = new SimulatedHypervisors({
      world,
      prng: prng.fork('hypervisors'),
      guestTickUs: plan.guestTickUs,
      imageSupply: (node) => this.#imageSupply(node, plan),
      write: (write) => this.#write(write),
      reaches: (from, to) => {
        const [sender, receiver] = [this.node(from).address, this.node(to).address];
        return !network.isCut(sender, receiver) && !network.isCut(receiver, sender);
      },
      executionBegan: (execution) => observer.executionBegan(execution),
      executionEnded: (execution) => observer.executionEnded(execution),
      processEnded: (ended) => observer.processEnded(ended),
    });
    this.nodes = plan.nodes.map((_, position) => {
      const machine = this.hypervisors.machine(`node-${position}`);
      const own = { world, prng: prng.fork(`node ${position}`), position, plan, machine, observer };
      return new ComputeNode({ ...own, servers: this.servers, storage: this.storage });
    });
  }

  node(name: NodeName): ComputeNode {
    return present(
      this.nodes.find((node) => node.name === name),
      `a node of the cloud, not ${name}`,
    );
  }

  start(): void {
    for (const process of this.chainfire.processes) process.start();
    for (const process of this.servers.processes) process.start();
    this.storage.process.start();
    for (const node of this.nodes) node.powerOn();
  }

  #imageSupply(name: NodeName, plan: PlasmaCloudPlan): ImageSupply {
    return {
      servers: plan.servers,
      chunkBytes: plan.imageChunkBytes ?? imageChunkBytes,
      ask: ({ server, request, timeoutUs }, ended) => {
        this.images.ask({ client: clientAt(this.node(name).address), server, request, timeoutUs, ended });
      },
      acting: (digest, act) => this.#observer.imageActing(name, digest, act),
    };
  }

  /** A guest's write crosses the network to the storage node. */
  #write(write: GuestWrite): void {
    this.#network.send({
      from: this.node(write.node).address,
      to: storageAddress,
      bytes: writeBytes,
      carriage: 'stream',
      carries: { kind: 'guestWrite' },
      arrived: () =>
        this.storage.write(write.exportUri, write.tick, (outcome) =>
          this.#observer.writeEnded(write, outcome),
        ),
    });
  }
}
