import { type Command } from '../../../../core/chainfire/command.ts';

/** Which leases there are and which keys they have, in the fewest words: what every member must agree on. */
export class LeaseModel {
  readonly leases = new Map<bigint, { ttlSeconds: number; renewedIndex: number }>();
  /** Every key, with its lease; 0: none. */
  readonly keys = new Map<string, bigint>();
  revision = 1;

  /** @returns the code of a refusal */
  apply(command: Partial<Command>, index: number, term: number): string | undefined {
    const { leaseGrant, leaseRevoke, leaseRenew, leaseExpire, put, deleteRange } = command;
    if (leaseGrant) {
      if (this.leases.has(leaseGrant.id)) return 'LEASE_EXISTS';
      this.leases.set(leaseGrant.id, { ttlSeconds: leaseGrant.ttlSeconds, renewedIndex: index });
    }
    if (leaseRevoke) {
      if (!this.leases.has(leaseRevoke.id)) return 'LEASE_NOT_FOUND';
      this.#end(leaseRevoke.id);
    }
    for (const id of leaseRenew?.ids ?? []) {
      const lease = this.leases.get(id);
      if (lease) lease.renewedIndex = index;
    }
    for (const id of leaseExpire?.term === term ? leaseExpire.ids : []) {
      const lease = this.leases.get(id);
      if (lease && lease.renewedIndex <= (leaseExpire?.appliedIndex ?? 0)) this.#end(id);
    }
    if (put) {
      if (put.lease !== 0n && !this.leases.has(put.lease)) return 'LEASE_NOT_FOUND';
      const before = this.keys.get(put.key);
      if (put.ignoreLease && before === undefined) return 'KEY_NOT_FOUND';
      this.keys.set(put.key, put.ignoreLease ? (before ?? 0n) : put.lease);
      this.revision += 1;
    }
    if (deleteRange) {
      const { key, rangeEnd } = deleteRange;
      this.#delete(
        [...this.keys.keys()].filter((one) => (rangeEnd ? one >= key && one < rangeEnd : one === key)),
      );
    }
    return undefined;
  }

  keysOf(id: bigint): readonly string[] {
    return [...this.keys].filter(([, lease]) => lease === id).map(([key]) => key);
  }

  #end(id: bigint): void {
    this.leases.delete(id);
    this.#delete(this.keysOf(id));
  }

  #delete(keys: readonly string[]): void {
    for (const key of keys) this.keys.delete(key);
    if (keys.length > 0) this.revision += 1;
  }
}
