import { between, type Prng } from '../../core/base/prng.ts';
import { usPerMs } from '../../core/base/units.ts';
import { type PlasmaMutation, type PlasmaResponse } from '../../core/plasma/api.ts';
import { type PlasmaServer } from '../../core/cloud/plasma-server.ts';
import { type RestartPolicy, type VmId, type VmSpec } from '../../core/plasma/types.ts';
import { type ClientCalls } from '../client-calls.ts';
import { type World } from '../world.ts';
import { nodeNameOf, serverAddress } from './addresses.ts';
import { type AskedOperation, isCommitted, type PlasmaHistory } from './history.ts';
import { type SimulatedImage } from './images.ts';
import { type UserOperation, type UserPlan } from './plan.ts';
import { type ServerTypes } from './processes.ts';

const bytesOfDisk = 65_536;
const sectorBytes = 512;
const memoryUnitBytes = 1_048_576;
const backoffUsMin = 50 * usPerMs;
const backoffUsMax = 800 * usPerMs;
const groups = ['red', 'blue'] as const;
/** One in so many retries goes to another server than the one that is thought to lead. */
const strayOneIn = 5;

interface OwnVm {
  readonly name: string;
  readonly id: VmId;
}

/**
 * A user of the platform, with a project of his own. He does one thing after the other, each under an operation id of its own, asks
 * until he has an answer that is final, whichever server gives it, and now and then asks again what was answered long ago.
 */
export class SimulatedUser {
  readonly #options: SimulatedUserOptions;
  readonly #project: string;
  readonly #todo: PlasmaMutation[] = [];
  /** By name, those that were committed and not deleted. */
  readonly #vms = new Map<string, OwnVm>();
  readonly #freeDisks: string[] = [];
  readonly #diskOfVm = new Map<string, string>();
  /** By name of the virtual machine. */
  readonly #snapshots = new Map<string, readonly string[]>();
  /** Names of images in his catalogue. */
  readonly #catalogue = new Set<string>();
  #count = 0;
  #current: AskedOperation | undefined;
  #leader: number | undefined;
  #stopped = false;

  constructor(options: SimulatedUserOptions) {
    this.#options = options;
    this.#project = `project-${options.user}`;
    const { plan } = options;
    if (plan.quota !== undefined)
      this.#todo.push({ ...this.#mutation(), kind: 'quotaSet', quota: plan.quota });
    for (let at = 0; at < plan.sharedDisks; at += 1) {
      this.#todo.push(this.#diskCreation(`disk-${at}`));
    }
    if (this.#imageOfTen > 0) for (const image of options.images) this.#todo.push(this.#addition(image));
  }

  get idle(): boolean {
    return this.#current === undefined;
  }

  get waitsFor(): string {
    const { request } = this.#current ?? {};
    return request === undefined ? 'nothing' : `${request.kind} ${request.operationId}`;
  }

  start(): void {
    this.#thinkAndGoOn();
  }

  /** Begins nothing new. */
  stop(): void {
    this.#stopped = true;
  }

  #thinkAndGoOn(): void {
    const { world, prng, plan } = this.#options;
    const thinkUs = this.#todo.length > 0 ? 1_000 : between(prng, plan.thinkUsMin, plan.thinkUsMax);
    world.after(thinkUs, () => {
      if (!this.#stopped) this.#next();
    });
  }

  #next(): void {
    const { prng, plan, history, user, world } = this.#options;
    const again = plan.repeatOneIn > 0 && prng.chance(1, plan.repeatOneIn) ? this.#answered() : undefined;
    if (again !== undefined) {
      again.over = false;
      this.#current = again;
    } else {
      const request = this.#todo.shift() ?? this.#draw();
      if (request === undefined) return this.#thinkAndGoOn();
      this.#current = history.begin(user, request, world.nowUs);
    }
    this.#ask(this.#current);
  }

  #answered(): AskedOperation | undefined {
    const { history, user, prng } = this.#options;
    const own = history.operations.filter((asked) => asked.user === user && isCommitted(asked));
    return own[prng.below(Math.max(1, own.length))];
  }

  #ask(asked: AskedOperation): void {
    const { calls, client, plan, world, prng, servers } = this.#options;
    const stray = prng.chance(1, strayOneIn);
    const server = stray || this.#leader === undefined ? prng.below(servers) : this.#leader;
    calls.attempt({
      client,
      node: serverAddress(server % servers),
      request: {
        caller: { identity: `photon://user/${this.#project}` },
        call: { service: 'user', request: asked.request },
      },
      timeoutUs: plan.requestTimeoutUs,
      ended: (end) => {
        if (end.kind === 'attemptFailed') return this.#later(asked, undefined);
        const response = end.response as PlasmaResponse;
        asked.answers.push({ atUs: world.nowUs, response });
        if (response.kind === 'refused' && isPassing(response.code))
          return this.#later(asked, response.leader);
        this.#leader = server;
        this.#ended(asked, response);
      },
    });
  }

  #later(asked: AskedOperation, leader: number | undefined): void {
    const { world, prng } = this.#options;
    this.#leader = leader;
    world.after(between(prng, backoffUsMin, backoffUsMax), () => this.#ask(asked));
  }

  #ended(asked: AskedOperation, response: PlasmaResponse): void {
    asked.over = true;
    this.#current = undefined;
    const earlier = asked.answers.filter(({ response: { kind } }) => kind === 'committed').length;
    if (response.kind === 'committed' && earlier === 1) this.#learn(asked.request, response.vm);
    if (response.kind === 'committed' && earlier > 1) this.#options.history.repeated += 1;
    if (response.kind === 'refused') this.#refused(asked.request);
    this.#thinkAndGoOn();
  }

  #refused(request: PlasmaMutation): void {
    if (request.kind === 'vmCreate') this.#giveBack(request.spec.name);
    else if (request.kind === 'sharedDiskDelete') this.#freeDisks.push(request.disk);
  }

  #learn(request: PlasmaMutation, vm: VmId | undefined): void {
    if (request.kind === 'vmCreate' && vm !== undefined) {
      this.#vms.set(request.spec.name, { name: request.spec.name, id: vm });
    } else if (request.kind === 'vmDelete') {
      this.#vms.delete(request.vm);
      this.#giveBack(request.vm);
    } else if (request.kind === 'vmSnapshot') {
      this.#snapshots.set(request.vm, [...(this.#snapshots.get(request.vm) ?? []), request.snapshot]);
    } else if (request.kind === 'sharedDiskCreate') {
      this.#freeDisks.push(request.disk);
    } else if (request.kind === 'sharedDiskDelete') {
      this.#todo.push(this.#diskCreation(request.disk));
    } else if (request.kind === 'imageAdd') {
      this.#catalogue.add(request.name);
    } else if (request.kind === 'imageRemove') {
      this.#catalogue.delete(request.name);
    }
  }

  #diskCreation(disk: string): PlasmaMutation {
    return { ...this.#mutation(), kind: 'sharedDiskCreate', disk, sizeBytes: bytesOfDisk };
  }

  get #imageOfTen(): number {
    return this.#options.plan.imageOfTen ?? 0;
  }

  #addition({ name, digest, bytes: { length } }: SimulatedImage): PlasmaMutation {
    const facts = { format: 'raw', fileBytes: length, virtualBytes: length } as const;
    return { ...this.#mutation(), kind: 'imageAdd', name, digest, ...facts };
  }

  #giveBack(vm: string): void {
    const disk = this.#diskOfVm.get(vm);
    this.#diskOfVm.delete(vm);
    if (disk !== undefined) this.#freeDisks.push(disk);
  }

  #mutation(): { readonly operationId: string; readonly project: string } {
    this.#count += 1;
    return { operationId: `op-${this.#options.user}-${this.#count}`, project: this.#project };
  }

  #draw(): PlasmaMutation | undefined {
    const { plan, prng } = this.#options;
    const entries = Object.entries(plan.mix) as [UserOperation, number][];
    const total = entries.reduce((sum, [, weight]) => sum + weight, 0);
    let left = prng.below(Math.max(1, total));
    for (const [operation, weight] of entries) {
      if (left < weight) return this.#drawOf(operation);
      left -= weight;
    }
    return undefined;
  }

  #drawOf(operation: UserOperation): PlasmaMutation | undefined {
    const { plan, prng, nodes } = this.#options;
    if (operation === 'create') return this.#vms.size < plan.vmsMax ? this.#drawCreate() : undefined;
    const node = nodeNameOf(prng.below(nodes));
    if (operation === 'drain') return { ...this.#mutation(), kind: 'nodeDrain', node };
    if (operation === 'uncordon') return { ...this.#mutation(), kind: 'nodeUncordon', node };
    if (operation === 'quota') {
      const vmsMax = between(prng, 1, plan.vmsMax);
      const quota = {
        vmsMax,
        cpusMax: undefined,
        memoryBytesMax: undefined,
        diskBytesMax: undefined,
        imageBytesMax: undefined,
      };
      return { ...this.#mutation(), kind: 'quotaSet', quota };
    }
    if (operation === 'diskDelete') {
      const disk = this.#freeDisks.shift();
      return disk === undefined ? undefined : { ...this.#mutation(), kind: 'sharedDiskDelete', disk };
    }
    if (operation === 'image') {
      const image = this.#drawImage();
      if (image === undefined || !this.#catalogue.has(image.name)) return image && this.#addition(image);
      return { ...this.#mutation(), kind: 'imageRemove', name: image.name };
    }
    const own = [...this.#vms.values()][prng.below(Math.max(1, this.#vms.size))];
    if (own === undefined) return undefined;
    if (operation === 'snapshot' || operation === 'snapshotDelete' || operation === 'restore')
      return this.#drawSnapshot(operation, own.name);
    const vm = prng.chance(1, 2) && operation !== 'delete' ? own.id : own.name;
    switch (operation) {
      case 'delete':
        return { ...this.#mutation(), kind: 'vmDelete', vm };
      case 'start':
        return { ...this.#mutation(), kind: prng.chance(1, 3) ? 'vmResume' : 'vmStart', vm };
      case 'pause':
        return { ...this.#mutation(), kind: 'vmPause', vm };
      case 'attach': {
        const disk = { name: `data-${this.#count}`, image: undefined, sizeBytes: bytesOfDisk };
        const local = { ...disk, kind: 'local', sharedDisk: undefined } as const;
        return { ...this.#mutation(), kind: 'vmAttachDisk', vm, disk: local };
      }
      case 'resize': {
        const disk = prng.chance(1, 2) ? 'own' : 'boot';
        const sizeBytes = bytesOfDisk + between(prng, 1, 8) * sectorBytes;
        return { ...this.#mutation(), kind: 'vmResizeDisk', vm, disk, sizeBytes };
      }
      case 'stop':
        return { ...this.#mutation(), kind: 'vmStop', vm, force: prng.chance(1, 3) };
      default: {
        const to = prng.chance(1, 2) ? node : undefined;
        return { ...this.#mutation(), kind: 'vmMigrate', vm, node: to, live: operation === 'migrate' };
      }
    }
  }

  #drawImage(): SimulatedImage | undefined {
    const { images, prng } = this.#options;
    return images[prng.below(Math.max(1, images.length))];
  }

  #drawRestartPolicy(): RestartPolicy {
    const { prng, plan } = this.#options;
    const { neverAgainOfTen = 0 } = plan;
    if (neverAgainOfTen > 0 && prng.below(10) < neverAgainOfTen) return 'never';
    return prng.chance(1, 2) ? 'always' : 'on-failure';
  }

  /** Of those that were asked for: some have failed, and are asked for in vain. */
  #drawSnapshot(
    operation: 'snapshot' | 'snapshotDelete' | 'restore',
    vm: string,
  ): PlasmaMutation | undefined {
    const { prng } = this.#options;
    if (operation === 'snapshot') {
      const mutation = this.#mutation();
      return { ...mutation, kind: 'vmSnapshot', vm, snapshot: `s-${this.#count}` };
    }
    const taken = this.#snapshots.get(vm) ?? [];
    const snapshot = taken[prng.below(Math.max(1, taken.length))];
    if (snapshot === undefined) return undefined;
    const kind = operation === 'restore' ? 'vmRestore' : 'vmDeleteSnapshot';
    return { ...this.#mutation(), kind, vm, snapshot };
  }

  /** Names are never used twice: two virtual machines of one name are two of one request. */
  #drawCreate(): PlasmaMutation {
    const { plan, prng, user } = this.#options;
    const mutation = this.#mutation();
    const name = `vm-${user}-${this.#count}`;
    const keeps = prng.below(10) < plan.keepRunningOfTen;
    const group = groups[prng.below(groups.length)] ?? 'red';
    const spreads = prng.below(10) < plan.spreadOfTen;
    const shared = keeps ? undefined : this.#freeDisks.shift();
    if (shared !== undefined) this.#diskOfVm.set(name, shared);
    const boots = this.#imageOfTen > 0 && prng.below(10) < this.#imageOfTen;
    const image = boots ? this.#drawImage()?.digest : undefined;
    const spec: VmSpec = {
      name,
      project: this.#project,
      labels: { group },
      cpus: between(prng, 1, 2),
      memoryBytes: between(prng, 1, 4) * memoryUnitBytes,
      disks: [
        ...(image === undefined
          ? []
          : [{ name: 'boot', kind: 'local', image, sharedDisk: undefined, sizeBytes: bytesOfDisk } as const]),
        ...(keeps
          ? [
              {
                name: 'own',
                kind: 'local',
                image: undefined,
                sharedDisk: undefined,
                sizeBytes: bytesOfDisk,
              } as const,
            ]
          : []),
        ...(shared === undefined
          ? []
          : [
              {
                name: 'root',
                kind: 'shared',
                image: undefined,
                sharedDisk: shared,
                sizeBytes: bytesOfDisk,
              } as const,
            ]),
      ],
      nics: [],
      cloudInit: undefined,
      restartPolicy: this.#drawRestartPolicy(),
      leasePolicy: keeps ? 'keep-running' : 'must-stop',
      nodeSelector: {},
      affinity: spreads
        ? [{ kind: 'anti-affinity', topology: 'node', matches: { group }, required: true }]
        : [],
      priority: 0,
      migratable: image === undefined,
    };
    return { ...mutation, kind: 'vmCreate', spec, start: !prng.chance(1, 10) };
  }
}

export interface SimulatedUserOptions {
  readonly user: number;
  /** His number in the network. */
  readonly client: number;
  readonly world: World;
  readonly prng: Prng;
  readonly plan: UserPlan;
  readonly servers: number;
  readonly nodes: number;
  readonly calls: ClientCalls<PlasmaServer, ServerTypes>;
  readonly history: PlasmaHistory;
  readonly images: readonly SimulatedImage[];
}

/** Says nothing of whether it will be done: asked again, elsewhere or later. */
function isPassing(code: string): boolean {
  return code === 'NOT_LEADER' || code === 'UNAVAILABLE' || code === 'TOO_MANY_REQUESTS';
}
