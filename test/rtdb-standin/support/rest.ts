import { type DatabaseAddress, NAMESPACE } from './sdk';

export interface RestAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Headers;
}

export interface RestCall {
  readonly method?: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is. */
  readonly text?: string;
  readonly headers?: Record<string, string>;
}

/** Calls the REST API; `path` with its query, without `ns`. */
export async function rest(
  standin: Pick<DatabaseAddress, 'address'>,
  path: string,
  call: RestCall = {},
): Promise<RestAnswer> {
  const { method = 'GET', body, text = JSON.stringify(body), headers = {} } = call;
  const url = `http://${standin.address}${path}${path.includes('?') ? '&' : '?'}ns=${NAMESPACE}`;
  const response = await fetch(url, {
    method,
    headers,
    ...(text !== undefined && { body: text }),
  });
  const answer = await response.text();
  return {
    status: response.status,
    body: answer === '' ? undefined : JSON.parse(answer),
    headers: response.headers,
  };
}

export const OWNER = { Authorization: 'Bearer owner' };
