import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serveWebSockets } from './realtime/web-socket';
import { restHandler } from './rest/rest-handler';
import { compileRules } from './rules/security-rules';
import { Standin } from './standin';
import type { DatabaseEvent } from './triggers/database-event';
import type { EventMode, RefForm } from './triggers/event-request';
import { EventSender } from './triggers/event-sender';
import {
  type EventTarget,
  type FunctionsEmulatorAddress,
  type TriggerOptions,
  triggerFromOptions,
} from './triggers/trigger';
import { TriggerRegistry } from './triggers/trigger-registry';

export interface RtdbStandinOptions {
  /** Default `127.0.0.1`. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** Where triggers that firebase-tools registers are called. */
  readonly functionsEmulator?: FunctionsEmulatorAddress;
  /** Triggers that are there from the start, for use without the functions emulator. */
  readonly triggers?: readonly TriggerOptions[];
  /** Where every event goes that has no target of its own, registered triggers' included. */
  readonly eventTarget?: EventTarget;
  /** Sees every event as it is sent. */
  readonly onEvent?: (event: DatabaseEvent) => void;
  /** Default `binary`, as production sends. */
  readonly eventMode?: EventMode;
  /** How refs and the other attributes travel in binary mode. Default `raw`. */
  readonly refForm?: RefForm;
  /** Deliveries under way at once, to one host. Default 100. */
  readonly maxEventsInFlight?: number;
  /** Rules (JSON with comments) by namespace; a namespace without any is open. */
  readonly rules?: Readonly<Record<string, string>>;
  /** The time source, milliseconds since 1970, fractions allowed. Default: the wall clock. */
  readonly now?: () => number;
  /** Takes one line for each thing worth telling. Default: nothing. */
  readonly log?: (line: string) => void;
}

/** A running stand-in. */
export interface RtdbStandin {
  readonly host: string;
  readonly port: number;
  /** `host:port`, for `FIREBASE_DATABASE_EMULATOR_HOST`. */
  readonly address: string;
  /** Adds a trigger; see `TriggerOptions`. Throws `RtdbError` `invalid`. */
  addTrigger(trigger: TriggerOptions): void;
  /** Resolves when no event delivery is under way. */
  eventsDelivered(): Promise<void>;
  /** Drops all connections and stops listening. */
  stop(): Promise<void>;
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE';
      // firebase-tools looks for the words "address already in use" in the emulator's output.
      const message = `RTDB stand-in cannot start: ${host}:${port}: address already in use`;
      reject(taken ? new Error(message, { cause: error }) : error);
    });
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
  });
}

/**
 * Starts the RTDB stand-in: NOT the official emulator, a development tool that takes its place.
 * Rejects when the port is in use, or when the rules or a trigger do not compile.
 */
export async function startRtdbStandin(options: RtdbStandinOptions = {}): Promise<RtdbStandin> {
  const { host = '127.0.0.1', log = () => {}, eventTarget } = options;
  const sender = new EventSender(
    { mode: options.eventMode ?? 'binary', refForm: options.refForm ?? 'raw' },
    log,
    options.maxEventsInFlight ?? 100,
  );
  const triggers = new TriggerRegistry(sender, options.onEvent);
  const { now, functionsEmulator } = options;
  const standin = new Standin({ triggers, log, now, functionsEmulator, eventTarget });
  const addTrigger = (trigger: TriggerOptions): void =>
    triggers.addNumbered(triggerFromOptions(trigger, eventTarget));
  options.triggers?.forEach(addTrigger);
  for (const [name, source] of Object.entries(options.rules ?? {})) {
    standin.namespace(name).setRules(await compileRules(source));
  }
  const server = createServer(restHandler(standin));
  const dropWebSockets = serveWebSockets(server, standin);
  const port = await listen(server, host, options.port ?? 0);
  return {
    host,
    port,
    address: `${host.includes(':') ? `[${host}]` : host}:${port}`,
    addTrigger,
    eventsDelivered: () => sender.idle(),
    stop: () =>
      new Promise((resolve) => {
        sender.stop();
        for (const connection of [...standin.connections.values()]) {
          connection.close();
        }
        dropWebSockets();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
