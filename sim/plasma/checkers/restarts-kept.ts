import { defaultAgentSettings } from '../../../core/plasma/agent/protocol.ts';
import { type HypervisorAct } from '../../../core/plasma/hypervisor.ts';
import { instanceKey } from '../../../core/plasma/instance-key.ts';
import { type NodeName } from '../../../core/plasma/types.ts';
import { Violation } from '../../types.ts';
import { agentAddress, nodeNameOf } from '../addresses.ts';
import { type PlasmaChecker } from '../checker.ts';
import { sameInstance } from '../guest-process.ts';
import { type EndedProcess } from '../hypervisor-types.ts';
import { type PlasmaStep } from '../processes.ts';
import { startsAgainAfter } from '../restart-rules.ts';
import { type PlasmaState } from '../state.ts';

interface OwnEnd {
  readonly ended: EndedProcess;
  readonly atUs: number;
  /** The life of the agent that was there, and the newest wish that it had been told. */
  readonly boot: number;
  readonly told: number;
}

/** A second of a node's clock is a little more or less. */
const drift = 0.002;

/**
 * What ends by itself is started again as its restart policy says: under the same wish, one that its policy leaves alone is not
 * started again, and one that is starts after a wait, the first of which the settings name. It counts such starts.
 *
 * Not verified: shutdowns of what was asked to shut down for an earlier wish; ends of which nobody living was told why, since the agent died by then; that the waits grow; and that what is to
 * run again does in the end (`liveness`).
 */
export class RestartsKept implements PlasmaChecker {
  readonly name = 'restarts-kept';
  /** By node, virtual machine and token: the newest generation that the agent was told. */
  readonly #told = new Map<string, number>();
  /** Processes that were asked to shut down at some time: nobody can tell whether they do for that. */
  readonly #asked = new Set<string>();
  /** By virtual machine. */
  readonly #ends = new Map<string, OwnEnd>();

  onStep(step: PlasmaStep): void {
    if (step.of !== 'agent' || step.event.kind !== 'acted') return;
    const { report } = step.event;
    if (report.kind !== 'serverAnswered' || report.response.kind !== 'desired') return;
    const node = nodeNameOf(step.process.node - agentAddress(0));
    for (const { id, fenceToken, generation } of report.response.vms) {
      const key = keyOf(node, id, fenceToken);
      this.#told.set(key, Math.max(this.#told.get(key) ?? 0, generation));
    }
  }

  onProcessEnded(ended: EndedProcess, { cloud, nowUs }: PlasmaState): void {
    const { node, instance, cause, deed } = ended;
    const { vm, fenceToken } = instance;
    const isOwn =
      deed === 'die' ||
      (deed === 'shutdown' && cause === 'guest-shutdown' && !this.#asked.has(instanceKey(instance)));
    const { agent } = cloud.node(node);
    if (!isOwn || !agent.alive) this.#ends.delete(vm);
    else {
      const told = this.#toldOf(node, vm, fenceToken);
      this.#ends.set(vm, { ended, atUs: nowUs, boot: agent.boot, told });
    }
  }

  onAct(node: NodeName, act: HypervisorAct, state: PlasmaState): void {
    if (act.kind === 'powerDown') this.#asked.add(instanceKey(act.instance));
    if (act.kind === 'kill') {
      // What it ends by is the agent's doing, for all that it has heard.
      const end = this.#ends.get(act.instance.vm);
      if (end !== undefined && sameInstance(end.ended.instance, act.instance))
        this.#ends.delete(act.instance.vm);
    } else if (act.kind === 'launch') {
      const end = this.#ends.get(act.vm);
      this.#ends.delete(act.vm);
      if (end !== undefined && this.#isSameWish(node, act, end, state)) judge(node, act, end, state);
    }
  }

  #toldOf(node: NodeName, vm: string, fenceToken: number): number {
    return this.#told.get(keyOf(node, vm, fenceToken)) ?? 0;
  }

  #isSameWish(
    node: NodeName,
    { vm, fenceToken }: HypervisorAct & { kind: 'launch' },
    { ended, boot, told }: OwnEnd,
    { cloud }: PlasmaState,
  ): boolean {
    if (ended.node !== node || ended.instance.fenceToken !== fenceToken) return false;
    return cloud.node(node).agent.boot === boot && this.#toldOf(node, vm, fenceToken) === told;
  }
}

function judge(
  node: NodeName,
  { vm, spec }: HypervisorAct & { kind: 'launch' },
  { ended, atUs }: OwnEnd,
  { nowUs, plan, counts }: PlasmaState,
): void {
  const { restartPolicy } = spec;
  if (!startsAgainAfter(restartPolicy, ended)) {
    const detail = `${node} starts ${vm} again, whose policy is ${restartPolicy}, and which has ended by ${ended.cause}`;
    throw new Violation('restarts-kept', detail, 'started against its policy');
  }
  counts.restarted += 1;
  const waitUs = (plan.cloud.agent.restartUsMin ?? defaultAgentSettings.restartUsMin) * (1 - drift);
  if (nowUs - atUs >= waitUs) return;
  const detail = `${node} starts ${vm} again ${nowUs - atUs} µs after it has ended, where ${Math.ceil(waitUs)} is the least`;
  throw new Violation('restarts-kept', detail, 'started again at once');
}

function keyOf(node: NodeName, vm: string, fenceToken: number): string {
  return `${node}/${vm}/${fenceToken}`;
}
