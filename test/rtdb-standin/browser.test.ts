import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page, WebSocket } from 'playwright-core';
import { findFreePort } from '../../local/free-port';
import { type RtdbStandin, startRtdbStandin } from '../../rtdb-standin/server';
import { CHROMIUM, launchChromium } from '../support/chromium';
import { eventually } from '../support/eventually';
import { rest } from './support/rest';
import { NAMESPACE } from './support/sdk';

const describeWithBrowser = CHROMIUM === null ? describe.skip : describe;
const name = 'the SDK in a real browser (where missing: apt-get install chromium)';

const MODULES = join(__dirname, '../../node_modules');
/** The SDK's own files, as a browser takes them. */
const IMPORTS = {
  '@firebase/app': '@firebase/app/dist/esm/index.esm.js',
  '@firebase/component': '@firebase/component/dist/esm/index.esm.js',
  '@firebase/database': '@firebase/database/dist/index.esm.js',
  '@firebase/logger': '@firebase/logger/dist/esm/index.esm.js',
  '@firebase/util': '@firebase/util/dist/index.esm.js',
  idb: 'idb/build/index.js',
};
const FLAG = 'firebase:previous_websocket_failure';

const importMap = {
  imports: Object.fromEntries(
    Object.entries(IMPORTS).map(([from, file]) => [from, `/modules/${file}`]),
  ),
};

/** What the page does: it follows `live` and keeps what it saw. */
const page = (port: number): string => `<!doctype html><body>
<script type="importmap">${JSON.stringify(importMap)}</script>
<script type="module">
  import { initializeApp } from '@firebase/app';
  import { getDatabase, onDisconnect, onValue, ref, set } from '@firebase/database';

  const db = getDatabase(
    initializeApp({ databaseURL: 'http://127.0.0.1:${port}?ns=${NAMESPACE}' })
  );
  window.seen = [];
  window.write = (path, value) => set(ref(db, path), value);
  window.leave = (path, value) => onDisconnect(ref(db, path)).set(value);
  onValue(ref(db, 'live'), (snapshot) => seen.push(snapshot.val()));
</script>`;

function serveSite(port: number): Promise<Server> {
  const server = createServer(({ url = '' }, response) => {
    const [, file] = /^\/modules\/((?:@firebase|idb)\/[\w./-]+)$/.exec(url) ?? [];
    if (file === undefined) {
      response.writeHead(200, { 'content-type': 'text/html' }).end(page(port));
    } else {
      const type = { 'content-type': 'application/javascript' };
      response.writeHead(200, type).end(readFileSync(join(MODULES, file)));
    }
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

describeWithBrowser(name, () => {
  let browser: Browser;
  let context: BrowserContext;
  let site: Server;
  let standin: RtdbStandin;

  beforeAll(async () => {
    browser = await launchChromium(CHROMIUM ?? '');
  }, 60_000);

  afterAll(() => browser.close());

  beforeEach(async () => {
    standin = await startRtdbStandin({ port: await findFreePort() });
    site = await serveSite(standin.port);
    context = await browser.newContext();
  });

  afterEach(async () => {
    await context.close();
    site.closeAllConnections();
    site.close();
    await standin.stop();
  });

  const put = (path: string, body: unknown) => rest(standin, path, { method: 'PUT', body });

  async function open(): Promise<Page> {
    const opened = await context.newPage();
    await opened.goto(`http://127.0.0.1:${(site.address() as AddressInfo).port}/`);
    return opened;
  }

  const seesLive = (opened: Page, value: unknown) =>
    eventually(
      async () => expect((await opened.evaluate<unknown[]>('seen')).at(-1)).toEqual(value),
      { describe: `the page to see ${JSON.stringify(value)}`, timeoutMs: 20_000 },
    );

  const flag = (opened: Page) => opened.evaluate(`localStorage.getItem('${FLAG}')`);

  test('a page that is open while the stand-in is restarted connects again', async () => {
    const opened = await open();
    await put('/live.json', 'before');
    await seesLive(opened, 'before');
    await standin.stop();
    await eventually(async () => expect(await flag(opened)).toBe('true'), {
      describe: 'an attempt to fail',
      timeoutMs: 10_000,
    });
    standin = await startRtdbStandin({ port: standin.port });
    await put('/live.json', 'after');
    await seesLive(opened, 'after');
  }, 60_000);

  test('a page whose last WebSocket failed connects by long polling, and goes over', async () => {
    // Before the page's own scripts: a connection of an earlier page might take the flag away again.
    await context.addInitScript(`localStorage.setItem('${FLAG}', 'true')`);
    const requests: string[] = [];
    context.on('request', (request) => requests.push(request.url()));
    const upgraded = new Promise<WebSocket>((resolve) => {
      context.on('page', (page) => page.once('websocket', resolve));
    });
    const opened = await open();
    await put('/live.json', 1);
    await seesLive(opened, 1);
    expect(requests.some((url) => url.includes('/.lp?start=t'))).toBe(true);
    const socket = await upgraded;
    await eventually(async () => expect(await flag(opened)).toBeNull(), {
      describe: 'the WebSocket to be healthy',
      timeoutMs: 10_000,
    });
    const frame = socket.waitForEvent('framereceived');
    await put('/live.json', 2);
    expect((await frame).payload).toContain('"live"');
    await seesLive(opened, 2);
    await opened.evaluate(`write('live', 3)`);
    expect((await rest(standin, '/live.json')).body).toBe(3);
  }, 60_000);

  describe('without WebSockets', () => {
    beforeEach(() => context.addInitScript('delete window.WebSocket'));

    test('it reads, writes and listens by long polling alone', async () => {
      const opened = await open();
      const long = `${'é"\\\u2028'.repeat(20_000)}end`;
      await opened.evaluate(`write('long', ${JSON.stringify(long)})`);
      expect((await rest(standin, '/long.json')).body).toBe(long);
      await put('/live.json', { text: long, list: [1, 2] });
      await seesLive(opened, { text: long, list: [1, 2] });
      for (const count of [1, 2, 3]) {
        await put('/live.json', count);
        await seesLive(opened, count);
      }
    }, 60_000);

    test('what it left for its disconnection is done when the page closes', async () => {
      const opened = await open();
      await opened.evaluate(`leave('online', 'gone')`);
      await opened.close();
      await eventually(
        async () => expect((await rest(standin, '/online.json')).body).toBe('gone'),
        { describe: 'onDisconnect', timeoutMs: 10_000 },
      );
    }, 60_000);
  });
});
