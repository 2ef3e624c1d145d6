import { closeSync, fstatSync, mkdirSync, openSync, readSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

import { formatAddress } from '../../adapters/config/address.ts';
import { DataDirError } from '../../adapters/data-dir/data-dir-error.ts';
import { ClusterFile } from '../chainfire/cluster-file.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { type MemberTls, type PlannedMember } from './plan.ts';
import { describeExit, SupervisedChild } from './supervised-child.ts';

const restartMinMs = 500;
const restartMaxMs = 10_000;
const stableMs = 30_000;
const stopGraceMs = 10_000;

/** The command line's own file, `.ts` in a checkout, `.js` when built. */
const photonFile = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../photon.ts' : '../photon.js', import.meta.url),
);

/** Runs every member as a process of its own, and keeps them running. */
export class Supervisor {
  /** Those that are members still, by what their directories say. */
  readonly members: readonly PlannedMember[];
  readonly #children: readonly SupervisedChild[];
  readonly #print: (line: string) => void;
  readonly #ready = new Set<string>();
  #allReady = false;
  #onReady: () => void = () => undefined;
  #onRefused: (error: ExitError) => void = () => undefined;

  constructor(members: readonly PlannedMember[], print: (line: string) => void) {
    this.#print = print;
    this.members = members.filter((member) => !this.#wasRemoved(member));
    // The cluster was born with all of them, whoever has left it since.
    this.#children = this.members.map((member) => this.#childOf(member, members));
  }

  /**
   * Resolves once every member has said that it serves.
   *
   * @throws ExitError when a directory cannot be made, or a member refuses its configuration or its data: it would refuse
   * for ever
   */
  async start(): Promise<void> {
    for (const member of this.members) makePlace(member);
    await new Promise<void>((resolve, reject) => {
      this.#onReady = resolve;
      this.#onRefused = reject;
      for (const child of this.#children) child.start();
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.stop(stopGraceMs)));
  }

  #wasRemoved({ name, dataDir }: PlannedMember): boolean {
    let removed: string | undefined;
    try {
      removed = ClusterFile.read(dataDir)?.removed;
    } catch (error) {
      // The member itself refuses what it cannot read, with its reason.
      if (!(error instanceof DataDirError)) throw error;
    }
    if (removed !== undefined) this.#print(`member ${name} is not started: ${removed}`);
    return removed !== undefined;
  }

  #childOf(member: PlannedMember, born: readonly PlannedMember[]): SupervisedChild {
    const { name, logFile } = member;
    return new SupervisedChild({
      name,
      args: serveArguments(member, born),
      logFile,
      restartMinMs,
      restartMaxMs,
      stableMs,
      onReady: () => {
        const again = this.#ready.has(name);
        this.#ready.add(name);
        this.#print(again ? `member ${name} serves again` : `member ${name} serves`);
        if (!this.#allReady && this.#ready.size === this.members.length) {
          this.#allReady = true;
          this.#onReady();
        }
      },
      onExit: (exit, restartMs) => {
        if (exit.code === exitCodes.refused) {
          this.#refused(name, logFile);
          return;
        }
        if (restartMs === undefined) {
          this.#print(`member ${name} stopped`);
          return;
        }
        const said = exit.notStarted === undefined ? lastLine(logFile) : '';
        if (said !== '') this.#print(`member ${name}: ${said}`);
        this.#print(
          `member ${name} ended (${describeExit(exit)}); starting it again in ${restartMs} ms; its log is ${logFile}`,
        );
      },
    });
  }

  /** Before all serve it is the reason why there is no cloud; later the others go on without this one. */
  #refused(name: string, logFile: string): void {
    const said = lastLine(logFile);
    if (!this.#allReady) {
      this.#onRefused(new ExitError(`member ${name} does not start: ${said}`, exitCodes.refused));
      return;
    }
    if (said !== '') this.#print(`member ${name}: ${said}`);
    this.#print(
      `member ${name} ended and is not started again: it would refuse again; its log is ${logFile}`,
    );
  }
}

function serveArguments(member: PlannedMember, members: readonly PlannedMember[]): readonly string[] {
  return [
    photonFile,
    'chainfire',
    'serve',
    ...['--name', member.name],
    ...['--data-dir', member.dataDir],
    ...['--listen-client', formatAddress(member.client)],
    ...['--listen-peer', formatAddress(member.peer)],
    ...['--listen-metrics', formatAddress(member.metrics)],
    ...['--initial-cluster', members.map(({ name, peer }) => `${name}=${formatAddress(peer)}`).join(',')],
    ...(member.tls === undefined ? [] : tlsArguments(member.tls)),
  ];
}

function tlsArguments({ certFile, keyFile, caFile }: MemberTls): readonly string[] {
  return [
    ...['--cert-file', certFile, '--key-file', keyFile],
    ...['--trusted-ca-file', caFile, '--client-cert-auth', 'true'],
    ...['--peer-cert-file', certFile, '--peer-key-file', keyFile, '--peer-trusted-ca-file', caFile],
  ];
}

/** @throws ExitError naming the directory */
function makePlace(member: PlannedMember): void {
  try {
    mkdirSync(member.dataDir, { recursive: true, mode: 0o700 });
    keepOneOldLog(member.logFile);
    // Found here rather than by a member that could not even say so.
    closeSync(openSync(member.logFile, 'a', 0o600));
  } catch (error) {
    throw new ExitError(
      `photon up: cannot write to ${dirname(member.logFile)}: ${(error as Error).message}; give another --data`,
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
