import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';

/** Someone asked for it in a way that cannot be done: the text says what to do about it. */
export class BenchRefusal extends Error {
  override readonly name = 'BenchRefusal';
}

/** What a benchmark was told on its command line. @throws BenchRefusal that ends with the usage */
export function benchArguments<Options extends ParseArgsOptionsConfig>(
  args: readonly string[],
  options: Options,
  usage: string,
): ReturnType<typeof parseArgs<{ readonly options: Options }>>['values'] {
  try {
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    throw new BenchRefusal(`${(error as Error).message}\n\n${usage}`, { cause: error });
  }
}
