import { type PersistEffect, type RemoveSegmentsEffect } from '../../base/effects.ts';
import { RecordLog } from '../../storage/record-log.ts';
import { type SegmentRepair } from '../../storage/segment-files.ts';
import { decodeJournalBatch, encodeJournalBatch, type StoredVm } from './journal-record.ts';
import { type AgentVm, vmKey } from './vm.ts';

export interface JournalOptions {
  readonly bytesMax: number;
}

export interface RecoveredJournal {
  readonly journal: AgentJournal;
  readonly vms: readonly StoredVm[];
  /** Some of what was durable is lost: what is found on the node may have been begun by what is not told here. */
  readonly damaged: boolean;
}

const prefix = 'journal/';

/**
 * What the agent intends, durable before it does it: a launch, a hand-over, an operation. What is, the hypervisor tells.
 *
 * A batch a step, of what has changed in it. When those that came after the last full one have grown to twice of it, and at
 * least to `bytesMax`, the next says everything again, and the files before it go. So the journal has about three times
 * what there is to say.
 */
export class AgentJournal {
  readonly #log: RecordLog;
  readonly #options: JournalOptions;
  /** Sync number 1 is the batch after this one. */
  readonly #batchSeqBefore: number;
  #syncSeq = 0;
  #syncedSeq = 0;
  #fullBytes = 0;
  #bytesSinceFull = 0;
  readonly #saved = new Set<AgentVm>();
  readonly #forgotten = new Map<string, AgentVm>();
  /** Nothing has been written in this life: the first batch is a full one. */
  #first = true;

  static recover(segments: SegmentRepair, options: JournalOptions): RecoveredJournal {
    const { log, batches, damage } = RecordLog.recover(segments, {
      prefix,
      segmentBytesMax: options.bytesMax,
    });
    const vms = new Map<string, StoredVm>();
    for (const { payload } of batches) {
      const batch = decodeJournalBatch(payload);
      if (batch.full) vms.clear();
      for (const stored of batch.saved) vms.set(vmKey(stored.vm, stored.fenceToken), stored);
      for (const { vm, fenceToken } of batch.forgotten) vms.delete(vmKey(vm, fenceToken));
    }
    return {
      journal: new AgentJournal(log, options),
      vms: [...vms.values()],
      damaged: damage !== undefined,
    };
  }

  private constructor(log: RecordLog, options: JournalOptions) {
    this.#log = log;
    this.#options = options;
    this.#batchSeqBefore = log.lastBatchSeq;
  }

  /** What an act waits for that depends on everything written so far; 0: all of it is durable. */
  get gate(): number {
    return this.#syncSeq > this.#syncedSeq ? this.#syncSeq : 0;
  }

  /** It is written at the end of the step, as it is then. */
  save(vm: AgentVm): void {
    this.#saved.add(vm);
  }

  /** Nothing needs to be known of it any more. */
  forget(vm: AgentVm): void {
    this.#saved.delete(vm);
    this.#forgotten.set(vmKey(vm.vm, vm.fenceToken), vm);
  }

  /** @param all everything that a full batch must say */
  flush(all: readonly AgentVm[]): readonly (PersistEffect | RemoveSegmentsEffect)[] {
    if (this.#saved.size === 0 && this.#forgotten.size === 0) return [];
    const full = this.#first || this.#bytesSinceFull >= Math.max(this.#options.bytesMax, 2 * this.#fullBytes);
    const payload = encodeJournalBatch({
      full,
      saved: (full ? all : [...this.#saved]).map(storedVm),
      forgotten: full ? [] : [...this.#forgotten.values()].map(({ vm, fenceToken }) => ({ vm, fenceToken })),
    });
    this.#saved.clear();
    this.#forgotten.clear();
    this.#first = false;
    const { location, append } = this.#log.append(payload);
    this.#syncSeq = location.batchSeq - this.#batchSeqBefore;
    const persist: PersistEffect = { kind: 'persist', syncSeq: this.#syncSeq, appends: [append] };
    if (!full) {
      this.#bytesSinceFull += append.bytes.length;
      return [persist];
    }
    this.#fullBytes = append.bytes.length;
    this.#bytesSinceFull = 0;
    const files = this.#log.cutBelow(location.batchSeq);
    return files.length === 0 ? [persist] : [persist, { kind: 'removeSegments', files }];
  }

  synced(syncSeq: number): void {
    this.#syncedSeq = Math.max(this.#syncedSeq, syncSeq);
    this.#log.synced(this.#batchSeqBefore + syncSeq);
  }
}

function storedVm(vm: AgentVm): StoredVm {
  return {
    vm: vm.vm,
    fenceToken: vm.fenceToken,
    generation: vm.generation,
    leasePolicy: vm.leasePolicy,
    intent: vm.intent,
    instance: vm.process?.instance,
    exit: vm.exit,
    restarts: vm.restarts,
    operations: vm.operations,
  };
}
