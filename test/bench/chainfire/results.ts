import { type FanOut } from './fan-out.ts';
import { type ManyKeys } from './many-keys.ts';
import { type Measurement } from './measure.ts';
import { type Syncs } from './syncs.ts';
import { type Memory } from './usage.ts';

export interface SystemResults {
  readonly name: 'photon' | 'etcd';
  readonly loadSeconds: number;
  /** Every process may use every core. */
  readonly shared: readonly Measurement[];
  /** The leader has a core of its own; the load generator and the other members share the others. */
  readonly pinned: readonly Measurement[];
  /** Of the leader, after all of it. */
  readonly memory: Memory;
  readonly fanOut: FanOut;
  readonly syncs: readonly Syncs[];
  readonly manyKeys: ManyKeys;
}

export interface Results {
  readonly machine: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly startedAt: string;
  /** Cores that others used, just before. */
  readonly busyCoresBefore: number;
  readonly seconds: number;
  readonly keys: number;
  readonly systems: readonly SystemResults[];
  readonly echo: { readonly shared: readonly Measurement[]; readonly pinned: readonly Measurement[] };
}

export function found(
  measurements: readonly Measurement[] | undefined,
  operation: string,
  clients: number,
): Measurement | undefined {
  return measurements?.find((each) => each.operation === operation && each.clients === clients);
}
