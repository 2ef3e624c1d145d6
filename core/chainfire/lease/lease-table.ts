import { assert } from '../../base/assert.ts';
import { type Links, passSet, type StateForm } from '../../base/capture.ts';
import { type StorageBackend, type StoreWrite } from '../../storage/backend.ts';
import { WireReader } from '../../wire/reader.ts';
import { WireWriter } from '../../wire/writer.ts';
import { type LeaseGrantRequest, type LeaseRevokeRequest } from '../api/lease.ts';
import { type LeaseExpiry, type LeaseRenewal } from '../command.ts';
import { type MemberResponse } from '../member-protocol.ts';
import { type Mvcc } from '../mvcc/mvcc.ts';
import { etcdRefusal } from '../refusals.ts';
import { idOfLeaseKey, leaseKey, leaseTable } from './keys.ts';

/** A lease: what all members agree on, and what is this member's alone. */
export class Lease {
  readonly id: bigint;
  readonly ttlSeconds: number;
  /** Position in the log of the entry that granted or last renewed it. */
  renewedIndex: number;
  /** False once it was revoked, has expired, or was swept away by a snapshot; it never comes back to life. */
  alive = true;
  /** When it is overdue by this member's clock; `LeaseDeadlines` keeps it, nothing replicated depends on it. */
  deadlineUs = Infinity;

  constructor(id: bigint, ttlSeconds: number, renewedIndex: number) {
    this.id = id;
    this.ttlSeconds = ttlSeconds;
    this.renewedIndex = renewedIndex;
  }
}

/**
 * The leases, as entries of the log have made them: part of the replicated state, the same on every member at the same applied
 * index. It knows no time; which leases an entry has granted or renewed is told to whoever counts it (`takeRenewed`).
 *
 * Every lease is in memory, as a row of `lease` is in the store; rows that changed are written with the batch in which they
 * did.
 */
export class LeaseTable {
  readonly #mvcc: Mvcc;
  readonly #leases = new Map<bigint, Lease>();
  /** Ids whose rows are not written yet. */
  #changed = new Set<bigint>();
  /** Granted or renewed since `takeRenewed`. */
  #renewed = new Set<Lease>();

  constructor(mvcc: Mvcc) {
    this.#mvcc = mvcc;
    this.reload(mvcc.store);
  }

  /** Takes everything from the store; every lease counts as renewed. */
  reload(store: Pick<StorageBackend, 'range'>): void {
    for (const lease of this.#leases.values()) lease.alive = false;
    this.#leases.clear();
    this.#changed = new Set();
    this.#renewed = new Set();
    for (const [key, row] of store.range(leaseTable, { from: '' })) {
      const lease = decodeLease(key, row);
      this.#leases.set(lease.id, lease);
      this.#renewed.add(lease);
    }
  }

  get size(): number {
    return this.#leases.size;
  }

  get(id: bigint): Lease | undefined {
    return this.#leases.get(id);
  }

  has(id: bigint): boolean {
    return this.#leases.has(id);
  }

  /** In no order that means anything. */
  leases(): IterableIterator<Lease> {
    return this.#leases.values();
  }

  /** Leases whose time to live begins anew, since the last call. */
  takeRenewed(): Iterable<Lease> {
    if (this.#renewed.size === 0) return [];
    const renewed = this.#renewed;
    this.#renewed = new Set();
    return renewed;
  }

  /** Rows that changed since the last call. */
  takeWrites(): readonly StoreWrite[] {
    if (this.#changed.size === 0) return [];
    const writes: StoreWrite[] = [];
    for (const id of this.#changed) {
      const lease = this.#leases.get(id);
      const value = lease === undefined ? undefined : encodeLease(lease);
      writes.push({ table: leaseTable, key: leaseKey(id), value });
    }
    this.#changed = new Set();
    return writes;
  }

  /** @param index of the entry */
  grant({ id, ttlSeconds }: LeaseGrantRequest, index: number): MemberResponse {
    assert(id !== 0n, 'an id was drawn before the grant was proposed');
    if (this.#leases.has(id)) return etcdRefusal('LEASE_EXISTS');
    const lease = new Lease(id, ttlSeconds, index);
    this.#leases.set(id, lease);
    this.#changed.add(id);
    this.#renewed.add(lease);
    this.#mvcc.counters.leasesGranted += 1;
    return { kind: 'leaseGrant', response: { header: this.#header(), id, ttlSeconds } };
  }

  /** Attachments are written when it is called (`Mvcc.attachedKeys`). */
  revoke({ id }: LeaseRevokeRequest): MemberResponse {
    const lease = this.#leases.get(id);
    if (lease === undefined) return etcdRefusal('LEASE_NOT_FOUND');
    this.#end(lease, this.#mvcc.attachedKeys(id));
    this.#mvcc.counters.leasesRevoked += 1;
    return { kind: 'leaseRevoke', response: { header: this.#header() } };
  }

  /** @param index of the entry */
  renew({ ids }: LeaseRenewal, index: number): void {
    for (const id of ids) {
      const lease = this.#leases.get(id);
      if (lease === undefined) continue;
      lease.renewedIndex = index;
      this.#mvcc.counters.leasesRenewed += 1;
      this.#changed.add(id);
      this.#renewed.add(lease);
    }
  }

  /**
   * Ends leases that a leader found overdue. A leader that has lost its term had no say any more when the entry came into the
   * log, and a renewal that came into the log after the leader had looked wins over what it saw.
   *
   * @param term of the entry
   */
  expire({ ids, term: foundTerm, appliedIndex }: LeaseExpiry, term: number): void {
    if (foundTerm !== term) return;
    const doomed: { readonly lease: Lease; readonly keys: readonly string[] }[] = [];
    for (const id of ids) {
      const lease = this.#leases.get(id);
      if (lease === undefined || lease.renewedIndex > appliedIndex) continue;
      // All are looked up before the first deletion: the store shows only what was written.
      doomed.push({ lease, keys: this.#mvcc.attachedKeys(id) });
    }
    for (const { lease, keys } of doomed) {
      if (!lease.alive) continue;
      this.#end(lease, keys);
      this.#mvcc.counters.leasesExpired += 1;
    }
  }

  /** @returns the leases, for whoever has some that are no more */
  passLeases(form: StateForm): Links<Lease> {
    assert(this.#changed.size === 0, 'leases are captured when all of them are written');
    const leases = form.links('known', blankLease, passLease);
    const held = form.list('leases', this.#leases.values(), blankLease, leases.each);
    passSet(form, 'renewed', this.#renewed, blankLease, leases.each);
    if (form.restores) {
      this.#leases.clear();
      for (const lease of held) this.#leases.set(lease.id, lease);
    }
    return leases;
  }

  /** The lease and its keys go, the keys in one revision. */
  #end(lease: Lease, keys: readonly string[]): void {
    lease.alive = false;
    this.#leases.delete(lease.id);
    this.#changed.add(lease.id);
    this.#renewed.delete(lease);
    this.#mvcc.begin();
    this.#mvcc.deleteAttached(lease.id, keys);
    this.#mvcc.end();
  }

  #header(): { clusterId: bigint; memberId: bigint; revision: number; raftTerm: number } {
    return { clusterId: 0n, memberId: 0n, revision: this.#mvcc.revision, raftTerm: 0 };
  }
}

/** Stands for a lease where there is none. */
export const blankLease = new Lease(0n, 0, 0);

function passLease(form: StateForm, lease: Lease): Lease {
  const id = form.big('id', lease.id);
  const ttlSeconds = form.number('ttlSeconds', lease.ttlSeconds);
  const renewedIndex = form.number('renewedIndex', lease.renewedIndex);
  const passed = form.restores ? new Lease(id, ttlSeconds, renewedIndex) : lease;
  passed.alive = form.flag('alive', lease.alive);
  passed.deadlineUs = form.number('deadlineUs', lease.deadlineUs);
  return passed;
}

const writer = new WireWriter();

function encodeLease(lease: Lease): Uint8Array {
  writer.reset();
  writer.varint(lease.ttlSeconds);
  writer.varint(lease.renewedIndex);
  return writer.finish();
}

function decodeLease(key: string, row: Uint8Array): Lease {
  const reader = new WireReader(row);
  return new Lease(idOfLeaseKey(key), reader.varint(), reader.varint());
}
