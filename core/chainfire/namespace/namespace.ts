import { bool, latin1, message, nested, text, uint64 } from '../../wire/protobuf.ts';
import { NamespaceLimits } from '../api/namespace.ts';

/** What limits are set to, and what is kept of every namespace through the log. */
export const measures = ['bytes', 'keys', 'leases'] as const;
export type Measure = (typeof measures)[number];

const NamespaceRow = message('Namespace', {
  id: uint64(1),
  name: text(2),
  prefix: latin1(3),
  limits: nested(4, () => NamespaceLimits),
  bytes: uint64(5),
  keys: uint64(6),
  leases: uint64(7),
  /** Empty: all is counted. No prefix is, so no place to go on from either. */
  countedTo: latin1(8),
  removed: bool(9),
});

/** A namespace and what is in it, as entries of the log have made it. */
export class Namespace {
  /** Names it for as long as anything in the store does; a later one of the same name has another. */
  readonly id: number;
  readonly name: string;
  readonly prefix: string;
  limits: NamespaceLimits;
  /** Of live keys and their values, as far as they are counted. */
  bytes = 0;
  keys = 0;
  /** That have a key here. Invariant: as many as there are rows of it in `namespaceLease`. */
  leases = 0;
  /** Keys from here on were there before the namespace, and are not counted yet; undefined: all are. */
  countedTo: string | undefined;
  /** Only its rows in `namespaceLease` are left, to be cleared away. */
  removed = false;

  constructor(given: Pick<Namespace, 'id' | 'name' | 'prefix' | 'limits' | 'countedTo'>) {
    this.id = given.id;
    this.name = given.name;
    this.prefix = given.prefix;
    this.limits = given.limits;
    this.countedTo = given.countedTo;
  }

  /** Whether what becomes of the key changes the usage: else it will be counted when its turn comes. */
  counts(key: string): boolean {
    return this.countedTo === undefined || key < this.countedTo;
  }
}

export function encodeNamespace(namespace: Namespace): Uint8Array {
  const { id, name, prefix, limits, bytes, keys, leases, countedTo = '', removed } = namespace;
  return NamespaceRow.encode({ id, name, prefix, limits, bytes, keys, leases, countedTo, removed });
}

export function decodeNamespace(row: Uint8Array): Namespace {
  const { limits, bytes, keys, leases, countedTo, removed, ...named } = NamespaceRow.decode(row);
  const namespace = new Namespace({
    ...named,
    limits: limits ?? NamespaceLimits.create(),
    countedTo: countedTo === '' ? undefined : countedTo,
  });
  Object.assign(namespace, { bytes, keys, leases, removed });
  return namespace;
}
