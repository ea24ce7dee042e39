/** What the gate is asked where nobody asks otherwise: by `mirror report`, and by the dashboard. */
export const GATE_DEFAULTS = { window: '24h', threshold: '0.99', minSample: 100 } as const;
