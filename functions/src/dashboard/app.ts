import { randomBytes } from 'node:crypto';
import { Hono } from 'hono';
import { exportDivergences } from './export-divergences';
import { type PageSettings, page } from './page';
import { readView, type ViewContext } from './read-view';
import { parseViewQuery } from './view-query';

export interface DashboardContext extends ViewContext, PageSettings {}

/** Hashed names never change their content. */
const FOR_A_YEAR = 'private, max-age=31536000, immutable';

/**
 * The dashboard: a page, its files and its exports, told apart by the query alone. So its links hold
 * wherever it is served: at the root, or below a path that the platform cuts off.
 */
export function createDashboard(context: DashboardContext): Hono {
  const app = new Hono();
  app.use(async (c, next) => {
    await next();
    for (const [name, value] of Object.entries(HEADERS)) c.header(name, value);
  });
  app.get('/', async (c) => {
    const parameters = c.req.query();
    if (parameters.asset !== undefined) return answerAsset(parameters.asset, context);
    const query = parseViewQuery(parameters);
    if (parameters.export !== undefined)
      return exportDivergences(parameters.export, query, context);
    const nonce = randomBytes(16).toString('base64');
    const body = await page(await readView(query, context), query, nonce, context);
    return c.html(body, 200, {
      'content-security-policy': policy(nonce),
      'cache-control': 'no-store',
    });
  });
  app.all('/', (c) => c.text('Only GET and HEAD.\n', 405, { allow: 'GET, HEAD' }));
  app.notFound((c) => c.text('There is nothing here.\n', 404));
  app.onError((error, c) => {
    context.onFailure(error);
    return c.text('The dashboard failed; its log says how.\n', 500);
  });
  return app;
}

const HEADERS = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'x-frame-options': 'DENY',
};

/** Source: https://www.w3.org/TR/CSP3/; nothing but what the page itself names is loaded. */
function policy(nonce: string): string {
  return [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
    'img-src data:',
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

function answerAsset(name: string, { assets }: PageSettings): Response {
  const asset = assets.byName.get(name);
  if (!asset) return new Response('This file does not exist.\n', { status: 404 });
  return new Response(asset.body, {
    headers: { 'content-type': asset.type, 'cache-control': FOR_A_YEAR },
  });
}

/** Where a request comes from, as the server sees it. */
interface Origin {
  /** Undefined on a Unix socket, which only processes of this machine can open. */
  remoteAddress: string | undefined;
  /** The Host header. */
  host: string | undefined;
}

const LOOPBACK = /^(?:::ffff:)?127(?:\.\d{1,3}){3}$|^::1$/;
const LOCAL_HOST = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/i;

/**
 * Whether a request was made on this machine, for a name of this machine. The emulator asks nobody
 * who they are; a page elsewhere whose name was made to resolve to 127.0.0.1 (DNS rebinding) still
 * sends its own name as the Host.
 */
export function isLocal({ remoteAddress, host }: Origin): boolean {
  const isHere = remoteAddress === undefined || LOOPBACK.test(remoteAddress);
  return isHere && host !== undefined && LOCAL_HOST.test(host);
}
