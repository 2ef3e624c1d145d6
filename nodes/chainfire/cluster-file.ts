import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';

import { DataDirError } from '../../adapters/data-dir/data-dir-error.ts';
import { readIfThere } from '../../adapters/data-dir/read-if-there.ts';
import { type InitialMember, type JoiningMember } from '../../core/chainfire/member-protocol.ts';

/** Another member as it was last heard of. */
export interface KnownMember {
  readonly id: number;
  readonly name: string;
  readonly peerUrls: readonly string[];
}

/** What a member must know of its cluster to start again, whatever it is told then. */
export interface ClusterRecord {
  /** 16 hex digits. */
  readonly clusterId: string;
  readonly nodeId: number;
  /** The members that the cluster began with: the same for every member that it ever has. */
  readonly birth: readonly InitialMember[];
  /** Undefined for one of those. */
  readonly join: JoiningMember | undefined;
  /** Its log was on disk once: it has promised something. */
  readonly hasStarted: boolean;
  /** All members, itself included, as it last knew them. */
  readonly members: readonly KnownMember[];
  /** It was removed, and this is what it said of it: it is never a member again. */
  readonly removed?: string | undefined;
}

const fileName = 'cluster';

/**
 * The file `cluster` of a data directory: JSON, always whole, replaced when the members change. It holds nothing that decides:
 * the log does. It says where to begin to ask.
 */
export class ClusterFile {
  /** Undefined: it is kept nowhere, and is as good as that. */
  readonly #dir: string | undefined;
  readonly #onFailed: (error: Error) => void;
  #record: ClusterRecord;
  /** The last that was begun; one at a time, and what came meanwhile is one more. */
  #writing: Promise<void> = Promise.resolve();
  #isDue = false;

  constructor(dir: string | undefined, record: ClusterRecord, onFailed: (error: Error) => void) {
    this.#dir = dir;
    this.#record = record;
    this.#onFailed = onFailed;
  }

  /** Undefined when there is none. @throws DataDirError when it cannot be read */
  static read(dir: string): ClusterRecord | undefined {
    const file = join(dir, fileName);
    let content: string | undefined;
    try {
      content = readIfThere(file);
    } catch (error) {
      throw new DataDirError(`cannot read ${file}: ${(error as Error).message}`, { cause: error });
    }
    if (content === undefined) return undefined;
    const record = parseRecord(content);
    if (record !== undefined) return record;
    throw new DataDirError(
      `${file} does not say what a member knows of its cluster; restore it, or remove this member and add it anew`,
    );
  }

  get record(): ClusterRecord {
    return this.#record;
  }

  /** Written soon; a failure is reported, and tried again at the next change. */
  change(change: Partial<Pick<ClusterRecord, 'hasStarted' | 'members' | 'removed'>>): void {
    this.#record = { ...this.#record, ...change };
    if (this.#isDue) return;
    this.#isDue = true;
    this.#writing = this.#writing
      .then(() => this.write())
      .catch((error: unknown) => this.#onFailed(error as Error));
  }

  /** Durable when it resolves. */
  async write(): Promise<void> {
    this.#isDue = false;
    if (this.#dir === undefined) return;
    const file = join(this.#dir, fileName);
    const temporary = `${file}.${process.pid}`;
    const handle = await open(temporary, 'w', 0o600);
    try {
      await handle.writeFile(`${JSON.stringify(this.#record, undefined, 2)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
    const directory = await open(this.#dir, 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }

  /** What is under way has ended. */
  async close(): Promise<void> {
    await this.#writing;
  }
}

function parseRecord(content: string): ClusterRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch {
    // Not JSON: the caller says what to do about it.
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const {
    clusterId,
    nodeId,
    birth,
    join: joining,
    hasStarted,
    members,
    removed,
  } = value as Record<string, unknown>;
  const isWhole =
    typeof clusterId === 'string' &&
    /^[0-9a-f]{16}$/.test(clusterId) &&
    Number.isSafeInteger(nodeId) &&
    typeof hasStarted === 'boolean' &&
    isMembers(birth) &&
    isMembers(members) &&
    (removed === undefined || typeof removed === 'string') &&
    (joining === undefined || isNamed(joining));
  return isWhole ? (value as ClusterRecord) : undefined;
}

function isMembers(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every((member) => isNamed(member) && Number.isSafeInteger((member as { id?: unknown }).id))
  );
}

function isNamed(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { name, peerUrls } = value as Record<string, unknown>;
  return (
    typeof name === 'string' && Array.isArray(peerUrls) && peerUrls.every((url) => typeof url === 'string')
  );
}
