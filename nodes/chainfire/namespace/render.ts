import { bytesFromLatin1 } from '../../../core/base/bytes.ts';
import {
  NamespaceLimits,
  type NamespaceStatus,
  NamespaceUsage,
} from '../../../core/chainfire/api/namespace.ts';
import { bytesJson } from '../../kv/render.ts';

const measures = ['bytes', 'keys', 'leases', 'watches'] as const;

/** The prefix as text, or as `prefix_base64` where it is not UTF-8; a limit that is not there is null. */
export function namespaceJson(namespace: NamespaceStatus): Record<string, unknown> {
  const limits = NamespaceLimits.create(namespace.limits);
  return {
    name: namespace.name,
    ...bytesJson('prefix', bytesFromLatin1(namespace.prefix)),
    limits: Object.fromEntries(measures.map((measure) => [measure, limits[measure] || null])),
    usage: NamespaceUsage.create(namespace.usage),
    counting: namespace.counting,
  };
}

/** A line for each, what is used before what is allowed; a char a byte. */
export function namespaceTable(namespaces: readonly NamespaceStatus[]): string {
  const rows = [['NAME', 'PREFIX', ...measures.map((measure) => measure.toUpperCase())]];
  for (const { name, prefix, limits: given, usage: found, counting } of namespaces) {
    const limits = NamespaceLimits.create(given);
    const usage = NamespaceUsage.create(found);
    const cells = measures.map((measure) => `${usage[measure]}/${limits[measure] || '-'}`);
    rows.push([name, prefix, ...cells, ...(counting ? ['(still counting)'] : [])]);
  }
  const widths = rows[0]?.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0))) ?? [];
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, at) => cell.padEnd(widths[at] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}
