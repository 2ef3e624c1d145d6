import { refused } from '../../base/refusal.ts';
import { utf8LengthOf } from '../../base/utf8.ts';
import { type CommandOf, type QuotaAlteration } from './commands.ts';
import { type MetadataLimits } from './limits.ts';
import { type MetadataRefusal, type MetadataResults } from './outcomes.ts';
import { shown } from './refusals.ts';
import { keyTextBytesMax } from './row-keys.ts';
import { type QuotaEntityPart, type QuotaState, type QuotaValue } from './rows.ts';
import { type MetadataState } from './state.ts';

/** Whom a quota may be for (KIP-546): a user, a client by its id, or a client id of a user. */
export const quotaEntityTypes: readonly string[] = ['client-id', 'user'];
/** What may be bounded: bytes a second (KIP-13). */
export const quotaKeys: readonly string[] = ['consumer_byte_rate', 'producer_byte_rate'];

/** Each entity by itself: all that is asked for it is done, or nothing. */
export function alterClientQuotas(
  state: MetadataState,
  { alterations, validateOnly }: CommandOf<'alterClientQuotas'>,
  limits: MetadataLimits,
): MetadataResults['alterClientQuotas'] {
  return {
    entities: alterations.map((alteration) => {
      const { entity } = alteration;
      const quota = altered(state, alteration, limits);
      if ('kind' in quota) return { entity, refusal: quota };
      if (!validateOnly) state.security.putQuota(quota);
      return { entity, refusal: undefined };
    }),
  };
}

function altered(
  state: MetadataState,
  { entity, operations }: QuotaAlteration,
  limits: MetadataLimits,
): QuotaState | MetadataRefusal {
  const refusal = refuseEntity(entity);
  if (refusal !== undefined) return refusal;
  const ordered = [...entity].sort((left, right) => (left.type < right.type ? -1 : 1));
  const known = state.security.quota(ordered);
  if (known === undefined && state.security.quotaCount >= limits.quotasMax) {
    return refused('POLICY_VIOLATION', `a cluster has ${limits.quotasMax} quotas at most`);
  }
  const values = new Map((known?.values ?? []).map(({ key, value }) => [key, value]));
  const named = new Set<string>();
  for (const { key, value, remove } of operations) {
    if (!quotaKeys.includes(key)) {
      return invalid(`there is no quota ${shown(key)}; there are ${quotaKeys.join(', ')}`);
    }
    if (named.has(key)) return invalid(`quota ${key} is named twice`);
    named.add(key);
    if (remove) values.delete(key);
    else if (Number.isSafeInteger(value) && value > 0) values.set(key, value);
    else return invalid(`quota ${key} is a whole number of bytes a second, 1 or more, not ${value}`);
  }
  return { entity: ordered, values: inOrder(values) };
}

function refuseEntity(entity: readonly QuotaEntityPart[]): MetadataRefusal | undefined {
  if (entity.length === 0) return invalid('a quota is for somebody: a user, a client-id, or both');
  const types = new Set<string>();
  for (const { type, name } of entity) {
    if (!quotaEntityTypes.includes(type)) {
      return invalid(`there are no quotas for ${shown(type)}; there are for ${quotaEntityTypes.join(', ')}`);
    }
    if (types.has(type)) return invalid(`${type} is named twice`);
    types.add(type);
    if (name === undefined) continue;
    const lengthBytes = utf8LengthOf(name);
    if (lengthBytes === 0 || lengthBytes > keyTextBytesMax) {
      return invalid(`a ${type} has 1 to ${keyTextBytesMax} bytes, not ${lengthBytes}`);
    }
  }
  return undefined;
}

function inOrder(values: ReadonlyMap<string, number>): readonly QuotaValue[] {
  return [...values]
    .map(([key, value]) => ({ key, value }))
    .sort((left, right) => (left.key < right.key ? -1 : 1));
}

function invalid(message: string): MetadataRefusal {
  return refused('INVALID_REQUEST', message);
}
