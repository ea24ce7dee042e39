import { parseArguments, UsageError } from './arguments';
import { startRtdbStandin } from './server';

const say = (line: string): void => {
  process.stdout.write(`[RTDB stand-in] ${line}\n`);
};

async function main(): Promise<void> {
  const options = parseArguments(process.argv.slice(2), process.env);
  const standin = await startRtdbStandin({ ...options, log: say });
  say(
    'NOT the official emulator: a development stand-in written in Node. See docs/rtdb-standin.md',
  );
  say(`listening on ${standin.address}`);
  const stop = (): void => {
    void standin.stop().then(() => process.exit(0));
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof UsageError ? 2 : 1);
});
