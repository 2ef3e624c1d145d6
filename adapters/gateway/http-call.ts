import { type IncomingMessage, type ServerResponse } from 'node:http';

import { type MountHooks } from '../grpc/mount.ts';
import { type CallContext } from '../grpc/service.ts';
import { StatusError } from '../grpc/status.ts';
import { Cancellation } from '../runner/cancellation.ts';

const timeoutUnitsMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
};
/** Node's timers take 31 bits of milliseconds; one that is set to more fires at once. */
const timerMsMax = 0x7fff_ffff;

/** A call's context over HTTP: it is cancelled when the client goes, or when the time that it gave is over. */
export class HttpCall implements CallContext {
  readonly signal = new Cancellation();
  readonly deadlineMs: number;
  readonly by: CallContext['by'];
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  #timer: NodeJS.Timeout | undefined;
  #late = false;

  /**
   * @param identify says for whom the call speaks; certificates are not asked for here
   * @throws StatusError for a time-out that is none
   */
  constructor(request: IncomingMessage, response: ServerResponse, identify: MountHooks['identify']) {
    this.#request = request;
    this.#response = response;
    this.by = identify?.({ metadata: (name) => this.metadata(name) });
    const timeoutMs = timeoutOf(request.headers['grpc-timeout']);
    this.deadlineMs = timeoutMs === undefined ? Infinity : Date.now() + timeoutMs;
    if (timeoutMs !== undefined) {
      this.#timer = setTimeout(
        () => {
          this.#late = true;
          this.signal.abort(new Error('the deadline has passed'));
        },
        Math.min(timerMsMax, timeoutMs),
      );
    }
    response.once('close', this.#onClosed);
  }

  /** What was answered is over: its connection may go, and the client have all it wanted. */
  end(): void {
    clearTimeout(this.#timer);
    this.#response.off('close', this.#onClosed);
  }

  get peer(): string {
    const { remoteAddress, remotePort } = this.#request.socket;
    return `${remoteAddress ?? 'unknown'}:${remotePort ?? 0}`;
  }

  /** What gRPC has as metadata comes in headers of that name with a prefix; a token in HTTP's own. */
  metadata(name: string): string | undefined {
    const { headers } = this.#request;
    const value = headers[`grpc-metadata-${name}`] ?? (name === 'authorization' ? headers[name] : undefined);
    return Array.isArray(value) ? value[0] : value;
  }

  /** How a call ended that was cancelled. */
  get cancelled(): StatusError {
    return this.#late
      ? new StatusError('DEADLINE_EXCEEDED', 'context deadline exceeded')
      : new StatusError('CANCELLED', 'context canceled');
  }

  readonly #onClosed = (): void => {
    clearTimeout(this.#timer);
    this.signal.abort(new Error('the client has gone'));
  };
}

function timeoutOf(header: string | string[] | undefined): number | undefined {
  if (header === undefined) return undefined;
  const [, amount = '', unit = ''] = /^([0-9]{1,8})([HMSmun])$/.exec(String(header)) ?? [];
  if (amount === '') throw new StatusError('INVALID_ARGUMENT', `invalid grpc-timeout: ${String(header)}`);
  return Number(amount) * (timeoutUnitsMs[unit] ?? 1);
}
