import { present } from '../../base/assert.ts';
import { utf8FromText } from '../../base/utf8.ts';
import { ByteQueue } from './byte-queue.ts';
import { answerOption, greeting, type NbdExports, optionReply } from './negotiation.ts';
import {
  commandFlags,
  commands,
  handshakeFlags,
  type NbdError,
  type NbdExport,
  type NbdRequest,
  optionMagic,
  optionReplies,
  options,
  payloadBytesMax,
  requestHeaderBytes,
  requestMagic,
  simpleReply,
} from './protocol.ts';

/** What a server's side of a connection wants done, in order. */
export type NbdOutput =
  | { readonly kind: 'send'; readonly bytes: Uint8Array }
  | { readonly kind: 'chosen'; readonly export: NbdExport }
  /** To be answered with `simpleReply`, in any order; a read that went well has its bytes behind it. */
  | { readonly kind: 'request'; readonly request: NbdRequest }
  /** Nothing more is read; what is under way is answered first. */
  | { readonly kind: 'end'; readonly reason: string };

/** Bytes of an option's data; a client that says more is let go. */
const optionBytesMax = 65_536;
/** Options before a choice: one that goes on asking is let go. */
const optionsMax = 256;
const optionHeaderBytes = 16;

/** A request whose header has come, and its payload not yet. */
interface AwaitedWrite {
  readonly handle: Uint8Array;
  readonly positionBytes: number;
  readonly lengthBytes: number;
  readonly durable: boolean;
  readonly refusal: NbdError | undefined;
}

/**
 * The server's side of one NBD connection: bytes in, requests out. Pure: it never waits, and whatever comes in, it answers or
 * ends the connection, never throws. It holds at most a payload of 32 MiB and what came with its end.
 */
export class NbdServerConnection {
  readonly #exports: NbdExports;
  readonly #queue = new ByteQueue();
  #phase: 'flags' | 'options' | 'requests' | 'ended' = 'flags';
  #noZeroes = false;
  #optionsAsked = 0;
  #option: { readonly option: number; readonly lengthBytes: number } | undefined;
  #export: NbdExport | undefined;
  #write: AwaitedWrite | undefined;
  #outputs: NbdOutput[] = [];

  constructor(exports: NbdExports) {
    this.#exports = exports;
  }

  /** What a server says first. */
  static greeting(): Uint8Array {
    return greeting();
  }

  /** A payload or an option has begun and not ended. */
  get midway(): boolean {
    return this.#write !== undefined || this.#option !== undefined || this.#queue.lengthBytes > 0;
  }

  receive(bytes: Uint8Array): readonly NbdOutput[] {
    if (this.#phase !== 'ended') {
      this.#queue.push(bytes);
      while (this.#takeNext());
    }
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  /** @returns false when more bytes are needed, or no more are wanted */
  #takeNext(): boolean {
    switch (this.#phase) {
      case 'flags':
        return this.#takeFlags();
      case 'options':
        return this.#option === undefined ? this.#takeOptionHeader() : this.#takeOptionData();
      case 'requests':
        return this.#write === undefined ? this.#takeRequest() : this.#takePayload();
      case 'ended':
        return false;
    }
  }

  #takeFlags(): boolean {
    if (this.#queue.lengthBytes < 4) return false;
    const flags = viewOf(this.#queue.take(4)).getUint32(0);
    const { fixedNewstyle, noZeroes } = handshakeFlags;
    if ((flags & ~(fixedNewstyle | noZeroes)) !== 0) return this.#end(`unknown flags ${flags}`);
    this.#noZeroes = (flags & noZeroes) !== 0;
    this.#phase = 'options';
    return true;
  }

  #takeOptionHeader(): boolean {
    if (this.#queue.lengthBytes < optionHeaderBytes) return false;
    const view = viewOf(this.#queue.take(optionHeaderBytes));
    if (view.getUint32(0) !== optionMagic[0] || view.getUint32(4) !== optionMagic[1])
      return this.#end('no option begins so');
    const option = view.getUint32(8);
    const lengthBytes = view.getUint32(12);
    this.#optionsAsked += 1;
    if (this.#optionsAsked > optionsMax) return this.#end(`more than ${optionsMax} options`);
    if (lengthBytes > optionBytesMax) {
      const why = utf8FromText(`an option has at most ${optionBytesMax} bytes`);
      if (option !== options.exportName) this.#send(optionReply(option, optionReplies.tooBig, why));
      return this.#end(`an option of ${lengthBytes} bytes`);
    }
    this.#option = { option, lengthBytes };
    return true;
  }

  #takeOptionData(): boolean {
    const { option, lengthBytes } = present(this.#option, 'an option whose header has come');
    if (this.#queue.lengthBytes < lengthBytes) return false;
    const data = this.#queue.take(lengthBytes);
    this.#option = undefined;
    const answer = answerOption(option, data, this.#exports, { noZeroes: this.#noZeroes });
    if (answer.send.length > 0) this.#send(answer.send);
    if (answer.end !== undefined) return this.#end(answer.end);
    if (answer.chosen !== undefined) {
      this.#export = answer.chosen;
      this.#phase = 'requests';
      this.#outputs.push({ kind: 'chosen', export: answer.chosen });
    }
    return true;
  }

  #takeRequest(): boolean {
    if (this.#queue.lengthBytes < requestHeaderBytes) return false;
    const header = this.#queue.take(requestHeaderBytes);
    const view = viewOf(header);
    if (view.getUint32(0) !== requestMagic) return this.#end('no request begins so');
    const flags = view.getUint16(4);
    const command = view.getUint16(6);
    // Its own copy: the handle outlives what came with it.
    const handle = new Uint8Array(header.subarray(8, 16));
    const positionBytes = view.getUint32(16) * 0x1_0000_0000 + view.getUint32(20);
    const lengthBytes = view.getUint32(24);
    if (command === commands.disconnect) return this.#end('the client has gone');
    const known = commandFlags.fua | (command === commands.writeZeroes ? commandFlags.noHole : 0);
    const refusal = (flags & ~known) !== 0 ? 'EINVAL' : this.#misplaced(command, positionBytes, lengthBytes);
    const durable = (flags & commandFlags.fua) !== 0;
    if (command === commands.write) {
      if (lengthBytes > payloadBytesMax) {
        this.#send(simpleReply(handle, 'EINVAL'));
        return this.#end(`a write of ${lengthBytes} bytes, ${payloadBytesMax} are the most`);
      }
      this.#write = { handle, positionBytes, lengthBytes, durable, refusal };
      return true;
    }
    if (refusal !== undefined) {
      this.#send(simpleReply(handle, refusal));
      return true;
    }
    switch (command) {
      case commands.read:
        this.#ask({ kind: 'read', handle, positionBytes, lengthBytes });
        break;
      case commands.flush:
        this.#ask({ kind: 'flush', handle });
        break;
      case commands.trim:
      case commands.writeZeroes: {
        const kind = command === commands.trim ? 'trim' : 'writeZeroes';
        const noHole = (flags & commandFlags.noHole) !== 0;
        this.#ask({ kind, handle, positionBytes, lengthBytes, durable, noHole });
        break;
      }
      default:
        this.#send(simpleReply(handle, 'EINVAL'));
    }
    return true;
  }

  #takePayload(): boolean {
    const write = present(this.#write, 'a write whose header has come');
    if (this.#queue.lengthBytes < write.lengthBytes) return false;
    const bytes = this.#queue.take(write.lengthBytes);
    this.#write = undefined;
    const { handle, positionBytes, durable, refusal } = write;
    if (refusal !== undefined) this.#send(simpleReply(handle, refusal));
    else this.#ask({ kind: 'write', handle, positionBytes, bytes, durable });
    return true;
  }

  /** Why a request cannot be about this part of the disk. */
  #misplaced(command: number, positionBytes: number, lengthBytes: number): NbdError | undefined {
    if (command === commands.flush) return undefined;
    if (command === commands.read && lengthBytes > payloadBytesMax) return 'EOVERFLOW';
    const { sizeBytes } = present(this.#export, 'requests come when an export is chosen');
    // A position that is no safe integer is far beyond any disk, and compares so.
    if (positionBytes + lengthBytes <= sizeBytes) return undefined;
    return command === commands.read || command === commands.trim ? 'EINVAL' : 'ENOSPC';
  }

  #ask(request: NbdRequest): void {
    this.#outputs.push({ kind: 'request', request });
  }

  #send(bytes: Uint8Array): void {
    this.#outputs.push({ kind: 'send', bytes });
  }

  #end(reason: string): false {
    this.#phase = 'ended';
    this.#outputs.push({ kind: 'end', reason });
    return false;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
