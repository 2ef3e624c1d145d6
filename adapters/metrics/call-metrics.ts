import { Counter, Histogram, type Registry } from 'prom-client';

import { present } from '../../core/base/assert.ts';
import { type Method } from '../grpc/service.ts';
import { type StatusName } from '../grpc/status.ts';

/** Seconds. */
const durationBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const types: Readonly<Record<Method['kind'], string>> = {
  unary: 'unary',
  serverStream: 'server_stream',
  duplex: 'bidi_stream',
  push: 'bidi_stream',
};

type Labels = Record<'grpc_type' | 'grpc_service' | 'grpc_method', string>;

/** What is counted of one method: its metrics with their labels on, so that no call pays for looking them up by label. */
interface MethodMetrics {
  readonly labels: Labels;
  readonly started: Counter.Internal;
  readonly duration: Histogram.Internal<string>;
  readonly handled: Map<StatusName, Counter.Internal>;
}

/** gRPC calls, under the names that Go's servers (and so etcd's dashboards) use. Methods are few: those that are mounted. */
export class CallMetrics {
  readonly #started: Counter;
  readonly #handled: Counter;
  readonly #duration: Histogram;
  readonly #methods = new Map<string, MethodMetrics>();

  constructor(registry: Registry) {
    const registers = [registry];
    const method = ['grpc_type', 'grpc_service', 'grpc_method'];
    this.#started = new Counter({
      name: 'grpc_server_started_total',
      help: 'Calls begun, by method; less those completed, the streams that are open',
      labelNames: method,
      registers,
    });
    this.#handled = new Counter({
      name: 'grpc_server_handled_total',
      help: 'Calls completed, by method and status code',
      labelNames: [...method, 'grpc_code'],
      registers,
    });
    this.#duration = new Histogram({
      name: 'grpc_server_handling_seconds',
      help: 'Time from a call to its answer, by method',
      buckets: durationBuckets,
      labelNames: method,
      registers,
    });
  }

  /** @param path `/package.Service/Method` */
  started(path: string, kind: Method['kind']): void {
    this.#method(path, kind).started.inc();
  }

  /** Of a call that was begun. */
  completed(path: string, code: StatusName, durationMs: number): void {
    const method = present(this.#methods.get(path), 'what has ended was begun');
    method.duration.observe(durationMs / 1_000);
    let handled = method.handled.get(code);
    if (handled === undefined) {
      handled = this.#handled.labels({ ...method.labels, grpc_code: code });
      method.handled.set(code, handled);
    }
    handled.inc();
  }

  #method(path: string, kind: Method['kind']): MethodMetrics {
    const known = this.#methods.get(path);
    if (known !== undefined) return known;
    const labels = labelsOf(path, kind);
    const method: MethodMetrics = {
      labels,
      started: this.#started.labels(labels),
      duration: this.#duration.labels(labels),
      handled: new Map(),
    };
    this.#methods.set(path, method);
    return method;
  }
}

function labelsOf(path: string, kind: Method['kind']): Labels {
  const at = path.lastIndexOf('/');
  return { grpc_type: types[kind], grpc_service: path.slice(1, at), grpc_method: path.slice(at + 1) };
}
