import { type NodeId } from '../core/base/ids.ts';
import { type MemberEffect, type MemberEvent } from '../core/chainfire/member-protocol.ts';

/** Takes the lines of a run's trace, one by one. */
export type TraceSink = (line: string) => void;

const textCharsMax = 40;
const itemsMax = 8;

/** `12.345678 n1 received from=2 … -> send to=2 …, persist …`: what went in, and what came out. */
export function stepLine(step: {
  readonly nowUs: number;
  readonly node: NodeId;
  readonly event: MemberEvent;
  readonly effects: readonly MemberEffect[];
}): string {
  const effects = step.effects.map((effect) => summary(effect)).join(', ');
  return `${stamp(step.nowUs)} n${step.node} ${summary(step.event)}${effects === '' ? '' : ` -> ${effects}`}`;
}

/** `12.345678 what`: something that happened to the world. */
export function worldLine(nowUs: number, what: string): string {
  return `${stamp(nowUs)} ${what}`;
}

/** Seconds with µs. */
export function stamp(timeUs: number): string {
  const seconds = Math.floor(timeUs / 1_000_000);
  return `${seconds}.${(timeUs % 1_000_000).toString().padStart(6, '0')}`;
}

/** An event or an effect in words: its kind, then its fields. */
export function summary(value: { readonly kind: string }): string {
  const parts: string[] = [value.kind];
  for (const [name, field] of Object.entries(value)) {
    if (name !== 'kind' && field !== undefined) parts.push(`${name}=${brief(field)}`);
  }
  return parts.join(' ');
}

function brief(value: unknown): string {
  if (typeof value === 'string')
    return value.length > textCharsMax ? `${value.slice(0, textCharsMax)}…` : value;
  if (value instanceof Uint8Array) return `<${value.length} bytes>`;
  if (Array.isArray(value)) {
    const shown = value.slice(0, itemsMax).map(brief).join(' ');
    return value.length > itemsMax ? `[${shown} … ${value.length}]` : `[${shown}]`;
  }
  if (typeof value === 'object' && value !== null) return briefObject(value);
  return String(value);
}

/** Fields that are empty are left out: a protobuf message is mostly defaults. */
function briefObject(value: object): string {
  const parts: string[] = [];
  for (const [name, field] of Object.entries(value)) {
    const empty = field === undefined || field === 0 || field === '' || field === false || field === 0n;
    if (empty || (Array.isArray(field) && field.length === 0)) continue;
    parts.push(name === 'kind' ? String(field) : `${name}=${brief(field)}`);
  }
  return `{${parts.join(' ')}}`;
}
