/** Which RTDB: what `mirror.identity` keeps. */
export interface RtdbIdentity {
  instance: string;
  /** As events name it, such as `firebaseio.com`; `emulator` for any emulator. */
  host: string;
}

/**
 * The identity of a database, by what an event or a setting says of it; null where that is not all.
 *
 * @param host with a port only where it is an emulator's, whose port may be another next time
 */
export function rtdbIdentity(instance: string | null, host: string | null): RtdbIdentity | null {
  if (instance === null || host === null) return null;
  return { instance, host: /:\d+$/.test(host) ? 'emulator' : host };
}

/** As people know it: its host name, or an emulator's instance. */
export function nameOfRtdb({ instance, host }: RtdbIdentity): string {
  return host === 'emulator' ? `${instance} of an emulator` : `${instance}.${host}`;
}
