import { isRecord } from '../data/json';
import { RtdbError } from '../rtdb-error';
import type { DatabaseEvent } from './database-event';
import { compileInstancePattern, compileRefPattern, type SegmentPattern } from './pattern';

const WRITTEN = 'google.firebase.database.ref.v1.written';
const EVENT_TYPE = /^google\.firebase\.database\.ref\.v1\.(written|created|updated|deleted)$/;
const TRIGGER_NAME = /^projects\/([^/]+)\/locations\/[^/]+\/(triggers|functions)\/(.+)$/;
const LEGACY_TYPE = /^providers\/google\.firebase\.database\/eventTypes\/ref\.(\w+)$/;
const TYPE_OF_LEGACY: ReadonlyMap<string, string> = new Map([
  ['write', WRITTEN],
  ['create', 'google.firebase.database.ref.v1.created'],
  ['update', 'google.firebase.database.ref.v1.updated'],
  ['delete', 'google.firebase.database.ref.v1.deleted'],
]);

/** Where events go: a URL that takes a POST, or a function (a rejection is a failed delivery). */
export type EventTarget = string | ((event: DatabaseEvent) => Promise<void> | void);

/** A trigger that is registered without the functions emulator. */
export interface TriggerOptions {
  /** As in `onValueWritten`: `daily_quests/{coupleId}/…`. */
  readonly refPattern: string;
  readonly url?: string;
  readonly eventTarget?: EventTarget;
  /** The database instances; default `*`. */
  readonly instancePattern?: string;
  /** Default `google.firebase.database.ref.v1.written`. */
  readonly eventType?: string;
}

export interface Trigger {
  readonly name: string;
  readonly ref: readonly SegmentPattern[];
  readonly instance: SegmentPattern;
  readonly eventType: string;
  /** A 1st-gen function's, which gets no CloudEvent: the event type that it is registered for. */
  readonly legacyType: string | null;
  readonly target: EventTarget;
}

export interface FunctionsEmulatorAddress {
  readonly host: string;
  readonly port: number;
}

function compile(
  name: string,
  refPattern: string,
  instancePattern: string,
  eventType: string,
  target: EventTarget,
): Trigger {
  if (!EVENT_TYPE.test(eventType)) {
    throw new RtdbError('invalid', `Unsupported event type ${eventType}: database events only`);
  }
  return {
    name,
    ref: compileRefPattern(refPattern),
    instance: compileInstancePattern(instancePattern),
    eventType,
    legacyType: null,
    target,
  };
}

/** Compiles a trigger given as an option. Throws `RtdbError` `invalid`. */
export function triggerFromOptions(options: TriggerOptions, fallback?: EventTarget): Trigger {
  const { refPattern, instancePattern = '*', eventType = WRITTEN } = options;
  const target = options.eventTarget ?? options.url ?? fallback;
  if (target === undefined) {
    throw new RtdbError('invalid', `Trigger ${refPattern} has no url and no eventTarget`);
  }
  return compile(refPattern, refPattern, instancePattern, eventType, target);
}

/**
 * Reads what firebase-tools 15 POSTs to `/.settings/functionTriggers.json` (`functionsEmulator.js`,
 * `getV2DatabaseApiAttributes`): `name`, `path`, `event`, `namespacePattern`; for a 1st-gen function
 * (`getV1DatabaseApiAttributes`) the instance is the request's. Throws `RtdbError` `invalid`.
 */
export function triggerFromRegistration(
  registration: unknown,
  namespace: string,
  functionsEmulator: FunctionsEmulatorAddress | undefined,
  fallback?: EventTarget,
): Trigger {
  if (!isRecord(registration)) {
    throw new RtdbError('invalid', 'Expected a function trigger');
  }
  const { name, path, event, namespacePattern } = registration;
  if (typeof name !== 'string' || typeof path !== 'string' || typeof event !== 'string') {
    throw new RtdbError('invalid', 'A function trigger needs name, path and event');
  }
  const [, project, kind, key] = TRIGGER_NAME.exec(name) ?? [];
  if (project === undefined || key === undefined) {
    throw new RtdbError('invalid', `Unsupported trigger ${name}`);
  }
  const emulatorUrl =
    functionsEmulator &&
    `http://${hostForUrl(functionsEmulator.host)}:${functionsEmulator.port}` +
      `/functions/projects/${project}/triggers/${key}`;
  const target = fallback ?? emulatorUrl;
  if (target === undefined) {
    throw new RtdbError('invalid', 'No functions emulator: start with --functions_emulator_port');
  }
  if (kind === 'functions') {
    const type = TYPE_OF_LEGACY.get(LEGACY_TYPE.exec(event)?.[1] ?? '') ?? event;
    return { ...compile(name, path, namespace, type, target), legacyType: event };
  }
  const instance = typeof namespacePattern === 'string' ? namespacePattern : '*';
  return compile(name, path, instance, event, target);
}

/** A trigger's name without the generation that the functions emulator appends and counts up. */
export function withoutGeneration(name: string): string {
  return name.replace(/-\d+$/, '');
}

function hostForUrl(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}
