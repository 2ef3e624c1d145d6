import { Worker } from 'node:worker_threads';

import { type Job, type JobDone, type WorkerSetting } from './job.ts';

/** Threads that run seeds, one each at a time. */
export class SeedPool {
  readonly #workers: readonly Worker[];

  constructor(options: { readonly threads: number; readonly mutants?: readonly string[] }) {
    const file = import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js';
    const workerData: WorkerSetting = { mutants: options.mutants ?? [] };
    this.#workers = Array.from(
      { length: options.threads },
      () => new Worker(new URL(file, import.meta.url), { workerData }),
    );
  }

  /**
   * Runs jobs until there are no more, or `onDone` says that it is enough (what is under way is waited for).
   *
   * @throws when a thread dies
   */
  async run(jobs: Iterator<Job>, onDone: (done: JobDone) => 'more' | 'enough'): Promise<void> {
    let enough = false;
    await Promise.all(
      this.#workers.map(async (worker) => {
        for (let next = jobs.next(); next.done !== true && !enough; next = jobs.next()) {
          if (onDone(await ask(worker, next.value)) === 'enough') enough = true;
        }
      }),
    );
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}

function ask(worker: Worker, job: Job): Promise<JobDone> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      worker.off('message', onMessage);
      worker.off('error', onError);
      worker.off('exit', onExit);
    };
    const onMessage = (done: JobDone): void => {
      settle();
      resolve(done);
    };
    const onError = (failure: Error): void => {
      settle();
      reject(failure);
    };
    const onExit = (code: number): void => {
      settle();
      reject(new Error(`a simulating thread ended with ${code} during ${job.scenario}, seed ${job.seed}`));
    };
    worker.on('message', onMessage);
    worker.on('error', onError);
    worker.on('exit', onExit);
    worker.postMessage(job);
  });
}
