import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { CHROMIUM, launchChromium } from '../support/chromium';
import { logDivergence } from '../support/dashboard-log';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { type Runtime, startRuntime } from '../support/runtime';
import { type StandinTree, startStandinTree } from '../support/standin-tree';
import { seedDashboard } from './support/seed';

const describeWithBrowser = CHROMIUM === null ? describe.skip : describe;

// In the name, so that whoever sees the skipped tests sees how to run them.
const name = 'in a real browser (where missing: apt-get install chromium)';

const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

describeWithBrowser(name, () => {
  let database: TestDatabase;
  let rtdb: StandinTree;
  let runtime: Runtime;
  let browser: Browser;
  let page: Page;
  /** What the browser complained of, the policy's refusals among it. */
  const complaints: string[] = [];

  beforeAll(async () => {
    [database, rtdb] = await Promise.all([cloneDatabase(), startStandinTree()]);
    await seedDashboard(database, rtdb.rest);
    runtime = await startRuntime({
      ...{ target: 'mirrorDashboard', databaseUrl: database.url },
      rtdbHost: rtdb.standin.address,
      env: { FUNCTIONS_EMULATOR: 'true' },
    });
    browser = await launchChromium(CHROMIUM ?? '');
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await runtime?.stop();
    await rtdb?.standin.stop();
    await database?.drop();
  });

  beforeEach(async () => {
    complaints.length = 0;
    page = await open({});
  });

  afterEach(async () => {
    await page.close();
    expect(complaints).toEqual([]);
  });

  async function open(options: Parameters<Browser['newPage']>[0]): Promise<Page> {
    // The reader's own scripts, axe among them, are not what the policy is about.
    const opened = await browser.newPage({ viewport: { width: 1280, height: 900 }, ...options });
    opened.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    opened.on('pageerror', (error) => complaints.push(error.message));
    await opened.goto(runtime.url);
    return opened;
  }

  const errors = (one: Page) => one.locator('.rows:not(.paths) tbody tr:not(.story-row)');

  test('from the top sentence to the evidence of one divergence', async () => {
    expect(await page.locator('#sentence').innerText()).toMatch(/^(Not ready|Can't tell|Ready)/);
    expect(await page.locator('#next-step').innerText()).toContain('What to do next');
    expect(await page.locator('.tiles').innerText()).toContain('Canaries');

    const bar = page.locator('.bars a', { hasText: 'retries exhausted' }).first();
    await bar.click();
    await page.waitForURL(/cause=retries_exhausted/);
    expect(new Set(await page.locator('td[data-name="Cause"]').allInnerTexts())).toEqual(
      new Set(['retries exhausted']),
    );
    await errors(page).first().locator('a').click();
    const story = page.locator('.story');
    await story.waitFor();
    expect(await story.innerText()).toMatch(/RTDB holds it, Postgres does not/);
    const ref = await story.locator('.ref').innerText();
    expect(ref).toMatch(/^daily_quests\/.*\/completions\//);
    expect(await story.innerText()).toContain('retries exhausted');

    // The address is the view: another reader sees the same.
    const other = await open({});
    await other.goto(page.url());
    expect(await other.locator('.story .ref').innerText()).toBe(ref);
    await other.close();
    await page.goBack();
    await story.waitFor({ state: 'detached' });
  });

  test('charts are drawn, each with its figures', async () => {
    await page.locator('[data-chart] canvas').first().waitFor();
    expect(await page.locator('[data-chart] canvas').count()).toBe(3);
    const painted = await page.locator('[data-chart] canvas').evaluateAll((all) =>
      (
        all as unknown as { getContext(kind: string): DrawnOn; width: number; height: number }[]
      ).map((canvas) => {
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        return data.some((value) => value > 0);
      }),
    );
    expect(painted).toEqual([true, true, true]);
    await page.locator('#figures-rates summary').click();
    expect(await page.locator('#figures-rates').innerText()).toContain('outage');
  });

  test('a path by itself, and back', async () => {
    await page.locator('#path-lp_awards').click();
    await page.waitForURL(/path=lp_awards/);
    expect(await page.locator('#trends').innerText()).toContain('lp awards');
    expect(await page.locator('#total').innerText()).toContain('30 divergences');
    expect(await page.locator('#path-lp_awards').getAttribute('aria-current')).toBe('true');
    await page.locator('#all-paths').click();
    await page.locator('#all-paths').waitFor({ state: 'detached' });
    expect(await page.locator('#total').innerText()).toContain('37 divergences');
  });

  test('it renews itself and keeps the place: scroll, filter, open parts, focus', async () => {
    await page.goto(`${runtime.url}?state=all`);
    await errors(page).nth(2).locator('a').click();
    await page.locator('.story').waitFor();
    const address = page.url();
    await page.locator('#figures-lag summary').click();
    await page.locator('[name="couple"]').fill('typed, not sent');
    await page.locator('#next, #sort-kind').first().focus();
    const focused = await page.evaluate('document.activeElement.id');
    await page.evaluate('scrollTo(0, 700)');
    const before = await page.locator('#total').innerText();
    await logDivergence(database, {
      ref: 'daily_quests/fresh',
      kind: 'out_of_order',
      severity: 'info',
    });
    await page.evaluate("document.getElementById('reload').click()");
    await eventually(async () => (await page.locator('#total').innerText()) !== before, {
      describe: 'the page to show one more',
    });
    expect(page.url()).toBe(address);
    expect(await page.evaluate('scrollY')).toBe(700);
    expect(await page.evaluate('document.activeElement.id')).toBe(focused);
    expect(await page.locator('.story').count()).toBe(1);
    expect(await page.locator('#figures-lag').getAttribute('open')).toBe('');
    expect(await page.locator('[name="couple"]').inputValue()).toBe('typed, not sent');
  });

  test('where it can not renew itself it says so, and what is shown stays', async () => {
    await page.route('**/*', (route) => route.abort());
    await page.evaluate("document.getElementById('reload').click()");
    await page.locator('#trouble', { hasText: 'Could not' }).waitFor();
    expect(await page.locator('#trouble').innerText()).toContain('Could not refresh');
    expect(await page.locator('#sentence').count()).toBe(1);
    // The browser complains of the request that was cut off, as it should.
    complaints.length = 0;
  });

  test('without JavaScript it filters, opens and reloads', async () => {
    const plain = await open({ javaScriptEnabled: false });
    await plain.selectOption('[name="cause"]', 'retries_exhausted');
    await plain.locator('.filter button').click();
    expect(plain.url()).toContain('cause=retries_exhausted');
    await errors(plain).first().locator('a').click();
    expect(await plain.locator('.story .ref').innerText()).toContain('daily_quests/');
    expect(await plain.locator('label.live').isVisible()).toBe(false);
    await plain.locator('#reload').click();
    expect(await plain.locator('.story').count()).toBe(1);
    await plain.close();
  });

  test('by keyboard alone: skip, filter, open a story', async () => {
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.className')).toBe('skip');
    await page.keyboard.press('Enter');
    await page.locator('#divergences:focus').waitFor();
    await page.locator('[name="state"]').focus();
    await page.locator('[name="couple"]').focus();
    await page.keyboard.press('Enter');
    const first = errors(page).first().locator('a');
    await first.focus();
    await page.keyboard.press('Enter');
    await page.locator('.story').waitFor();
    expect(await first.getAttribute('aria-expanded')).toBe('true');
    expect(await page.evaluate('document.activeElement.getAttribute("aria-expanded")')).toBe(
      'true',
    );
  });

  test.each([
    [1280, 'light'],
    [1280, 'dark'],
    [390, 'light'],
    [390, 'dark'],
  ] as const)(
    '%d px wide, %s: nothing overflows, and axe finds nothing',
    async (width, scheme) => {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme: scheme });
      await page.reload();
      await errors(page).first().locator('a').click();
      await page.locator('.story').waitFor();
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
      await page.locator('#figures-outcomes summary').click();
      // Through the debugger: the page's policy lets no such script in.
      await page.evaluate(AXE);
      const found = (await page.evaluate(
        "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => " +
          'violations.map(({ id, impact, nodes }) => ' +
          '[impact, id, ...nodes.map(({ html }) => html.slice(0, 120))].join(" ")))',
      )) as string[];
      expect(found).toEqual([]);
    },
    90_000,
  );
});

interface DrawnOn {
  getImageData(x: number, y: number, width: number, height: number): { data: Uint8ClampedArray };
}
