import { setImmediate } from 'node:timers/promises';

import { type PeerTransport } from '../../../adapters/runner/ports.ts';
import {
  type RunnerEffect,
  type RunnerEvent,
  type RunnerFailure,
  type StreamTypes,
} from '../../../adapters/runner/protocol.ts';
import { Runner, type RunnerOptions } from '../../../adapters/runner/runner.ts';
import { type NodeId } from '../../../core/base/ids.ts';
import { type Machine } from '../../../core/base/machine.ts';
import { type StoreView } from '../../../core/storage/backend.ts';
import { type DurableStore } from '../../../adapters/runner/ports.ts';
import { HeldSegments } from './held-segments.ts';

export interface TextStreams extends StreamTypes {
  readonly opening: string;
  readonly request: string;
  readonly item: string;
  readonly refusal: string;
}
/** Acts and reports are texts as well. */
export interface TextPorts {
  readonly act: string;
  readonly report: string;
}

export type Event = RunnerEvent<string, string, string, TextStreams, TextPorts>;
export type Effect = RunnerEffect<string, string, string, TextStreams, TextPorts>;

/** Does what the test says at every event, and remembers the events. */
export class ScriptedMachine implements Machine<Event, Effect> {
  readonly events: Event[] = [];
  readonly timesUs: number[] = [];
  deadlineUs = Infinity;
  script: (event: Event, nowUs: number) => readonly Effect[] = () => [];

  step(event: Event, nowUs: number): readonly Effect[] {
    this.events.push(event);
    this.timesUs.push(nowUs);
    return this.script(event, nowUs);
  }

  /** Kinds of the events so far, without ticks. */
  get kinds(): string[] {
    return this.events.map(({ kind }) => kind).filter((kind) => kind !== 'tick');
  }
}

export class RecordingTransport implements PeerTransport<string, string> {
  readonly sent: { readonly to: NodeId; readonly messages: readonly string[] }[] = [];
  readonly streams: { to: NodeId; header: string; view: StoreView; end: (error?: Error) => void }[] = [];

  send(to: NodeId, messages: readonly string[]): void {
    this.sent.push({ to, messages });
  }

  sendSnapshot(to: NodeId, header: string, view: StoreView): Promise<void> {
    return new Promise((resolve, reject) => {
      this.streams.push({
        to,
        header,
        view,
        end: (error) => (error === undefined ? resolve() : reject(error)),
      });
    });
  }
}

export interface Rig {
  readonly machine: ScriptedMachine;
  readonly segments: HeldSegments;
  readonly transport: RecordingTransport;
  readonly runner: Runner<string, string, string, string, TextStreams, TextPorts>;
  readonly failures: RunnerFailure[];
  /** What the machine has done by its port. */
  readonly acts: string[];
}

/** A runner around a scripted machine, started. */
export function rig(
  script: ScriptedMachine['script'] = () => [],
  options: Partial<RunnerOptions> & { readonly store?: DurableStore } = {},
): Rig {
  const machine = new ScriptedMachine();
  machine.script = script;
  const segments = new HeldSegments();
  const transport = new RecordingTransport();
  const failures: RunnerFailure[] = [];
  const acts: string[] = [];
  const { store, ...rest } = options;
  const runner = new Runner<string, string, string, string, TextStreams, TextPorts>(
    machine,
    { segments, transport, store, act: (act) => acts.push(act) },
    { onStop: (failure) => failures.push(failure), drainUs: 20_000, wallClock: 'none', ...rest },
  );
  runner.start();
  return { machine, segments, transport, runner, failures, acts };
}

/** Lets the event loop go round until what is ready has happened. */
export async function turns(count = 3): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await setImmediate();
}

export function persist(syncSeq: number, ...files: string[]): Effect {
  return {
    kind: 'persist',
    syncSeq,
    appends: files.map((file) => ({ file, bytes: new Uint8Array([syncSeq]) })),
  };
}

export function reply(requestId: number, response: string, afterSyncSeq = 0): Effect {
  return { kind: 'reply', requestId, response, afterSyncSeq };
}

export function send(to: number, message: string, afterSyncSeq = 0): Effect {
  return { kind: 'send', to: to as NodeId, messages: [message], afterSyncSeq };
}

export function act(what: string, afterSyncSeq = 0): Effect {
  return { kind: 'act', act: what, afterSyncSeq };
}

export function notify(streamId: number, item: string, bytes = item.length): Effect {
  return { kind: 'notify', streamId, item, bytes };
}

export function endStream(streamId: number, refusal?: string): Effect {
  return { kind: 'endStream', streamId, refusal };
}
