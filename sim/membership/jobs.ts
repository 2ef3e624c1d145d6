import { type NodeId } from '../../core/base/ids.ts';
import { type Member } from '../../core/chainfire/api/cluster.ts';
import { type MemberRequest, type MemberResponse } from '../../core/chainfire/member-protocol.ts';
import { type Cluster, type MemberProcess } from '../cluster.ts';
import { type World } from '../world.ts';
import { type OperatorJob, type OperatorMove } from './operator.ts';

type Told = MemberResponse | undefined;
type Part<T> = Generator<OperatorMove, T, Told>;

/** What the operator has before it, and whom it tells. */
export interface JobSite {
  readonly world: World;
  readonly cluster: Cluster;
  readonly noted: (what: string) => void;
  /** A member lacks what it had, and has not got it back. */
  readonly isHurt: () => boolean;
}

export interface JobOptions {
  /** Gives up when so much time has passed without success. */
  readonly patienceUs: number;
  /** The cluster has done what it was asked for. */
  readonly done: (what: string) => void;
}

/** A member whose disks are gone, and the machine that they were in. */
export interface Lost {
  readonly process: MemberProcess;
  readonly member: NodeId;
}

const retryUs = 200_000;
const listRetriesMax = 20;
/** How long a removal is put off for a member to get back what it lacks. */
const healUsMax = 3_000_000;

/** Takes the member at this machine out of the cluster, empties the machine, and adds another there under an id of its own. */
export function* replace(site: JobSite, process: MemberProcess, options: JobOptions): OperatorJob {
  const { member } = process;
  if (!(yield* isListed(site, member, 2)) || !(yield* allWhole(site))) return;
  if (!(yield* remove(site, member, options.patienceUs))) return;
  options.done(`member ${member} was removed from n${process.node}`);
  // Time for it to hear of that and to stop by itself.
  yield farewell;
  if (process.member === member) yield* join(site, process, asVoter(site, options));
}

/** Has another take the place of a member whose disks are gone; that it had promised something is nobody's business then. */
export function* replaceLost(site: JobSite, lost: Lost, options: JobOptions): OperatorJob {
  const { process, member } = lost;
  if (!(yield* remove(site, member, options.patienceUs))) return;
  options.done(`member ${member}, which lost its disks, was removed`);
  if (process.member === member) yield* join(site, process, asVoter(site, options));
}

/** Adds a member at the first machine where nobody lives. */
export function* grow(site: JobSite, options: JobOptions & { readonly asLearner: boolean }): OperatorJob {
  const members = (yield* list())?.map(({ id }) => id);
  // Where disks were lost, the member that they belonged to is to be taken out first.
  const isFree = ({ stopped, member }: MemberProcess): boolean =>
    stopped && members?.includes(BigInt(member)) === false;
  const process = site.cluster.processes.find(isFree);
  if (process !== undefined) yield* join(site, process, options);
}

/** Takes the member at this machine out of the cluster, unless too few would be left. */
export function* shrink(site: JobSite, process: MemberProcess, options: JobOptions): OperatorJob {
  const { member } = process;
  if (!(yield* isListed(site, member, 3)) || !(yield* allWhole(site))) return;
  if (yield* remove(site, member, options.patienceUs)) options.done(`member ${member} was removed`);
}

/** Makes a learner a voter; where there is none, one is added first. */
export function* promote(site: JobSite, options: JobOptions): OperatorJob {
  let learner = (yield* list())?.find(({ isLearner }) => isLearner);
  if (learner === undefined) {
    yield* grow(site, { ...options, done: site.noted, asLearner: true });
    learner = (yield* list())?.find(({ isLearner }) => isLearner);
  }
  if (learner === undefined) return;
  const endUs = site.world.nowUs + options.patienceUs;
  while (site.world.nowUs < endUs) {
    const told = yield ask({ kind: 'memberPromote', request: { id: learner.id } });
    if (told?.kind === 'memberPromote') return options.done(`member ${learner.id} was promoted`);
    if (isRefused(told, 'MEMBER_NOT_FOUND') || isRefused(told, 'MEMBER_NOT_LEARNER')) return;
    yield wait;
  }
}

/** Hands the leadership to the member at this machine. */
export function* moveLeader(site: JobSite, process: MemberProcess, options: JobOptions): OperatorJob {
  const endUs = site.world.nowUs + options.patienceUs;
  while (site.world.nowUs < endUs) {
    const request = { targetId: BigInt(process.member) };
    const told = yield ask({ kind: 'moveLeader', request });
    if (told?.kind === 'moveLeader') return options.done(`member ${process.member} was made the leader`);
    if (isRefused(told, 'BAD_LEADER_TRANSFEREE')) return;
    yield isRefused(told, 'NOT_LEADER') ? askNext : wait;
  }
}

/**
 * Adds a member at this machine, where nobody lives any more, and starts it. Whether an addition without a word came about
 * shows in the list: no other member has such an address. What was added and can never start is taken out again.
 */
export function* join(
  site: JobSite,
  process: MemberProcess,
  options: JobOptions & { readonly asLearner: boolean },
): Part<void> {
  const { world, cluster } = site;
  process.retire();
  yield* removeOrphans(site, options.patienceUs);
  const peerUrl = `http://peer-${process.node}-at-${world.nowUs}`;
  const request: MemberRequest = {
    kind: 'memberAdd',
    request: { peerUrls: [peerUrl], isLearner: options.asLearner },
  };
  const endUs = world.nowUs + options.patienceUs;
  while (world.nowUs < endUs) {
    const told = yield ask(request);
    if (isRefused(told, 'TOO_MANY_LEARNERS')) return;
    const id = told?.kind === 'memberAdd' ? told.response.member?.id : yield* listedAs(told, peerUrl);
    if (id !== undefined) {
      cluster.setUp(process, Number(id) as NodeId);
      process.start();
      return options.done(`member ${id} was added at n${process.node}`);
    }
    yield wait;
  }
}

/** Members that live nowhere: their addition came about when nobody waited for it any more. */
function* removeOrphans(site: JobSite, patienceUs: number): Part<void> {
  for (const { id } of (yield* list()) ?? []) {
    const member = Number(id) as NodeId;
    if (site.cluster.home(member) === undefined) yield* remove(site, member, patienceUs);
  }
}

function* listedAs(told: Told, peerUrl: string): Part<bigint | undefined> {
  if (told !== undefined && !isRefused(told, 'PEER_URL_EXISTS')) return undefined;
  const members = yield* list();
  return members?.find(({ peerUrls }) => peerUrls.includes(peerUrl))?.id;
}

/** @returns whether the member is gone */
function* remove(site: JobSite, member: NodeId, patienceUs: number): Part<boolean> {
  site.cluster.leaves(member);
  const request: MemberRequest = { kind: 'memberRemove', request: { id: BigInt(member) } };
  const endUs = site.world.nowUs + patienceUs;
  while (site.world.nowUs < endUs) {
    const told = yield ask(request);
    if (told?.kind === 'memberRemove' || isRefused(told, 'MEMBER_NOT_FOUND')) return true;
    yield wait;
  }
  return false;
}

/**
 * Nobody takes a good member out while another is broken: what is left might lack a majority. Whoever has lost its disks is
 * replaced by a job of its own, which may wait behind this one; so this one does not wait for long.
 */
function* allWhole({ world, isHurt }: JobSite): Part<boolean> {
  const endUs = world.nowUs + healUsMax;
  while (isHurt() && world.nowUs < endUs) yield wait;
  return !isHurt();
}

/** Whether the member is in the list, and one of so many voters at least. */
function* isListed(site: JobSite, member: NodeId, votersMin: number): Part<boolean> {
  const members = yield* list();
  if (members === undefined || site.cluster.home(member) === undefined) return false;
  const voters = members.filter(({ isLearner }) => !isLearner);
  return voters.length >= votersMin && members.some(({ id }) => id === BigInt(member));
}

function* list(): Part<readonly Member[] | undefined> {
  for (let tries = 0; tries < listRetriesMax; tries += 1) {
    const told = yield ask({ kind: 'memberList', request: { linearizable: true } });
    if (told?.kind === 'memberList') return told.response.members;
    yield wait;
  }
  return undefined;
}

function asVoter(site: JobSite, options: JobOptions): JobOptions & { readonly asLearner: boolean } {
  return { patienceUs: options.patienceUs, asLearner: false, done: site.noted };
}

const farewell: OperatorMove = { kind: 'wait', forUs: 500_000 };
const wait: OperatorMove = { kind: 'wait', forUs: retryUs };
/** Another member may be the leader; while there is none, nobody is asked without a pause. */
const askNext: OperatorMove = { kind: 'wait', forUs: 20_000 };

function ask(request: MemberRequest): OperatorMove {
  return { kind: 'ask', request };
}

function isRefused(told: Told, code: string): boolean {
  return told?.kind === 'refused' && told.code === code;
}
