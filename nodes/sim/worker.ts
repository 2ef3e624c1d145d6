import { parentPort, workerData } from 'node:worker_threads';

import { type Job, type JobDone, type WorkerSetting } from './job.ts';
import { installMutants } from './mutant-hook.ts';

/** A thread that runs one seed after another. Mutants are installed before anything of the system is loaded. */
const setting = workerData as WorkerSetting;
const notPlanted = installMutants(setting.mutants);
const { runJob } = await import('./run-job.ts');
const [missing] = notPlanted();
if (missing !== undefined)
  throw new Error(`${setting.mutants.join(', ')}: not planted, ${missing} was loaded before or never`);

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
