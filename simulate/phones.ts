import { setTimeout as delay } from 'node:timers/promises';
import type { CompletionLeaf } from '../functions/src/paths/quest-completions/completion-path';
import { DAY_BEGINS, DAY_ENDS, type WorldAction, type WorldWrite } from './couple-day';
import { KeepAliveHttp } from './keep-alive-http';

export interface PhonesOptions {
  port: number;
  namespace: string;
  /** How long the day takes, in milliseconds. */
  dayMs: number;
  claim(leaf: CompletionLeaf): Promise<void>;
  /** Resolves when another write may go out, so that a slow machine stretches the day. */
  pace(): Promise<void>;
  /** Called before each action with how far the day is, from 0 to 1. */
  onMoment(fraction: number): void;
}

/** How a day went. */
export interface DayPlayed {
  writes: number;
  claims: number;
  durationMs: number;
}

/**
 * Plays the day: each action at its time, one write after the other, as RTDB commits them. Claims
 * don't wait for each other.
 */
export async function playDay(
  actions: readonly WorldAction[],
  options: PhonesOptions,
): Promise<DayPlayed> {
  const http = new KeepAliveHttp(1);
  const claims: Promise<unknown>[] = [];
  const startedAt = performance.now();
  try {
    for (const action of actions) {
      const fraction = (action.minute - DAY_BEGINS) / (DAY_ENDS - DAY_BEGINS);
      const waitMs = startedAt + fraction * options.dayMs - performance.now();
      if (waitMs > 1) await delay(waitMs);
      await options.pace();
      options.onMoment(fraction);
      // Its failure is this promise's value until all are awaited: none goes unheard meanwhile.
      if (action.kind === 'claim') claims.push(options.claim(action.leaf).catch(asError));
      else await write(action, http, options);
    }
    const failure = (await Promise.all(claims)).find((result) => result instanceof Error);
    if (failure !== undefined) throw failure;
  } finally {
    http.close();
  }
  return {
    writes: actions.length - claims.length,
    claims: claims.length,
    durationMs: performance.now() - startedAt,
  };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

async function write(
  { path, value, by }: WorldWrite,
  http: KeepAliveHttp,
  { port, namespace }: PhonesOptions,
): Promise<void> {
  const query = new URLSearchParams({ ns: namespace, print: 'silent' });
  if (by !== null) query.set('auth_variable_override', JSON.stringify({ uid: by }));
  const status = await http.send({
    method: 'PUT',
    port,
    path: `/${path.map(encodeURIComponent).join('/')}.json?${query}`,
    headers: { authorization: 'Bearer owner' },
    body: JSON.stringify(value),
  });
  if (status < 200 || status > 299) throw new Error(`RTDB answered a write with ${status}`);
}
