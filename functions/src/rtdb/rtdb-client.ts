import type { IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { MirrorError } from '../errors/mirror-error';
import type { ByteBudget } from '../runtime/byte-budget';
import { orAborted } from '../runtime/deadline';
import { withoutRequestContext } from '../runtime/request-context';
import { errorText } from '../values/error-text';
import type { Json } from '../values/json';
import { type AccessToken, type RtdbDatabase, tokenFor } from './rtdb-database';
import { answerTo, bodyUpTo, chunksOf, newUsage, type RtdbUsage } from './rtdb-transport';

/** RTDB did not give what was asked for; the message is fit for a person and holds no secret. */
export class RtdbReadError extends MirrorError {
  override name = 'RtdbReadError';

  /** @param status of RTDB's answer; null where there was none */
  constructor(
    problem: string,
    readonly status: number | null = null,
    options: ErrorOptions = {},
  ) {
    super(problem, { code: 'RTDB_NOT_READ', ...options });
  }
}

/** How an RTDB is asked. */
export interface RtdbAccess {
  database: RtdbDatabase;
  accessToken: AccessToken;
  /** Time for one try, body included. */
  timeoutMs?: number;
  /** How often what might pass is tried. */
  tries?: number;
  /** Pause before the second try; doubles with each further one. */
  firstPauseMs?: number;
  /** What answers with a bound may hold at once; shared with others. Waiting for it takes of the time. */
  budget?: ByteBudget;
  /** Adds up what requests cost; shared with others. */
  usage?: RtdbUsage;
}

/** What to ask for, or to set. */
export interface RtdbRequest {
  /** Literal keys, not encoded. */
  path: readonly string[];
  /** REST parameters, such as `shallow`. */
  query?: Readonly<Record<string, string>>;
  /** What to set there. Default: it is read. */
  value?: Json;
  /** Of the body, decompressed; no more of it is read. Default: no bound. */
  maxBytes?: number;
  /** Reads the body; throws where it isn't whole. Default: as JSON. */
  parse?: (body: string) => unknown;
  /** Ends all tries. */
  signal?: AbortSignal;
}

/** What a read brought: all of the value, or that there is more than was asked for. */
export type Reading = { isWhole: true; value: unknown } | { isWhole: false };

const TRIES = 4;
const TIMEOUT_MS = 30_000;
const FIRST_PAUSE_MS = 300;
const MAX_PAUSE_MS = 10_000;
/** More than RTDB's own refusals have. */
const MAX_REFUSAL_BYTES = 1_000_000;

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
 * Source: https://firebase.google.com/docs/database/rest/retrieve-data
 *
 * @throws RtdbReadError when it can't be done: refused, unreachable, too slow, or cut off
 */
export async function requestRtdb(access: RtdbAccess, request: RtdbRequest): Promise<Reading> {
  const { tries = TRIES } = access;
  let pauseMs = access.firstPauseMs ?? FIRST_PAUSE_MS;
  for (let attempt = 1; ; attempt += 1) {
    request.signal?.throwIfAborted();
    const result = await tryOnce(access, request);
    if ('isWhole' in result) return result;
    request.signal?.throwIfAborted();
    if (attempt >= tries || !result.mayPass) throw new RtdbReadError(result.reason, result.status);
    // Jitter, lest readers that failed together come back together.
    await delay(Math.max(result.retryAfterMs, pauseMs * (0.5 + Math.random())));
    pauseMs *= 2;
  }
}

/**
 * As {@link requestRtdb}, the value itself.
 *
 * @throws RtdbReadError likewise, and where there is more than `maxBytes`
 */
export async function readRtdb(access: RtdbAccess, request: RtdbRequest): Promise<unknown> {
  const reading = await requestRtdb(access, request);
  if (reading.isWhole) return reading.value;
  throw new RtdbReadError(`a node of RTDB has more than ${request.maxBytes} bytes`);
}

/**
 * The body of a long answer, as it comes. It is asked for once: what was taken can't be taken back.
 *
 * @throws RtdbReadError as {@link requestRtdb} does; the time limit is for each chunk
 */
export async function* streamRtdb(
  access: RtdbAccess,
  request: Pick<RtdbRequest, 'path' | 'query'>,
): AsyncGenerator<Buffer, void> {
  const { timeoutMs = TIMEOUT_MS, usage = newUsage() } = access;
  const idle = new AbortController();
  const wait = () => setTimeout(() => idle.abort(), timeoutMs);
  let timer = wait();
  try {
    const { response, token } = await send({ ...access, usage }, request, idle.signal);
    const refused = await refusalOf(response, token, usage);
    if (refused) throw new RtdbReadError(refused.reason, refused.status);
    for await (const chunk of chunksOf(response, usage)) {
      clearTimeout(timer);
      yield chunk;
      timer = wait();
    }
  } catch (error) {
    if (error instanceof RtdbReadError) throw error;
    throw new RtdbReadError(unreachable(error, idle.signal));
  } finally {
    clearTimeout(timer);
  }
}

type Failure = { mayPass: boolean; reason: string; status: number | null; retryAfterMs: number };

async function tryOnce(access: RtdbAccess, request: RtdbRequest): Promise<Reading | Failure> {
  const { usage = newUsage(), timeoutMs = TIMEOUT_MS, budget } = access;
  const { maxBytes } = request;
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = request.signal ? AbortSignal.any([timeout, request.signal]) : timeout;
  const fetched = async (): Promise<Reading | Failure> => {
    const { response, token } = await send({ ...access, usage }, request, signal);
    const refused = await refusalOf(response, token, usage);
    if (refused) return refused;
    const body = await bodyUpTo(maxBytes ?? Number.POSITIVE_INFINITY, response, usage);
    return body === null ? { isWhole: false } : parsed(body, request);
  };
  try {
    if (budget === undefined || maxBytes === undefined) return await fetched();
    return await inTurn(budget, maxBytes, signal, fetched);
  } catch (error) {
    if (error instanceof RtdbReadError) throw error;
    return passing(unreachable(error, timeout));
  }
}

async function inTurn<T>(
  budget: ByteBudget,
  bytes: number,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const turn = budget.enter(bytes) ?? Promise.resolve();
  try {
    await orAborted(turn, signal);
    return await work();
  } finally {
    void turn.then(() => budget.leave(bytes));
  }
}

async function send(
  { database, accessToken, usage }: RtdbAccess & { usage: RtdbUsage },
  { path, query, value }: RtdbRequest,
  signal: AbortSignal,
): Promise<{ response: IncomingMessage; token: string }> {
  const given = tokenFor(database, accessToken);
  if (given === null) {
    throw new RtdbReadError(`${database.origin} isn't an address of a database of Google's`);
  }
  // The credentials have no time limit of their own.
  const token = await orAborted(given.catch(noToken), signal);
  const request = {
    ...{ database, path, token, signal, usage },
    ...(query === undefined ? {} : { query }),
    ...(value === undefined ? {} : { value }),
  };
  // Connections outlive the platform's request that opened them.
  return { response: await withoutRequestContext(() => answerTo(request)), token };
}

function noToken(cause: unknown): never {
  const message = 'RTDB: no access token (Application Default Credentials)';
  throw new RtdbReadError(message, null, { cause });
}

function parsed(body: Buffer, { parse = JSON.parse }: RtdbRequest): Reading | Failure {
  try {
    return { isWhole: true, value: parse(body.toString('utf8')) };
  } catch {
    return passing(`RTDB's answer is not whole JSON (${body.length} bytes)`);
  }
}

function passing(reason: string): Failure {
  return { mayPass: true, reason, status: null, retryAfterMs: 0 };
}

/** Null where it is no refusal. */
async function refusalOf(
  response: IncomingMessage,
  token: string,
  usage: RtdbUsage,
): Promise<Failure | null> {
  const { statusCode: status = 0, headers } = response;
  if (status >= 200 && status < 300) return null;
  const body = await bodyUpTo(MAX_REFUSAL_BYTES, response, usage);
  const said = errorText(String(body), token);
  const seconds = Number(headers['retry-after']);
  // A 404 may mean another address, which RTDB names, or no database at all.
  const silent = status === 404 ? 'the database does not exist' : null;
  const reasons = [HINTS.get(status), said ?? silent].filter(Boolean);
  return {
    mayPass: PASSING.has(status),
    reason: [`RTDB answered ${status}`, ...reasons].join(': '),
    status,
    retryAfterMs: Number.isFinite(seconds) ? Math.min(seconds * 1000, MAX_PAUSE_MS) : 0,
  };
}

function unreachable(error: unknown, timeout: AbortSignal): string {
  return `RTDB can't be reached: ${timeout.aborted ? 'no answer in time' : reasonOf(error)}`;
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return reasonOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}
