import { type Socket } from 'node:net';

import { emptySettings, OpeningFrames } from './opening-frames.ts';

/** A client that has connected to ask, asks at once; one that only keeps a connection is not waited for. */
const askMs = 1_000;
/** A client that does not even take notice of the server's settings for this long is gone. */
const silenceMs = 60_000;
/** More than any client sends before the server's first word. */
const openingBytesMax = 262_144;

/**
 * Holds an HTTP/2 connection up until its first request is there, so that what the library behind cannot take is mended
 * (`OpeningFrames`), and puts back what has come. Nothing stands between the library and the socket from then on.
 */
export function whenOpened(socket: Socket, take: () => void): void {
  let frames: OpeningFrames | undefined;
  let isLate = false;
  const end = (): void => {
    clearTimeout(ask);
    socket.destroy();
  };
  const ask = setTimeout(() => {
    isLate = true;
    settle();
  }, askMs);
  const settle = (): void => {
    if (frames === undefined || !frames.isAcknowledged || !(frames.asks || isLate)) return;
    clearTimeout(ask);
    socket.setTimeout(0);
    socket.off('timeout', end);
    socket.off('error', end);
    socket.off('end', end);
    socket.off('data', look);
    socket.pause();
    socket.unshift(frames.bytes);
    take();
  };
  const look = (piece: Buffer): void => {
    if (frames === undefined) frames = new OpeningFrames(piece);
    else frames.push(piece);
    if (frames.length > openingBytesMax) return end();
    if (frames.waits && frames.isAcknowledged && !hasSpoken) {
      hasSpoken = true;
      frames.settingsSent();
      socket.write(emptySettings);
    }
    settle();
  };
  let hasSpoken = false;
  socket.setTimeout(silenceMs, end);
  socket.on('error', end);
  socket.on('end', end);
  socket.on('data', look);
  socket.resume();
}
