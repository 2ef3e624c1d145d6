import { formatClusterId } from '../../../adapters/peer/protocol.ts';
import { type SnapshotStatus } from './status.ts';

export const statusFormats = ['simple', 'table', 'json'] as const;

/** As etcdctl prints the status of its own; JSON says more besides. */
export function renderStatus(status: SnapshotStatus, format: (typeof statusFormats)[number]): string {
  const { header, hash, totalKeys, sizeBytes, digest } = status;
  if (format === 'json') {
    const json = {
      hash,
      revision: header.revision,
      totalKey: totalKeys,
      totalSize: sizeBytes,
      compactRevision: header.compactRevision,
      clusterId: formatClusterId(header.clusterId),
      member: header.memberName,
      createdAt: new Date(header.createdMs).toISOString(),
      version: header.softwareVersion,
      sha256: digest,
    };
    return `${JSON.stringify(json)}\n`;
  }
  const cells = [hash.toString(16), String(header.revision), String(totalKeys), formatBytes(sizeBytes)];
  if (format === 'simple') return `${cells.join(', ')}\n`;
  return table(['HASH', 'REVISION', 'TOTAL KEYS', 'TOTAL SIZE'], cells);
}

function table(titles: readonly string[], cells: readonly string[]): string {
  const widths = titles.map((title, at) => Math.max(title.length, (cells[at] ?? '').length));
  const rule = `+${widths.map((width) => '-'.repeat(width + 2)).join('+')}+`;
  const line = (texts: readonly string[]): string =>
    `|${texts.map((text, at) => ` ${text.padStart(widths[at] ?? 0)} `).join('|')}|`;
  return `${[rule, line(titles), rule, line(cells), rule].join('\n')}\n`;
}

const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** Two digits that count, in steps of a thousand. */
function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1_000 && unit < units.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  return `${unit > 0 && value < 10 ? value.toFixed(1) : Math.round(value).toString()} ${units[unit] ?? ''}`;
}
