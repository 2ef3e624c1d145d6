import { expect } from 'vitest';

import { bytesFromLatin1 } from '../../core/base/bytes.ts';
import {
  type StorageBackend,
  type StoreRange,
  type StoreView,
  type StoreWrite,
} from '../../core/storage/backend.ts';

/** The tables that a store under test is opened with. */
export const contractTables = ['rows', 'meta'] as const;

/** A store under test, and what an implementation has besides the port. */
export interface OpenedStore {
  readonly store: StorageBackend;
  /** Waits until everything written is stored; resolves to every report of this life so far, in order. */
  settle?(): Promise<readonly number[]>;
  /** Lets whatever goes on beside the caller move on a little: a commit may begin or end. */
  pause?(): Promise<void>;
  /** Ends this life without warning, as a crash of the process does, and opens what it left. */
  reopen?(): Promise<OpenedStore>;
  close(): Promise<void>;
}

export function put(key: string, value: string): StoreWrite {
  return { table: 'rows', key, value: bytesFromLatin1(value) };
}

export function remove(key: string): StoreWrite {
  return { table: 'rows', key, value: undefined };
}

export function keyOf(value: number): string {
  return String(value).padStart(7, '0');
}

export type Readable = Pick<StoreView, 'get' | 'range'>;

export function rowsOf(store: Readable, table = 'rows', range: StoreRange = { from: '' }): readonly string[] {
  return Array.from(store.range(table, range), ([key, value]) => `${key}=${String.fromCharCode(...value)}`);
}

export function keysOf(store: Readable, range: StoreRange): readonly string[] {
  return Array.from(store.range('rows', range), ([key]) => key);
}

export function textOf(store: Readable, key: string): string | undefined {
  const value = store.get('rows', key);
  return value === undefined ? undefined : String.fromCharCode(...value);
}

export function expectIncreasing(reports: readonly number[]): void {
  expect(reports).toEqual(reports.toSorted((left, right) => left - right));
  expect(new Set(reports).size).toBe(reports.length);
}
