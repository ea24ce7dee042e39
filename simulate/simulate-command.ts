import type { RegisterCommand } from '../functions/src/cli/main';
import { UsageError } from '../functions/src/errors/mirror-error';
import { FAULTS, type Fault } from './faults';
import type { SimulateOptions, SweepPart } from './run-simulate';

type SimulateArguments = Omit<SimulateOptions, 'faults'> & { faults?: Fault[] };

/** `mirror simulate`: days of many couples on the local stack, with faults, and what the mirror's proof says of them. */
export const registerSimulate: RegisterCommand = (program, context) => {
  program
    .command('simulate')
    .description('play some days of N couples on a local mirror, with faults, and judge its proof')
    .option('--couples <n>', 'how many (default: 20)', wholeNumber('--couples', 1, 100_000))
    .option('--days <n>', 'how many days', wholeNumber('--days', 1, 5), 2)
    .option('--seed <n>', 'the same world again', wholeNumber('--seed', 0, 2 ** 31), 42)
    .option('--faults <list>', `comma-separated: ${FAULTS.join(', ')} (default: none)`, faultList)
    .option(
      '--rate <percent>',
      'share of events, couples or reads that a fault befalls (default: 5)',
      wholeNumber('--rate', 1, 100),
    )
    .option(
      '--day-seconds <n>',
      'how long a day takes (default: by its writes and readings)',
      wholeNumber('--day-seconds', 1, 86_400),
    )
    .option('--instances <n>', 'function instances', wholeNumber('--instances', 1, 20), 1)
    .option('--each-fault', 'no fault, then each alone (default: 8 couples, rate 20)')
    .option('--all-pairs', 'every two faults (default: 8 couples, rate 20)')
    .option('--part <n/of>', 'one part of these only, such as 1/9: a drawn order, cut evenly', part)
    .option('--database-url-env <name>', 'environment variable with the URL of an EMPTY database')
    .option('--json', 'print one JSON object')
    .option('--keep', 'keep both stores until Ctrl-C')
    .action(async ({ faults = [], ...rest }: SimulateArguments) => {
      // The local stack is more than all other verbs load together.
      const { runSimulate } = await import('./run-simulate');
      await runSimulate({ ...rest, faults }, context);
    });
};

function wholeNumber(name: string, least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new UsageError(`${name}: expected a whole number from ${least} to ${most}`);
  };
}

function part(text: string): SweepPart {
  const [, n = '', of = ''] = /^(\d{1,3})\/(\d{1,3})$/.exec(text) ?? [];
  if (Number(n) >= 1 && Number(n) <= Number(of)) return { n: Number(n), of: Number(of) };
  throw new UsageError('--part: expected n/of, such as 1/9');
}

function faultList(text: string): Fault[] {
  return text.split(',').map((name) => {
    const fault = FAULTS.find((known) => known === name.trim());
    if (fault) return fault;
    throw new UsageError(`--faults: ${name} is none of ${FAULTS.join(', ')}`);
  });
}
