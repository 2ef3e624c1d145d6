import { setTimeout as pause } from 'node:timers/promises';

import { type GrpcChainfireClient } from '../../adapters/grpc/client.ts';
import { between, type Prng } from '../../core/base/prng.ts';
import { type History } from '../../sim/history.ts';
import { type WorkloadPlan } from '../../sim/types.ts';
import { CallDrawer, isOneCall } from '../../sim/workload-calls.ts';
import { KeyKnowledge } from '../../sim/workload-knowledge.ts';

/** What the users of a crowd do: single calls, on few keys, so that they meet. */
export const crowdMix: WorkloadPlan['mix'] = {
  put: 30,
  get: 30,
  serializableGet: 5,
  delete: 6,
  compareAndSwap: 12,
  txn: 8,
  range: 6,
  historicRange: 2,
};

/** Whole µs, of this process alone. */
export const nowUs = (): number => Math.floor(performance.now() * 1_000);

/** One user: asks, waits for what becomes of it, thinks, asks again. Closes the connection at the end. */
export async function liveAsUser(user: {
  readonly client: number;
  readonly plan: WorkloadPlan;
  readonly prng: Prng;
  readonly connection: GrpcChainfireClient;
  readonly history: History;
  readonly ended: () => boolean;
  /** A call has ended, whatever became of it. */
  readonly callEnded?: () => void;
}): Promise<void> {
  const { client, plan, prng, connection, history, ended, callEnded } = user;
  const knowledge = new KeyKnowledge();
  const drawer = new CallDrawer({ client, plan, prng: prng.fork('calls'), knowledge });
  const think = prng.fork('think');
  for (let callId = 1; !ended(); callId += 1) {
    const operation = drawer.operation();
    if (!isOneCall(operation)) throw new Error('the mix is of single calls');
    const request = drawer.draw(callId, operation);
    const position = history.began({ client, callId, request, startUs: nowUs() });
    const outcome = await connection.call(request, plan.callTimeoutUs / 1_000);
    history.ended(position, nowUs(), outcome);
    knowledge.learn(outcome);
    callEnded?.();
    await pause(between(think, plan.thinkUsMin, plan.thinkUsMax) / 1_000);
  }
  connection.close();
}
