import { Engine } from './engine.ts';
import {
  type Answered,
  type Asked,
  type EngineAnswer,
  type EngineRequest,
  type Plan,
  type Ran,
} from './protocol.ts';
import { type NodeState, type StepNumber } from '../../evidence/types.ts';

/** The simulator at the page's service. */
export interface EngineLink {
  /** `page`: no worker could be made, and the page stands still while a run goes on. */
  readonly where: 'worker' | 'page';
  /** @throws Error when the simulator breaks on the plan */
  run(plan: Plan): Promise<Ran>;
  /** @throws Error when the simulator breaks on the plan, or the run has no such step */
  inspect(plan: Plan, step: StepNumber): Promise<readonly NodeState[]>;
}

/** In a worker made of the page's own script, so that the page stays alive; in the page itself where there is none. */
export async function startEngine(): Promise<EngineLink> {
  const ask = (await workerAsk()) ?? undefined;
  return ask === undefined ? linkOf('page', pageAsk()) : linkOf('worker', ask);
}

type Ask = (request: EngineRequest) => Promise<EngineAnswer>;

function linkOf(where: EngineLink['where'], ask: Ask): EngineLink {
  return {
    where,
    run: async (plan) => {
      const answer = await ask({ kind: 'run', plan });
      if (answer.kind !== 'ran') throw new Error(reasonOf(answer));
      return answer;
    },
    inspect: async (plan, step) => {
      const answer = await ask({ kind: 'inspect', plan, step });
      if (answer.kind !== 'inspected') throw new Error(reasonOf(answer));
      return answer.states;
    },
  };
}

function reasonOf(answer: EngineAnswer): string {
  return answer.kind === 'broke' ? answer.reason : `the simulator answered with ${answer.kind}`;
}

/** @returns undefined where the browser makes no worker for a page from a file */
async function workerAsk(): Promise<Ask | undefined> {
  const script = document.getElementById('page-script')?.textContent;
  if (script === undefined || script === null) return undefined;
  const url = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
  const waiting = new Map<number, (answer: EngineAnswer) => void>();
  const worker = await startWorker(url, ({ id, answer }) => {
    waiting.get(id)?.(answer);
    waiting.delete(id);
  });
  URL.revokeObjectURL(url);
  if (worker === undefined) return undefined;
  let asked = 0;
  return (request) =>
    new Promise((resolve) => {
      asked += 1;
      waiting.set(asked, resolve);
      worker.postMessage({ id: asked, request } satisfies Asked);
    });
}

function startWorker(url: string, onAnswer: (answered: Answered) => void): Promise<Worker | undefined> {
  return new Promise((resolve) => {
    try {
      const worker = new Worker(url);
      worker.onerror = () => {
        resolve(undefined);
      };
      worker.onmessage = (event: MessageEvent<Answered | 'ready'>) => {
        if (event.data === 'ready') resolve(worker);
        else onAnswer(event.data);
      };
    } catch {
      // A browser that forbids workers here says so by throwing; the page has another way.
      resolve(undefined);
    }
  });
}

function pageAsk(): Ask {
  const engine = new Engine();
  return (request) =>
    new Promise((resolve) => {
      // Later, so that what says that it is busy can be painted before.
      setTimeout(() => {
        resolve(engine.answer(request));
      }, 50);
    });
}

/** The other end, in the worker. */
export function serveEngine(scope: {
  postMessage(message: unknown): void;
  onmessage: ((event: MessageEvent<Asked>) => void) | null;
}): void {
  const engine = new Engine();
  scope.onmessage = (event) => {
    const { id, request } = event.data;
    scope.postMessage({ id, answer: engine.answer(request) } satisfies Answered);
  };
  scope.postMessage('ready');
}
