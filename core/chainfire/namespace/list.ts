import {
  type NamespaceListRequest,
  type NamespaceListResponse,
  type NamespaceStatus,
} from '../api/namespace.ts';
import { type MemberRefusal } from '../member-protocol.ts';
import { notFound } from './check.ts';
import { type Namespaces, statusOf } from './namespaces.ts';
import { type WatchQuota } from './watch-quota.ts';

/** As the outside sees a namespace on one member. */
export interface NamespaceView extends NamespaceStatus {
  /** Requests and watches refused since the process started. */
  readonly refusals: number;
}

/** All there are, or the one that is asked for. */
export function listNamespaces(
  namespaces: Namespaces,
  watches: WatchQuota,
  { name }: NamespaceListRequest,
): NamespaceListResponse | MemberRefusal {
  const named = name === '' ? undefined : namespaces.named(name);
  if (name !== '' && named === undefined) return notFound(name);
  const listed = named === undefined ? namespaces.all() : [named];
  return {
    header: undefined,
    namespaces: listed.map((namespace) => statusOf(namespace, watches.countOf(namespace))),
  };
}

export function viewNamespaces(namespaces: Namespaces, watches: WatchQuota): readonly NamespaceView[] {
  return namespaces.all().map((namespace) => ({
    ...statusOf(namespace, watches.countOf(namespace)),
    refusals: namespaces.refusalsOf(namespace),
  }));
}
