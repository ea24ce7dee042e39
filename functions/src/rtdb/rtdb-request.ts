import { setTimeout as delay } from 'node:timers/promises';
import { MirrorError } from '../errors/mirror-error';
import { orAborted } from '../runtime/deadline';
import { errorText } from '../values/error-text';
import type { Json } from '../values/json';
import { bodyUpTo } from './body-up-to';
import type { RtdbDatabase } from './rtdb-database';
import type { AccessToken } from './rtdb-reader';

/** RTDB did not give what was asked for; the message is fit for a person and holds no secret. */
export class RtdbReadError extends MirrorError {
  override name = 'RtdbReadError';

  constructor(problem: string, options: ErrorOptions = {}) {
    super(problem, { code: 'RTDB_NOT_READ', ...options });
  }
}

/** An answer of RTDB's REST API. */
export interface RtdbAnswer {
  value: unknown;
  /** Size of the body, decompressed. */
  bytes: number;
  /** False where the body is larger than was asked for: there is no value then. */
  isWhole: boolean;
}

export interface RtdbRequestOptions {
  database: RtdbDatabase;
  accessToken: AccessToken;
  /** Time for one try, body included. */
  timeoutMs?: number;
  /** Pause before the second try; doubles with each further one. */
  firstPauseMs?: number;
  /** Reads the body; throws where it isn't whole. Default: as JSON. */
  parse?: (body: string) => unknown;
  /** Of the body, decompressed; no more of it is read. Default: no bound. */
  maxBytes?: number;
  /** Ends all tries. */
  signal?: AbortSignal;
}

const TRIES = 4;
const TIMEOUT_MS = 30_000;
const FIRST_PAUSE_MS = 300;
const MAX_PAUSE_MS = 10_000;

/** Worth another try; anything else that is no success will not get better by it. */
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504]);

/** What a status means, before what RTDB itself says. */
const HINTS: ReadonlyMap<number, string> = new Map([
  [401, 'the credentials are not accepted'],
  [403, 'the credentials may not read this database'],
  [423, 'the database is locked or disabled'],
  [429, 'too many requests'],
]);

/**
 * Reads one path over REST, or sets it, a few times if need be.
 *
 * @param path literal keys, not encoded
 * @param query REST parameters, such as `shallow`
 * @param value what to set there; undefined = read
 * @throws RtdbReadError when it can't be done: refused, unreachable, too slow, or cut off
 */
export async function requestRtdb(
  path: readonly string[],
  query: Readonly<Record<string, string>>,
  options: RtdbRequestOptions,
  value?: Json,
): Promise<RtdbAnswer> {
  const url = urlOf(path, query, options.database);
  const change = value === undefined ? {} : { method: 'PUT', body: JSON.stringify(value) };
  let pauseMs = options.firstPauseMs ?? FIRST_PAUSE_MS;
  for (let attempt = 1; ; attempt += 1) {
    options.signal?.throwIfAborted();
    const result = await tryOnce(url, change, options);
    if ('value' in result) return result;
    if (attempt === TRIES || !result.mayPass) throw new RtdbReadError(result.reason);
    // Jitter, lest readers that failed together come back together.
    await delay(Math.max(result.retryAfterMs, pauseMs * (0.5 + Math.random())));
    pauseMs *= 2;
  }
}

type Failure = { mayPass: boolean; reason: string; retryAfterMs: number };

async function tryOnce(
  url: string,
  change: { method?: string; body?: string },
  options: RtdbRequestOptions,
): Promise<RtdbAnswer | Failure> {
  const timeout = AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS);
  const signal = options.signal ? AbortSignal.any([timeout, options.signal]) : timeout;
  let response: Response;
  const { maxBytes = Number.POSITIVE_INFINITY } = options;
  let body: Buffer | null;
  let token: string;
  try {
    // The credentials have no time limit of their own.
    token = await orAborted(tokenOf(options), signal);
    response = await fetch(url, {
      ...change,
      signal,
      headers: { authorization: `Bearer ${token}` },
    });
    body = await bodyUpTo(maxBytes, response);
  } catch (error) {
    if (error instanceof RtdbReadError) throw error;
    return { mayPass: true, reason: `RTDB can't be reached: ${reasonOf(error)}`, retryAfterMs: 0 };
  }
  if (!response.ok) return refusal(response, errorText(String(body), token));
  if (body === null) return { value: undefined, bytes: maxBytes, isWhole: false };
  try {
    const { parse = JSON.parse } = options;
    return { value: parse(body.toString('utf8')), bytes: body.length, isWhole: true };
  } catch {
    const reason = `RTDB's answer is not whole JSON (${body.length} bytes)`;
    return { mayPass: true, reason, retryAfterMs: 0 };
  }
}

function tokenOf({ accessToken }: RtdbRequestOptions): Promise<string> {
  return accessToken().catch((cause: unknown) => {
    const message = 'RTDB: no access token (Application Default Credentials)';
    throw new RtdbReadError(message, { cause });
  });
}

function refusal({ status, headers }: Response, said: string | null): Failure {
  const seconds = Number(headers.get('retry-after'));
  // A 404 may mean another address, which RTDB names, or no database at all.
  const silent = status === 404 ? 'there is no such database' : null;
  const reasons = [HINTS.get(status), said ?? silent].filter(Boolean);
  return {
    mayPass: PASSING.has(status),
    reason: [`RTDB answered ${status}`, ...reasons].join(': '),
    retryAfterMs: Number.isFinite(seconds) ? Math.min(seconds * 1000, MAX_PAUSE_MS) : 0,
  };
}

function urlOf(
  path: readonly string[],
  query: Readonly<Record<string, string>>,
  { origin, namespace }: RtdbDatabase,
): string {
  const parameters = new URLSearchParams(query);
  if (namespace !== null) parameters.set('ns', namespace);
  return `${origin}/${path.map(encodeURIComponent).join('/')}.json?${parameters}`;
}

/** fetch says only "fetch failed"; its cause has the reason. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return 'no answer in time';
  const { cause } = error;
  if (cause instanceof AggregateError) return reasonOf(cause.errors[0]);
  return cause instanceof Error ? cause.message : error.message;
}
