import { type StorageBackend } from '../../storage/backend.ts';
import { type ChangeLog } from './changes.ts';
import { numberedKey, quotaKey, scramKey } from './row-keys.ts';
import { type RowWrites } from './row-writes.ts';
import { AclBinding, type QuotaEntityPart, QuotaRow, type QuotaState, ScramCredential } from './rows.ts';
import { aclTable, quotaTable, scramTable } from './tables.ts';

/** Who may do what, how they prove who they are, and how much they may ask for. */
export class SecurityState {
  readonly #writes: RowWrites;
  readonly #changes: ChangeLog;
  /** By the key of their row: in the order in which they were made. */
  readonly #acls = new Map<string, AclBinding>();
  /** The key of the row of each, by what it says. */
  readonly #aclKeys = new Map<string, string>();
  #aclList: readonly AclBinding[] | undefined;
  readonly #credentials = new Map<string, ScramCredential>();
  readonly #quotas = new Map<string, QuotaState>();

  constructor(writes: RowWrites, changes: ChangeLog) {
    this.#writes = writes;
    this.#changes = changes;
  }

  load(store: StorageBackend): void {
    this.#acls.clear();
    this.#aclKeys.clear();
    this.#aclList = undefined;
    this.#credentials.clear();
    this.#quotas.clear();
    for (const [key, value] of store.range(aclTable, { from: '' })) {
      const acl = AclBinding.decode(value);
      this.#acls.set(key, acl);
      this.#aclKeys.set(aclText(acl), key);
    }
    for (const [key, value] of store.range(scramTable, { from: '' })) {
      this.#credentials.set(key, ScramCredential.decode(value));
    }
    for (const [key, value] of store.range(quotaTable, { from: '' })) {
      this.#quotas.set(key, QuotaRow.decode(value));
    }
  }

  get aclCount(): number {
    return this.#acls.size;
  }

  get acls(): readonly AclBinding[] {
    this.#aclList ??= [...this.#acls.values()];
    return this.#aclList;
  }

  hasAcl(acl: AclBinding): boolean {
    return this.#aclKeys.has(aclText(acl));
  }

  /** @param index,number of the entry that makes it, and within that entry */
  addAcl(acl: AclBinding, index: number, number: number): void {
    if (this.hasAcl(acl)) return;
    const key = numberedKey(index, number);
    this.#acls.set(key, acl);
    this.#aclKeys.set(aclText(acl), key);
    this.#aclList = undefined;
    this.#writes.put(aclTable, key, AclBinding.encode(acl));
    this.#changes.acls();
  }

  removeAcl(acl: AclBinding): void {
    const text = aclText(acl);
    const key = this.#aclKeys.get(text);
    if (key === undefined) return;
    this.#acls.delete(key);
    this.#aclKeys.delete(text);
    this.#aclList = undefined;
    this.#writes.remove(aclTable, key);
    this.#changes.acls();
  }

  get credentialCount(): number {
    return this.#credentials.size;
  }

  credential(user: string, mechanism: number): ScramCredential | undefined {
    return this.#credentials.get(scramKey(user, mechanism));
  }

  credentials(): readonly ScramCredential[] {
    return inOrderOfKeys(this.#credentials);
  }

  putCredential(credential: ScramCredential): void {
    const key = scramKey(credential.user, credential.mechanism);
    this.#credentials.set(key, credential);
    this.#writes.put(scramTable, key, ScramCredential.encode(credential));
    this.#changes.credential(credential.user);
  }

  removeCredential(user: string, mechanism: number): void {
    const key = scramKey(user, mechanism);
    this.#credentials.delete(key);
    this.#writes.remove(scramTable, key);
    this.#changes.credential(user);
  }

  get quotaCount(): number {
    return this.#quotas.size;
  }

  quota(entity: readonly QuotaEntityPart[]): QuotaState | undefined {
    return this.#quotas.get(quotaKey(entity));
  }

  quotas(): readonly QuotaState[] {
    return inOrderOfKeys(this.#quotas);
  }

  /** One without values is none. */
  putQuota(quota: QuotaState): void {
    const key = quotaKey(quota.entity);
    this.#changes.quotas();
    if (quota.values.length === 0) {
      this.#quotas.delete(key);
      this.#writes.remove(quotaTable, key);
      return;
    }
    this.#quotas.set(key, quota);
    this.#writes.put(quotaTable, key, QuotaRow.encode(quota));
  }
}

function aclText(acl: AclBinding): string {
  const { resourceType, resourceName, patternType, principal, host, operation, permissionType } = acl;
  return JSON.stringify([
    resourceType,
    resourceName,
    patternType,
    principal,
    host,
    operation,
    permissionType,
  ]);
}

/** What was put last stands last in a map, but first in the store, perhaps. */
function inOrderOfKeys<T>(rows: ReadonlyMap<string, T>): readonly T[] {
  return [...rows.entries()]
    .sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0))
    .map(([, row]) => row);
}
