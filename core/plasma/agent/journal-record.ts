import { InvariantError } from '../../base/assert.ts';
import { textFromUtf8, utf8FromText } from '../../base/utf8.ts';
import { type InstanceId, type LeasePolicy, type VmId } from '../types.ts';
import { type Intent, type ProcessExit, type VmOperation } from './vm.ts';

/** What the journal keeps of a virtual machine under a token. */
export interface StoredVm {
  readonly vm: VmId;
  readonly fenceToken: number;
  readonly generation: number;
  readonly leasePolicy: LeasePolicy | undefined;
  readonly intent: Intent;
  readonly instance: InstanceId | undefined;
  readonly exit: ProcessExit | undefined;
  readonly restarts: number;
  readonly operations: readonly VmOperation[];
}

/** A batch of the journal: each record replaces what earlier ones said of the same virtual machine and token. */
export interface JournalBatch {
  /** All there is to say: what earlier batches said is void. */
  readonly full: boolean;
  readonly saved: readonly StoredVm[];
  readonly forgotten: readonly { readonly vm: VmId; readonly fenceToken: number }[];
}

const version = 1;

/** JSON, so that a person can read what an agent had in mind. */
export function encodeJournalBatch(batch: JournalBatch): Uint8Array {
  return utf8FromText(JSON.stringify({ version, ...batch }));
}

/**
 * The frame's checksum has shown that these are the bytes that were written.
 *
 * @throws InvariantError when they were written by something else than this format
 */
export function decodeJournalBatch(payload: Uint8Array): JournalBatch {
  const text = textFromUtf8(payload);
  const parsed = text === undefined ? undefined : (JSON.parse(text) as { version?: unknown });
  if (parsed?.version !== version)
    throw new InvariantError(`the agent's journal has format ${String(parsed?.version)}, not ${version}`);
  return parsed as unknown as JournalBatch;
}
