import { type NodeId } from '../core/base/ids.ts';

/** Takes the lines of a run's trace, one by one. */
export type TraceSink = (line: string) => void;

const textCharsMax = 40;
const itemsMax = 8;
/** A member has one group today: its number says nothing. */
const onlyGroup = 1;

/** A step of whichever machine, as far as a trace tells of it. */
export interface TracedStep {
  readonly nowUs: number;
  readonly node: NodeId;
  readonly event: { readonly kind: string };
  readonly effects: readonly { readonly kind: string }[];
}

/** `12.345678 n1 received from=2 … -> send to=2 …, persist …`: what went in, and what came out. */
export function stepLine(step: TracedStep): string {
  const effects = step.effects.map((effect) => summary(effect)).join(', ');
  return `${stamp(step.nowUs)} n${step.node} ${summary(step.event)}${effects === '' ? '' : ` -> ${effects}`}`;
}

/** `12.345678 n1 received from=2 … -> ended by its disk: read`: what went in, and why nothing came out. */
export function failedStepLine(step: Pick<TracedStep, 'nowUs' | 'node' | 'event'>, failure: string): string {
  return `${stamp(step.nowUs)} n${step.node} ${summary(step.event)} -> ended by its disk: ${failure}`;
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

/** An event or an effect in words: its kind, then those of its fields that say something. */
export function summary(value: { readonly kind: string }): string {
  return words(value);
}

/** `kind field=value …`: an object that has a kind; one that is only a wrapping of another is left out. */
function words(value: object): string {
  const parts: string[] = [];
  for (const [name, field] of Object.entries(value) as [string, unknown][]) {
    if (isEmpty(field) || (name === 'group' && field === onlyGroup)) continue;
    if (name === 'kind') parts.unshift(String(field));
    else if (name === 'messages' && Array.isArray(field)) parts.push(messagesBrief(field));
    else if (wrappings.has(name) && isPlain(field)) parts.push(words(field));
    else parts.push(`${name}=${brief(name, field)}`);
  }
  return parts.join(' ');
}

/** What stands between a kind and the fields that it is about: `requested put key=a`. */
const wrappings: ReadonlySet<string> = new Set(['request', 'response', 'message', 'item', 'stream']);

/** A protobuf message is mostly defaults. */
function isEmpty(field: unknown): boolean {
  if (Array.isArray(field)) return field.length === 0;
  return field === undefined || field === 0 || field === '' || field === false || field === 0n;
}

function brief(name: string, value: unknown): string {
  if (typeof value === 'string') return shortened(value);
  if (value instanceof Uint8Array) return bytesBrief(value);
  if (Array.isArray(value)) return name === 'entries' ? entriesBrief(value) : listBrief(value);
  if (isPlain(value)) return name === 'header' ? headerBrief(value) : `{${words(value)}}`;
  return String(value);
}

/** `voteRequest term=9 & timeoutNow term=9`: what a step has to say to one peer is a sentence, not a list. */
function messagesBrief(messages: readonly unknown[]): string {
  const shown = messages
    .slice(0, itemsMax)
    .map((message) => (isPlain(message) ? words(message) : String(message)));
  if (messages.length > itemsMax) shown.push(`… ${messages.length}`);
  return shown.join(' & ');
}

function listBrief(values: readonly unknown[]): string {
  const shown = values.slice(0, itemsMax).map((value) => brief('', value));
  if (values.length > itemsMax) shown.push(`… ${values.length}`);
  return `[${shown.join(' ')}]`;
}

/** `3…7 of term 2`: what they hold is bytes to anybody but the state machine. */
function entriesBrief(entries: readonly unknown[]): string {
  const [first, last] = [entries[0], entries.at(-1)] as (
    Partial<Record<'index' | 'term', unknown>> | undefined
  )[];
  if (typeof first?.index !== 'number') return listBrief(entries);
  const range = entries.length === 1 ? String(first.index) : `${first.index}…${String(last?.index)}`;
  const terms =
    first.term === last?.term ? String(first.term) : `${String(first.term)}…${String(last?.term)}`;
  return `${range} of term ${terms}`;
}

/** Cluster and member are known; the revision and the term are not. */
function headerBrief(header: object): string {
  const { revision, raftTerm } = header as { readonly revision?: unknown; readonly raftTerm?: unknown };
  return `{revision=${String(revision ?? 0)} term=${String(raftTerm ?? 0)}}`;
}

/** Text where it is one that can be read. */
function bytesBrief(bytes: Uint8Array): string {
  if (bytes.length === 0 || bytes.length > textCharsMax) return `<${bytes.length} bytes>`;
  const printable = bytes.every((byte) => byte > 0x20 && byte < 0x7f);
  return printable ? `'${String.fromCharCode(...bytes)}'` : `<${bytes.length} bytes>`;
}

function shortened(text: string): string {
  return text.length > textCharsMax ? `${text.slice(0, textCharsMax)}…` : text;
}

function isPlain(value: unknown): value is object {
  return (
    typeof value === 'object' && value !== null && !(value instanceof Uint8Array) && !Array.isArray(value)
  );
}
