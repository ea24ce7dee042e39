import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { LoadRequest, LoadResult } from './load-protocol';

/** The parent's side of the generator process. */
export class LoadGenerator {
  readonly #child: ChildProcess = fork(join(__dirname, 'generator.ts'), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });

  /** One round at a time. */
  run(request: LoadRequest): Promise<LoadResult> {
    return new Promise((resolve, reject) => {
      const onExit = () => reject(new Error('the load generator ended'));
      this.#child.once('exit', onExit);
      this.#child.once('message', (answer: { result?: LoadResult; error?: string }) => {
        this.#child.off('exit', onExit);
        if (answer.result) resolve(answer.result);
        else reject(new Error(`the load generator failed: ${answer.error}`));
      });
      this.#child.send(request);
    });
  }

  stop(): void {
    this.#child.kill();
  }
}
