import { bool, type Infer, latin1, message, nested, repeated, text, uint64 } from '../../wire/protobuf.ts';
import { ResponseHeader } from './kv.ts';

/**
 * The messages of `photon.chainfire.v1.Namespaces`: a namespace is a prefix of keys with a name, and with limits to what lies
 * below it. etcd has nothing like it.
 */

/** 0: no limit. */
export const NamespaceLimits = message('NamespaceLimits', {
  /** Of live keys and their values. */
  bytes: uint64(1),
  keys: uint64(2),
  /** Leases that have keys in the namespace. */
  leases: uint64(3),
  /** Open on one member, each for itself. */
  watches: uint64(4),
});
export type NamespaceLimits = Infer<typeof NamespaceLimits>;

/** What there is, in the units of the limits. */
export const NamespaceUsage = message('NamespaceUsage', {
  bytes: uint64(1),
  keys: uint64(2),
  leases: uint64(3),
  /** Of the member that answers. */
  watches: uint64(4),
});
export type NamespaceUsage = Infer<typeof NamespaceUsage>;

export const NamespaceStatus = message('NamespaceStatus', {
  name: text(1),
  prefix: latin1(2),
  limits: nested(3, () => NamespaceLimits),
  usage: nested(4, () => NamespaceUsage),
  /** Keys that were there before it are still being counted: the usage is less than there is. */
  counting: bool(5),
});
export type NamespaceStatus = Infer<typeof NamespaceStatus>;

/** Defines a namespace, or gives one that is there other limits. What is not named has no limit. */
export const NamespacePutRequest = message('NamespacePutRequest', {
  name: text(1),
  /** May be left out of one that is there, and is the same as then. */
  prefix: latin1(2),
  limits: nested(3, () => NamespaceLimits),
});
export type NamespacePutRequest = Infer<typeof NamespacePutRequest>;

export const NamespacePutResponse = message('NamespacePutResponse', {
  header: nested(1, () => ResponseHeader),
  namespace: nested(2, () => NamespaceStatus),
});
export type NamespacePutResponse = Infer<typeof NamespacePutResponse>;

/** Its keys stay; nothing limits them any more. */
export const NamespaceRemoveRequest = message('NamespaceRemoveRequest', { name: text(1) });
export type NamespaceRemoveRequest = Infer<typeof NamespaceRemoveRequest>;

export const NamespaceRemoveResponse = message('NamespaceRemoveResponse', {
  header: nested(1, () => ResponseHeader),
});
export type NamespaceRemoveResponse = Infer<typeof NamespaceRemoveResponse>;

export const NamespaceListRequest = message('NamespaceListRequest', {
  /** Only this one; empty: all. */
  name: text(1),
});
export type NamespaceListRequest = Infer<typeof NamespaceListRequest>;

export const NamespaceListResponse = message('NamespaceListResponse', {
  header: nested(1, () => ResponseHeader),
  /** In the order of their names. */
  namespaces: repeated(nested(2, () => NamespaceStatus)),
});
export type NamespaceListResponse = Infer<typeof NamespaceListResponse>;
