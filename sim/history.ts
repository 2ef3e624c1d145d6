import { bytesFromLatin1, latin1FromBytes } from '../core/base/bytes.ts';
import { assert, present } from '../core/base/assert.ts';
import { type ClientOutcome } from '../core/chainfire/client/protocol.ts';
import { type MemberRequest } from '../core/chainfire/member-protocol.ts';
import { type Operation } from './types.ts';

/** A call that nobody has answered yet may take effect at any time: the same as one whose outcome is unknown. */
const stillOpen: ClientOutcome = { kind: 'unknown', reason: 'still open' };

/**
 * What the clients asked and were told, in the order in which they called: the only evidence that the checkers of the
 * client's view accept. Fed by simulated clients, or by a test that drives real processes; stored as JSON lines.
 */
export class History {
  readonly #operations: Operation[] = [];
  #open = 0;

  /** Every call so far, in call order; those still open have an unknown outcome. */
  get operations(): readonly Operation[] {
    return this.#operations;
  }

  /** Calls without an answer so far. */
  get open(): number {
    return this.#open;
  }

  /** @returns the call's position, for `ended` */
  began(call: { client: number; callId: number; request: MemberRequest; startUs: number }): number {
    const last = this.#operations.at(-1);
    assert(
      last === undefined || last.startUs <= call.startUs,
      'calls are recorded in the order of their start',
    );
    this.#open += 1;
    return this.#operations.push({ ...call, endUs: undefined, outcome: stillOpen }) - 1;
  }

  ended(position: number, endUs: number, outcome: ClientOutcome): void {
    const operation = present(this.#operations[position], 'a call ends after it began');
    assert(operation.outcome === stillOpen, 'a call ends once');
    assert(operation.startUs <= endUs, 'a call ends at or after its start');
    this.#open -= 1;
    this.#operations[position] = {
      ...operation,
      endUs: outcome.kind === 'unknown' ? undefined : endUs,
      outcome,
    };
  }
}

/** One JSON text a line: bytes as `{"$bytes": latin1}`, bigints as `{"$bigint": decimal}`; absent fields are left out. */
export function historyToLines(operations: readonly Operation[]): string {
  return operations.map((operation) => `${JSON.stringify(operation, toPlain)}\n`).join('');
}

/** @throws SyntaxError for a line that is not JSON */
export function historyFromLines(lines: string): readonly Operation[] {
  return lines
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const plain = JSON.parse(line, fromPlain) as Operation;
      return { ...plain, endUs: plain.endUs };
    });
}

function toPlain(_key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return { $bytes: latin1FromBytes(value) };
  if (typeof value === 'bigint') return { $bigint: value.toString() };
  return value;
}

function fromPlain(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if ('$bytes' in value && typeof value.$bytes === 'string') return bytesFromLatin1(value.$bytes);
  if ('$bigint' in value && typeof value.$bigint === 'string') return BigInt(value.$bigint);
  return value;
}
