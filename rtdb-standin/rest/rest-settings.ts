import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Namespace } from '../namespace';
import { RtdbError } from '../rtdb-error';
import { parseRulesJson } from '../rules/rules-json';
import { compileRules } from '../rules/security-rules';
import type { Standin } from '../standin';
import { triggerFromRegistration } from '../triggers/trigger';
import { readBody, readJson } from './rest-request';
import { sendJson } from './rest-response';

/** What the administrator's endpoints work on. */
export interface SettingsRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly standin: Standin;
  readonly namespace: Namespace;
  readonly method: string;
  readonly parameters: URLSearchParams;
}

type Handler = (settings: SettingsRequest) => Promise<void> | void;

async function rules(settings: SettingsRequest): Promise<void> {
  const { request, response, namespace, method, parameters } = settings;
  if (method === 'PUT') {
    namespace.setRules(await compileRules(await readBody(request)));
    sendJson(response, { body: { status: 'ok' } });
    return;
  }
  const { source } = namespace.rules;
  // `getRulesJSON()` of firebase-admin asks for JSON, `getRules()` for the file as it was written.
  const isStrict = parameters.get('format') === 'strict';
  response
    .writeHead(200, { 'Content-Type': 'application/json; charset=utf-8' })
    .end(isStrict ? JSON.stringify(parseRulesJson(source)) : source);
}

/**
 * Registers a function trigger. A kind that the stand-in lacks is logged and accepted:
 * the functions emulator would stop loading functions otherwise.
 */
async function functionTriggers(settings: SettingsRequest): Promise<void> {
  const { request, response, standin, namespace, method } = settings;
  const { triggers, log, functionsEmulator, eventTarget } = standin.parts;
  if (method === 'GET') {
    sendJson(response, { body: triggers.names });
    return;
  }
  const registration = await readJson(request);
  try {
    const trigger = triggerFromRegistration(
      registration,
      namespace.name,
      functionsEmulator,
      eventTarget,
    );
    triggers.add(trigger);
    log(`trigger ${trigger.name} added`);
  } catch (error) {
    if (!(error instanceof RtdbError)) {
      throw error;
    }
    log(`trigger ignored: ${error.message}`);
  }
  sendJson(response, { body: { status: 'ok' } });
}

function databases({ response, standin }: SettingsRequest): void {
  sendJson(response, { body: standin.namespaceNames.map((name) => ({ name })) });
}

/** The endpoints that firebase-tools and firebase-admin use; all of them need the administrator. */
export const SETTINGS: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ['/.settings/rules.json', rules],
  ['/.settings/functionTriggers.json', functionTriggers],
  ['/.inspect/databases.json', databases],
]);
