import { z } from 'zod';
import { orAborted } from '../runtime/deadline';
import { errorText } from '../values/error-text';
import type { Json } from '../values/json';
import { type FindFirst, type FlagRule, ruleOfParameter, ruleOfTemplate } from './flag-rule';
import { pathsOfTemplate } from './paths-rule';
import { parseServerTemplate, type ServerTemplate } from './server-template';

export interface RemoteConfigOptions {
  projectId: string;
  /** Where Remote Config answers, without a slash at its end. */
  baseUrl: string;
  accessToken(): Promise<string>;
  /** What the parameter of the deployment says. */
  parameter: boolean;
  /** Of a kit; null = the functions are no kit's. */
  instance: string | null;
  /** The names of all paths. */
  paths: readonly string[];
  /** Loads what evaluates conditions, in the order of their priority. */
  prepareEvaluation(): Promise<(conditions: readonly Json[]) => FindFirst>;
  timeoutMs?: number;
}

/** With what comes before and after it, an event waits for less than a second. */
const LOOK_TIMEOUT_MS = 900;

/**
 * Looks at Remote Config's server template. Never rejects: where it can't be had, what is known holds
 * on, and before anything is known, the parameter.
 *
 * The request is made here and not by firebase-admin's `load()`, which repeats a 503 for seven seconds
 * and can't be called off, so that it would run on behind the response. Evaluating is firebase-admin's.
 *
 * Source: firebase-admin, `remote-config-api-client-internal.js` (`getServerTemplate`)
 */
export async function lookAtRemoteConfig(
  known: FlagRule | null,
  options: RemoteConfigOptions,
): Promise<FlagRule> {
  const { parameter, instance, prepareEvaluation, timeoutMs = LOOK_TIMEOUT_MS } = options;
  try {
    // Before the time runs: loading keeps the CPU, and an answer that came meanwhile would be too late.
    const prepare = await prepareEvaluation();
    const signal = AbortSignal.timeout(timeoutMs);
    // The token has no deadline of its own.
    const template = parseServerTemplate(await orAborted(fetchTemplate(options, signal), signal));
    return withPaths(ruleOfTemplate(template, parameter, prepare, instance), template, options);
  } catch (error) {
    const complaint = `Remote Config can't be read: ${reasonOf(error)}`;
    return known === null
      ? { ...ruleOfParameter(parameter, complaint), isSure: false }
      : { ...known, complaint };
  }
}

function withPaths(
  rule: FlagRule,
  template: ServerTemplate,
  { paths: declared, instance }: RemoteConfigOptions,
): FlagRule {
  const { paths, complaints } = pathsOfTemplate(template, declared, instance);
  const all = [...(rule.complaint === null ? [] : [rule.complaint]), ...complaints];
  return { ...rule, paths, complaint: all.length === 0 ? null : all.join('; ') };
}

class RefusedError extends Error {
  override name = 'RefusedError';
}

async function fetchTemplate(
  { projectId, baseUrl, accessToken }: RemoteConfigOptions,
  signal: AbortSignal,
): Promise<unknown> {
  const path = `/v1/projects/${projectId}/namespaces/firebase-server/serverRemoteConfig`;
  const headers = { authorization: `Bearer ${await accessToken()}` };
  const response = await fetch(`${baseUrl}${path}`, { headers, signal });
  if (!response.ok) {
    const said = errorText(await response.text());
    throw new RefusedError(`it answered ${response.status}${said === null ? '' : `: ${said}`}`);
  }
  return response.json();
}

/** Few and steady, as each new one is a line in the log. */
function reasonOf(error: unknown): string {
  if (error instanceof RefusedError) return error.message;
  if (error instanceof z.ZodError || error instanceof SyntaxError) return 'it answered no template';
  if (error instanceof Error && error.name === 'TimeoutError') return 'no answer in time';
  return 'no connection, or no credentials';
}
