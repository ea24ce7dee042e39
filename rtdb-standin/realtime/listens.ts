import type { Auth } from '../credentials';
import { exportJson } from '../data/export-json';
import { formatPath, type Path } from '../data/path';
import type { Namespace } from '../namespace';
import type { QuerySpec } from '../query/query-spec';
import { watch } from '../watch';

/** Pushes a data message (`a`, `b`) to the client. */
export type Push = (action: 'd' | 'm' | 'c', body: Record<string, unknown>) => void;

export interface ListenRequest {
  readonly path: Path;
  readonly query: QuerySpec | null;
  /** The query as it came, which names the listen when it is revoked. */
  readonly wireQuery: unknown;
  readonly tag: unknown;
}

interface Listen extends ListenRequest {
  readonly stop: () => void;
}

const identity = (path: Path, wireQuery: unknown): string =>
  `${formatPath(path)} ${JSON.stringify(wireQuery ?? {})}`;

/** The listens of one connection. */
export class Listens {
  readonly #listens = new Map<string, Listen>();

  constructor(
    private readonly namespace: Namespace,
    private readonly push: Push,
  ) {}

  /** Pushes the value, then each change. Throws `RtdbError` `permission_denied`. */
  add(request: ListenRequest, auth: Auth): void {
    const { path, query, wireQuery, tag } = request;
    const tagged = tag === undefined ? {} : { t: tag };
    const node = this.namespace.read(auth, path, query);
    this.remove(path, wireQuery);
    this.push('d', {
      p: formatPath(path),
      d: exportJson(node, { withPriorities: true }),
      ...tagged,
    });
    const stop = watch(
      { namespace: this.namespace, path, query, withPriorities: true },
      (update) => {
        const p = formatPath([...path, ...update.path]);
        this.push(update.kind === 'put' ? 'd' : 'm', { p, d: update.data, ...tagged });
      },
    );
    this.#listens.set(identity(path, wireQuery), { ...request, stop });
  }

  remove(path: Path, wireQuery: unknown): void {
    const id = identity(path, wireQuery);
    this.#listens.get(id)?.stop();
    this.#listens.delete(id);
  }

  /** Ends the listens that `auth` may no longer read, and tells the client. */
  revoke(auth: Auth): void {
    for (const { path, query, wireQuery } of [...this.#listens.values()]) {
      if (!this.namespace.mayRead(auth, path, query)) {
        this.remove(path, wireQuery);
        this.push('c', { p: formatPath(path), ...(query && { q: [wireQuery] }) });
      }
    }
  }

  removeAll(): void {
    for (const listen of this.#listens.values()) {
      listen.stop();
    }
    this.#listens.clear();
  }
}
