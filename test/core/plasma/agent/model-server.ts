import {
  type AgentRequest,
  type AgentResponse,
  type DesiredState,
  type DesiredVm,
  type VmReport,
} from '../../../../core/plasma/agent-protocol.ts';
import { vmKey } from '../../../../core/plasma/agent/vm.ts';
import { type FenceToken, type VmId } from '../../../../core/plasma/types.ts';
import { ttlUs } from './bench.ts';

/** A control plane of one node, that never forgets. */
export class ModelServer {
  epoch = 0;
  /** By its own clock, how long it gives nothing of the node to anybody. */
  leaseEndUs = 0;
  revision = 1;
  readonly wanted = new Map<string, DesiredVm>();
  readonly reported = new Map<string, VmReport>();
  /** What another node has, by the epoch of this one in which that was decided. */
  readonly givenAway = new Map<string, number>();
  readonly violations: string[] = [];
  #judged = false;
  #reportSequence = 0;
  #tokens = new Map<VmId, FenceToken>();
  #generations = new Map<VmId, number>();
  readonly #waiting: { readonly from: number; readonly answer: (response: AgentResponse) => void }[] = [];

  /** The newest place of a virtual machine; undefined: it has none. */
  placeOf(id: VmId): DesiredVm | undefined {
    return [...this.wanted.values()].filter((vm) => vm.id === id && vm.want.kind === 'run').at(-1);
  }

  place(id: VmId, spec: DesiredVm['spec'], want: DesiredState): void {
    const fenceToken = (this.#tokens.get(id) ?? 0) + 1;
    this.#tokens.set(id, fenceToken);
    this.want(id, fenceToken, spec, want);
  }

  want(id: VmId, fenceToken: FenceToken, spec: DesiredVm['spec'], want: DesiredState): void {
    const generation = (this.#generations.get(id) ?? 0) + 1;
    this.#generations.set(id, generation);
    this.wanted.set(vmKey(id, fenceToken), { id, generation, fenceToken, spec, want, operations: [] });
    this.#changed();
  }

  #changed(): void {
    this.revision += 1;
    for (const { answer } of this.#waiting.splice(0)) answer(this.#desired());
  }

  #desired(): AgentResponse {
    return { kind: 'desired', revision: this.revision, vms: [...this.wanted.values()] };
  }

  /** Its epoch is over: whoever still acts in it is refused. */
  giveUp(nowUs: number): void {
    // What must have stopped by now may run elsewhere.
    if (nowUs >= this.leaseEndUs) {
      for (const { id, fenceToken, spec, want } of [...this.wanted.values()]) {
        if (spec.leasePolicy === 'keep-running' || want.kind !== 'run') continue;
        this.want(id, fenceToken, spec, { kind: 'remove' });
        this.givenAway.set(vmKey(id, fenceToken), this.epoch);
      }
    }
    this.epoch += 1;
    this.#judged = false;
    this.#reportSequence = 0;
  }

  /** @param answer called once, at once or later */
  ask(request: AgentRequest, nowUs: number, answer: (response: AgentResponse) => void): void {
    if (request.kind === 'register') {
      this.epoch += 1;
      this.#judged = false;
      this.#reportSequence = 0;
      this.leaseEndUs = nowUs + ttlUs;
      answer({ kind: 'registered', epoch: this.epoch, leaseTtlUs: ttlUs });
      return;
    }
    if (request.epoch !== this.epoch) {
      answer({ kind: 'refused', code: 'STALE_EPOCH', message: `it is ${this.epoch}`, leader: undefined });
      return;
    }
    switch (request.kind) {
      case 'renewLease':
        this.leaseEndUs = nowUs + ttlUs;
        answer({ kind: 'leaseGranted', sequence: request.sequence, leaseTtlUs: ttlUs });
        return;
      case 'inventory':
        this.#judged = true;
        answer({
          kind: 'inventoryJudged',
          verdicts: request.found.map(({ vm, fenceToken }) => ({
            vm,
            fenceToken,
            verdict: this.wanted.has(vmKey(vm, fenceToken)) ? 'adopt' : 'orphan',
          })),
        });
        return;
      case 'watchDesired':
        if (request.fromRevision < this.revision) answer(this.#desired());
        else this.#waiting.push({ from: request.fromRevision, answer });
        return;
      case 'report':
        if (!this.#judged) this.violations.push('a report comes before the inventory');
        answer({ kind: 'reportTaken', sequence: request.sequence });
        if (request.sequence <= this.#reportSequence) return;
        this.#reportSequence = request.sequence;
        for (const report of request.vms) this.#take(report);
        return;
    }
  }

  /** What waits is answered with nothing new. */
  expireWatches(): void {
    for (const { answer } of this.#waiting.splice(0)) answer(this.#desired());
  }

  #take(report: VmReport): void {
    const key = vmKey(report.vm, report.fenceToken);
    this.reported.set(key, report);
    const wanted = this.wanted.get(key);
    if (wanted === undefined || report.generation < wanted.generation) return;
    const { id, fenceToken, spec, want } = wanted;
    // It has left: it may be placed anew, and what is here is to be removed.
    if (want.kind === 'evict' && (report.state === 'stopped' || report.state === 'failed')) {
      this.want(id, fenceToken, spec, { kind: 'remove' });
      this.place(id, spec, { kind: 'run', runState: 'running', force: false });
    }
    if (want.kind === 'remove' && report.state === 'gone') {
      this.wanted.delete(key);
      this.#changed();
    }
  }
}
