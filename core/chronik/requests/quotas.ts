import { assert } from '../../base/assert.ts';
import { usPerMs, usPerSecond } from '../../base/units.ts';
import { type QuotaState } from '../metadata/rows.ts';

/** Whom a quota is for (KIP-546). A name of undefined is the default of its kind; a kind that is absent does not matter. */
interface QuotaEntity {
  readonly user?: string | undefined;
  readonly clientId?: string | undefined;
  /** Which of the two the quota names, were it by default. */
  readonly ofUser: boolean;
  readonly ofClientId: boolean;
}

export type ByteQuota = 'producer_byte_rate' | 'consumer_byte_rate';

/** Debts that are remembered; beyond it those that are paid are forgotten, then the oldest. */
const debtorsMax = 10_000;
/** Nobody is held up for longer at once (the quota window of Kafka: ten samples of a second, and one). */
const throttleMsMax = 11_000;

interface Debt {
  /** By then everything that was used is paid for at the quota's rate. */
  paidUs: number;
}

/**
 * Bytes a second for users and clients. What is used is paid for over time at the quota's rate; a second's worth may be used
 * ahead. Whoever owes more is held up until the debt is a second's worth again.
 */
export class Quotas {
  #lines: ReadonlyMap<string, number> = new Map();
  readonly #debts = new Map<string, Debt>();

  replace(rows: Iterable<QuotaState>): void {
    const table = new Map<string, number>();
    for (const { entity, values } of rows) {
      const user = entity.find(({ type }) => type === 'user');
      const client = entity.find(({ type }) => type === 'client-id');
      // Quotas of addresses bound connections, not bytes.
      if (user === undefined && client === undefined) continue;
      const named = {
        ofUser: user !== undefined,
        user: user?.name,
        ofClientId: client !== undefined,
        clientId: client?.name,
      };
      for (const { key, value } of values) table.set(keyOf(key, named), value);
    }
    this.#lines = table;
  }

  /**
   * Notes the use. @returns for how long the client must be held up, in ms; 0: not at all
   */
  use(
    quota: ByteQuota,
    given: { readonly principal: string; readonly clientId: string | undefined; readonly bytes: number },
    nowUs: number,
  ): number {
    if (this.#lines.size === 0 || given.bytes === 0) return 0;
    const user = given.principal.startsWith('User:') ? given.principal.slice(5) : given.principal;
    const found = this.#find(quota, user, given.clientId ?? '');
    if (found === undefined || found.rate <= 0) return 0;
    const debt = this.#debtOf(`${quota} ${found.debtor}`, nowUs);
    const costUs = Math.ceil((given.bytes * usPerSecond) / found.rate);
    debt.paidUs = Math.max(debt.paidUs, nowUs - usPerSecond) + costUs;
    const overUs = debt.paidUs - nowUs;
    if (overUs <= 0) return 0;
    return Math.min(Math.ceil(overUs / usPerMs), throttleMsMax);
  }

  /** The most particular quota that is for them, in Kafka's order. */
  #find(
    quota: ByteQuota,
    user: string,
    clientId: string,
  ): { readonly rate: number; readonly debtor: string } | undefined {
    const candidates: readonly (readonly [QuotaEntity, string])[] = [
      [{ ofUser: true, user, ofClientId: true, clientId }, `${user}\u0000${clientId}`],
      [{ ofUser: true, user, ofClientId: true }, `${user}\u0000${clientId}`],
      [{ ofUser: true, user, ofClientId: false }, user],
      [{ ofUser: true, ofClientId: true, clientId }, `${user}\u0000${clientId}`],
      [{ ofUser: true, ofClientId: true }, `${user}\u0000${clientId}`],
      [{ ofUser: true, ofClientId: false }, user],
      [{ ofUser: false, ofClientId: true, clientId }, `\u0000${clientId}`],
      [{ ofUser: false, ofClientId: true }, `\u0000${clientId}`],
    ];
    for (const [entity, debtor] of candidates) {
      const rate = this.#lines.get(keyOf(quota, entity));
      if (rate !== undefined) return { rate, debtor };
    }
    return undefined;
  }

  #debtOf(debtor: string, nowUs: number): Debt {
    const known = this.#debts.get(debtor);
    if (known !== undefined) return known;
    if (this.#debts.size >= debtorsMax) this.#forget(nowUs);
    const debt = { paidUs: nowUs - usPerSecond };
    this.#debts.set(debtor, debt);
    return debt;
  }

  #forget(nowUs: number): void {
    for (const [debtor, { paidUs }] of this.#debts) {
      if (paidUs <= nowUs - usPerSecond) this.#debts.delete(debtor);
    }
    for (const debtor of this.#debts.keys()) {
      if (this.#debts.size < debtorsMax) return;
      this.#debts.delete(debtor);
    }
    assert(this.#debts.size < debtorsMax, 'there is room for another debt');
  }
}

function keyOf(key: string, { ofUser, user, ofClientId, clientId }: QuotaEntity): string {
  const userPart = ofUser ? (user === undefined ? 'd' : `n${user}`) : '-';
  const clientPart = ofClientId ? (clientId === undefined ? 'd' : `n${clientId}`) : '-';
  return `${key}\u0000${userPart}\u0000${clientPart}`;
}
