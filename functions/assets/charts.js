// Draws what the server put into data-chart (functions/src/dashboard/chart-data.ts) with uPlot.
// Shown to people who see; the figures stand beside each chart as a table.
(() => {
  /** @typedef {import('../src/dashboard/chart-data').ChartData} ChartData */
  /** @typedef {import('uplot')} Plot */

  const DASHES = [[], [7, 4], [2, 3]];
  const HEIGHT = 210;
  const DAY = 86_400;
  /** 0.1, 0.2, 0.5, 1, 2, 5 and so on, to days in milliseconds. */
  const ROUND = Array.from({ length: 10 }, (_, power) =>
    [1, 2, 5].map((n) => n * 10 ** (power - 1)),
  ).flat();
  /** @type {Map<Element, { plot: Plot, resize: () => void }>} */
  const drawn = new Map();

  /** @param {string} name */
  const colour = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  /** @param {number} number */
  const two = (number) => String(number).padStart(2, '0');

  /**
   * @param {number} seconds since 1970
   * @param {boolean} isDay whether the day is shown, else the minute
   */
  function clock(seconds, isDay) {
    const date = new Date(seconds * 1000);
    const month = date.toLocaleString('en-GB', { month: 'short', timeZone: 'UTC' });
    const day = `${date.getUTCDate()} ${month}`;
    return isDay ? day : `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
  }

  /** @type {import('uplot').Axis.DynamicValues} */
  const timeTicks = (_plot, splits, _axis, _space, step) =>
    splits.map((at) => clock(at, step >= DAY || at % DAY === 0));

  /**
   * @param {number | null | undefined} value
   * @param {string} unit
   */
  function withUnit(value, unit) {
    if (value === null || value === undefined) return '–';
    if (unit === '%') return `${Math.floor(value * 10_000) / 10_000}%`;
    if (unit !== 'ms') return value.toLocaleString('en-US');
    return value < 1000 ? `${value} ms` : `${Math.round(value / 10) / 100} s`;
  }

  /**
   * Ticks are narrower than what the cursor reads out.
   *
   * @param {number | null} value
   * @param {string} unit
   */
  function tick(value, unit) {
    if (value === null) return '';
    if (unit === '' && value >= 10_000) return `${value / 1000}k`;
    if (unit === '') return Number.isInteger(value) ? value.toLocaleString('en-US') : '';
    return withUnit(Math.round(value * 1000) / 1000, unit);
  }

  /**
   * Each series on top of those before it; what is on top is drawn first.
   *
   * @param {ChartData['series']} series
   */
  function stacked(series) {
    /** @type {number[][]} */
    const sums = [];
    let below = series[0]?.values.map(() => 0) ?? [];
    for (const { values } of series) {
      below = below.map((sum, index) => sum + (values[index] ?? 0));
      sums.push(below);
    }
    return sums;
  }

  /**
   * Shades the times in which mirroring was not fully on, and writes why.
   *
   * @param {Plot} plot
   * @param {ChartData} data
   */
  function drawBands(plot, { bands, threshold }) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, 0, bbox.width, bbox.top + bbox.height);
    ctx.clip();
    ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
    ctx.textBaseline = 'top';
    let labelledTo = -Infinity;
    for (const band of bands) {
      const left = plot.valToPos(band.from, 'x', true);
      const width = Math.max(2 * devicePixelRatio, plot.valToPos(band.to, 'x', true) - left);
      ctx.fillStyle = colour('band');
      ctx.fillRect(left, bbox.top, width, bbox.height);
      ctx.fillStyle = colour('warning');
      ctx.fillRect(left, bbox.top, width, 2 * devicePixelRatio);
      const room = ctx.measureText(band.reason).width;
      const at = Math.min(left + 2 * devicePixelRatio, bbox.left + bbox.width - room);
      if (at > labelledTo) {
        ctx.fillText(band.reason, at, bbox.top - 15 * devicePixelRatio);
        labelledTo = at + room + 6 * devicePixelRatio;
      }
    }
    if (threshold !== undefined) {
      const y = plot.valToPos(threshold, 'y', true);
      ctx.strokeStyle = colour('dim');
      ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
    }
    ctx.restore();
  }

  /**
   * How a line is drawn: those between which the truth lies share a colour.
   *
   * @param {ChartData} data
   * @param {number} index
   */
  function lineOf({ between }, index) {
    if (between.length === 0) return { name: `c${index + 1}`, dash: DASHES[index] ?? [] };
    const pair = between.findIndex((places) => places.includes(index));
    return { name: `c${pair + 1}`, dash: between[pair]?.[0] === index ? [2, 3] : [] };
  }

  /**
   * @param {ChartData} data
   * @returns {import('uplot').Series[]}
   */
  function seriesOf(data) {
    const { kind, series } = data;
    const lines = series.map(({ name }, index) => {
      const line = lineOf(data, index);
      const stroke = () => colour(line.name);
      if (kind === 'stack') {
        const paths = uPlot.paths.bars?.({ size: [0.8, 40], align: 1 });
        return { label: name, stroke, fill: stroke, width: 0, paths, points: { show: false } };
      }
      return { label: name, stroke, width: 1.5, dash: line.dash, points: { size: 4 } };
    });
    return kind === 'stack' ? lines.reverse() : lines;
  }

  /** @type {import('uplot').Range.Function} */
  function percentRange(_plot, least, most) {
    if (least === null) return [98, 100.2];
    const low = Math.max(0, Math.min(98.8, least - Math.max(0.1, (most - least) / 5)));
    // A point at 100 is to be seen whole.
    return [low, 100 + (100 - low) / 15];
  }

  /**
   * From 1, 2 or 5 of a power of ten to another: what a reader can divide.
   *
   * @type {import('uplot').Range.Function}
   */
  function lagRange(_plot, least, most) {
    const low = Math.max(0.1, least ?? 10);
    const high = Math.max(low * 2, most ?? 100);
    return [
      ROUND.findLast((at) => at <= low * 0.9) ?? 0.1,
      ROUND.find((at) => at >= high * 1.1) ?? high,
    ];
  }

  /** @type {Extract<import('uplot').Axis.Splits, Function>} */
  const lagTicks = (_plot, _axis, least, most) => {
    const within = ROUND.filter((at) => at >= least * 0.999 && at <= most * 1.001);
    return within.length > 7 ? within.filter((at) => Number.isInteger(Math.log10(at))) : within;
  };

  /**
   * @param {ChartData} data
   * @returns {import('uplot').Scale}
   */
  function scaleOf({ kind, unit }) {
    if (unit === '%') return { range: percentRange };
    if (unit === 'ms') return { distr: 3, log: 10, range: lagRange };
    return {
      range: (_plot, _least, most) => [0, Math.max(1, (most ?? 1) * (kind === 'stack' ? 1.06 : 1))],
    };
  }

  /**
   * @param {ChartData} data
   * @param {HTMLElement} line
   * @returns {(plot: Plot) => void}
   */
  function readout(data, line) {
    return (plot) => {
      const { idx } = plot.cursor;
      line.textContent = '';
      if (idx === null || idx === undefined) return;
      const at = data.x[idx];
      if (at === undefined) return;
      const values = data.series.map(
        ({ name, values: all }) => `${name} ${withUnit(all[idx], data.unit)}`,
      );
      line.textContent = `${clock(at, true)} ${clock(at, false)} UTC: ${values.join(', ')}`;
    };
  }

  /**
   * What lies between a pair of lines is unknown, and tinted.
   *
   * @param {ChartData} data
   * @returns {import('uplot').Band[]}
   */
  function unknownOf(data) {
    return data.between.map(([most, least]) => ({
      series: [most + 1, least + 1],
      fill: () => `${colour(lineOf(data, least).name)}33`,
    }));
  }

  /** @param {ChartData} data */
  function legendOf(data) {
    const { kind, series } = data;
    const list = document.createElement('ul');
    list.className = 'legend';
    list.setAttribute('aria-hidden', 'true');
    series.forEach(({ name }, index) => {
      const item = document.createElement('li');
      const ns = 'http://www.w3.org/2000/svg';
      const sign = document.createElementNS(ns, 'svg');
      sign.setAttribute('width', '22');
      sign.setAttribute('height', '10');
      const mark = document.createElementNS(ns, kind === 'stack' ? 'rect' : 'line');
      const shape =
        kind === 'stack'
          ? { width: 10, height: 10, x: 6, fill: colour(`c${index + 1}`) }
          : {
              ...{ x1: 0, x2: 22, y1: 5, y2: 5, 'stroke-width': 2 },
              ...{
                stroke: colour(lineOf(data, index).name),
                'stroke-dasharray': lineOf(data, index).dash.join(' '),
              },
            };
      for (const [key, value] of Object.entries(shape)) mark.setAttribute(key, String(value));
      sign.append(mark);
      item.append(sign, name);
      list.append(item);
    });
    return list;
  }

  /** @param {HTMLElement} host */
  function draw(host) {
    /** @type {ChartData} */
    const data = JSON.parse(host.dataset.chart ?? '');
    host.replaceChildren();
    const line = document.createElement('p');
    line.className = 'readout';
    const values =
      data.kind === 'stack' ? stacked(data.series).reverse() : data.series.map((one) => one.values);
    const axis = {
      stroke: () => colour('dim'),
      font: '11px system-ui, sans-serif',
      ticks: { show: false },
    };
    const grid = { stroke: () => colour('line'), width: 1 };
    const plot = new uPlot(
      {
        width: Math.max(200, host.clientWidth),
        height: HEIGHT,
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false } },
        scales: { x: { time: true, range: [data.from, data.to] }, y: scaleOf(data) },
        series: [{}, ...seriesOf(data)],
        bands: unknownOf(data),
        padding: [18, 12, 0, 0],
        axes: [
          { ...axis, grid: { show: false }, values: timeTicks, space: 60, size: 26 },
          {
            ...axis,
            ...{ grid, size: 60, space: 34 },
            values: (_plot, splits) => splits.map((value) => tick(value, data.unit)),
            ...(data.unit === 'ms' ? { splits: lagTicks, filter: (_plot, splits) => splits } : {}),
          },
        ],
        hooks: {
          drawClear: [(self) => drawBands(self, data)],
          setCursor: [readout(data, line)],
        },
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC'),
      },
      [data.x, ...values],
      host,
    );
    host.append(line);
    if (data.series.length > 1) host.append(legendOf(data));
    const resize = () => plot.setSize({ width: Math.max(200, host.clientWidth), height: HEIGHT });
    drawn.set(host, { plot, resize });
  }

  /** Draws every chart that is not drawn yet, and forgets those that are gone. */
  function drawCharts() {
    for (const [host, { plot }] of drawn) {
      if (host.isConnected) continue;
      plot.destroy();
      drawn.delete(host);
    }
    for (const host of /** @type {NodeListOf<HTMLElement>} */ (
      document.querySelectorAll('[data-chart]')
    )) {
      if (!drawn.has(host)) draw(host);
    }
  }

  function drawAgain() {
    for (const { plot } of drawn.values()) plot.destroy();
    drawn.clear();
    drawCharts();
  }

  window.drawCharts = drawCharts;
  addEventListener('resize', () => {
    for (const { resize } of drawn.values()) resize();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAgain);
  drawCharts();
})();
