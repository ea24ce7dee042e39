import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JsonValue } from './cloud-event';

/** Answers as Remote Config, as Cloud Functions, and as the metadata server that credentials come from on Cloud Run. */
export interface RemoteConfigStub {
  /** For a function instance: where both are. */
  readonly env: Record<string, string>;
  /** What a request for the template has to bear; `env` leads to it. */
  readonly token: string;
  /** How often the template was asked for. */
  readonly looks: number;
  /** What it answers: a template, a status, or nothing at all. */
  answer: { template: JsonValue } | { status: number } | 'hangs';
  /** What Cloud Functions lists, one on a page; or how it refuses. */
  deployed: JsonValue[] | { status: number; message: string };
  stop(): Promise<void>;
}

const TEMPLATE_PATH = '/v1/projects/demo-quests/namespaces/firebase-server/serverRemoteConfig';
const FUNCTIONS_PATH = '/v2/projects/demo-quests/locations/-/functions';
const TOKEN_PATH = '/computeMetadata/v1/instance/service-accounts/default/token';
const TOKEN = 'token-of-the-stub';

export async function startRemoteConfigStub(template: JsonValue): Promise<RemoteConfigStub> {
  let looks = 0;
  const answerLook = (authorization: string | undefined, response: ServerResponse): void => {
    looks += 1;
    const { answer } = stub;
    if (answer === 'hangs') return;
    if (authorization !== `Bearer ${TOKEN}`) response.statusCode = 401;
    else if ('status' in answer) response.statusCode = answer.status;
    response.setHeader('content-type', 'application/json');
    response.setHeader('etag', 'etag-1');
    response.end(JSON.stringify('template' in answer ? answer.template : { error: {} }));
  };
  const listFunctions = (page: number, response: ServerResponse): void => {
    const { deployed } = stub;
    response.setHeader('content-type', 'application/json');
    if (!Array.isArray(deployed)) {
      response.statusCode = deployed.status;
      response.end(JSON.stringify({ error: deployed }));
      return;
    }
    const nextPageToken = page + 1 < deployed.length ? String(page + 1) : undefined;
    response.end(JSON.stringify({ functions: deployed.slice(page, page + 1), nextPageToken }));
  };
  const server = createServer(({ url = '', headers }, response) => {
    if (url === TEMPLATE_PATH) return answerLook(headers.authorization, response);
    const { pathname, searchParams } = new URL(url, 'http://stub');
    if (pathname === FUNCTIONS_PATH) {
      return listFunctions(Number(searchParams.get('pageToken')), response);
    }
    response.setHeader('metadata-flavor', 'Google');
    response.setHeader('content-type', 'application/json');
    response.end(
      url.startsWith(TOKEN_PATH)
        ? JSON.stringify({ access_token: TOKEN, expires_in: 3_600, token_type: 'Bearer' })
        : '{}',
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const stub: RemoteConfigStub = {
    env: {
      FIREBASE_REMOTE_CONFIG_URL_BASE: `http://${host}`,
      FIREBASE_FUNCTIONS_V2_URL: `http://${host}`,
      GCE_METADATA_HOST: host,
    },
    token: TOKEN,
    get looks() {
      return looks;
    },
    answer: { template },
    deployed: [],
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return stub;
}
