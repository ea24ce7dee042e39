import type UPlot from 'uplot';

/** What the page's scripts share, as classic scripts do: nothing of it is built, or imported. */
declare global {
  const uPlot: typeof UPlot;
  interface Window {
    /** Of charts.js; missing while that is not loaded. */
    drawCharts?: () => void;
  }
}
