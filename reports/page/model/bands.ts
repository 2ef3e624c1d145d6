import { type NodeId } from '../../../core/base/ids.ts';
import { type Change, type RunEvidence } from '../../evidence/types.ts';
import { faultWords } from './words.ts';

/** A bar of a lane. */
export interface Band {
  readonly row: number;
  readonly fromUs: number;
  readonly toUs: number;
  readonly text: string;
  /** Colours are chosen by it. */
  readonly kind: string;
  readonly faint: boolean;
}

/** What each node was, and in which term: a bar for every change of either. */
export function roleBands(evidence: RunEvidence, nodes: readonly NodeId[], endUs: number): readonly Band[] {
  const bands: Band[] = [];
  for (const [row, node] of nodes.entries()) {
    const lanes = evidence.lanes.get(node);
    if (lanes === undefined) continue;
    const momentsUs = [...new Set([...lanes.role, ...lanes.term].map(({ atUs }) => atUs))].toSorted(
      (a, b) => a - b,
    );
    for (const [index, fromUs] of momentsUs.entries()) {
      const role = valueAt(lanes.role, fromUs);
      const term = valueAt(lanes.term, fromUs);
      if (role === undefined) continue;
      const down = role === 'down';
      const text = down ? '' : `${roleWord(role)}${term === undefined ? '' : ` · term ${term}`}`;
      bands.push({ row, fromUs, toUs: momentsUs[index + 1] ?? endUs, text, kind: role, faint: down });
    }
  }
  return bands;
}

/** More faults than this at once share the last row. */
const faultRowsMax = 8;

/** The faults of a run that began before its end, in as few rows as keep them apart. */
export function faultBands(evidence: RunEvidence): {
  readonly bands: readonly Band[];
  readonly rows: number;
} {
  const begun = evidence.faults.filter(({ fault }) => fault.atUs <= evidence.result.simulatedUs);
  const endsUs: number[] = [];
  const bands: Band[] = [];
  for (const record of begun.toSorted((left, right) => left.fromUs - right.fromUs)) {
    let row = endsUs.findIndex((endUs) => endUs <= record.fromUs);
    if (row === -1) row = Math.min(endsUs.length, faultRowsMax - 1);
    endsUs[row] = Math.max(endsUs[row] ?? 0, record.toUs, record.fromUs + 1);
    const words = faultWords(record.fault);
    const idle = !record.fired;
    const text = `${record.fault.kind} ${words}${idle ? ' (had no effect)' : ''}`;
    bands.push({
      row,
      fromUs: record.fromUs,
      toUs: record.toUs,
      text,
      kind: record.fault.kind,
      faint: idle,
    });
  }
  return { bands, rows: Math.max(1, endsUs.length) };
}

/** The value in force at a time; undefined before the first. */
export function valueAt<T>(changes: readonly Change<T>[], atUs: number): T | undefined {
  let low = 0;
  let high = changes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((changes[middle]?.atUs ?? Infinity) <= atUs) low = middle + 1;
    else high = middle;
  }
  return changes[low - 1]?.value;
}

function roleWord(role: string): string {
  return role === 'preCandidate' ? 'pre-candidate' : role;
}
