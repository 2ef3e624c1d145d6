import { Worker } from 'node:worker_threads';

import { type Job, type JobDone, type WorkerSetting, type WorkerWord } from './job.ts';

/** Threads that run seeds, one each at a time. What is asked for beyond them waits in line. */
export class SeedPool {
  readonly threads: number;
  readonly #workers: readonly Worker[];
  readonly #idle: Worker[];
  readonly #line: Waiting[] = [];
  #alive: number;

  constructor(options: { readonly threads: number; readonly mutants?: readonly string[] }) {
    const file = import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js';
    const workerData: WorkerSetting = { mutants: options.mutants ?? [] };
    this.threads = options.threads;
    this.#workers = Array.from(
      { length: options.threads },
      () => new Worker(new URL(file, import.meta.url), { workerData }),
    );
    this.#idle = [...this.#workers];
    this.#alive = options.threads;
  }

  /**
   * Runs one job as soon as a thread is free. The line is as long as what the callers wait for at once.
   *
   * @param traced is told of the events of a job that is `traced`
   * @throws when the thread dies
   */
  do(job: Job, traced?: (lines: readonly string[]) => void): Promise<JobDone> {
    return new Promise((resolve, reject) => {
      this.#line.push({ job, traced, resolve, reject });
      this.#next();
    });
  }

  /**
   * Runs jobs until there are no more, or `onDone` says that it is enough (what is under way is waited for).
   *
   * @throws when a thread dies
   */
  async run(jobs: Iterator<Job>, onDone: (done: JobDone) => 'more' | 'enough'): Promise<void> {
    let enough = false;
    await Promise.all(
      this.#workers.map(async () => {
        for (let next = jobs.next(); next.done !== true && !enough; next = jobs.next()) {
          if (onDone(await this.do(next.value)) === 'enough') enough = true;
        }
      }),
    );
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  #next(): void {
    const waiting = this.#line[0];
    if (waiting === undefined) return;
    const worker = this.#idle.pop();
    if (worker === undefined) return;
    this.#line.shift();
    ask(worker, waiting).then(
      (done) => {
        this.#idle.push(worker);
        waiting.resolve(done);
        this.#next();
      },
      (failure: unknown) => {
        this.#alive -= 1;
        waiting.reject(failure);
        // Whoever still waits would wait for ever.
        if (this.#alive === 0) for (const { reject } of this.#line.splice(0)) reject(failure);
        else this.#next();
      },
    );
  }
}

interface Waiting {
  readonly job: Job;
  readonly traced: ((lines: readonly string[]) => void) | undefined;
  readonly resolve: (done: JobDone) => void;
  readonly reject: (failure: unknown) => void;
}

function ask(worker: Worker, { job, traced }: Waiting): Promise<JobDone> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      worker.off('message', onMessage);
      worker.off('error', onError);
      worker.off('exit', onExit);
    };
    const onMessage = (word: WorkerWord): void => {
      if (word.kind === 'traced') {
        traced?.(word.lines);
        return;
      }
      settle();
      resolve(word);
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
