import { assert, unreachable } from '../base/assert.ts';
import { type SegmentAppend, type SegmentCut } from '../base/effects.ts';
import { type NodeId } from '../base/ids.ts';
import { SyncTranslation } from '../base/sync-translation.ts';
import { type BrokerEffect, type BrokerMessage, type BrokerResponse } from './broker-protocol.ts';
import { type MetadataMessage } from './metadata/messages.ts';
import { type MetadataEffect } from './metadata/replica-protocol.ts';

/** What the metadata wants of the world, under sync numbers of its own. */
type MetadataWrite = Exclude<MetadataEffect, { readonly kind: 'outcome' | 'confirmed' }>;

/**
 * What a step of the broker comes to. Whatever its parts write in it becomes one `persist`, under one number of the broker's
 * own; what they have to say to one peer becomes one `send`. The order in which files are written, cut and removed is the
 * order in which the parts asked for it.
 */
export class StepOutput {
  readonly #metadataSyncs = new SyncTranslation();
  #syncSeq = 0;
  /** Since the last `persist`, in order. */
  #appends: SegmentAppend[] = [];
  #effects: BrokerEffect[] = [];
  /** Sends that wait for a sync; they leave behind the `persist` that they wait for. */
  #gated: BrokerEffect[] = [];
  /** Not gated, by peer, in the order in which peers were first spoken to. */
  #sends = new Map<NodeId, BrokerMessage[]>();

  /** The broker's syncs have come so far. @returns the metadata's own number, where more of its writes are durable now */
  synced(syncSeq: number): number | undefined {
    assert(syncSeq <= this.#syncSeq, 'nothing is synced that was not written');
    return this.#metadataSyncs.synced(syncSeq);
  }

  /** @returns the number of the sync that will cover them */
  append(appends: readonly SegmentAppend[]): number {
    for (const append of appends) this.#appends.push(append);
    return this.#syncSeq + 1;
  }

  cut(cuts: readonly SegmentCut[]): void {
    if (cuts.length === 0) return;
    this.#flushAppends();
    this.#effects.push({ kind: 'cutSegments', cuts });
  }

  remove(files: readonly string[]): void {
    if (files.length === 0) return;
    this.#flushAppends();
    this.#effects.push({ kind: 'removeSegments', files });
  }

  send(to: NodeId, message: BrokerMessage): void {
    const known = this.#sends.get(to);
    if (known === undefined) this.#sends.set(to, [message]);
    else known.push(message);
  }

  reply(requestId: number, response: BrokerResponse): void {
    // Nothing is held back for the disk: whoever answers has seen the sync, or the high watermark, that the answer rests on.
    this.#effects.push({ kind: 'reply', requestId, response, afterSyncSeq: 0 });
  }

  metadata(effect: MetadataWrite): void {
    switch (effect.kind) {
      case 'persist':
        this.#metadataSyncs.written(effect.syncSeq, this.append(effect.appends));
        break;
      case 'send':
        this.#metadataSend(effect.to, effect.messages, effect.afterSyncSeq);
        break;
      case 'removeSegments':
        this.remove(effect.files);
        break;
      case 'sendSnapshot':
      case 'stop':
        this.#effects.push(effect);
        break;
      default:
        unreachable(effect);
    }
  }

  /** Everything since the last time, and begins anew. */
  take(): readonly BrokerEffect[] {
    this.#flushAppends();
    for (const effect of this.#gated) this.#effects.push(effect);
    this.#gated = [];
    for (const [to, messages] of this.#sends) {
      this.#effects.push({ kind: 'send', to, messages, afterSyncSeq: 0 });
    }
    if (this.#sends.size > 0) this.#sends = new Map();
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #metadataSend(to: NodeId, messages: readonly MetadataMessage[], afterSyncSeq: number): void {
    const gate = afterSyncSeq === 0 ? 0 : this.#metadataSyncs.gate(afterSyncSeq);
    if (gate === 0) for (const message of messages) this.send(to, message);
    else this.#gated.push({ kind: 'send', to, messages, afterSyncSeq: gate });
  }

  #flushAppends(): void {
    if (this.#appends.length === 0) return;
    this.#syncSeq += 1;
    this.#effects.push({ kind: 'persist', syncSeq: this.#syncSeq, appends: this.#appends });
    this.#appends = [];
  }
}
