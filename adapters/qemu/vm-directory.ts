import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

import { type FenceToken, type InstanceId, type VmId } from '../../core/plasma/types.ts';
import { vmDirectoryName } from './vm-names.ts';

/** A unix socket's address holds no more, whatever its directory is called. */
const socketPathBytesMax = 107;

/** How a process was launched: for the agent that finds it. */
export interface LaunchRecord {
  readonly pid: number;
  readonly startTicks: number;
  readonly incoming: boolean;
  /** It stands when its state has come, until it is told to run. */
  readonly paused: boolean;
}

/** On its way to another node. */
export interface MigrationRecord {
  readonly pid: number;
  readonly startTicks: number;
  readonly uri: string;
  /** It runs again if nothing comes of it. */
  readonly wasRunning: boolean;
  /** It was made to stand from here, before QEMU's last step: it does not go on by itself, whatever comes of that. */
  readonly stopped: boolean;
  /** From here on it only ever ends. */
  readonly handedOver: boolean;
}

/** Everything of one virtual machine under one token. What is written here is on disk when the call returns, and whole. */
export class VmDirectory {
  readonly vm: VmId;
  readonly fenceToken: FenceToken;
  readonly path: string;

  constructor(vmsDir: string, vm: VmId, fenceToken: FenceToken) {
    this.vm = vm;
    this.fenceToken = fenceToken;
    this.path = join(vmsDir, vmDirectoryName(vm, fenceToken));
  }

  get pidFile(): string {
    return join(this.path, 'pid');
  }

  get consoleLog(): string {
    return join(this.path, 'console.log');
  }

  /** What QEMU itself says. */
  get qemuLog(): string {
    return join(this.path, 'qemu.log');
  }

  get serialSocket(): string {
    return join(this.path, 'serial.sock');
  }

  get seed(): string {
    return join(this.path, 'seed.iso');
  }

  get exists(): boolean {
    return existsSync(this.path);
  }

  /** Whether it has local disks. */
  hasOverlays(): boolean {
    return this.exists && readdirSync(this.path).some((name) => /^disk-.*\.qcow2$/.test(name));
  }

  overlay(disk: string): string {
    return join(this.path, `disk-${disk}.qcow2`);
  }

  launchRecord(instance: InstanceId): LaunchRecord | undefined {
    return this.#record<LaunchRecord>('launch.json', instance);
  }

  writeLaunchRecord(record: LaunchRecord): void {
    this.#write('launch.json', record);
  }

  migrationRecord(instance: InstanceId): MigrationRecord | undefined {
    return this.#record<MigrationRecord>('migration.json', instance);
  }

  writeMigrationRecord(record: MigrationRecord): void {
    this.#write('migration.json', record);
  }

  /**
   * Calls `use` with an address of a socket in this directory that is short enough, however long the directory's own name is.
   * It holds until what `use` returns has settled.
   */
  async withSocket<T>(name: string, use: (path: string) => Promise<T>): Promise<T> {
    const path = join(this.path, name);
    if (Buffer.byteLength(path) <= socketPathBytesMax) return use(path);
    const directory = openSync(this.path, 'r');
    try {
      return await use(`/proc/self/fd/${directory}/${name}`);
    } finally {
      closeSync(directory);
    }
  }

  /** Of another life under the same token it says nothing. */
  #record<T extends { readonly pid: number; readonly startTicks: number }>(
    name: string,
    instance: InstanceId,
  ): T | undefined {
    const path = join(this.path, name);
    if (!existsSync(path)) return undefined;
    const record = JSON.parse(readFileSync(path, 'utf8')) as T;
    return record.pid === instance.pid && record.startTicks === instance.startTicks ? record : undefined;
  }

  #write(name: string, record: object): void {
    const path = join(this.path, name);
    const file = openSync(`${path}.new`, 'w', 0o600);
    try {
      writeSync(file, `${JSON.stringify(record)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(`${path}.new`, path);
    const directory = openSync(this.path, 'r');
    try {
      fsyncSync(directory);
    } finally {
      closeSync(directory);
    }
  }
}
