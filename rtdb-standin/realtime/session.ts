import { type Auth, authOfToken, authOfVariable, UNAUTHENTICATED } from '../credentials';
import { exportJson } from '../data/export-json';
import { formatPath, type Path, parsePath } from '../data/path';
import type { Namespace, WriteRequest } from '../namespace';
import { parseWireQuery } from '../query/query-spec';
import { assertIndexed, missingIndex } from '../query/required-index';
import { RtdbError } from '../rtdb-error';
import { Listens, type Push } from './listens';

type Body = Readonly<Record<string, unknown>>;

/** An answer's status and data: the SDKs read `s` and `d`. */
interface Answer {
  readonly s: string;
  readonly d: unknown;
}

const OK: Answer = { s: 'ok', d: {} };

function pathOf(body: Body): Path {
  return parsePath(typeof body.p === 'string' ? body.p : '');
}

/**
 * One client's session: what it is authenticated as, listens to, and left to be done when it goes.
 * The protocol has no specification; this follows `PersistentConnection` of `@firebase/database`.
 */
export class Session {
  readonly #listens: Listens;
  readonly #unwatchRules: () => void;
  #onDisconnect: WriteRequest[] = [];
  #auth: Auth = UNAUTHENTICATED;

  constructor(
    private readonly namespace: Namespace,
    push: Push,
    private readonly log: (line: string) => void,
  ) {
    this.#listens = new Listens(namespace, push);
    this.#unwatchRules = namespace.onRulesChange(() => this.#listens.revoke(this.#auth));
  }

  /** Answers a request; refusals are answers, faults of the stand-in are thrown. */
  handle(action: string, body: Body): Answer {
    try {
      return this.#perform(action, body);
    } catch (error) {
      if (error instanceof RtdbError) {
        return { s: error.code, d: error.message };
      }
      throw error;
    }
  }

  /** The connection is gone: does what `onDisconnect()` asked for. */
  close(): void {
    this.#listens.removeAll();
    this.#unwatchRules();
    for (const request of this.#onDisconnect) {
      try {
        this.namespace.write({ ...request, auth: this.#auth });
      } catch (error) {
        this.log(`onDisconnect write at ${formatPath(request.path)} failed: ${String(error)}`);
      }
    }
    this.#onDisconnect = [];
  }

  #perform(action: string, body: Body): Answer {
    switch (action) {
      case 'auth':
      case 'gauth':
        return this.#authenticate(body);
      case 'unauth':
        return this.#become(UNAUTHENTICATED);
      case 'q':
        return this.#listen(body);
      case 'n':
        this.#listens.remove(pathOf(body), body.q);
        return OK;
      case 'g':
        return this.#get(body);
      case 'p':
        return this.#write('set', body);
      case 'm':
        return this.#write('merge', body);
      case 'o':
        return this.#whenDisconnected('set', body);
      case 'om':
        return this.#whenDisconnected('merge', body);
      case 'oc':
        return this.#cancelOnDisconnect(pathOf(body));
      case 's':
      case 'appcheck':
      case 'unappeck':
        return OK;
      default:
        return { s: 'error', d: `Unknown action ${action}` };
    }
  }

  #authenticate(body: Body): Answer {
    const auth = authOfToken(String(body.cred));
    if (auth.kind !== 'admin') {
      return this.#become(auth);
    }
    if (body.noauth === true) {
      return this.#become(UNAUTHENTICATED);
    }
    return this.#become('authvar' in body ? authOfVariable(body.authvar) : auth);
  }

  #become(auth: Auth): Answer {
    this.#auth = auth;
    this.#listens.revoke(auth);
    return { s: 'ok', d: { auth: auth.kind === 'user' ? auth.auth : null } };
  }

  #listen(body: Body): Answer {
    const path = pathOf(body);
    const wireQuery = body.q;
    const query = parseWireQuery(wireQuery);
    this.#listens.add({ path, query, wireQuery, tag: body.t }, this.#auth);
    const indexed = missingIndex(this.namespace.rules, path, query) === null;
    return indexed ? OK : { s: 'ok', d: { w: ['no_index'] } };
  }

  #get(body: Body): Answer {
    const [path, query] = [pathOf(body), parseWireQuery(body.q)];
    const node = this.namespace.read(this.#auth, path, query);
    // A listener gets a warning, a get() is refused: firebase-js-sdk 7843 and 8488.
    assertIndexed(this.namespace.rules, path, query);
    return { s: 'ok', d: exportJson(node, { withPriorities: true }) };
  }

  #writeRequest(kind: WriteRequest['kind'], body: Body): WriteRequest {
    const hash = body.h;
    return {
      kind,
      path: pathOf(body),
      value: body.d,
      auth: this.#auth,
      ...(typeof hash === 'string' && { expectedHash: hash }),
    };
  }

  #write(kind: WriteRequest['kind'], body: Body): Answer {
    this.namespace.write(this.#writeRequest(kind, body));
    return { s: 'ok', d: '' };
  }

  #whenDisconnected(kind: WriteRequest['kind'], body: Body): Answer {
    const request = this.#writeRequest(kind, body);
    this.namespace.checkWrite(request);
    this.#onDisconnect.push(request);
    return OK;
  }

  #cancelOnDisconnect(path: Path): Answer {
    this.#onDisconnect = this.#onDisconnect.filter(
      (request) => !path.every((key, index) => request.path[index] === key),
    );
    return OK;
  }
}
