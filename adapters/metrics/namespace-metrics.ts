import { Counter, Gauge, type Registry } from 'prom-client';

import { NamespaceLimits, NamespaceUsage } from '../../core/chainfire/api/namespace.ts';
import { type NamespaceView } from '../../core/chainfire/namespace/list.ts';

/** Namespaces with series of their own; each has nine. Of more, the first by name. */
export const namespacesShownMax = 200;

const measures = [
  ['bytes', 'bytes', 'Bytes of live keys and values in the namespace'],
  ['keys', 'keys', 'Live keys in the namespace'],
  ['leases', 'leases', 'Leases that have keys in the namespace'],
  ['watches', 'watches', 'Watches of the namespace that are open on this member'],
] as const;

/** What each namespace holds, what it may hold, and how often it was refused more. */
export class NamespaceMetrics {
  readonly #count: Gauge;
  readonly #used: readonly Gauge[];
  readonly #limits: readonly Gauge[];
  readonly #refusals: Counter;

  constructor(registry: Registry) {
    const labelNames = ['namespace'];
    const registers = [registry];
    this.#count = new Gauge({
      name: 'photon_chainfire_namespaces',
      help: 'Namespaces that exist',
      registers,
    });
    this.#used = measures.map(
      ([, unit, help]) =>
        new Gauge({ name: `photon_chainfire_namespace_used_${unit}`, help, labelNames, registers }),
    );
    this.#limits = measures.map(
      ([, unit, help]) =>
        new Gauge({
          name: `photon_chainfire_namespace_limit_${unit}`,
          help: `${help}, at most; left out where there is no limit`,
          labelNames,
          registers,
        }),
    );
    this.#refusals = new Counter({
      name: 'photon_chainfire_namespace_refusals_total',
      help: 'Writes and watches refused because they would have passed a limit of the namespace',
      labelNames,
      registers,
    });
  }

  read(namespaces: readonly NamespaceView[]): void {
    this.#count.set(namespaces.length);
    for (const metric of [...this.#used, ...this.#limits, this.#refusals]) metric.reset();
    for (const { name: namespace, usage, limits, refusals } of namespaces.slice(0, namespacesShownMax)) {
      const used = NamespaceUsage.create(usage);
      const most = NamespaceLimits.create(limits);
      measures.forEach(([measure], at) => {
        this.#used[at]?.set({ namespace }, used[measure]);
        if (most[measure] > 0) this.#limits[at]?.set({ namespace }, most[measure]);
      });
      this.#refusals.inc({ namespace }, refusals);
    }
  }
}
