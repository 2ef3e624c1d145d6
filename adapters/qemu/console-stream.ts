import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';

import { type FenceToken, type VmId } from '../../core/plasma/types.ts';
import { VmDirectory } from './vm-directory.ts';

/** What is shown of what a console has said before somebody looks at it. */
const tailBytesMax = 16_384;

/** An open serial console: what it has said lately, then what it says. */
export interface ConsoleStream {
  readonly said: AsyncIterable<Uint8Array>;
  /** Resolves when there is room for more. */
  type(bytes: Uint8Array): Promise<void>;
  close(): void;
}

/** @param vmsDir as `QemuHypervisor` has it. @throws the system's error when no process has that console */
export async function openConsole(vmsDir: string, vm: VmId, fenceToken: FenceToken): Promise<ConsoleStream> {
  const directory = new VmDirectory(vmsDir, vm, fenceToken);
  const socket = await directory.withSocket('serial.sock', async (path) => {
    const connecting = connect(path);
    await once(connecting, 'connect');
    return connecting;
  });
  // Told as the end of what it says.
  socket.on('error', () => undefined);
  const tail = await tailOf(directory.consoleLog);
  return {
    said: sayings(tail, socket),
    type: async (bytes) => {
      if (bytes.length === 0 || socket.destroyed || socket.write(bytes)) return;
      await Promise.race(['drain', 'close'].map((event) => once(socket, event)));
    },
    close: () => socket.destroy(),
  };
}

async function* sayings(tail: Uint8Array, socket: Socket): AsyncIterable<Uint8Array> {
  if (tail.length > 0) yield tail;
  yield* socket as AsyncIterable<Buffer>;
}

async function tailOf(path: string): Promise<Uint8Array> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const lengthBytes = Math.min(size, tailBytesMax);
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
