import { type NodeId } from '../../core/base/ids.ts';
import { type RequestOp, type TxnRequest } from '../../core/chainfire/api/kv.ts';
import { type ChainfireMember } from '../../core/chainfire/member.ts';
import { type MemberRefusal, type MemberRequest } from '../../core/chainfire/member-protocol.ts';
import { keyRange } from '../../core/chainfire/mvcc/key-range.ts';
import { type NamespaceView } from '../../core/chainfire/namespace/list.ts';
import { type Checker, type StepObservation, Violation } from '../types.ts';
import { NamespaceTruth } from './namespace-truth.ts';
import { type Truth } from './truth.ts';

const measures = ['bytes', 'keys', 'leases'] as const;
type Measure = (typeof measures)[number];

interface Seen {
  readonly revision: number;
  readonly version: number;
  /** Those that are counted. */
  readonly namespaces: ReadonlyMap<string, NamespaceView>;
}

/** What a refusal says. */
const refusalPattern =
  /namespace (\S+): quota of (bytes|keys|leases) exceeded \(limit (\d+), used (\d+), the request adds (\d+)\)/;

/**
 * The limits of namespaces, held against what was applied:
 *
 * - no revision makes a sum of a namespace larger, and larger than its limit;
 * - a write is refused only by what was there at some revision that its member came by in that step, and only where the write,
 *   on some of its branches, adds to it what the refusal says, and that is more than the limit leaves.
 *
 * It looks from one pause of a member to the next, where no namespace was defined, limited anew or removed between them, at
 * namespaces that are not being counted. Not verified: what happens in the others; how many leases a write would add; watches.
 */
export class NamespaceLimits implements Checker {
  readonly name = 'namespace-limits';
  readonly #truth: Truth;
  readonly #sums: NamespaceTruth;
  readonly #seen = new Map<NodeId, Seen>();
  /** Writes that members were asked for, in this life of theirs. */
  readonly #asked = new Map<NodeId, Map<number, MemberRequest>>();

  constructor(truth: Truth) {
    this.#truth = truth;
    this.#sums = new NamespaceTruth(truth);
  }

  onRecovered(node: NodeId, member: ChainfireMember): void {
    this.#asked.set(node, new Map());
    this.#seen.set(node, seenOf(member));
  }

  onStep({ node, event, effects, member }: StepObservation): void {
    const asked = this.#asked.get(node);
    if (event.kind === 'requested') asked?.set(event.requestId, event.request);
    const before = this.#seen.get(node);
    const { revision, namespaceVersion: version } = member.view;
    if (before !== undefined && before.version === version) {
      if (revision > before.revision) this.#checkRevisions(node, before, revision);
      for (const effect of effects) {
        if (effect.kind !== 'reply') continue;
        const { requestId, response } = effect;
        const request = asked?.get(requestId);
        asked?.delete(requestId);
        if (response.kind !== 'refused' || response.code !== 'NAMESPACE_QUOTA_EXCEEDED') continue;
        if (request !== undefined) this.#checkRefusal(node, request, response, before, revision);
      }
    }
    if (before?.revision !== revision || before.version !== version) this.#seen.set(node, seenOf(member));
  }

  #checkRevisions(node: NodeId, before: Seen, revision: number): void {
    for (const { name, prefix, limits } of before.namespaces.values()) {
      for (let at = before.revision + 1; at <= revision; at += 1) {
        const [was, is] = [this.#sums.at(prefix, at - 1), this.#sums.at(prefix, at)];
        if (was === undefined || is === undefined) return;
        for (const measure of measures) {
          const limit = limits?.[measure] ?? 0;
          if (limit === 0 || is[measure] <= limit || is[measure] <= was[measure]) continue;
          throw new Violation(
            this.name,
            `revision ${at}, as member ${node} has applied it, takes namespace ${name} from ${was[measure]} to ${is[measure]} ` +
              `${measure}; its limit is ${limit}`,
            'beyond a limit',
          );
        }
      }
    }
  }

  #checkRefusal(
    node: NodeId,
    request: MemberRequest,
    { message }: MemberRefusal,
    before: Seen,
    revision: number,
  ): void {
    const [, name = '', measured = '', limit, used, added] = refusalPattern.exec(message) ?? [];
    const namespace = before.namespaces.get(name);
    if (namespace === undefined) return;
    const measure = measured as Measure;
    const [most, had, more] = [Number(limit), Number(used), Number(added)];
    const isOver = most === namespace.limits?.[measure] && had + more > most && more > 0;
    for (let at = before.revision; at <= revision; at += 1) {
      const sums = this.#sums.at(namespace.prefix, at);
      if (sums === undefined) return;
      if (!isOver || sums[measure] !== had) continue;
      if (measure === 'leases' || this.#growths(request, namespace.prefix, measure, at).has(more)) return;
    }
    throw new Violation(
      this.name,
      `member ${node} refuses a ${request.kind} with "${message}", which was so at no revision from ${before.revision} to ${revision}`,
      'a refusal',
    );
  }

  /** What the write would add at a revision, by whichever branches it may take. */
  #growths(
    request: MemberRequest,
    prefix: string,
    measure: 'bytes' | 'keys',
    revision: number,
  ): ReadonlySet<number> {
    const paths: readonly (readonly RequestOp[])[] =
      request.kind === 'put'
        ? [[{ requestPut: request.request } as RequestOp]]
        : request.kind === 'txn'
          ? pathsOf(request.request)
          : [];
    return new Set(paths.map((path) => this.#growth(path, prefix, measure, revision)));
  }

  #growth(path: readonly RequestOp[], prefix: string, measure: 'bytes' | 'keys', revision: number): number {
    const sizeOf = (key: string): number => {
      const row = this.#truth.rowAt(key, revision);
      if (row === undefined) return 0;
      return measure === 'keys' ? 1 : key.length + row.value.length;
    };
    let growth = 0;
    const gone = new Set<string>();
    for (const { requestPut, requestDeleteRange } of path) {
      if (requestPut?.key.startsWith(prefix) === true) {
        const { key, value } = requestPut;
        growth += (measure === 'keys' ? 1 : key.length + value.length) - sizeOf(key);
      }
      if (requestDeleteRange === undefined) continue;
      const { from, to, single } = keyRange(requestDeleteRange.key, requestDeleteRange.rangeEnd);
      const within = (key: string): boolean => key >= from && (to === undefined || key < to);
      for (const key of single ? [from] : this.#truth.keys.filter(within)) gone.add(key);
    }
    for (const key of gone) if (key.startsWith(prefix)) growth -= sizeOf(key);
    return growth;
  }
}

function seenOf({ view }: ChainfireMember): Seen {
  const counted = view.namespaces().filter(({ counting }) => !counting);
  return {
    revision: view.revision,
    version: view.namespaceVersion,
    namespaces: new Map(counted.map((namespace) => [namespace.name, namespace])),
  };
}

/** What a transaction may do, one list for each choice of its branches. */
function pathsOf({ success, failure }: TxnRequest): readonly (readonly RequestOp[])[] {
  return [success, failure].flatMap((branch) => {
    let paths: readonly (readonly RequestOp[])[] = [[]];
    for (const operation of branch) {
      const ways = operation.requestTxn === undefined ? [[operation]] : pathsOf(operation.requestTxn);
      paths = paths.flatMap((path) => ways.map((way) => [...path, ...way]));
    }
    return paths;
  });
}
