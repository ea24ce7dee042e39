import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { clientConfig } from '../functions/src/postgres/client-config';
import { Connections } from '../functions/src/postgres/connections';
import { buildFunctionsIfStale } from './build-functions';
import { CHROMIUM, launchChromium } from './chromium';
import { addHistory } from './dashboard-history';
import { startPostgres } from './embedded-postgres';
import { Cleanups } from './simulate/cleanups';
import { startInstance } from './simulate/function-instance';
import { createDatabase } from './simulate/scratch-database';
import { simulate } from './simulate/simulate';

/** `npm run screenshots`: pictures of the dashboard after a simulated day with faults. */

const ROOT = join(__dirname, '..');
const IMAGES = join(ROOT, 'docs', 'images');
const SEED = 6;

const PICTURES = [
  { name: 'dashboard-light', width: 1280, height: 1010, scheme: 'light', opens: null },
  { name: 'dashboard-dark', width: 1280, height: 1010, scheme: 'dark', opens: null },
  { name: 'story-light', width: 1280, height: 820, scheme: 'light', opens: 'retries_exhausted' },
  { name: 'phone-light', width: 390, height: 1180, scheme: 'light', opens: null },
  {
    name: 'phone-story-dark',
    width: 390,
    height: 1180,
    scheme: 'dark',
    opens: 'client_without_rtdb',
  },
] as const;

async function main(): Promise<void> {
  // It takes no options; whoever asks for --help should not get pictures written over.
  parseArgs({ options: {} });
  if (CHROMIUM === null) throw new Error('no Chromium here: apt-get install chromium');
  const cleanups = new Cleanups();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void cleanups.run().then(() => process.exit(130)));
  }
  try {
    const url = await playDay(cleanups);
    const browser = await launchChromium(CHROMIUM);
    cleanups.add(() => browser.close());
    mkdirSync(IMAGES, { recursive: true });
    for (const picture of PICTURES) await take(browser, url, picture);
  } finally {
    await cleanups.run();
  }
}

/** Plays the day; answers where the dashboard is. */
async function playDay(cleanups: Cleanups): Promise<string> {
  await buildFunctionsIfStale(join(ROOT, 'functions'));
  const server = await startPostgres();
  cleanups.add(() => server.stop());
  const databaseUrl = await createDatabase(server.url);
  const { stores } = await simulate({
    ...{ databaseUrl, server, cleanups },
    request: {
      ...{ couples: 80, seed: SEED, dayMs: null, instances: 2 },
      plan: { faults: new Set(['drop', 'reorder', 'client-disagrees']), rate: 0.03 },
    },
  });
  const statements = new Connections(clientConfig(databaseUrl), 1);
  await addHistory(statements, SEED);
  await statements.close();
  const { port, stop } = await startInstance({
    ...{ target: 'mirrorDashboard', databaseUrl, rtdbAddress: stores.rtdbAddress },
    mirroringEnabled: true,
  });
  cleanups.add(stop);
  return `http://127.0.0.1:${port}/`;
}

async function take(
  browser: Browser,
  url: string,
  { name, width, height, scheme, opens }: (typeof PICTURES)[number],
): Promise<void> {
  const page = await browser.newPage({ viewport: { width, height }, colorScheme: scheme });
  await page.goto(opens === null ? url : `${url}?cause=${opens}`);
  await page.locator('[data-chart] canvas').first().waitFor();
  if (opens !== null) await openFirst(page);
  const path = join(IMAGES, `${name}.png`);
  await page.screenshot({ path });
  process.stdout.write(`${path}\n`);
  await page.close();
}

async function openFirst(page: Page): Promise<void> {
  await page.locator('.rows tbody a').first().click();
  await page.locator('.story').waitFor();
  await page.locator('#divergences').evaluate((heading) => {
    (heading as unknown as { scrollIntoView(): void }).scrollIntoView();
  });
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
});
