/** Columns as wide as what stands in them. */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  for (const row of all) {
    printLine(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
  }
}

export function printJson(value: unknown): void {
  printLine(JSON.stringify(value, undefined, 2));
}

export function printLine(line: string): void {
  process.stdout.write(`${line}\n`);
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

export function showBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1_024 && unit < units.length - 1) {
    value /= 1_024;
    unit += 1;
  }
  return `${Number(value.toFixed(1))} ${units[unit]}`;
}

const suffixes: Readonly<Record<string, number>> = {
  '': 1,
  k: 1_024,
  m: 1_024 ** 2,
  g: 1_024 ** 3,
  t: 1_024 ** 4,
};

/** `512M`, `20GiB`, `1048576`; undefined: it is none of these. */
export function parseBytes(text: string): number | undefined {
  const [, digits, suffix] = /^([0-9]{1,15})([kmgt]?)(?:i?b)?$/i.exec(text) ?? [];
  if (digits === undefined || suffix === undefined) return undefined;
  const bytes = Number(digits) * (suffixes[suffix.toLowerCase()] ?? 1);
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined;
}
