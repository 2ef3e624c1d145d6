import { type ActEffect, type ReplyEffect } from '../../core/base/effects.ts';
import { between, type CapturablePrng } from '../../core/base/prng.ts';
import { DiskExports } from '../../core/plasma/storage/disk-exports.ts';
import { defaultDiskExportsSettings, type StorageAct } from '../../core/plasma/storage/exports-protocol.ts';
import { type StorageRequest, type StorageResponse } from '../../core/plasma/storage-protocol.ts';
import { ClientCalls } from '../client-calls.ts';
import { quietDriftPpmMax } from '../cluster.ts';
import { SimulatedSegments } from '../disk/segments.ts';
import { SimulatedStore } from '../disk/store.ts';
import { type Network } from '../network/network.ts';
import { type ProcessEffect, type ProcessEvent } from '../process-protocol.ts';
import { SimulatedProcess } from '../process.ts';
import { type World } from '../world.ts';
import { storageAddress } from './addresses.ts';
import { PortSurroundings } from './port-surroundings.ts';
import { type StorageProcess, type StorageTypes } from './processes.ts';
import { type PlasmaObserver } from './servers.ts';
import { type CarriedOutWrite, SimulatedDisks, type WriteOutcome } from './storage.ts';

export interface StorageObserver extends PlasmaObserver {
  /** An answer leaves the storage node. */
  storageAnswered(request: StorageRequest, response: StorageResponse): void;
  written(write: CarriedOutWrite): void;
}

const syncUsMin = 80;
const syncUsMax = 2_000;
/** A server that stands still takes what has come once it goes on. */
const lookAgainUs = 20_000;

/** The storage node: who may write to which disk, on a journal, and the disks behind it. */
export class StorageNode extends PortSurroundings<DiskExports, StorageTypes> {
  readonly process: StorageProcess;
  readonly disks: SimulatedDisks;
  readonly calls: ClientCalls<DiskExports, StorageTypes>;
  readonly #world: World;
  readonly #observer: StorageObserver;
  readonly #requests = new Map<number, StorageRequest>();

  constructor(options: {
    readonly world: World;
    readonly network: Network;
    readonly prng: CapturablePrng;
    readonly observer: StorageObserver;
  }) {
    super();
    const { world, network, prng, observer } = options;
    this.#world = world;
    this.#observer = observer;
    const disk = prng.fork('disk');
    this.process = new SimulatedProcess<DiskExports, StorageTypes>({
      node: storageAddress,
      world,
      prng: prng.fork('process'),
      segments: new SimulatedSegments({
        world,
        prng: prng.fork('segments'),
        syncMedianUs: between(disk, syncUsMin, syncUsMax),
      }),
      store: new SimulatedStore({ world, prng: prng.fork('store'), tables: [], flushMedianUs: 1_000 }),
      driftPpm: between(disk, 0, 2 * quietDriftPpmMax) - quietDriftPpmMax,
      surroundings: this,
      recover: ({ segments }, _, nowUs) => DiskExports.recover(segments, defaultDiskExportsSettings, nowUs),
    });
    this.disks = new SimulatedDisks({
      world,
      prng: prng.fork('disks'),
      reported: (report) => this.process.inform({ kind: 'acted', report }),
      carriedOut: (write) => observer.written(write),
    });
    this.calls = new ClientCalls({ world, network, process: () => this.process });
  }

  /** A guest's write has come over the network. */
  write(uri: string, tick: number, ended: (outcome: WriteOutcome) => void): void {
    if (!this.process.alive) ended('lost');
    else if (this.process.paused) this.#world.after(lookAgainUs, () => this.write(uri, tick, ended));
    else this.disks.write(uri, tick, ended);
  }

  reply(from: StorageProcess, effect: ReplyEffect<StorageResponse>): void {
    const request = this.#requests.get(effect.requestId);
    this.#requests.delete(effect.requestId);
    if (request !== undefined) this.#observer.storageAnswered(request, effect.response);
    this.calls.reply(from, effect);
  }

  act(_from: StorageProcess, { act }: ActEffect<StorageAct>): void {
    this.disks.act(act);
  }

  recovered(process: StorageProcess): void {
    this.#observer.started(process.node);
  }

  stepped(
    process: StorageProcess,
    event: ProcessEvent<StorageTypes>,
    effects: readonly ProcessEffect<StorageTypes>[],
  ): void {
    if (event.kind === 'requested') this.#requests.set(event.requestId, event.request);
    this.#observer.stepped({ of: 'storage', nowUs: this.#world.nowUs, process, event, effects });
  }

  ended(process: StorageProcess): void {
    this.#requests.clear();
    this.disks.crash();
    this.calls.ended(process);
    this.#observer.ended(process.node);
  }
}
