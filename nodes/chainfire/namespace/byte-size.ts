const units: Readonly<Record<string, number>> = {
  '': 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** What `10MiB` says in bytes; undefined where it says none, or less than one. */
export function bytesFrom(text: string): number | undefined {
  const [, count, unit = ''] = /^([0-9]+)(KiB|MiB|GiB|TiB)?$/.exec(text) ?? [];
  const bytes = Number(count) * (units[unit] ?? Number.NaN);
  return Number.isSafeInteger(bytes) && bytes >= 1 ? bytes : undefined;
}
