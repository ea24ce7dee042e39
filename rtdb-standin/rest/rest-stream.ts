import type { ServerResponse } from 'node:http';
import type { Auth } from '../credentials';
import { exportJson } from '../data/export-json';
import { formatPath, type Path } from '../data/path';
import type { Namespace } from '../namespace';
import type { QuerySpec } from '../query/query-spec';
import { watch } from '../watch';

const KEEP_ALIVE_MS = 30_000;

interface StreamSource {
  readonly namespace: Namespace;
  readonly path: Path;
  readonly query: QuerySpec | null;
  readonly auth: Auth;
  readonly withPriorities: boolean;
}

/**
 * Answers with server-sent events: `put` with the whole value first, then `put` and `patch`,
 * `keep-alive`, and `cancel` when new rules forbid the read.
 * https://firebase.google.com/docs/reference/rest/database#section-streaming
 */
export function streamEvents(response: ServerResponse, source: StreamSource): void {
  const { namespace, path, query, auth, withPriorities } = source;
  const send = (event: string, data: unknown): void => {
    response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  };
  response.writeHead(200, {
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-cache',
  });
  send('put', {
    path: '/',
    data: exportJson(namespace.read(auth, path, query), { withPriorities }),
  });
  const unwatch = watch({ namespace, path, query, withPriorities }, (update) => {
    const event = update.kind === 'put' ? 'put' : 'patch';
    send(event, { path: `/${formatPath(update.path)}`, data: update.data });
  });
  const keepAlive = setInterval(() => send('keep-alive', null), KEEP_ALIVE_MS);
  const stop = (): void => {
    clearInterval(keepAlive);
    unwatch();
    unwatchRules();
  };
  const unwatchRules = namespace.onRulesChange(() => {
    if (!namespace.mayRead(auth, path, query)) {
      send('cancel', null);
      stop();
      response.end();
    }
  });
  response.once('close', stop);
}
