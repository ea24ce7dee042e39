import type { Command } from 'commander';
import type { CommandContext, ExitWith } from '../context';
export function registerDoctor(p: Command, c: CommandContext, e: ExitWith): void {
  p.command('doctor');
  void c;
  void e;
}
