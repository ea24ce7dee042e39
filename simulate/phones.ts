import { setTimeout as delay } from 'node:timers/promises';
import type { CompletionLeaf } from '../functions/src/paths/quest-completions/completion-path';
import type { WorldAction, WorldWrite } from './couple-day';
import { KeepAliveHttp } from './keep-alive-http';

export interface PhonesOptions {
  port: number;
  namespace: string;
  /** How long all of it takes, in milliseconds. */
  worldMs: number;
  claim(leaf: CompletionLeaf): Promise<void>;
  /** Called before each write with its node. */
  onWrite(path: readonly string[]): void;
  /** Resolves when another write may go out, so that a slow machine stretches the day. */
  pace(): Promise<void>;
  /** Called before each action with how far the world is, from 0 to 1; nothing goes on before it resolves. */
  onMoment(fraction: number): Promise<void>;
}

/** How it went. */
export interface WorldPlayed {
  writes: number;
  claims: number;
  durationMs: number;
}

/**
 * Plays the world: each action at its time, one write after the other, as RTDB commits them. Claims
 * don't wait for each other.
 */
export async function playWorld(
  actions: readonly WorldAction[],
  options: PhonesOptions,
): Promise<WorldPlayed> {
  const http = new KeepAliveHttp(1);
  const claims: Promise<unknown>[] = [];
  const startedAt = performance.now();
  const [begins, ends] = [actions[0]?.minute ?? 0, actions.at(-1)?.minute ?? 1];
  try {
    for (const action of actions) {
      const fraction = (action.minute - begins) / Math.max(1, ends - begins);
      const waitMs = startedAt + fraction * options.worldMs - performance.now();
      if (waitMs > 1) await delay(waitMs);
      await options.pace();
      await options.onMoment(fraction);
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
  { path, value, by, isUpdate }: WorldWrite,
  http: KeepAliveHttp,
  { port, namespace, onWrite }: PhonesOptions,
): Promise<void> {
  onWrite(path);
  const query = new URLSearchParams({ ns: namespace, print: 'silent' });
  if (by !== null) query.set('auth_variable_override', JSON.stringify({ uid: by }));
  const status = await http.send({
    method: isUpdate ? 'PATCH' : 'PUT',
    port,
    path: `/${path.map(encodeURIComponent).join('/')}.json?${query}`,
    headers: { authorization: 'Bearer owner' },
    body: JSON.stringify(value),
  });
  if (status < 200 || status > 299) throw new Error(`RTDB answered a write with ${status}`);
}
