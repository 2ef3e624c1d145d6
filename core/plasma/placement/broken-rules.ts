import { type VmId } from '../types.ts';
import { type AffinityRules, type Allocated, type CountedRule } from './affinity-rules.ts';
import { noDomain } from './label-column.ts';
import { type RuleBroken } from './placement-outcome.ts';

/** @param vms all that are allocated, in the order in which what is found is told */
export function brokenAntiAffinity(vms: readonly Allocated[], rules: AffinityRules): readonly RuleBroken[] {
  const broken: RuleBroken[] = [];
  for (const each of vms) {
    for (const rule of each.keepsOut) {
      if (!isBroken(each, rule)) continue;
      const others: VmId[] = [];
      for (const other of rules.ofProject(each.vm.project))
        if (other !== each && rule.matches(other.vm.labels) && meet(each, other, rule))
          others.push(other.vm.id);
      others.sort((a, b) => (a < b ? -1 : 1));
      for (const other of others) broken.push({ vm: each.vm.id, other, topology: rule.topology });
    }
  }
  return broken;
}

/** By the counts: naming who it is costs a look at the whole project. */
function isBroken(each: Allocated, rule: CountedRule): boolean {
  for (const { slot } of each.places) {
    const domain = rule.column.domainAt[slot] as number;
    if (domain !== noDomain && rule.matched.get(domain) > rule.ownMatched(each, domain)) return true;
  }
  return false;
}

function meet(a: Allocated, b: Allocated, { column }: CountedRule): boolean {
  return a.places.some(({ slot }) => {
    const domain = column.domainAt[slot] as number;
    return domain !== noDomain && b.places.some((place) => column.domainAt[place.slot] === domain);
  });
}
