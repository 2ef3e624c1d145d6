import { noBytes } from '../base/bytes.ts';
import { type StateForm } from '../base/capture.ts';
import { type Position } from './records.ts';
import { type Entry, type EntryKind } from './types.ts';

const entryKinds: readonly EntryKind[] = ['empty', 'command', 'configuration'];

/** Stands for an entry where there is none. */
export const blankEntry: Entry = { index: 0, term: 0, kind: 'empty', data: noBytes };

export function passEntry(form: StateForm, entry: Entry): Entry {
  return {
    index: form.number('index', entry.index),
    term: form.number('term', entry.term),
    kind: form.choice('kind', entry.kind, entryKinds),
    data: form.bytes('data', entry.data),
  };
}

export const blankPosition: Position = { index: 0, term: 0 };

export function passPosition(form: StateForm, position: Position): Position {
  return { index: form.number('index', position.index), term: form.number('term', position.term) };
}
