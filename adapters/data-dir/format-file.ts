import { closeSync, fsyncSync, openSync, readdirSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';

import { DataDirError } from './data-dir-error.ts';
import { readIfThere } from './read-if-there.ts';

/** Whose data a directory holds. Written once, before any data. */
export interface DirectoryIdentity {
  readonly system: string;
  /** 16 hex digits. */
  readonly clusterId: string;
  readonly nodeId: number;
  /** The node's name; for people, since the id decides. */
  readonly name: string;
  /** The snapshot that it was made of, by its digest in hex; undefined when it began empty. It is part of the cluster id. */
  readonly restoredFrom?: string | undefined;
}

/** Raised with every change that an older version cannot read; an older directory is then migrated or refused by name. */
export const formatVersion = 1;

const fileName = 'format';
/** What a directory without `format` may hold and still count as new: the lock, and what `mkfs` leaves. */
const ignored = new Set(['LOCK', 'lost+found']);

/**
 * Checks that the directory is this node's, or makes it so when it is empty.
 *
 * @returns whether it was new
 * @throws DataDirError before anything is changed: newer format, other system, other cluster, other node, foreign files
 */
export function claimDirectory(dir: string, identity: DirectoryIdentity): 'new' | 'existing' {
  const found = readFormat(dir);
  if (found !== undefined) {
    checkFormat(dir, found, identity);
    return 'existing';
  }
  const foreign = readdirSync(dir).filter(
    (entry) => !ignored.has(entry) && !entry.startsWith(`${fileName}.`) && !entry.startsWith('LOCK.'),
  );
  if (foreign.length > 0) {
    throw new DataDirError(
      `${dir} has no file "${fileName}" but holds ${foreign.slice(0, 3).join(', ')}${foreign.length > 3 ? ', …' : ''}: ` +
        'it is not a data directory; give an empty one',
    );
  }
  writeFormat(dir, identity);
  return 'new';
}

/**
 * Whose directory it says it is; undefined when it has no file that says so. Nothing is checked beyond what is read here:
 * `claimDirectory` decides.
 */
export function identityIn(dir: string): DirectoryIdentity | undefined {
  const found = readFormat(dir);
  if (found === undefined) return undefined;
  const { system, clusterId, nodeId, name, restoredFrom } = found;
  if (typeof system !== 'string' || typeof clusterId !== 'string') return undefined;
  if (typeof nodeId !== 'number' || typeof name !== 'string') return undefined;
  if (restoredFrom !== undefined && typeof restoredFrom !== 'string') return undefined;
  return { system, clusterId, nodeId, name, restoredFrom };
}

function checkFormat(
  dir: string,
  found: Readonly<Record<string, unknown>>,
  identity: DirectoryIdentity,
): void {
  const version = found['formatVersion'];
  if (typeof version !== 'number' || !Number.isSafeInteger(version) || version < 1) {
    throw new DataDirError(
      `${join(dir, fileName)} names no format version; restore the file or the directory from a backup`,
    );
  }
  if (found['system'] !== identity.system) {
    throw new DataDirError(
      `${dir} belongs to ${String(found['system'])}, not to ${identity.system}; give another --data-dir`,
    );
  }
  if (version > formatVersion) {
    throw new DataDirError(
      `${dir} has format ${version}, this version reads formats up to ${formatVersion}; use a newer photon`,
    );
  }
  if (found['clusterId'] !== identity.clusterId) {
    throw new DataDirError(
      `${dir} belongs to cluster ${String(found['clusterId'])}, this node to cluster ${identity.clusterId}: ` +
        'the initial members or the token differ from those that it was made with; where the members have changed since, ' +
        'leave out --initial-cluster, or add --initial-cluster-state existing',
    );
  }
  if (found['nodeId'] !== identity.nodeId) {
    throw new DataDirError(
      `${dir} belongs to node ${String(found['nodeId'])} (${String(found['name'])}), ` +
        `not to node ${identity.nodeId} (${identity.name})`,
    );
  }
}

function readFormat(dir: string): Readonly<Record<string, unknown>> | undefined {
  const file = join(dir, fileName);
  const content = readIfThere(file);
  if (content === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch (error) {
    throw new DataDirError(`${file} is not JSON; restore the file or the directory from a backup`, {
      cause: error,
    });
  }
  if (typeof value !== 'object' || value === null) throw new DataDirError(`${file} is not a JSON object`);
  return value as Readonly<Record<string, unknown>>;
}

/** Durable on return, and either whole or absent after a crash. */
function writeFormat(dir: string, identity: DirectoryIdentity): void {
  const temporary = join(dir, `${fileName}.${process.pid}`);
  const file = openSync(temporary, 'w');
  try {
    writeSync(file, `${JSON.stringify({ formatVersion, ...identity }, undefined, 2)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, join(dir, fileName));
  const directory = openSync(dir, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
