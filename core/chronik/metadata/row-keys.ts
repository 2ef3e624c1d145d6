import { latin1FromBytes } from '../../base/bytes.ts';
import { utf8FromText } from '../../base/utf8.ts';
import { type QuotaEntityPart } from './rows.ts';

/**
 * Longest name, in bytes of UTF-8, that is a part of a row's key: three of them fit into a key of the store. The limit is one
 * of the replicated state: it never changes.
 */
export const keyTextBytesMax = 512;

const indexDigits = 16;
const numberDigits = 7;

/** Sixteen digits hold every safe integer, and their order is that of the numbers. */
export function indexKey(index: number): string {
  return String(index).padStart(indexDigits, '0');
}

/** Something that has a number within what an index names: a topic's partition, one of several that a command made. */
export function numberedKey(index: number, number: number): string {
  return `${indexKey(index)}.${String(number).padStart(numberDigits, '0')}`;
}

export function numbersOfKey(key: string): { readonly index: number; readonly number: number } {
  return { index: Number(key.slice(0, indexDigits)), number: Number(key.slice(indexDigits + 1)) };
}

export function topicConfigKey(created: number): string {
  return `t${indexKey(created)}`;
}

/** @param name a broker's id as text, or '' for all brokers */
export function brokerConfigKey(name: string): string {
  return `b${name}`;
}

export function scramKey(user: string, mechanism: number): string {
  return `${latin1FromBytes(utf8FromText(user))}\0${mechanism}`;
}

/**
 * No two entities have the same: names say how long they are, since they may hold anything.
 *
 * @param entity parts in the order of their types
 */
export function quotaKey(entity: readonly QuotaEntityPart[]): string {
  const parts = entity.map(({ type, name }) => {
    if (name === undefined) return `${type} default`;
    const bytes = latin1FromBytes(utf8FromText(name));
    return `${type} ${bytes.length} ${bytes}`;
  });
  return parts.join(',');
}
