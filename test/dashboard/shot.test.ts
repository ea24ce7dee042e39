import { CHROMIUM, launchChromium } from '../support/chromium';
import { cloneDatabase } from '../support/database';
import { startRuntime } from '../support/runtime';
import { startStandinTree } from '../support/standin-tree';
import { seedDashboard } from './support/seed';

test('shots', async () => {
  const [database, rtdb] = await Promise.all([cloneDatabase(), startStandinTree()]);
  const story = await seedDashboard(database, rtdb.rest);
  const runtime = await startRuntime({
    target: 'mirrorDashboard',
    databaseUrl: database.url,
    rtdbHost: rtdb.standin.address,
    env: { FUNCTIONS_EMULATOR: 'true' },
  });
  const browser = await launchChromium(CHROMIUM ?? '');
  for (const [width, scheme, address] of [
    [1280, 'light', ''],
    [1280, 'dark', ''],
    [390, 'light', ''],
    [390, 'dark', ''],
    [1280, 'light', `?story=${story}`],
    [390, 'light', `?story=${story}`],
  ] as const) {
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme: scheme });
    await page.goto(runtime.url + address);
    await page.locator('[data-chart] canvas').first().waitFor();
    await page.screenshot({
      path: `/tmp/dash-${width}-${scheme}${address ? '-story' : ''}.png`,
      fullPage: true,
    });
    await page.close();
  }
  await browser.close();
  await runtime.stop();
  await rtdb.standin.stop();
  await database.drop();
}, 120_000);
