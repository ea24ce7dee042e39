/** Where a request comes from, as the server sees it. */
export interface Origin {
  /** Undefined on a Unix socket, which only processes of this machine can open. */
  remoteAddress: string | undefined;
  /** The Host header. */
  host: string | undefined;
}

const LOOPBACK = /^(?:::ffff:)?127(?:\.\d{1,3}){3}$|^::1$/;
const LOCAL_HOST = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/i;

/**
 * Whether a request was made on this machine, for a name of this machine. The emulator asks nobody
 * who they are; a page elsewhere whose name was made to resolve to 127.0.0.1 (DNS rebinding) still
 * sends its own name as the Host.
 */
export function isLocal({ remoteAddress, host }: Origin): boolean {
  const isHere = remoteAddress === undefined || LOOPBACK.test(remoteAddress);
  return isHere && host !== undefined && LOCAL_HOST.test(host);
}
