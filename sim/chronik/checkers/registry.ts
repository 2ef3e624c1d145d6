import { checkersNamed } from '../../system-run.ts';
import { type ChronikChecker } from '../checker.ts';
import { AcknowledgedWhenReplicated } from './acknowledged-when-replicated.ts';
import { EpochFencing } from './epoch-fencing.ts';
import { GroupsKeepWord } from './groups-keep-word.ts';
import { HighWatermarkRule } from './high-watermark.ts';
import { Idempotence } from './idempotence.ts';
import { IsrHoldsTruth } from './isr-holds-truth.ts';
import { IsrJoins } from './isr-joins.ts';
import { LeaderHasTruth } from './leader-has-truth.ts';
import { MetadataAgrees } from './metadata-agrees.ts';
import { OneLeader } from './one-leader.ts';
import { ReplicasAgree } from './replicas-agree.ts';
import { ReplicasConverge } from './replicas-converge.ts';
import { ServedRecords } from './served-records.ts';
import { TransactionsWhole } from './transactions-whole.ts';
import { Truncation } from './truncation.ts';
import { UncleanElections } from './unclean-elections.ts';

const makers: readonly (() => ChronikChecker)[] = [
  () => new OneLeader(),
  () => new UncleanElections(),
  () => new IsrJoins(),
  () => new HighWatermarkRule(),
  () => new AcknowledgedWhenReplicated(),
  () => new EpochFencing(),
  () => new ServedRecords(),
  () => new Truncation(),
  () => new ReplicasAgree(),
  () => new LeaderHasTruth(),
  () => new IsrHoldsTruth(),
  () => new MetadataAgrees(),
  () => new Idempotence(),
  () => new ReplicasConverge(),
  () => new GroupsKeepWord(),
  () => new TransactionsWhole(),
];

export const chronikCheckerNames: readonly string[] = makers.map((make) => make().name);

/** Fresh ones: a checker remembers a run. @throws RangeError for a name that is none */
export function createChronikCheckers(names: readonly string[] | 'all' = 'all'): readonly ChronikChecker[] {
  return checkersNamed(
    makers.map((make) => make()),
    names,
  );
}
