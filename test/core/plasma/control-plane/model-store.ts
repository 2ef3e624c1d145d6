import { OrderedMap } from '../../../../core/base/ordered-map.ts';
import {
  type KvCompare,
  type KvEffect,
  type KvOutcome,
  type KvRow,
} from '../../../../core/plasma/control-plane/protocol.ts';

type KvCall = Extract<KvEffect, { readonly kvId: number }>;
type Stored = KvRow & { readonly lease: string | undefined };

/** The store as its clients see it, without its members: each call is done at once, in one order. */
export class ModelStore {
  #rows = new OrderedMap<Stored>();
  readonly #history = new Map<number, OrderedMap<Stored>>();
  #revision = 1;
  #leases = 0;
  readonly #alive = new Set<string>();

  get revision(): number {
    return this.#revision;
  }

  value(key: string): string | undefined {
    return this.#rows.get(key)?.value;
  }

  keys(prefix: string): readonly string[] {
    return this.#range(
      this.#rows,
      prefix,
      prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1),
    ).map(({ key }) => key);
  }

  /** Somebody writes by hand. */
  put(key: string, value: string): void {
    this.#keep();
    this.#set(key, value, undefined);
  }

  endLease(lease: string): void {
    if (!this.#alive.delete(lease)) return;
    this.#keep();
    for (const row of this.#range(this.#rows, '\0', '\x7f')) {
      if (row.lease === lease) this.#rows.delete(row.key);
    }
  }

  carryOut(call: KvCall): KvOutcome {
    switch (call.kind) {
      case 'kvLeaseGrant':
        this.#leases += 1;
        this.#alive.add(String(this.#leases));
        return { kind: 'leaseGranted', lease: String(this.#leases), ttlSeconds: call.ttlSeconds };
      case 'kvRange': {
        const rows = call.revision === 0 ? this.#rows : (this.#history.get(call.revision) ?? this.#rows);
        const found = this.#range(rows, call.key, call.end ?? `${call.key}\0`);
        return {
          kind: 'range',
          rows: found.slice(0, call.limit).map(shown),
          more: found.length > call.limit,
          revision: this.#revision,
        };
      }
      case 'kvTxn':
        return this.#carryOutTxn(call);
    }
  }

  #carryOutTxn(call: Extract<KvCall, { kind: 'kvTxn' }>): KvOutcome {
    if (!call.compares.every((compare) => this.#holds(compare))) {
      const rows: KvRow[] = [];
      for (const key of call.otherwiseRead) {
        const row = this.#rows.get(key);
        if (row !== undefined) rows.push(shown(row));
      }
      return { kind: 'txn', succeeded: false, revision: this.#revision, rows };
    }
    const gone = call.changes.some(
      (change) => change.kind === 'put' && change.lease !== undefined && !this.#alive.has(change.lease),
    );
    if (gone) return { kind: 'failed', reason: 'requested lease not found' };
    const keys = new Set(call.changes.map(({ key }) => key));
    if (keys.size < call.changes.length) throw new Error('a key is changed twice in a transaction');
    if (call.changes.length > 128) throw new Error(`${call.changes.length} changes in a transaction`);
    this.#keep();
    for (const change of call.changes) {
      if (change.kind === 'delete') this.#rows.delete(change.key);
      else this.#set(change.key, change.value, change.lease);
    }
    return { kind: 'txn', succeeded: true, revision: this.#revision, rows: [] };
  }

  #holds(compare: KvCompare): boolean {
    const row = this.#rows.get(compare.key);
    switch (compare.kind) {
      case 'absent':
        return row === undefined;
      case 'createRevision':
        return row?.createRevision === compare.equals;
      case 'value':
        return row?.value === compare.equals;
    }
  }

  /** What is there now stays readable at its revision, and the next begins. */
  #keep(): void {
    this.#history.set(this.#revision, this.#rows.clone());
    this.#revision += 1;
  }

  #set(key: string, value: string, lease: string | undefined): void {
    const createRevision = this.#rows.get(key)?.createRevision ?? this.#revision;
    this.#rows.set(key, { key, value, createRevision, lease });
  }

  #range(rows: OrderedMap<Stored>, from: string, to: string): Stored[] {
    const found: Stored[] = [];
    for (const [, row] of rows.range({ from, to })) found.push(row);
    return found;
  }
}

function shown({ key, value, createRevision }: Stored): KvRow {
  return { key, value, createRevision };
}
