import { type Socket } from 'node:net';

/** A guard of 65,536 instances has some 10 MB. */
const lineBytesMax = 32 * 1_024 * 1_024;

/** Calls with each line that comes, as JSON. Whoever sends what is none, or too much of it, is cut off. */
export function onJsonLines(socket: Socket, take: (value: unknown) => void): void {
  let text = '';
  socket.setEncoding('utf8');
  socket.on('data', (piece: string) => {
    text += piece;
    if (text.length > lineBytesMax) {
      socket.destroy();
      return;
    }
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      const line = text.slice(0, end);
      text = text.slice(end + 1);
      let value: unknown;
      try {
        value = JSON.parse(line);
      } catch {
        // Nothing that speaks this protocol sends it.
        socket.destroy();
        return;
      }
      take(value);
    }
  });
}
