import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';

import { type FenceToken, type VmId } from '../../core/plasma/types.ts';
import { VmDirectory } from './vm-directory.ts';

/** What is shown of what a console has said before somebody looks at it. */
const recentBytesMax = 16_384;

/** An open serial console: what it has said lately, then what it says. */
export interface ConsoleStream {
  /** Read once. Throws a ConsoleBehindError where it is not read fast enough. */
  readonly said: AsyncIterable<Uint8Array>;
  /** Resolves when there is room for more. */
  type(bytes: Uint8Array): Promise<void>;
  close(): void;
}

export interface ConsoleBounds {
  /** Who may look at one console at once. */
  readonly viewersMax: number;
  /** What is kept for a viewer who does not take it. Beyond it he is told that he is too slow, and the others go on. */
  readonly behindBytesMax: number;
}

export const defaultConsoleBounds: ConsoleBounds = { viewersMax: 16, behindBytesMax: 262_144 };

/** So many look at a console already that nobody else may. */
export class ConsoleFullError extends Error {
  override readonly name = 'ConsoleFullError';
}

/** A viewer has not taken what a console has said. */
export class ConsoleBehindError extends Error {
  override readonly name = 'ConsoleBehindError';
}

/** The serial consoles of a node. QEMU has one connection for each; whoever looks at it shares that one, and may type. */
export class Consoles {
  readonly #vmsDir: string;
  readonly #bounds: ConsoleBounds;
  readonly #open = new Map<string, Promise<SharedConsole>>();

  /** @param vmsDir as `QemuHypervisor` has it */
  constructor(vmsDir: string, bounds: ConsoleBounds = defaultConsoleBounds) {
    this.#vmsDir = vmsDir;
    this.#bounds = bounds;
  }

  /** @throws ConsoleFullError, or the system's error when no process has that console */
  async open(vm: VmId, fenceToken: FenceToken): Promise<ConsoleStream> {
    const key = `${vm}.${fenceToken}`;
    let opening = this.#open.get(key);
    if (opening === undefined) {
      const forget = (): void => {
        if (this.#open.get(key) === own) this.#open.delete(key);
      };
      const directory = new VmDirectory(this.#vmsDir, vm, fenceToken);
      const own = SharedConsole.connect(directory, this.#bounds, forget);
      own.catch(forget);
      this.#open.set(key, own);
      opening = own;
    }
    const shared = await opening;
    // Its end may have come while it was waited for: another process may have the console by now.
    return shared.isOver ? this.open(vm, fenceToken) : shared.look();
  }
}

interface Viewer {
  readonly waiting: Uint8Array[];
  waitingBytes: number;
  wake: () => void;
  /** Nothing comes behind what waits; an error: nor does that. */
  end: 'ended' | Error | undefined;
}

/** One console, for all who look at it. */
class SharedConsole {
  readonly #socket: Socket;
  readonly #bounds: ConsoleBounds;
  readonly #onOver: () => void;
  readonly #viewers = new Set<Viewer>();
  /** What it has said lately. */
  #recent: Uint8Array;
  #isOver = false;

  /** @param onOver called once, when the last one has left or the console is gone */
  static async connect(
    directory: VmDirectory,
    bounds: ConsoleBounds,
    onOver: () => void,
  ): Promise<SharedConsole> {
    const socket = await directory.withSocket('serial.sock', async (path) => {
      const connecting = connect(path);
      await once(connecting, 'connect');
      return connecting;
    });
    // Told as the end of what it says.
    socket.on('error', () => undefined);
    try {
      return new SharedConsole(socket, await tailOf(directory.consoleLog), bounds, onOver);
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  private constructor(socket: Socket, recent: Uint8Array, bounds: ConsoleBounds, onOver: () => void) {
    this.#socket = socket;
    this.#recent = recent;
    this.#bounds = bounds;
    this.#onOver = onOver;
    socket.once('close', () => {
      this.#finish();
    });
    socket.on('data', (bytes: Buffer) => {
      this.#take(bytes);
    });
    // It may have gone while its log was read.
    if (socket.destroyed) this.#finish();
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  look(): ConsoleStream {
    const { viewersMax } = this.#bounds;
    if (this.#viewers.size >= viewersMax)
      throw new ConsoleFullError(`${viewersMax} others look at this console, and no more may`);
    const viewer: Viewer = { waiting: [], waitingBytes: 0, wake: () => undefined, end: undefined };
    if (this.#recent.length > 0) give(viewer, this.#recent);
    this.#viewers.add(viewer);
    return {
      said: sayings(viewer),
      type: async (bytes) => {
        const socket = this.#socket;
        if (bytes.length === 0 || socket.destroyed || socket.write(bytes)) return;
        await Promise.race(['drain', 'close'].map((event) => once(socket, event)));
      },
      close: () => {
        viewer.waiting.length = 0;
        this.#endViewer(viewer, 'ended');
      },
    };
  }

  #take(bytes: Buffer): void {
    this.#recent = Buffer.concat([this.#recent, bytes]).subarray(-recentBytesMax);
    for (const viewer of this.#viewers) {
      give(viewer, bytes);
      const { behindBytesMax } = this.#bounds;
      if (viewer.waitingBytes > behindBytesMax) {
        const reason = `what the console says is not taken fast enough: more than ${behindBytesMax} bytes wait`;
        this.#endViewer(viewer, new ConsoleBehindError(reason));
      }
    }
  }

  #endViewer(viewer: Viewer, end: 'ended' | Error): void {
    if (!this.#viewers.delete(viewer)) return;
    viewer.end = end;
    viewer.wake();
    if (this.#viewers.size === 0) this.#finish();
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onOver();
    this.#socket.destroy();
    for (const viewer of this.#viewers) this.#endViewer(viewer, 'ended');
  }
}

function give(viewer: Viewer, bytes: Uint8Array): void {
  viewer.waiting.push(bytes);
  viewer.waitingBytes += bytes.length;
  viewer.wake();
}

async function* sayings(viewer: Viewer): AsyncIterable<Uint8Array> {
  for (;;) {
    if (viewer.end instanceof Error) throw viewer.end;
    const next = viewer.waiting.shift();
    if (next !== undefined) {
      viewer.waitingBytes -= next.length;
      yield next;
    } else if (viewer.end !== undefined) {
      return;
    } else {
      await new Promise<void>((resolve) => {
        viewer.wake = resolve;
      });
    }
  }
}

async function tailOf(path: string): Promise<Uint8Array> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const lengthBytes = Math.min(size, recentBytesMax);
      const { buffer, bytesRead } = await file.read(
        Buffer.alloc(lengthBytes),
        0,
        lengthBytes,
        size - lengthBytes,
      );
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Uint8Array(0);
    throw error;
  }
}
