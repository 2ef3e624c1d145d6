import { type NodeId } from '../../core/base/ids.ts';
import { type ChainfireMember } from '../../core/chainfire/member.ts';
import { type NamespaceView } from '../../core/chainfire/namespace/list.ts';
import { type Checker, type RunEnd, type StepObservation, Violation } from '../types.ts';
import { NamespaceTruth } from './namespace-truth.ts';
import { type Truth } from './truth.ts';

interface Shown {
  readonly node: NodeId;
  readonly namespaces: string;
}

/**
 * What a member says of its namespaces, wherever it pauses: members at the same applied index say the same, limits and the
 * state of counting included; and bytes, keys and leases are those of the keys that there are, counted anew from what was
 * applied. While keys are still being counted, it is no more than that.
 *
 * Not verified: watches, which are each member's own; indexes at which no member ever paused; sums, from when on the record of
 * what was applied has a gap.
 */
export class NamespaceUsage implements Checker {
  readonly name = 'namespace-usage';
  readonly #truth: NamespaceTruth;
  readonly #shown = new Map<number, Shown>();
  readonly #lastSeen = new Map<NodeId, number>();

  constructor(truth: Truth) {
    this.#truth = new NamespaceTruth(truth);
  }

  onStep({ node, member }: StepObservation): void {
    this.#look(node, member);
  }

  onRecovered(node: NodeId, member: ChainfireMember): void {
    this.#lastSeen.delete(node);
    this.#look(node, member);
  }

  onEnd({ members }: RunEnd): void {
    for (const [node, member] of members) {
      this.#lastSeen.delete(node);
      this.#look(node, member);
    }
  }

  #look(node: NodeId, { view }: ChainfireMember): void {
    const { appliedIndex, revision } = view;
    if (this.#lastSeen.get(node) === appliedIndex) return;
    this.#lastSeen.set(node, appliedIndex);
    const namespaces = view.namespaces();
    this.#compare(node, appliedIndex, namespaces);
    for (const namespace of namespaces) this.#count(node, namespace, revision);
  }

  #compare(node: NodeId, appliedIndex: number, namespaces: readonly NamespaceView[]): void {
    const described = namespaces.map(describe).join('; ');
    const other = this.#shown.get(appliedIndex);
    if (other === undefined) this.#shown.set(appliedIndex, { node, namespaces: described });
    else if (other.namespaces !== described) {
      throw new Violation(
        this.name,
        `at index ${appliedIndex} member ${other.node} had the namespaces ${other.namespaces || 'none'}; member ${node} has ` +
          (described || 'none'),
        'members differ',
      );
    }
  }

  #count(node: NodeId, { name, prefix, usage, counting }: NamespaceView, revision: number): void {
    const counted = this.#truth.at(prefix, revision);
    if (counted === undefined) return;
    for (const measure of ['bytes', 'keys', 'leases'] as const) {
      const said = usage?.[measure] ?? 0;
      if (counting ? said <= counted[measure] : said === counted[measure]) continue;
      throw new Violation(
        this.name,
        `at revision ${revision} member ${node} says that namespace ${name} has ${said} ${measure}; it has ${counted[measure]}`,
        measure,
      );
    }
  }
}

function describe({ name, prefix, limits, usage, counting }: NamespaceView): string {
  const sums = (['bytes', 'keys', 'leases'] as const).map(
    (measure) => `${usage?.[measure] ?? 0}/${limits?.[measure] ?? 0} ${measure}`,
  );
  return `${name} (${prefix}): ${sums.join(', ')}, watches ${limits?.watches ?? 0}${counting ? ', counting' : ''}`;
}
