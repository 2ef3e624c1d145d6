/**
 * The process that loses its power: `set-child.ts DIRECTORY FIRST-NUMBER VARIANT`.
 *
 * Prints, a line each and at once: `recovered` with every number that it finds, then `issued` before it asks for a number
 * to be added and `acknowledged` when it has the answer, until it is killed.
 */
import { type RunnerEffect, type RunnerEvent } from '../../../adapters/runner/protocol.ts';
import { Runner } from '../../../adapters/runner/runner.ts';
import { FileSegments } from '../../../adapters/segments/file-segments.ts';
import { type Machine } from '../../../core/base/machine.ts';
import { PowerCutLayer } from '../segments/power-cut-layer.ts';
import { DurableSet } from './durable-set.ts';
import { endingSyncsEarly } from './ending-syncs-early.ts';
import { say } from './say.ts';

type SetMachine = Machine<RunnerEvent<number, never, never>, RunnerEffect<number, never, never>>;

const requestsInFlight = 8;
const segmentBytesMax = 8_192;
const syncMsMax = 4;

const [dir = '', firstNumber = '1', variant = 'whole'] = process.argv.slice(2);
const layer = new PowerCutLayer(dir, (done) => void setTimeout(done, Math.random() * syncMsMax));
const files = FileSegments.open({ dir, layer });
const set = DurableSet.recover(files, segmentBytesMax);
say(`recovered ${set.damage === undefined ? 'whole' : 'damaged'} ${set.recovered.join(' ')}`);

const runner = new Runner<number, number, never, never>(
  variant === 'repliesBeforeSync' ? replyingBeforeSync(set) : set,
  {
    segments: variant === 'syncEndsEarly' ? endingSyncsEarly(files) : files,
    transport: { send: () => undefined, sendSnapshot: () => Promise.reject(new Error('there are no peers')) },
  },
  {
    onStop: (failure) => {
      say(`failed ${failure.reason}`);
      process.exit(1);
    },
  },
);
runner.start();

let next = Number(firstNumber);
for (let lane = 0; lane < requestsInFlight; lane += 1) void add();

async function add(): Promise<void> {
  for (;;) {
    const number = next;
    next += 1;
    say(`issued ${number}`);
    say(`acknowledged ${await runner.request(number)}`);
  }
}

function replyingBeforeSync(machine: SetMachine): SetMachine {
  return {
    deadlineUs: Infinity,
    step: (event, nowUs) =>
      machine
        .step(event, nowUs)
        .map((effect) => (effect.kind === 'reply' ? { ...effect, afterSyncSeq: 0 } : effect)),
  };
}
