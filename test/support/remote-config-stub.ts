import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JsonValue } from './cloud-event';

/** Answers as Remote Config, and as the metadata server that credentials come from on Cloud Run. */
export interface RemoteConfigStub {
  /** For a function instance: where both are. */
  readonly env: Record<string, string>;
  /** What a request for the template has to bear; `env` leads to it. */
  readonly token: string;
  /** How often the template was asked for. */
  readonly looks: number;
  /** What it answers: a template, a status, or nothing at all. */
  answer: { template: JsonValue } | { status: number } | 'hangs';
  stop(): Promise<void>;
}

const TEMPLATE_PATH = '/v1/projects/demo-quests/namespaces/firebase-server/serverRemoteConfig';
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
  const server = createServer(({ url = '', headers }, response) => {
    if (url === TEMPLATE_PATH) return answerLook(headers.authorization, response);
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
    env: { FIREBASE_REMOTE_CONFIG_URL_BASE: `http://${host}`, GCE_METADATA_HOST: host },
    token: TOKEN,
    get looks() {
      return looks;
    },
    answer: { template },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return stub;
}
