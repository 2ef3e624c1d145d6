import { type NodeId } from '../../core/base/ids.ts';
import { type ChainfireMember } from '../../core/chainfire/member.ts';
import { readApplied } from '../../core/chainfire/mvcc/meta.ts';
import { type StoreRow, type StoreView } from '../../core/storage/backend.ts';
import { type MemberProcess } from '../cluster.ts';
import { clientAddress } from '../network/conditions.ts';
import { type Network } from '../network/network.ts';
import { packetBytes, type SnapshotChunk, snapshotChunks } from '../network/snapshot-chunks.ts';
import { type World } from '../world.ts';
import { type Backup, type OpenedBackup } from './backup.ts';
import { type StateInWords, stateOfMember } from './state-in-words.ts';

/** Without a sign from the other side for so long, either side gives up. */
const silenceUsMax = 4_000_000;
const pausedPollUs = 10_000;
const asked = { kind: 'backupAsked' };
const sent = { kind: 'backupChunk' };
const taken = { kind: 'backupTaken' };

export interface DownloadOptions {
  readonly world: World;
  readonly network: Network;
  readonly client: number;
  readonly process: MemberProcess;
  readonly chunkRowsMax: number;
  /** What the client takes over the next chunk. */
  readonly chunkUs: () => number;
  readonly opened: (backup: OpenedBackup) => void;
  /** Called once: with the backup, or, with undefined, when there is none. */
  readonly ended: (backup: Backup | undefined) => void;
}

interface Serving {
  readonly boot: number;
  readonly openedUs: number;
  readonly view: StoreView;
  readonly member: StateInWords;
  readonly leases: Backup['leases'];
  readonly chunks: Iterator<SnapshotChunk>;
}

/**
 * A client takes a backup of one member: the member opens a view of its store between two of its steps, and reads from that
 * what goes out next each time that the client has taken what came before, as the process in production does
 * (`Maintenance.Snapshot`). Whatever is lost on the way, a process that dies, or a side that falls silent ends it: what has come
 * by then is no backup.
 */
export class BackupDownload {
  readonly #options: DownloadOptions;
  readonly #tables = new Map<string, StoreRow[]>();
  #serving: Serving | undefined;
  /** What each side has seen of the other, so that it notices silence. */
  #served = 0;
  #received = 0;
  #over = false;

  constructor(options: DownloadOptions) {
    this.#options = options;
  }

  /** A member has begun to serve it. */
  get isServed(): boolean {
    return this.#serving !== undefined;
  }

  begin(): void {
    const { process } = this.#options;
    this.#toMember(asked, () => {
      this.#whenRunning(() => {
        const { machine } = process;
        if (machine === undefined) this.#end(undefined);
        else this.#serve(machine);
      });
    });
    this.#awaitSign();
  }

  #serve(member: ChainfireMember): void {
    if (this.#over) return;
    const { process, world, chunkRowsMax } = this.#options;
    const view = process.store.view(process.store.openView());
    const applied = readApplied(view);
    // A member that has nothing yet says so.
    if (applied.index === 0) {
      view.close();
      this.#end(undefined);
      return;
    }
    this.#options.opened({ node: process.member, atUs: world.nowUs, member, applied });
    this.#serving = {
      boot: process.boot,
      openedUs: world.nowUs,
      view,
      member: stateOfMember(member.view),
      leases: member.view.leases().map(({ id, ttlSeconds }) => ({ id, ttlSeconds })),
      chunks: snapshotChunks(view, process.store.tables, chunkRowsMax),
    };
    this.#sendNext(this.#serving);
  }

  #sendNext(serving: Serving): void {
    const next = serving.chunks.next();
    const chunk = next.done === true ? undefined : next.value;
    this.#served += 1;
    const served = this.#served;
    this.#toClient(serving, chunk, () => {
      if (this.#over) return;
      this.#received += 1;
      if (chunk === undefined) this.#whole(serving);
      else this.#onChunk(serving, chunk);
    });
    this.#options.world.after(silenceUsMax, () => {
      if (this.#served === served) this.#end(undefined);
    });
  }

  #onChunk(serving: Serving, { table, rows }: SnapshotChunk): void {
    const held = this.#tables.get(table);
    if (held === undefined) this.#tables.set(table, [...rows]);
    else for (const row of rows) held.push(row);
    this.#options.world.after(this.#options.chunkUs(), () => {
      if (this.#over) return;
      this.#awaitSign();
      this.#toMember(taken, () => {
        this.#whenRunning(() => {
          if (!this.#over && this.#isAlive(serving)) this.#sendNext(serving);
        });
      });
    });
  }

  #whole({ openedUs, member, leases }: Serving): void {
    const { process, world } = this.#options;
    const endedUs = world.nowUs;
    this.#end({ node: process.member, openedUs, endedUs, member, leases, tables: this.#tables });
  }

  #awaitSign(): void {
    const received = this.#received;
    this.#options.world.after(silenceUsMax, () => {
      if (this.#received === received) this.#end(undefined);
    });
  }

  #end(backup: Backup | undefined): void {
    if (this.#over) return;
    this.#over = true;
    // A view goes with its process.
    if (this.#serving !== undefined && this.#isAlive(this.#serving)) this.#serving.view.close();
    this.#options.ended(backup);
  }

  #isAlive({ boot }: Serving): boolean {
    const { process } = this.#options;
    return process.alive && process.boot === boot;
  }

  #toClient(serving: Serving, chunk: SnapshotChunk | undefined, arrived: () => void): void {
    const { network, process } = this.#options;
    const bytes = chunk?.bytes ?? packetBytes;
    const addresses = { from: process.node, to: this.#address };
    network.send({
      ...addresses,
      bytes,
      carriage: 'stream',
      carries: sent,
      arrived: () => {
        if (process.connected(serving.boot)) arrived();
        else this.#end(undefined);
      },
    });
  }

  #toMember(carries: { readonly kind: string }, arrived: () => void): void {
    const { network, process } = this.#options;
    network.send({
      from: this.#address,
      to: process.node,
      bytes: packetBytes,
      carriage: 'stream',
      carries,
      arrived,
    });
  }

  get #address(): NodeId {
    return clientAddress(this.#options.client) as NodeId;
  }

  /** A stopped process leaves what has come in its socket. */
  #whenRunning(go: () => void): void {
    const { process, world } = this.#options;
    if (!process.paused) {
      go();
      return;
    }
    world.after(pausedPollUs, () => {
      this.#whenRunning(go);
    });
  }
}
