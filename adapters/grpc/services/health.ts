import { type CancelSignal } from '../../runner/cancellation.ts';
import { enumeration, message, text } from '../../../core/wire/protobuf.ts';
import { type CallContext, serverStream, type Service, unary } from '../service.ts';
import { StatusError } from '../status.ts';

/** The standard gRPC health service (`grpc.health.v1`). */
export const HealthCheckRequest = message('HealthCheckRequest', { service: text(1) });
export const HealthCheckResponse = message('HealthCheckResponse', { status: enumeration(1) });
export const servingStatuses = { unknown: 0, serving: 1, notServing: 2, serviceUnknown: 3 } as const;

/** Whether the process serves, and a word when that changes. */
export class Health {
  #serving = false;
  readonly #listeners = new Set<() => void>();

  get serving(): boolean {
    return this.#serving;
  }

  set(serving: boolean): void {
    if (serving === this.#serving) return;
    this.#serving = serving;
    for (const listener of [...this.#listeners]) listener();
  }

  /** Resolves at the next change, or when the signal is aborted. */
  changed(signal: CancelSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        this.#listeners.delete(end);
        signal.removeEventListener('abort', end);
        resolve();
      };
      this.#listeners.add(end);
      signal.addEventListener('abort', end, { once: true });
      if (signal.aborted) end();
    });
  }
}

/**
 * @param services names that may be asked for, beside the empty one that means the whole server; they all share its health
 */
export function healthService(health: Health, services: readonly string[]): Service {
  const name = 'grpc.health.v1.Health';
  const known = new Set(['', ...services]);
  const status = (): number => (health.serving ? servingStatuses.serving : servingStatuses.notServing);
  async function* watch(service: string, context: CallContext): AsyncIterable<{ readonly status: number }> {
    if (!known.has(service)) {
      yield { status: servingStatuses.serviceUnknown };
      // The protocol keeps the stream open: the service might be added. Here it never is.
      await new Promise<void>((resolve) =>
        context.signal.addEventListener('abort', () => resolve(), { once: true }),
      );
      return;
    }
    while (!context.signal.aborted) {
      // Listening begins before the status is read, so that no change falls between.
      const change = health.changed(context.signal);
      yield { status: status() };
      await change;
    }
  }
  return {
    name,
    methods: [
      unary(`/${name}/Check`, HealthCheckRequest, HealthCheckResponse, (request) => {
        if (known.has(request.service)) return Promise.resolve({ status: status() });
        return Promise.reject(
          new StatusError('NOT_FOUND', `unknown service ${JSON.stringify(request.service)}`),
        );
      }),
      serverStream(`/${name}/Watch`, HealthCheckRequest, HealthCheckResponse, (request, context) =>
        watch(request.service, context),
      ),
    ],
  };
}
