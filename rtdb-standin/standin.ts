import type { IncomingMessage } from 'node:http';
import { type CommitTime, commitClock, wallClockMs } from './commit-clock';
import { Namespace } from './namespace';
import { pushIds } from './push-id';
import type { Connection } from './realtime/connection';
import type { EventTarget, FunctionsEmulatorAddress } from './triggers/trigger';
import type { TriggerRegistry } from './triggers/trigger-registry';

export interface StandinParts {
  readonly triggers: TriggerRegistry;
  readonly log: (line: string) => void;
  readonly now?: (() => number) | undefined;
  readonly functionsEmulator?: FunctionsEmulatorAddress | undefined;
  readonly eventTarget?: EventTarget | undefined;
}

/** Everything that REST and WebSocket connections share. */
export class Standin {
  readonly now: () => number;
  readonly pushId = pushIds();
  readonly #nextCommitTime: () => CommitTime;
  /** Connections of the SDKs by session id. */
  readonly connections = new Map<string, Connection>();
  readonly #namespaces = new Map<string, Namespace>();

  constructor(readonly parts: StandinParts) {
    this.now = parts.now ?? wallClockMs;
    this.#nextCommitTime = commitClock(this.now);
  }

  /** The database instance of that name, made when first asked for. */
  namespace(name: string): Namespace {
    const known = this.#namespaces.get(name);
    if (known !== undefined) {
      return known;
    }
    const namespace = new Namespace(name, this.#nextCommitTime, this.now, this.parts.log);
    namespace.onCommit((commit) => this.parts.triggers.dispatch(commit));
    this.#namespaces.set(name, namespace);
    return namespace;
  }

  get namespaceNames(): readonly string[] {
    return [...this.#namespaces.keys()];
  }
}

/** What the official emulator takes a request without any namespace for. */
const NO_NAMESPACE = 'fake-server';

/** What a request asks for. */
export interface RequestTarget {
  /** Still percent-encoded. */
  readonly path: string;
  readonly parameters: URLSearchParams;
}

/** Splits a request's URL by hand: `new URL` takes `//a/b` for a host, resolves `..`, and may throw. */
export function requestTarget(request: IncomingMessage): RequestTarget {
  const url = (request.url ?? '/').replace(/^https?:\/\/[^/?]*/i, '');
  const mark = url.indexOf('?');
  return {
    path: mark < 0 ? url : url.slice(0, mark),
    parameters: new URLSearchParams(mark < 0 ? '' : url.slice(mark)),
  };
}

/** `?ns=`, else the first label of the host name (`my-db.localhost`), as the official emulator. */
export function namespaceName(parameters: URLSearchParams, hostHeader: string | undefined): string {
  const named = parameters.get('ns');
  if (named) {
    return named;
  }
  const host = (hostHeader ?? '').replace(/:\d+$/, '');
  const [label, ...rest] = host.split('.');
  const isAddress = host.startsWith('[') || /^[\d.]+$/.test(host);
  return label && rest.length > 0 && !isAddress ? label : NO_NAMESPACE;
}
