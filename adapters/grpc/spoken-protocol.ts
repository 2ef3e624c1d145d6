import { type Socket } from 'node:net';

/** HTTP/2 begins with a preface of which no request line of HTTP/1 has even these. */
const http2Beginning = Buffer.from('PRI', 'latin1');

/** Whoever connects has this long to begin. */
const silenceMs = 60_000;

/**
 * Looks at the first bytes of a connection and puts them back. A connection that says nothing, or ends before it can be told
 * apart, is closed.
 */
export function whenSpoken(socket: Socket, take: (protocol: 'http2' | 'http1') => void): void {
  let seen: Buffer = Buffer.alloc(0);
  const end = (): void => {
    socket.destroy();
  };
  const settle = (): void => {
    socket.setTimeout(0);
    socket.off('timeout', end);
    socket.off('error', end);
    socket.off('end', end);
    socket.off('data', look);
    socket.pause();
    socket.unshift(seen);
  };
  const look = (piece: Buffer): void => {
    seen = seen.length === 0 ? piece : Buffer.concat([seen, piece]);
    const compared = Math.min(seen.length, http2Beginning.length);
    const isBeginning = seen.compare(http2Beginning, 0, compared, 0, compared) === 0;
    if (isBeginning && compared < http2Beginning.length) return;
    settle();
    take(isBeginning ? 'http2' : 'http1');
  };
  socket.setTimeout(silenceMs, end);
  socket.on('error', end);
  socket.on('end', end);
  socket.on('data', look);
}
