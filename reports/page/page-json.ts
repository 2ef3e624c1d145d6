import { type PageData } from './page-data.ts';
import { plainEvidence } from './plain-evidence.ts';

/**
 * Page data as text and back: JSON, with maps, bytes and bigints as objects of one `$` field. Fields that are undefined are
 * left out; nothing that a page is made of tells the two apart.
 */
export function encodePageData(data: PageData): string {
  const plain = data.kind === 'recording' ? { ...data, evidence: plainEvidence(data.evidence) } : data;
  return JSON.stringify(plain, toPlain);
}

/** @throws SyntaxError for text that is not JSON */
export function decodePageData(text: string): PageData {
  return JSON.parse(text, fromPlain) as PageData;
}

function toPlain(_name: string, value: unknown): unknown {
  if (value instanceof Map) return { $map: [...value] };
  if (value instanceof Uint8Array) return { $bytes: Array.from(value, toHex).join('') };
  if (typeof value === 'bigint') return { $bigint: value.toString() };
  return value;
}

function fromPlain(_name: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if ('$map' in value && Array.isArray(value.$map)) return new Map(value.$map as [unknown, unknown][]);
  if ('$bytes' in value && typeof value.$bytes === 'string') return fromHex(value.$bytes);
  if ('$bigint' in value && typeof value.$bigint === 'string') return BigInt(value.$bigint);
  return value;
}

function toHex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}

function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length / 2);
  for (let at = 0; at < bytes.length; at += 1)
    bytes[at] = Number.parseInt(text.slice(2 * at, 2 * at + 2), 16);
  return bytes;
}
