import { requiresAPI, requiresRole } from 'firebase-functions/v2';

/** What the functions do besides what every function does: see docs/existing-project.md. */
const ROLES = [
  // Reads RTDB, and writes the canaries.
  'roles/firebasedatabase.admin',
  // Reads the flag.
  'roles/cloudconfig.viewer',
  // Gets events, and is called by its schedules.
  'roles/eventarc.eventReceiver',
  'roles/run.invoker',
] as const;

const APIS = [
  ['firebasedatabase.googleapis.com', 'Its writes are mirrored.'],
  ['firebaseremoteconfig.googleapis.com', 'It turns mirroring on and off without a deploy.'],
] as const;

/** Has the deploy enable the APIs that the functions call. */
export function requireApis(): void {
  for (const [api, reason] of APIS) requiresAPI(api, reason);
}

/**
 * Has firebase-tools (15.32 or later) make one service account for the functions of this codebase, with these
 * roles and no others. It refuses a first deploy of a part, and anybody who may not change the project's IAM policy.
 */
export function requireRoles(): void {
  for (const role of ROLES) requiresRole(role);
}
