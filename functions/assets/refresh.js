// Renews the page's parts without losing the reader's place. Without this script every link and the
// form work as links and forms do.
(() => {
  const EVERY_MS = 30_000;
  const live = /** @type {HTMLInputElement | null} */ (document.getElementById('live'));
  const label = live?.closest('label');
  if (label) label.hidden = false;
  /** Counts what was asked for, so that an answer that comes late does not undo a newer one. */
  let asked = 0;
  /** Parts as the server sent them: what did not change is not touched. */
  const known = new Map();
  /** @type {(root: Document) => [string | undefined, HTMLElement][]} */
  const partsOf = (root) => {
    /** @type {NodeListOf<HTMLElement>} */
    const parts = root.querySelectorAll('[data-part]');
    return [...parts].map((part) => [part.dataset.part, part]);
  };
  for (const [name, part] of partsOf(document)) known.set(name, withoutNonces(part));

  /** @param {HTMLElement} part */
  function withoutNonces(part) {
    const copy = /** @type {HTMLElement} */ (part.cloneNode(true));
    for (const chart of copy.querySelectorAll('[data-chart]')) chart.replaceChildren();
    for (const opened of copy.querySelectorAll('details[open]')) opened.removeAttribute('open');
    return copy.outerHTML;
  }

  /** @param {string} text what went wrong; empty = nothing */
  function say(text) {
    const trouble = document.getElementById('trouble');
    if (trouble) trouble.textContent = text;
  }

  /** @param {string} href */
  async function fetchPage(href) {
    const response = await fetch(href, { headers: { accept: 'text/html' } });
    if (!response.ok) throw new Error(`answered ${response.status}`);
    return new DOMParser().parseFromString(await response.text(), 'text/html');
  }

  /**
   * @param {HTMLElement} part
   * @param {HTMLElement} fresh
   */
  function replace(part, fresh) {
    const opened = [...part.querySelectorAll('details[open][id]')].map(({ id }) => id);
    const scrolled = [...part.querySelectorAll('details[id] .scroll, .bars')].map(
      (one) => one.scrollTop,
    );
    const focused = part.contains(document.activeElement) ? document.activeElement?.id : '';
    const next = document.importNode(fresh, true);
    for (const id of opened) next.querySelector(`details[id="${id}"]`)?.setAttribute('open', '');
    part.replaceWith(next);
    next.querySelectorAll('details[id] .scroll, .bars').forEach((one, index) => {
      one.scrollTop = scrolled[index] ?? 0;
    });
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  /**
   * Shows an address; resolves to whether it is shown now.
   *
   * @param {string} href
   */
  async function show(href) {
    asked += 1;
    const mine = asked;
    document.body.setAttribute('aria-busy', 'true');
    try {
      const fresh = await fetchPage(href);
      if (mine !== asked) return false;
      const { scrollX, scrollY } = window;
      const parts = new Map(partsOf(document));
      for (const [name, part] of partsOf(fresh)) {
        const text = part.outerHTML;
        const shown = parts.get(name);
        if (!shown || known.get(name) === text) continue;
        known.set(name, text);
        replace(shown, part);
      }
      document.title = fresh.title;
      // The charts first: what grows above the reader would push the place away again.
      window.drawCharts?.();
      scrollTo(scrollX, scrollY);
      say('');
      return true;
    } catch (error) {
      if (mine !== asked) return false;
      const reason = error instanceof Error ? error.message : String(error);
      say(`Could not refresh (${reason}). What is shown is as of the time above.`);
      return false;
    } finally {
      if (mine === asked) document.body.removeAttribute('aria-busy');
    }
  }

  /**
   * Goes to an address as a link would, but for the place.
   *
   * @param {string} href
   * @param {string} [target] the id of what to bring into view
   */
  async function go(href, target) {
    const isShown = await show(href);
    if (!isShown) return;
    history.pushState(null, '', href);
    document.getElementById('reload')?.setAttribute('href', location.search || '?');
    if (target) document.getElementById(target)?.scrollIntoView();
  }

  document.addEventListener('click', (event) => {
    const target = event.target instanceof Element ? event.target : null;
    /** @type {HTMLAnchorElement | null | undefined} */
    const link = target?.closest('a[data-go]');
    const isPlain =
      event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (!link || !isPlain) return;
    event.preventDefault();
    if (link.id === 'reload') void show(location.href);
    else void go(link.href, link.dataset.to);
  });

  document.addEventListener('submit', (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || !form.matches('.filter')) return;
    event.preventDefault();
    const asks = [...new FormData(form)]
      .map(([name, value]) => [name, String(value)])
      .filter(([, value]) => value !== '');
    void go(`?${new URLSearchParams(asks)}`);
  });

  addEventListener('popstate', () => void show(location.href));

  setInterval(() => {
    if (live?.checked && !document.hidden) void show(location.href);
  }, EVERY_MS);
})();
