import { type Mutant, patchesOf } from './mutant.ts';
import { alarmMutants } from './mutants-alarms.ts';
import { authMutants } from './mutants-auth.ts';
import { backupMutants } from './mutants-backup.ts';
import { chronikGroupMutants } from './mutants-chronik-groups.ts';
import { chronikTransactionMutants } from './mutants-chronik-transactions.ts';
import { chronikMutants } from './mutants-chronik.ts';
import { consensusMutants } from './mutants-consensus.ts';
import { faultMutants } from './mutants-faults.ts';
import { gossipMutants } from './mutants-gossip.ts';
import { leaseMutants } from './mutants-lease.ts';
import { membershipMutants } from './mutants-membership.ts';
import { namespaceMutants } from './mutants-namespace.ts';
import { plasmaMutants } from './mutants-plasma.ts';
import { serviceMutants } from './mutants-service.ts';
import { simulatorMutants } from './mutants-simulator.ts';
import { watchMutants } from './mutants-watch.ts';

/** The tables in the order in which they are run and shown. */
export const mutantGroups: readonly { readonly title: string; readonly mutants: readonly Mutant[] }[] = [
  { title: 'Consensus', mutants: consensusMutants },
  { title: 'Membership', mutants: membershipMutants },
  { title: 'Reads, applying, log and store, clients', mutants: serviceMutants },
  { title: 'Watches', mutants: watchMutants },
  { title: 'Leases and locks', mutants: leaseMutants },
  { title: 'Disks and clocks', mutants: faultMutants },
  { title: 'Gossip', mutants: gossipMutants },
  { title: 'Users, roles and permissions', mutants: authMutants },
  { title: 'Namespaces', mutants: namespaceMutants },
  { title: 'Backups and restored clusters', mutants: backupMutants },
  { title: 'Alarms, quota, comparing members', mutants: alarmMutants },
  { title: 'Brokers', mutants: chronikMutants },
  { title: 'Groups of consumers', mutants: chronikGroupMutants },
  { title: 'Transactions of brokers', mutants: chronikTransactionMutants },
  { title: 'Virtual machines', mutants: plasmaMutants },
  { title: 'The simulator itself', mutants: simulatorMutants },
];

export const mutants: readonly Mutant[] = mutantGroups.flatMap((group) => group.mutants);

export const mutantNames: readonly string[] = mutants.map((mutant) => mutant.name);

/** @throws RangeError for a name that is not in the table */
export function mutantNamed(name: string): Mutant {
  const found = mutants.find((mutant) => mutant.name === name);
  if (found === undefined)
    throw new RangeError(`no mutant is called ${name}; there are ${mutantNames.join(', ')}`);
  return found;
}

/** @throws RangeError when an anchor does not occur exactly once */
export function applyPatches(mutant: Mutant, file: string, source: string): string {
  let patched = source;
  for (const patch of patchesOf(mutant)) {
    if (patch.file !== file) continue;
    const parts = patched.split(patch.anchor);
    if (parts.length !== 2) {
      throw new RangeError(
        `the anchor of mutant ${mutant.name} occurs ${parts.length - 1} times in ${file}, where it must occur once`,
      );
    }
    patched = parts.join(patch.replacement);
  }
  return patched;
}
