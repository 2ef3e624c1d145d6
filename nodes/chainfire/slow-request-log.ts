import { type Logger } from 'pino';

import { type CompletedCall } from '../../adapters/grpc/mount.ts';

/** Lines in any second at most: a disk that stands still makes every request slow, and the log must not add to it. */
const linesPerSecond = 10;
const keyCharsMax = 64;

/** Calls that wait for something else than the member: a lock that somebody holds is not a slow request. */
const waiting: ReadonlySet<string> = new Set(['/v3lockpb.Lock/Lock', '/v3electionpb.Election/Campaign']);

/**
 * Warns of requests that took longer than they should, as etcd does. Streams have no line: their duration is their life.
 */
export class SlowRequestLog {
  readonly #log: Pick<Logger, 'warn'>;
  readonly #boundMs: number;
  readonly #clockMs: () => number;
  #secondStartMs = -Infinity;
  #lines = 0;
  #leftOut = 0;

  /** @param boundMs 0: nothing is logged */
  constructor(log: Pick<Logger, 'warn'>, boundMs: number, clockMs: () => number = () => performance.now()) {
    this.#log = log;
    this.#boundMs = boundMs;
    this.#clockMs = clockMs;
  }

  completed(call: CompletedCall): void {
    if (this.#boundMs === 0 || call.durationMs <= this.#boundMs) return;
    if (call.request === undefined || waiting.has(call.path)) return;
    if (!this.#mayWrite()) {
      this.#leftOut += 1;
      return;
    }
    const leftOut = this.#leftOut;
    this.#leftOut = 0;
    this.#log.warn(
      {
        method: call.path,
        status: call.code,
        durationMs: Math.round(call.durationMs * 10) / 10,
        boundMs: this.#boundMs,
        requestBytes: call.requestBytes,
        responseBytes: call.responseBytes,
        peer: call.peer(),
        ...keyOf(call.request),
        ...(leftOut === 0 ? {} : { leftOut }),
      },
      'slow request',
    );
  }

  #mayWrite(): boolean {
    const nowMs = this.#clockMs();
    if (nowMs - this.#secondStartMs >= 1_000) {
      this.#secondStartMs = nowMs;
      this.#lines = 0;
    }
    this.#lines += 1;
    return this.#lines <= linesPerSecond;
  }
}

/** What the request is about, as far as it says: never a value, and of a key not more than can be read. */
function keyOf(request: unknown): Readonly<Record<string, string | number>> {
  const fields = request as Readonly<Record<string, unknown>>;
  for (const name of ['key', 'name', 'id'] as const) {
    const own = fields[name];
    if (typeof own === 'bigint') return { [name]: own.toString(16) };
    if (typeof own === 'string' && own !== '') return { [name]: bounded(own) };
  }
  const { compare, success, failure } = fields;
  if (!Array.isArray(compare) || !Array.isArray(success) || !Array.isArray(failure)) return {};
  return {
    compares: compare.length,
    operations: success.length + failure.length,
    ...firstKeyOf(compare, success),
  };
}

function firstKeyOf(compare: readonly unknown[], success: readonly unknown[]): { readonly key?: string } {
  const parts = [compare[0], ...Object.values((success[0] ?? {}) as object)] as readonly (
    { readonly key?: unknown } | undefined
  )[];
  const key = parts.find((part) => typeof part?.key === 'string')?.key;
  return key === undefined ? {} : { key: bounded(key as string) };
}

/** Keys are any bytes, a character each; what cannot be printed is shown as its number. */
function bounded(key: string): string {
  const printable = key
    .slice(0, keyCharsMax)
    .replace(/[^\x20-\x7e]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return key.length > keyCharsMax ? `${printable}… (${key.length} bytes)` : printable;
}
