import { type Socket } from 'node:net';

import { holdOpening, type OpeningJudge } from './held-opening.ts';
import { emptySettings, OpeningFrames } from './opening-frames.ts';

/** A client that has connected to ask, asks at once; one that only keeps a connection is not waited for. */
const askMs = 1_000;
/** More than any client sends before the server's first word. */
const openingBytesMax = 262_144;

/**
 * Holds an HTTP/2 connection up until its first request is there, so that what the library behind cannot take is mended
 * (`OpeningFrames`).
 */
export function whenOpened(socket: Socket, take: () => void): void {
  const judge = new FramesJudge((settings) => socket.write(settings));
  const patience = setTimeout(() => {
    judge.isLate = true;
    lookAgain();
  }, askMs);
  const settled = (): void => clearTimeout(patience);
  socket.once('close', settled);
  const lookAgain = holdOpening(socket, judge, () => {
    settled();
    socket.off('close', settled);
    take();
  });
}

class FramesJudge implements OpeningJudge {
  /** It has had its time to ask. */
  isLate = false;
  readonly #say: (settings: Uint8Array) => void;
  #frames: OpeningFrames | undefined;
  #hasSpoken = false;

  /** @param say to the client, in the server's place */
  constructor(say: (settings: Uint8Array) => void) {
    this.#say = say;
  }

  push(piece: Buffer): void {
    if (this.#frames === undefined) this.#frames = new OpeningFrames(piece);
    else this.#frames.push(piece);
    if (this.verdict === 'close' || this.#hasSpoken) return;
    if (!this.#frames.waits || !this.#frames.isAcknowledged) return;
    this.#hasSpoken = true;
    this.#frames.settingsSent();
    this.#say(emptySettings);
  }

  get verdict(): 'more' | 'enough' | 'close' {
    const frames = this.#frames;
    if (frames === undefined) return 'more';
    if (frames.length > openingBytesMax) return 'close';
    return frames.isAcknowledged && (frames.asks || this.isLate) ? 'enough' : 'more';
  }

  get bytes(): Buffer {
    return this.#frames?.bytes ?? Buffer.alloc(0);
  }
}
