import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Auth } from '../credentials';
import { exportJson } from '../data/export-json';
import type { JsonObject } from '../data/json';
import { setOwn } from '../data/json';
import { type Tree, valueAt } from '../data/node';
import { nodeHash } from '../data/node-hash';
import type { Path } from '../data/path';
import type { Namespace } from '../namespace';
import type { QuerySpec } from '../query/query-spec';
import { assertIndexed } from '../query/required-index';
import { parseRestQuery, parseShallowQuery } from '../query/rest-query';
import { RtdbError } from '../rtdb-error';
import type { Standin } from '../standin';
import { readJson } from './rest-request';
import { callbackName, sendJson, sendNotModified } from './rest-response';
import { streamEvents } from './rest-stream';

export interface DataRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly standin: Standin;
  readonly namespace: Namespace;
  readonly method: string;
  readonly path: Path;
  readonly parameters: URLSearchParams;
  readonly auth: Auth;
}

const NULL_ETAG = 'null_etag';
const etagOf = (node: Tree): string => nodeHash(node) || NULL_ETAG;

function wantedEtag(data: DataRequest, node: Tree): string | undefined {
  return data.request.headers['x-firebase-etag'] === 'true' ? etagOf(node) : undefined;
}

/** GET, PUT, POST, PATCH and DELETE of `/path.json`. Throws `RtdbError`. */
export async function handleData(data: DataRequest): Promise<void> {
  switch (data.method) {
    case 'GET':
    case 'HEAD':
      return get(data);
    case 'PUT':
      return put(data, await readJson(data.request));
    case 'DELETE':
      return put(data, null);
    case 'POST':
      return post(data);
    case 'PATCH':
      return patch(data);
    default:
      sendJson(data.response, { status: 405, body: { error: 'Method not allowed' } });
  }
}

function shallow(node: Tree): unknown {
  if (node?.kind !== 'branch') {
    return exportJson(node);
  }
  const keys: JsonObject = {};
  for (const { key } of node.children) {
    setOwn(keys, key, true);
  }
  return keys;
}

function get(data: DataRequest): void {
  const { namespace, parameters, path, auth, request, response } = data;
  const isShallow = parameters.get('shallow') === 'true';
  const query = isShallow ? parseShallowQuery(parameters) : parseRestQuery(parameters);
  assertIndexed(namespace.rules, path, query);
  const withPriorities = parameters.get('format') === 'export';
  const callback = callbackName(parameters);
  const node = isShallow ? shallowRead(data, query) : namespace.read(auth, path, query);
  if (request.headers.accept?.includes('text/event-stream')) {
    streamEvents(response, { namespace, path, query, auth, withPriorities });
    return;
  }
  if (isKnown(request.headers['if-none-match'], etagOf(node))) {
    sendNotModified(response, etagOf(node));
    return;
  }
  sendJson(response, {
    body: isShallow ? shallow(node) : exportJson(node, { withPriorities }),
    print: parameters.get('print'),
    etag: wantedEtag(data, node),
    callback,
  });
}

/** A query selects among children; what has none is read whole: `database:remove` lists so. */
function shallowRead({ namespace, auth, path }: DataRequest, query: QuerySpec | null): Tree {
  const whole = namespace.read(auth, path);
  return whole?.kind === 'branch' ? namespace.read(auth, path, query) : whole;
}

/** Whether `if-none-match` names the value that is there. */
function isKnown(header: string | undefined, etag: string): boolean {
  const names = header?.split(',').map((name) => name.trim()) ?? [];
  return names.includes(etag) || names.includes(`"${etag}"`) || names.includes('*');
}

/** Whether the value is still the one that `if-match` names; answers 412 where it is not. */
function matchesEtag(data: DataRequest): boolean {
  const expected = data.request.headers['if-match'];
  if (expected === undefined) {
    return true;
  }
  if (!data.namespace.mayRead(data.auth, data.path, null)) {
    throw new RtdbError('permission_denied', 'Permission denied');
  }
  const current = valueAt(data.namespace.root, data.path);
  if (etagOf(current) === expected) {
    return true;
  }
  sendJson(data.response, { status: 412, body: exportJson(current), etag: etagOf(current) });
  return false;
}

function commit(data: DataRequest, kind: 'set' | 'merge', path: Path, value: unknown): Tree {
  const disableTriggers = data.parameters.get('disableTriggers') === 'true';
  const { after } = data.namespace.write({ kind, path, value, auth: data.auth, disableTriggers });
  return valueAt(after, path);
}

function put(data: DataRequest, value: unknown): void {
  if (!matchesEtag(data)) {
    return;
  }
  const node = commit(data, 'set', data.path, value);
  sendJson(data.response, {
    body: exportJson(node, { withPriorities: true }),
    print: data.parameters.get('print'),
    etag: wantedEtag(data, node),
  });
}

function assertNoEtag(data: DataRequest): void {
  if (data.request.headers['if-match'] !== undefined) {
    throw new RtdbError('invalid', 'if-match is only supported for PUT and DELETE');
  }
}

async function post(data: DataRequest): Promise<void> {
  assertNoEtag(data);
  const value = await readJson(data.request);
  const name = data.standin.pushId(Math.floor(data.standin.now()));
  const node = commit(data, 'set', [...data.path, name], value);
  sendJson(data.response, {
    body: { name },
    print: data.parameters.get('print'),
    etag: wantedEtag(data, node),
  });
}

async function patch(data: DataRequest): Promise<void> {
  assertNoEtag(data);
  const value = await readJson(data.request);
  const node = commit(data, 'merge', data.path, value);
  sendJson(data.response, {
    body: value,
    print: data.parameters.get('print'),
    etag: wantedEtag(data, node),
  });
}
