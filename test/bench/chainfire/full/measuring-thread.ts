import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

/**
 * A thread that measures until it is told to stop, and then gives what it has measured. Of its own, so that whatever the
 * benchmark itself is busy with does not look like a delay.
 */
export class MeasuringThread<Result> {
  readonly #worker: Worker;
  readonly #result: Promise<Result>;

  private constructor(worker: Worker) {
    this.#worker = worker;
    this.#result = new Promise<Result>((resolve, reject) => {
      worker.once('message', (result: Result) => resolve(result));
      worker.once('error', reject);
      worker.once('exit', (code) => reject(new Error(`a measuring thread has ended with ${code}`)));
    });
    this.#result.catch(() => undefined);
  }

  /** @param file of this folder */
  static async start<Result>(file: string, workerData: unknown): Promise<MeasuringThread<Result>> {
    const worker = new Worker(new URL(file, import.meta.url), { workerData });
    const thread = new MeasuringThread<Result>(worker);
    await once(worker, 'online');
    return thread;
  }

  async stop(): Promise<Result> {
    this.#worker.postMessage('stop');
    try {
      return await this.#result;
    } finally {
      await this.#worker.terminate();
    }
  }
}
