/** A completion's or a day's path, as its keys: they may hold characters that a URL may not. */
export type RtdbPath = readonly string[];

export interface RtdbRest {
  set(path: RtdbPath, value: unknown): Promise<void>;
  get(path: RtdbPath): Promise<unknown>;
  remove(path: RtdbPath): Promise<void>;
  /** What curl would take. */
  url(path: RtdbPath): string;
}

/** The database emulator over REST, as its owner: rules do not apply. */
export function rtdbRest(databaseHost: string, namespace: string): RtdbRest {
  const url = (path: RtdbPath): string =>
    `http://${databaseHost}/${path.map(encodeURIComponent).join('/')}.json?ns=${namespace}`;
  const send = async (method: string, path: RtdbPath, value?: unknown): Promise<unknown> => {
    const response = await fetch(url(path), {
      method,
      headers: { authorization: 'Bearer owner' },
      ...(method === 'PUT' ? { body: JSON.stringify(value) } : {}),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`RTDB refused ${method} ${path.join('/')}: ${text}`);
    return JSON.parse(text);
  };
  return {
    url,
    set: async (path, value) => void (await send('PUT', path, value)),
    get: (path) => send('GET', path),
    remove: async (path) => void (await send('DELETE', path)),
  };
}
