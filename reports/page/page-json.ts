import { decodeRepro, encodeRepro } from '../../sim/repro-file.ts';
import { type FailurePage, type PageData } from './page-data.ts';
import { plainEvidence } from './plain-evidence.ts';

/**
 * Page data as text and back: JSON, with maps, bytes and bigints as objects of one `$` field. A repro is in it as the text of
 * its file. Elsewhere fields that are undefined are left out; nothing that a page is made of tells the two apart.
 */
export function encodePageData(data: PageData): string {
  switch (data.kind) {
    case 'failure':
      return JSON.stringify({ ...data, repro: encodeRepro(data.repro) });
    case 'run':
      return JSON.stringify(data);
    case 'recording':
      return JSON.stringify({ ...data, evidence: plainEvidence(data.evidence) }, toPlain);
  }
}

/** @throws SyntaxError for text that is not JSON; DecodeError for a repro with a field that is wrong, by its name */
export function decodePageData(text: string): PageData {
  const data = JSON.parse(text, fromPlain) as
    PageData | (Omit<FailurePage, 'repro'> & { readonly repro: string });
  if (data.kind !== 'failure') return data;
  return { ...data, repro: typeof data.repro === 'string' ? decodeRepro(data.repro) : data.repro };
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
