/** Where a shared disk is served, as QEMU's driver for NBD wants it. */
export interface NbdServer {
  readonly server:
    | { readonly type: 'unix'; readonly path: string }
    | { readonly type: 'inet'; readonly host: string; readonly port: string };
  readonly export: string;
}

const allowed =
  'nbd://HOST:PORT/EXPORT or nbd+unix:///EXPORT?socket=PATH (https://github.com/NetworkBlockDevice/nbd, doc/uri.md)';

/** @throws Error with a message for operators */
export function parseExportUri(uri: string): NbdServer {
  const url = URL.canParse(uri) ? new URL(uri) : undefined;
  const name = url && decodeURIComponent(url.pathname.replace(/^\//, ''));
  if (url?.protocol === 'nbd:' && url.hostname !== '' && name !== undefined) {
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
    return { server: { type: 'inet', host, port: url.port === '' ? '10809' : url.port }, export: name };
  }
  const path = url?.searchParams.get('socket');
  if (
    url?.protocol === 'nbd+unix:' &&
    name !== undefined &&
    path !== null &&
    path !== undefined &&
    path !== ''
  )
    return { server: { type: 'unix', path }, export: name };
  throw new Error(`a shared disk is served at ${allowed}, not at ${uri}`);
}
