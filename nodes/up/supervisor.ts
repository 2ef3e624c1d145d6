import { closeSync, fstatSync, mkdirSync, openSync, readSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

import { assert } from '../../core/base/assert.ts';
import { formatAddress } from '../../adapters/config/address.ts';
import { DataDirError } from '../../adapters/data-dir/data-dir-error.ts';
import { ClusterFile } from '../chainfire/cluster-file.ts';
import { chainfireSystem } from '../chainfire/system.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { ofSystem, type PlannedProcess, type ProcessTls } from './plan.ts';
import { describeExit, SupervisedChild } from './supervised-child.ts';

const restartMinMs = 500;
const restartMaxMs = 10_000;
const stableMs = 30_000;
const stopGraceMs = 10_000;

/** The command line's own file, `.ts` in a checkout, `.js` when built. */
const photonFile = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../photon.ts' : '../photon.js', import.meta.url),
);

/** Runs every member and broker as a process of its own, and keeps them running. */
export class Supervisor {
  /** Those that belong to their cluster still, by what their directories say. */
  readonly processes: readonly PlannedProcess[];
  readonly #children: readonly SupervisedChild[];
  readonly #print: (line: string) => void;
  readonly #ready = new Set<string>();
  #allReady = false;
  #onReady: () => void = () => undefined;
  #onRefused: (error: ExitError) => void = () => undefined;

  constructor(planned: readonly PlannedProcess[], print: (line: string) => void) {
    this.#print = print;
    this.processes = planned.filter((one) => !this.#wasRemoved(one));
    // A cluster was born with all of them, whoever has left it since.
    this.#children = this.processes.map((one) => this.#childOf(one, ofSystem(planned, one.system)));
  }

  /**
   * Resolves once every process has said that it serves.
   *
   * @throws ExitError when a directory cannot be made, or a process refuses its configuration or its data: it would refuse
   * for ever
   */
  async start(): Promise<void> {
    for (const planned of this.processes) makePlace(planned);
    await new Promise<void>((resolve, reject) => {
      this.#onReady = resolve;
      this.#onRefused = reject;
      for (const child of this.#children) child.start();
    });
  }

  /** Members of the store last: who keeps something there hands it over first, and the next start waits for no lease to end. */
  async stop(): Promise<void> {
    const isMember = (_: SupervisedChild, position: number): boolean =>
      this.processes[position]?.system === chainfireSystem;
    const members = this.#children.filter(isMember);
    const others = this.#children.filter((child) => !members.includes(child));
    for (const children of [others, members])
      await Promise.all(children.map((child) => child.stop(stopGraceMs)));
  }

  #wasRemoved({ system, title, dataDir }: PlannedProcess): boolean {
    if (system !== chainfireSystem) return false;
    let removed: string | undefined;
    try {
      removed = ClusterFile.read(dataDir)?.removed;
    } catch (error) {
      // The member itself refuses what it cannot read, with its reason.
      if (!(error instanceof DataDirError)) throw error;
    }
    if (removed !== undefined) this.#print(`${title} is not started: ${removed}`);
    return removed !== undefined;
  }

  #childOf(planned: PlannedProcess, born: readonly PlannedProcess[]): SupervisedChild {
    const { title, logFile } = planned;
    return new SupervisedChild({
      name: title,
      args: serveArguments(planned, born),
      logFile,
      restartMinMs,
      restartMaxMs,
      stableMs,
      onReady: () => {
        const again = this.#ready.has(title);
        this.#ready.add(title);
        this.#print(again ? `${title} serves again` : `${title} serves`);
        if (!this.#allReady && this.#ready.size === this.processes.length) {
          this.#allReady = true;
          this.#onReady();
        }
      },
      onExit: (exit, restartMs) => {
        if (exit.code === exitCodes.refused) {
          this.#refused(title, logFile);
          return;
        }
        if (restartMs === undefined) {
          this.#print(`${title} stopped`);
          return;
        }
        const said = exit.notStarted === undefined ? lastLine(logFile) : '';
        if (said !== '') this.#print(`${title}: ${said}`);
        this.#print(
          `${title} ended (${describeExit(exit)}); starting it again in ${restartMs} ms; its log is ${logFile}`,
        );
      },
    });
  }

  /** Before all serve it is the reason why there is no cloud; later the others go on without this one. */
  #refused(title: string, logFile: string): void {
    const said = lastLine(logFile);
    if (!this.#allReady) {
      this.#onRefused(new ExitError(`${title} does not start: ${said}`, exitCodes.refused));
      return;
    }
    if (said !== '') this.#print(`${title}: ${said}`);
    this.#print(`${title} ended and is not started again: it would refuse again; its log is ${logFile}`);
  }
}

/** Members and brokers have these settings under the same names. */
function serveArguments(planned: PlannedProcess, born: readonly PlannedProcess[]): readonly string[] {
  const { system, name, dataDir, client, peer, metrics, tls } = planned;
  if (planned.plasma !== undefined) return plasmaArguments(planned, planned.plasma);
  assert(peer !== undefined, 'members and brokers have peers');
  const scheme = system === chainfireSystem ? '' : tls === undefined ? 'plaintext://' : 'tls://';
  return [
    photonFile,
    ...[system, 'serve'],
    ...['--name', name],
    ...['--data-dir', dataDir],
    ...['--listen-client', `${scheme}${formatAddress(client)}`],
    ...['--listen-peer', formatAddress(peer)],
    ...['--listen-metrics', formatAddress(metrics)],
    ...[
      '--initial-cluster',
      born.map((one) => `${one.name}=${formatAddress(one.peer ?? one.client)}`).join(','),
    ],
    ...(tls === undefined ? [] : tlsArguments(tls)),
  ];
}

function plasmaArguments(
  { name, dataDir, client, peer, metrics, tls }: PlannedProcess,
  { role, further }: NonNullable<PlannedProcess['plasma']>,
): readonly string[] {
  return [
    ...[photonFile, 'plasma', role, '--name', name, '--data-dir', dataDir],
    ...['--listen', formatAddress(client), '--listen-metrics', formatAddress(metrics)],
    ...(peer === undefined ? [] : ['--listen-nbd', formatAddress(peer)]),
    ...further,
    ...(tls === undefined
      ? []
      : ['--cert-file', tls.certFile, '--key-file', tls.keyFile, '--trusted-ca-file', tls.caFile]),
    ...(tls !== undefined && role === 'server' ? ['--chainfire-ca-file', tls.caFile] : []),
  ];
}

function tlsArguments({ certFile, keyFile, caFile }: ProcessTls): readonly string[] {
  return [
    ...['--cert-file', certFile, '--key-file', keyFile],
    ...['--trusted-ca-file', caFile, '--client-cert-auth', 'true'],
    ...['--peer-cert-file', certFile, '--peer-key-file', keyFile, '--peer-trusted-ca-file', caFile],
  ];
}

/** @throws ExitError naming the directory */
function makePlace(planned: PlannedProcess): void {
  try {
    mkdirSync(planned.dataDir, { recursive: true, mode: 0o700 });
    keepOneOldLog(planned.logFile);
    // Found here rather than by a process that could not even say so.
    closeSync(openSync(planned.logFile, 'a', 0o600));
  } catch (error) {
    throw new ExitError(
      `photon up: cannot write to ${dirname(planned.logFile)}: ${(error as Error).message}; give another --data`,
      exitCodes.refused,
      { cause: error },
    );
  }
}

/** The log of this run and of the one before: what grows is bounded by the runs, not by the years. */
function keepOneOldLog(file: string): void {
  try {
    renameSync(file, `${file}.1`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** As far back as a line may begin that is wanted. */
const lastLineBytesMax = 16_384;

/** Empty when the file cannot be read: it is shown beside the news that the member ended, and must not keep them back. */
function lastLine(file: string): string {
  try {
    const descriptor = openSync(file, 'r');
    try {
      const bytes = Buffer.alloc(lastLineBytesMax);
      const from = Math.max(0, fstatSync(descriptor).size - lastLineBytesMax);
      const length = readSync(descriptor, bytes, 0, lastLineBytesMax, from);
      return bytes.toString('utf8', 0, length).trimEnd().split('\n').at(-1) ?? '';
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    return '';
  }
}
