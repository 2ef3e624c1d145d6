import { type Fault } from '../../../sim/types.ts';
import { type Endpoint, type Packet } from '../../evidence/types.ts';

/** `12.345678 s`, as traces have it. */
export function exactTime(timeUs: number): string {
  const whole = Math.floor(timeUs / 1_000_000);
  return `${grouped(whole)}.${String(Math.round(timeUs - whole * 1_000_000)).padStart(6, '0')} s`;
}

/** In the unit that reads best: `850 µs`, `12.4 ms`, `3.5 s`, `2 min 5 s`. */
export function duration(us: number): string {
  const size = Math.abs(us);
  if (size < 1_000) return `${trimmed(us, 0)} µs`;
  if (size < 1_000_000) return `${trimmed(us / 1_000, size < 10_000 ? 2 : 1)} ms`;
  if (size < 120_000_000) return `${trimmed(us / 1_000_000, size < 10_000_000 ? 3 : 1)} s`;
  if (size < 7_200_000_000) {
    const seconds = Math.round(us / 1_000_000);
    return `${Math.floor(seconds / 60)} min${seconds % 60 === 0 ? '' : ` ${seconds % 60} s`}`;
  }
  return longDuration(us);
}

function longDuration(us: number): string {
  const hours = us / 3_600_000_000;
  if (hours < 48) return `${trimmed(hours, 1)} h`;
  const days = hours / 24;
  return days < 730 ? `${grouped(Math.round(days))} days` : `${trimmed(days / 365.25, 2)} years`;
}

/** Digits in groups of three, the same everywhere. */
export function grouped(value: number): string {
  const [whole = '', fraction] = String(value).split('.');
  const spaced = whole.replaceAll(/\B(?=(\d{3})+$)/gu, ',');
  return fraction === undefined ? spaced : `${spaced}.${fraction}`;
}

export function bytes(count: number): string {
  if (Math.abs(count) < 1_024) return `${count} B`;
  if (Math.abs(count) < 1_048_576) return `${trimmed(count / 1_024, 1)} KiB`;
  return `${trimmed(count / 1_048_576, 1)} MiB`;
}

export function endpointName(endpoint: Endpoint): string {
  return endpoint.kind === 'node' ? `n${endpoint.node}` : `client ${endpoint.client}`;
}

export function packetTitle(packet: Packet): string {
  return `${packet.what} from ${endpointName(packet.from)} to ${endpointName(packet.to)}`;
}

/** A fault in words, its kind and times left out: `n1, n2 from n3, lost 20 %`. */
export function faultWords(fault: Fault): string {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(fault)) {
    if (name === 'kind' || name === 'atUs' || value === undefined) continue;
    parts.push(fieldWords(name, value as unknown));
  }
  return parts.join(', ');
}

export function fieldLabel(name: string): string {
  const stem = name.replace(/(?:Us|Ppm|Bytes)$/u, '');
  return stem.replaceAll(/[A-Z]/gu, (letter) => ` ${letter.toLowerCase()}`);
}

function fieldWords(name: string, value: unknown): string {
  if (typeof value === 'number') {
    if (name.endsWith('Us')) return `${fieldLabel(name)} ${duration(value)}`;
    if (name.endsWith('Ppm')) return `${fieldLabel(name)} ${share(value)}`;
    if (isNodeField(name)) return name === 'node' ? `n${value}` : `${fieldLabel(name)} n${value}`;
    return `${fieldLabel(name)} ${grouped(value)}`;
  }
  if (Array.isArray(value)) {
    const items = value.map((item) => (isNodeField(name) ? `n${String(item)}` : String(item))).join(' ');
    return `${fieldLabel(name)} ${items === '' ? 'none' : items}`;
  }
  if (typeof value === 'object' && value !== null) {
    const inner = Object.entries(value).map(([key, item]) => fieldWords(key, item));
    return `${fieldLabel(name)} (${inner.join(', ')})`;
  }
  return `${fieldLabel(name)} ${String(value)}`;
}

/** Fields of faults that hold members; numbers elsewhere are counts. */
const nodeFields = new Set([
  'node',
  'nodes',
  'side',
  'otherSide',
  'from',
  'to',
  'between',
  'leader',
  'members',
]);

function isNodeField(name: string): boolean {
  return nodeFields.has(name);
}

function share(ppm: number): string {
  return Math.abs(ppm) < 1_000 ? `${ppm} ppm` : `${trimmed(ppm / 10_000, 2)} %`;
}

function trimmed(value: number, digits: number): string {
  const fixed = value.toFixed(digits);
  return grouped(Number(fixed));
}
