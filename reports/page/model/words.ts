import { fieldsOf, type FieldShape } from '../../../sim/fault-shapes.ts';
import { type Fault } from '../../../sim/fault.ts';
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

/** A fault in words, its kind and time left out: `n1, down 2 s`. */
export function faultWords(fault: Fault): string {
  const values = fault as unknown as Readonly<Record<string, unknown>>;
  return fieldsOf(fault.kind)
    .filter(([name]) => name !== 'atUs' && values[name] !== undefined)
    .map(([name, shape]) => fieldWords(name, shape, values[name]))
    .join(', ');
}

/** `downUs` is `down`, `otherSide` is `other side`. */
export function fieldLabel(name: string): string {
  const stem = name.replace(/(?:Us|Ppm)$/u, '');
  return stem.replaceAll(/[A-Z]/gu, (letter) => ` ${letter.toLowerCase()}`);
}

function fieldWords(name: string, shape: FieldShape, value: unknown): string {
  const label = fieldLabel(name);
  switch (shape.kind) {
    case 'time':
      return `${label} ${exactTime(Number(value))}`;
    case 'length':
      return `${label} ${duration(Number(value))}`;
    case 'ppm':
      return `${label} ${share(Number(value))}`;
    case 'count':
      return `${label} ${grouped(Number(value))}`;
    case 'node':
      return name === 'node' ? `n${String(value)}` : `${label} n${String(value)}`;
    case 'nodes':
    case 'twoNodes':
      return `${label} ${(value as readonly unknown[]).map((node) => `n${String(node)}`).join(' ')}`;
    case 'clients':
      return `${label} ${(value as readonly unknown[]).map(String).join(' ')}`;
    case 'word':
      return `${label} ${String(value)}`;
  }
}

function share(ppm: number): string {
  return Math.abs(ppm) < 1_000 ? `${ppm} ppm` : `${trimmed(ppm / 10_000, 2)} %`;
}

function trimmed(value: number, digits: number): string {
  const fixed = value.toFixed(digits);
  return grouped(Number(fixed));
}

/** Without the envelope that every message of a member's one group is in: `received from=2 voteRequest term=9`. */
export function compactEvent(text: string): string {
  return text
    .replaceAll(/messages=\[(.*)\]/gu, (_whole, inner: string) =>
      inner.replaceAll(/\{group=\d+ message=\{((?:[^{}]|\{[^{}]*\})*)\}\}/gu, '$1'),
    )
    .replace(/ afterSyncSeq=0$/u, '');
}
