import { type Socket } from 'node:net';

/** Looks at what a client says first, before anybody takes the connection. */
export interface OpeningJudge {
  /** More has come. */
  push(piece: Buffer): void;
  /** Asked after each piece, and whenever it was asked to look again. */
  readonly verdict: 'more' | 'enough' | 'close';
  /** Everything that has come, as whoever takes the connection is to read it. */
  readonly bytes: Buffer;
}

/** A client that says nothing for this long is gone. */
const silenceMs = 60_000;

/**
 * Holds a connection until its judge has seen enough, puts back what has come, and hands it on. One that is silent, fails or ends
 * before is closed. Nothing stands between the socket and whoever takes it from then on.
 *
 * @returns asks the judge again: something else than bytes may have changed its mind
 */
export function holdOpening(socket: Socket, judge: OpeningJudge, take: () => void): () => void {
  let isHeld = true;
  const letGo = (): void => {
    isHeld = false;
    socket.setTimeout(0);
    socket.off('timeout', close);
    socket.off('error', close);
    socket.off('end', close);
    socket.off('data', look);
  };
  const close = (): void => {
    socket.destroy();
  };
  const decide = (): void => {
    const verdict = isHeld ? judge.verdict : 'more';
    if (verdict === 'more') return;
    if (verdict === 'close') return close();
    letGo();
    socket.pause();
    socket.unshift(judge.bytes);
    take();
  };
  const look = (piece: Buffer): void => {
    judge.push(piece);
    decide();
  };
  socket.setTimeout(silenceMs, close);
  socket.on('error', close);
  socket.on('end', close);
  socket.on('data', look);
  // Paused by whoever held it before.
  socket.resume();
  return decide;
}
