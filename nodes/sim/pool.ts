import { Worker } from 'node:worker_threads';

import { exitCodes, ExitError } from '../exit.ts';
import { type Job, type JobDone, type WorkerSetting, type WorkerWord } from './job.ts';

/** A run that takes longer than this has no end: simulated time stands still in it. Its thread is replaced. */
const runMsMax = 10 * 60_000;
/** Else it is what `npm run build` has made of them. */
const isOfSources = import.meta.url.endsWith('.ts');

/** Threads that run seeds, one each at a time. What is asked for beyond them waits in line. */
export class SeedPool {
  readonly threads: number;
  readonly #setting: WorkerSetting;
  readonly #workers = new Set<Worker>();
  readonly #idle: Worker[] = [];
  readonly #line: Waiting[] = [];

  /** @throws ExitError when a mutant is to be planted into what is not the sources */
  constructor(options: { readonly threads: number; readonly mutants?: readonly string[] }) {
    this.threads = options.threads;
    this.#setting = { mutants: options.mutants ?? [] };
    if (this.#setting.mutants.length > 0 && !isOfSources)
      throw new ExitError('photon sim: bugs are planted in the sources: use a checkout', exitCodes.refused);
    for (let thread = 0; thread < options.threads; thread += 1) this.#start();
  }

  /**
   * Runs one job as soon as a thread is free. The line is as long as what the callers wait for at once.
   *
   * @param options.traced is told of the events of a job that is `traced`
   * @param options.msMax a run that takes longer is given up: it `broke`
   * @throws when the thread dies
   */
  do(job: Job, options: JobOptions = {}): Promise<JobDone> {
    return new Promise((resolve, reject) => {
      this.#line.push({ job, options, resolve, reject });
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
      Array.from({ length: this.threads }, async () => {
        for (let next = jobs.next(); next.done !== true && !enough; next = jobs.next()) {
          if (onDone(await this.do(next.value)) === 'enough') enough = true;
        }
      }),
    );
  }

  async close(): Promise<void> {
    await Promise.all([...this.#workers].map((worker) => worker.terminate()));
  }

  #start(): void {
    const file = isOfSources ? './worker.ts' : './worker.js';
    const worker = new Worker(new URL(file, import.meta.url), { workerData: this.#setting });
    this.#workers.add(worker);
    this.#idle.push(worker);
  }

  #next(): void {
    const worker = this.#idle.at(-1);
    const waiting = worker === undefined ? undefined : this.#line.shift();
    if (worker === undefined || waiting === undefined) return;
    this.#idle.pop();
    ask(worker, waiting).then(
      (answer) => {
        if (answer === 'endless') this.#replace(worker);
        else this.#idle.push(worker);
        waiting.resolve(answer === 'endless' ? endless(waiting) : answer);
        this.#next();
      },
      (failure: unknown) => {
        this.#workers.delete(worker);
        waiting.reject(failure);
        // Whoever still waits would wait for ever.
        if (this.#workers.size === 0) for (const { reject } of this.#line.splice(0)) reject(failure);
        else this.#next();
      },
    );
  }

  #replace(worker: Worker): void {
    this.#workers.delete(worker);
    void worker.terminate();
    this.#start();
  }
}

export interface JobOptions {
  readonly traced?: (lines: readonly string[]) => void;
  readonly msMax?: number;
}

interface Waiting {
  readonly job: Job;
  readonly options: JobOptions;
  readonly resolve: (done: JobDone) => void;
  readonly reject: (failure: unknown) => void;
}

function msMaxOf({ options }: Waiting): number {
  return options.msMax ?? runMsMax;
}

function endless(waiting: Waiting): JobDone {
  const reason = `no end: it was given up after ${msMaxOf(waiting) / 1_000} s`;
  return { kind: 'broke', job: waiting.job, reason };
}

function ask(worker: Worker, waiting: Waiting): Promise<JobDone | 'endless'> {
  const { job, options } = waiting;
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      clearTimeout(timer);
      worker.off('message', onMessage);
      worker.off('error', onError);
      worker.off('exit', onExit);
    };
    const timer = setTimeout(() => {
      settle();
      resolve('endless');
    }, msMaxOf(waiting));
    const onMessage = (word: WorkerWord): void => {
      if (word.kind === 'traced') {
        options.traced?.(word.lines);
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
