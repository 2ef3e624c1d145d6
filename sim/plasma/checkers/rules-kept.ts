import { type VmRow } from '../../../core/plasma/control-plane/rows.ts';
import { type Labels, type NodeName } from '../../../core/plasma/types.ts';
import { Violation } from '../../types.ts';
import { type PlasmaChecker } from '../checker.ts';
import { type PlasmaState } from '../state.ts';
import { type TrueCommit } from '../truth.ts';

/**
 * Required anti-affinity within a node, and quotas, hold after every commit, not only when something is scheduled (invariant 7). A
 * quota may be set below what is used already; use may not grow above it.
 *
 * Not verified: rules over other topologies than the node, and affinity: users here ask for neither.
 */
export class RulesKept implements PlasmaChecker {
  readonly name = 'rules-kept';
  readonly #used = new Map<string, number>();

  onCommit(commit: TrueCommit, state: PlasmaState): void {
    if (!commit.rows.some(({ table }) => table === 'vms')) return;
    this.#judgeAffinity(state);
    this.#judgeQuotas(state);
  }

  #judgeAffinity({ truth }: PlasmaState): void {
    for (const row of truth.vms.values()) {
      const nodes = nodesOf(row);
      for (const rule of row.spec.affinity) {
        if (rule.kind !== 'anti-affinity' || !rule.required || rule.topology !== 'node') continue;
        for (const other of truth.vms.values()) {
          if (other.id === row.id || other.spec.project !== row.spec.project) continue;
          if (!matches(rule.matches, other.spec.labels)) continue;
          const shared = nodesOf(other).find((node) => nodes.includes(node));
          if (shared === undefined) continue;
          const detail = `${row.spec.name} must not be where ${other.spec.name} is, and both are on ${shared}`;
          throw new Violation('rules-kept', detail, 'anti-affinity is broken');
        }
      }
    }
  }

  #judgeQuotas({ truth }: PlasmaState): void {
    const used = new Map<string, number>();
    for (const { spec } of truth.vms.values()) used.set(spec.project, (used.get(spec.project) ?? 0) + 1);
    for (const [project, vms] of used) {
      const before = this.#used.get(project) ?? 0;
      const most = truth.quotas.get(project)?.quota.vmsMax;
      if (most === undefined || vms <= most || vms <= before) continue;
      const detail = `${project} has ${vms} virtual machines, where its quota is ${most}`;
      throw new Violation('rules-kept', detail, 'a quota is exceeded');
    }
    this.#used.clear();
    for (const [project, vms] of used) this.#used.set(project, vms);
  }
}

function nodesOf({ placement, migration }: VmRow): readonly NodeName[] {
  return [placement?.node, migration?.to.node].filter((node) => node !== undefined);
}

function matches(wanted: Labels, labels: Labels): boolean {
  return Object.entries(wanted).every(([name, value]) => labels[name] === value);
}
