import { connect, type Socket } from 'node:net';

/** One answer or event of QEMU's: what it says of many disks takes some KiB. */
const lineBytesMax = 4 * 1_048_576;
/** Commands that wait for their answers. */
const pendingMax = 256;

export interface QmpEvent {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface QmpListener {
  onEvent(event: QmpEvent): void;
  /** A command has not been answered in time. It may be still, and may still be carried out. */
  onSilent(): void;
  /** Nothing comes any more. What was under way has been rejected. */
  onClosed(): void;
}

export class QmpError extends Error {
  readonly code: 'REFUSED' | 'CLOSED' | 'TOO_MANY';

  constructor(code: QmpError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: QmpError) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * A connection to a QEMU's monitor (QMP): commands, which it answers in order, and events.
 *
 * A command whose answer is late is not given up: QEMU may have been stopped, and would carry it out on waking. So it is told as
 * silence, and the command is over when the answer or the end of QEMU comes.
 */
export class Qmp {
  readonly #socket: Socket;
  readonly #listener: QmpListener;
  readonly #answerWithinMs: number;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #rest = '';
  #closed = false;

  private constructor(socket: Socket, listener: QmpListener, answerWithinMs: number) {
    this.#socket = socket;
    this.#listener = listener;
    this.#answerWithinMs = answerWithinMs;
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.#onText(text));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#onClosed());
  }

  /** Rejects when nobody listens there. */
  static async connect(path: string, listener: QmpListener, answerWithinMs: number): Promise<Qmp> {
    const socket = await new Promise<Socket>((resolve, reject) => {
      const opening = connect(path, () => {
        opening.off('error', reject);
        resolve(opening);
      });
      opening.once('error', reject);
    });
    const qmp = new Qmp(socket, listener, answerWithinMs);
    await qmp.execute('qmp_capabilities');
    return qmp;
  }

  execute(command: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    if (this.#closed) return Promise.reject(new QmpError('CLOSED', 'QEMU has ended'));
    if (this.#pending.size >= pendingMax)
      return Promise.reject(new QmpError('TOO_MANY', `more than ${pendingMax} commands wait for QEMU`));
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#listener.onSilent(), this.#answerWithinMs);
      this.#pending.set(id, { resolve, reject, timer });
      this.#socket.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #onText(text: string): void {
    this.#rest += text;
    for (;;) {
      const end = this.#rest.indexOf('\n');
      if (end < 0) break;
      const line = this.#rest.slice(0, end);
      this.#rest = this.#rest.slice(end + 1);
      if (line.trim() !== '' && !this.#onLine(line)) return this.close();
    }
    if (this.#rest.length > lineBytesMax) this.close();
  }

  /** False: whoever speaks there is no QEMU. */
  #onLine(line: string): boolean {
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch (cause) {
      if (cause instanceof SyntaxError) return false;
      throw cause;
    }
    if (typeof message !== 'object' || message === null) return false;
    const { event, data, id, error } = message as Record<string, unknown>;
    if (typeof event === 'string') {
      this.#listener.onEvent({ event, data: (data ?? {}) as QmpEvent['data'] });
      return true;
    }
    const pending = typeof id === 'number' ? this.#pending.get(id) : undefined;
    if (pending === undefined) return true;
    this.#pending.delete(id as number);
    clearTimeout(pending.timer);
    if (error === undefined) pending.resolve((message as { return: unknown }).return);
    else pending.reject(new QmpError('REFUSED', (error as { desc?: string }).desc ?? 'QEMU refuses'));
    return true;
  }

  #onClosed(): void {
    this.#closed = true;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { timer, reject } of pending) {
      clearTimeout(timer);
      reject(new QmpError('CLOSED', 'QEMU has ended'));
    }
    this.#listener.onClosed();
  }
}
