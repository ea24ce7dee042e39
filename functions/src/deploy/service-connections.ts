import type { SERVICES } from '../paths/check-paths';

/** How many connections to Postgres an instance of each service may hold; null = DATABASE_POOL_MAX, as of a trigger. */
export const SERVICE_CONNECTIONS = {
  mirrorApi: null,
  // Paths are looked at side by side.
  mirrorCanary: 2,
  // A page's parts are read side by side.
  mirrorDashboard: 3,
  mirrorReconcile: 4,
} as const satisfies Record<(typeof SERVICES)[number], number | null>;
