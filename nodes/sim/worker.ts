import { parentPort, workerData } from 'node:worker_threads';

import { type Job, type JobDone, type WorkerSetting } from './job.ts';
import { installMutant } from './mutant-hook.ts';

/** A thread that runs one seed after another. A mutant is installed before anything of the system is loaded. */
const setting = workerData as WorkerSetting;
const isPlanted = setting.mutant === undefined ? undefined : installMutant(setting.mutant);
const { runJob } = await import('./run-job.ts');
if (isPlanted?.() === false)
  throw new Error(`mutant ${setting.mutant ?? ''} was not planted: its file was loaded before`);

parentPort?.on('message', (job: Job) => {
  let done: JobDone;
  try {
    done = runJob(job);
  } catch (failure) {
    done = {
      kind: 'broke',
      job,
      reason: failure instanceof Error ? (failure.stack ?? failure.message) : String(failure),
    };
  }
  parentPort?.postMessage(done);
});
