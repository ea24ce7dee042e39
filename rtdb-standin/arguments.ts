import { parseArgs } from 'node:util';
import type { RtdbStandinOptions } from './server';

/** Arguments or environment that make no sense; `main.ts` exits with 2. */
export class UsageError extends Error {}

const DEFAULT_PORT = '9000';
/** The functions emulator forks a process for each event under way, and loses some of many. */
const EVENTS_IN_FLIGHT = 16;

function portNumber(name: string, text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new UsageError(`--${name} must be a port number, not ${text}`);
  }
  return port;
}

/**
 * Reads the arguments that firebase-tools gives the JAR (`--host`, `--port`,
 * `--functions_emulator_host`, `--functions_emulator_port`, `--single_project_mode`; others are
 * ignored), `--ref-form` or `RTDB_STANDIN_REF_FORM`, and `RTDB_STANDIN_EVENT_MODE`. Throws
 * `UsageError`.
 */
export function parseArguments(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): RtdbStandinOptions {
  const { values } = parseArgs({
    args: [...args],
    strict: false,
    options: {
      host: { type: 'string' },
      port: { type: 'string' },
      functions_emulator_host: { type: 'string' },
      functions_emulator_port: { type: 'string' },
      single_project_mode: { type: 'string' },
      'ref-form': { type: 'string' },
    },
  });
  const text = (name: string): string | undefined => {
    const value = values[name];
    return typeof value === 'string' ? value : undefined;
  };
  const eventMode = environment.RTDB_STANDIN_EVENT_MODE ?? 'binary';
  if (eventMode !== 'binary' && eventMode !== 'structured') {
    throw new UsageError('RTDB_STANDIN_EVENT_MODE must be binary or structured');
  }
  const refForm = text('ref-form') ?? environment.RTDB_STANDIN_REF_FORM ?? 'raw';
  if (refForm !== 'raw' && refForm !== 'encoded') {
    throw new UsageError('--ref-form (RTDB_STANDIN_REF_FORM) must be raw or encoded');
  }
  const functionsPort = text('functions_emulator_port');
  return {
    host: text('host') ?? '127.0.0.1',
    port: portNumber('port', text('port') ?? DEFAULT_PORT),
    eventMode,
    refForm,
    maxEventsInFlight: EVENTS_IN_FLIGHT,
    ...(functionsPort !== undefined && {
      functionsEmulator: {
        host: text('functions_emulator_host') ?? '127.0.0.1',
        port: portNumber('functions_emulator_port', functionsPort),
      },
    }),
  };
}
