import { parentPort, workerData } from 'node:worker_threads';

import { type Job, type JobDone, type WorkerSetting, type WorkerWord } from './job.ts';
import { installMutants } from './mutant-hook.ts';

/** A thread that runs one seed after another. Mutants are installed before anything of the system is loaded. */
const setting = workerData as WorkerSetting;
const notPlanted = installMutants(setting.mutants);
const { runJob } = await import('./run-job.ts');
const [missing] = notPlanted();
if (missing !== undefined)
  throw new Error(`${setting.mutants.join(', ')}: not planted, ${missing} was loaded before or never`);

/** Lines of a trace go over in so many at a time. */
const traceChunkLines = 2_000;

parentPort?.on('message', (job: Job) => {
  const lines: string[] = [];
  const flush = (): void => {
    if (lines.length > 0) say({ kind: 'traced', lines: lines.splice(0) });
  };
  const trace = (line: string): void => {
    lines.push(line);
    if (lines.length >= traceChunkLines) flush();
  };
  let done: JobDone;
  try {
    done = runJob(job, job.traced === true ? trace : undefined);
  } catch (failure) {
    done = {
      kind: 'broke',
      job,
      reason: failure instanceof Error ? (failure.stack ?? failure.message) : String(failure),
    };
  }
  flush();
  say(done);
});

function say(word: WorkerWord): void {
  parentPort?.postMessage(word);
}
