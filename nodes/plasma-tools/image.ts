import { Command, Option } from 'commander';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';

import { statusCodes } from '../../adapters/grpc/status.ts';
import { type PlasmaClient } from '../../adapters/grpc/plasma-client.ts';
import { uploadPath, UploadRequest, UploadResponse } from '../../core/plasma/wire/console.ts';
import { type Infer } from '../../core/wire/protobuf.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { type MutationOptions, mutate, withMutation } from './mutation.ts';
import { printJson, printLine, printTable, showBytes } from './print.ts';
import { writeSampleGuest } from './sample-guest.ts';
import { type PlasmaOptions, type PlasmaSession, withPlasma, withServers } from './session.ts';

type Uploaded = Infer<typeof UploadResponse>;

interface ImportOptions extends PlasmaOptions {
  readonly name?: string;
  readonly format?: 'raw' | 'qcow2';
}

const pieceBytes = 524_288;
const ofServer: ReadonlySet<number> = new Set([
  statusCodes.UNAVAILABLE,
  statusCodes.DEADLINE_EXCEEDED,
  statusCodes.CANCELLED,
  statusCodes.UNKNOWN,
  statusCodes.INTERNAL,
]);
const barChars = 30;
const barEveryMs = 100;

export function imageCommand(): Command {
  const image = new Command('image').description('bring in, look at and remove images of PlasmaVMC');
  withServers(image.command('import'))
    .description('bring an image in, on every server that is named and answers; others fetch it from those')
    .argument('<file>', 'a raw or qcow2 file')
    .option('--name <name>', 'its name; by default that of the file without its ending')
    .addOption(new Option('--format <format>', 'by default by the ending').choices(['raw', 'qcow2']))
    .action((file: string, options: ImportOptions) =>
      withPlasma(options, 'photon image import', async (session) => {
        const format = options.format ?? (/\.qcow2$/i.test(file) ? 'qcow2' : 'raw');
        const name = options.name ?? basename(file).replace(/\.[a-z0-9]+$/i, '');
        await refuseBeyondQuota(session, file);
        const uploaded = await uploadToAll(session, file, format);
        const done = await session.mutate({ kind: 'imageAdd', name, ...uploaded });
        if (options.json === true) printJson({ ...done, name, ...uploaded });
        else printLine(`${name}: ${uploaded.digest}, ${showBytes(uploaded.fileBytes)}`);
      }),
    );
  withServers(image.command('list'))
    .description('list the images of a project')
    .action((options: PlasmaOptions) =>
      withPlasma(options, 'photon image list', async (session) => {
        const { images } = await session.ask<'images'>({ kind: 'imageList', project: session.project });
        if (options.json === true) return printJson(images);
        printTable(
          ['IMAGE', 'FORMAT', 'SIZE', 'DISK', 'USED BY', 'DIGEST'],
          images.map((one) => [
            ...[one.name, one.format, showBytes(one.fileBytes), showBytes(one.virtualBytes)],
            ...[String(one.usedBy), one.digest],
          ]),
        );
      }),
    );
  withMutation(image.command('remove'))
    .description('take an image out of the catalogue')
    .argument('<name>', 'name of the image')
    .action((name: string, options: MutationOptions) =>
      mutate(
        options,
        { command: 'photon image remove', subject: name, verb: 'removed' },
        { kind: 'imageRemove', name },
      ),
    );
  image
    .command('sample')
    .description('write the disk of a tiny guest, to try things with: it counts on its console')
    .argument('<file>', 'a raw file that is not there yet')
    .action(async (file: string) => {
      await writeSampleGuest(file);
      printLine(`${file}: bring it in by photon image import ${file}`);
    });
  return image;
}

/** The control plane would refuse it, after all of it was sent. @throws ExitError */
async function refuseBeyondQuota(session: PlasmaSession, file: string): Promise<void> {
  const { quota, used } = await session.ask<'quota'>({ kind: 'quotaGet', project: session.project });
  const { imageBytesMax } = quota;
  if (imageBytesMax === undefined) return;
  const found = await stat(file).catch((error: unknown) => {
    throw new ExitError((error as Error).message, exitCodes.failed, { cause: error });
  });
  const would = used.imageBytes + found.size;
  if (would <= imageBytesMax) return;
  throw new ExitError(
    `refused: it would use ${would} bytes of images of ${imageBytesMax}: see photon quota show`,
    exitCodes.failed,
  );
}

/** Servers that are down do not matter, as long as one takes it. @throws ExitError */
async function uploadToAll(session: PlasmaSession, file: string, format: 'raw' | 'qcow2'): Promise<Uploaded> {
  let uploaded: Uploaded | undefined;
  const failures: string[] = [];
  for (const [position, client] of session.clients.entries()) {
    try {
      uploaded = await upload(client, file, { format, digest: uploaded?.digest ?? '' });
    } catch (error) {
      if (!isOfServer(error)) throw error;
      failures.push(`${session.addresses[position]}: ${(error as Error).message}`);
    }
  }
  if (uploaded === undefined)
    throw new ExitError(`no server has taken it: ${failures.join('; ')}`, exitCodes.failed);
  for (const failure of failures) process.stderr.write(`it has to be fetched by ${failure}\n`);
  return uploaded;
}

/** Nobody is there, or is there no longer: what another server may make good. */
function isOfServer(error: unknown): boolean {
  const { cause } = error as Error;
  const status =
    cause instanceof Error ? (cause.cause as { readonly code?: number } | undefined)?.code : undefined;
  return status !== undefined && ofServer.has(status);
}

/** Again is harmless: an image is what its bytes are. @throws ExitError */
async function upload(
  client: PlasmaClient,
  file: string,
  about: { readonly format: 'raw' | 'qcow2'; readonly digest: string },
): Promise<Uploaded> {
  const stream = client.stream(uploadPath, UploadRequest, UploadResponse);
  let ended = false;
  const answer = (async (): Promise<Uploaded> => {
    try {
      for await (const response of stream.responses) return response;
      throw new Error('the server has not said what has become of it');
    } finally {
      ended = true;
    }
  })();
  // Seen below, also where the file cannot be read first.
  answer.catch(() => undefined);
  try {
    const { size } = await stat(file);
    const bar = new ProgressBar(size);
    let sentBytes = 0;
    for await (const piece of createReadStream(file, { highWaterMark: pieceBytes })) {
      if (ended) break;
      const bytes = piece as Buffer;
      await stream.write({ ...about, bytes });
      sentBytes += bytes.length;
      bar.show(sentBytes);
    }
    bar.end();
    if (sentBytes === 0 && !ended) await stream.write({ ...about, bytes: new Uint8Array(0) });
    stream.end();
    return await answer;
  } catch (error) {
    throw new ExitError((error as Error).message, exitCodes.failed, { cause: error });
  } finally {
    stream.cancel();
  }
}

/** On a terminal alone. */
class ProgressBar {
  readonly #totalBytes: number;
  #shownMs = -Infinity;

  constructor(totalBytes: number) {
    this.#totalBytes = totalBytes;
  }

  show(doneBytes: number): void {
    const nowMs = performance.now();
    const whole = doneBytes >= this.#totalBytes;
    if (!process.stderr.isTTY || (!whole && nowMs - this.#shownMs < barEveryMs)) return;
    this.#shownMs = nowMs;
    const filled = Math.round((doneBytes / Math.max(1, this.#totalBytes)) * barChars);
    const bar = '#'.repeat(filled).padEnd(barChars, '.');
    process.stderr.write(`\r[${bar}] ${showBytes(doneBytes)} of ${showBytes(this.#totalBytes)} `);
  }

  end(): void {
    if (process.stderr.isTTY) process.stderr.write('\n');
  }
}
