import { latin1FromBytes } from '../../core/base/bytes.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { type ChainfireMember, type MemberView } from '../../core/chainfire/member.ts';
import { currentTable } from '../../core/chainfire/mvcc/keys.ts';
import { decodeRecord } from '../../core/chainfire/mvcc/record.ts';
import { type StorageBackend } from '../../core/storage/backend.ts';
import { type SegmentFiles } from '../../core/storage/segment-files.ts';
import { type MemberProcess } from '../../sim/cluster.ts';
import { type NodeState } from './types.ts';

type Field = readonly [name: string, value: string];
type Section = NodeState['sections'][number];

/** What a member's disks hold, where they are at hand. */
export interface MemberDisks {
  readonly store?: Pick<StorageBackend, 'range' | 'count'>;
  readonly segments?: Pick<SegmentFiles, 'list'>;
}

/** Of a long list so many are shown, and how many there are. */
const rowsMax = 64;
const textCharsMax = 48;

/** A simulated process as it is now: its machine, if it has one, and what lies on its disks. */
export function processState(process: MemberProcess): NodeState {
  const { node, machine, store, segments } = process;
  const state = process.stopped ? 'stopped' : process.paused ? 'paused' : process.alive ? 'up' : 'down';
  const sections: Section[] = [
    {
      name: 'process',
      fields: [
        ['state', state],
        ['member', String(process.member)],
        ['starts', String(process.boot)],
        ...(process.alive ? ([['own clock', micros(process.nowUs)]] as const) : []),
      ],
    },
  ];
  if (machine !== undefined) sections.push(...memberSections(machine));
  sections.push(keySection(store));
  sections.push({
    name: 'disk',
    fields: [
      ['appends', String(segments.appended)],
      ['appends durable', String(segments.durable)],
      ['sync under way', yesNo(segments.syncUnderWay)],
      ['syncs lie', yesNo(segments.lying)],
      ['store batches durable', String(store.storedSeq)],
      ['snapshots being staged', String(store.openStages)],
      ['snapshots installed', String(store.installed)],
      ...fileFields(segments),
    ],
  });
  return { node, sections };
}

/** A member wherever it runs, and what its disks hold where they are at hand. */
export function memberState(node: NodeId, member: ChainfireMember, disks: MemberDisks = {}): NodeState {
  const sections = [...memberSections(member)];
  if (disks.store !== undefined) sections.push(keySection(disks.store));
  if (disks.segments !== undefined) sections.push({ name: 'disk', fields: fileFields(disks.segments) });
  return { node, sections };
}

/** What the machine's own view shows. */
function memberSections({ view, deadlineUs }: ChainfireMember): readonly Section[] {
  return [
    raftSection(view, deadlineUs),
    logSection(view),
    storeSection(view),
    leaseSection(view),
    watchSection(view),
  ];
}

function raftSection({ raft, isLearner }: MemberView, deadlineUs: number): Section {
  const { voters, outgoing, learners } = raft.configuration;
  return {
    name: 'raft',
    fields: [
      ['role', isLearner ? `${raft.role}, learner` : raft.role],
      ['term', String(raft.term)],
      ['vote', raft.vote === 0 ? 'nobody' : `n${raft.vote}`],
      ['leader', raft.leader === 0 ? 'unknown' : `n${raft.leader}`],
      ['voters', nodes(voters)],
      ...(outgoing.length > 0 ? ([['outgoing voters', nodes(outgoing)]] as const) : []),
      ...(learners.length > 0 ? ([['learners', nodes(learners)]] as const) : []),
      ['repairing', yesNo(raft.repairing)],
      ['deadline', micros(deadlineUs)],
    ],
  };
}

function logSection({ raft, appliedIndex, appliedTerm }: MemberView): Section {
  const { firstIndex, lastIndex, commitIndex, syncedIndex } = raft;
  return {
    name: 'log',
    fields: [
      ['entries', lastIndex < firstIndex ? `none, next ${firstIndex}` : `${firstIndex}…${lastIndex}`],
      ['last term', String(raft.termAt(lastIndex) ?? 'unknown')],
      ['synced', String(syncedIndex)],
      ['committed', String(commitIndex)],
      ['applied', `${appliedIndex} of term ${appliedTerm}`],
    ],
  };
}

function storeSection(view: MemberView): Section {
  return {
    name: 'store',
    fields: [
      ['revision', String(view.revision)],
      ['compacted', String(view.compactRevision)],
      ['stored index', String(view.storedIndex)],
      ['applied hash', view.appliedHash.toString(16)],
      ['requests waiting', String(view.pendingRequests)],
      ['bytes', `${view.storedBytes}, live ${view.liveBytes}`],
    ],
  };
}

function leaseSection(view: MemberView): Section {
  const leases = view.leaseCount <= rowsMax ? view.leases() : view.leases().slice(0, rowsMax);
  const rows = leases.map(({ id, ttlSeconds, remainingUs }): Field => {
    const keys = view.leaseKeys(id);
    const held = keys.length === 0 ? '' : `, ${keys.slice(0, rowsMax).map(shown).join(' ')}`;
    return [`lease ${id}`, `${micros(remainingUs)} left of ${ttlSeconds} s${held}`];
  });
  return { name: 'leases', fields: [['count', String(view.leaseCount)], ...rows] };
}

function watchSection({ watches }: MemberView): Section {
  return {
    name: 'watches',
    fields: [
      ['streams', String(watches.streams)],
      ['watches', String(watches.watches)],
      ['behind', String(watches.behind)],
      ['events sent', String(watches.eventsSent)],
      ['bytes not taken', String(watches.undrainedBytes)],
    ],
  };
}

function keySection(store: Pick<StorageBackend, 'range' | 'count'>): Section {
  const count = store.count(currentTable, { from: '' });
  const fields: Field[] = [['count', String(count)]];
  for (const [key, record] of store.range(currentTable, { from: '', limit: rowsMax })) {
    const { value, modRevision, createRevision, lease } = decodeRecord(record);
    const leased = lease === 0n ? '' : `, lease ${lease}`;
    fields.push([
      shown(key),
      `${shown(latin1FromBytes(value.subarray(0, textCharsMax + 1)))} (created ${createRevision}, changed ${modRevision}${leased})`,
    ]);
  }
  return { name: 'keys', fields };
}

function fileFields(segments: Pick<SegmentFiles, 'list'>): readonly Field[] {
  const files = segments.list('');
  const newest = files.slice(-rowsMax).map(({ file, lengthBytes }): Field => [file, `${lengthBytes} bytes`]);
  return [['files', String(files.length)], ...newest];
}

/** Printable, and not longer than a line bears. */
function shown(text: string): string {
  let printable = '';
  for (const character of text.slice(0, textCharsMax)) {
    const code = character.charCodeAt(0);
    printable += code >= 0x20 && code < 0x7f ? character : `\\x${code.toString(16).padStart(2, '0')}`;
  }
  return text.length > textCharsMax ? `${printable}…` : printable;
}

function nodes(ids: readonly NodeId[]): string {
  return ids.map((id) => `n${id}`).join(' ');
}

function micros(timeUs: number): string {
  return timeUs === Infinity ? 'never' : `${(timeUs / 1_000_000).toFixed(6)} s`;
}

function yesNo(value: boolean): string {
  return value ? 'yes' : 'no';
}
