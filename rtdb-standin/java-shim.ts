import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

export interface JavaShim {
  /** Put this in front of the child's `PATH`. */
  readonly pathEntry: string;
  /** The child's `DATABASE_EMULATOR_BINARY_PATH`. */
  readonly binaryPath: string;
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

function script(nodePath: string, binaryPath: string, folder: string): string {
  // As a URL: in a path, `--import` takes `#`, `?` and `%25` for parts of one.
  const tsxUrl = pathToFileURL(createRequire(join(folder, 'main.ts')).resolve('tsx')).href;
  const mainPath = join(folder, 'main.ts');
  return `#!/bin/sh
# Not Java: a shim that starts the RTDB stand-in for firebase-tools. See docs/rtdb-standin.md
jar=
while [ $# -gt 0 ]; do
  case "$1" in
    -version)
      echo 'openjdk version "21.0.0" (not Java: the shim of the RTDB stand-in)' >&2
      exit 0 ;;
    -jar)
      jar=$2
      shift 2
      break ;;
    *)
      shift ;;
  esac
done
if [ "$jar" != ${quoted(binaryPath)} ]; then
  echo "This java is a shim that only runs the RTDB stand-in, not \${jar:-a class}" >&2
  exit 1
fi
exec ${quoted(nodePath)} --import ${quoted(tsxUrl)} ${quoted(mainPath)} "$@"
`;
}

/**
 * Writes an executable `java` into `dir`, with which firebase-tools starts the stand-in in place of
 * the database emulator's JAR. Give the child process, and only it, `pathEntry` in front of `PATH`
 * and `DATABASE_EMULATOR_BINARY_PATH=binaryPath`: the latter also skips the download with its checks
 * of size and sum (`downloadableEmulators.js`, `getDownloadDetails`). The shim answers
 * `java -version` as JDK 21, the oldest that firebase-tools 15 takes, and refuses other JARs.
 *
 * It is a shell script: on Windows, where firebase-tools finds only `java.exe`, it does not work;
 * start the stand-in beside `emulators:start --only functions` there.
 *
 * @param nodePath the Node binary that runs the stand-in, 20 or newer.
 * @param folder where the stand-in is.
 */
export function makeJavaShim(dir: string, nodePath: string, folder = __dirname): JavaShim {
  const pathEntry = resolve(dir);
  // A placeholder, since firebase-tools makes whatever it is told of executable.
  const binaryPath = join(pathEntry, 'rtdb-standin.placeholder');
  const shimPath = join(pathEntry, 'java');
  mkdirSync(pathEntry, { recursive: true });
  writeFileSync(binaryPath, 'Not a JAR: the java shim beside it starts the RTDB stand-in.\n');
  writeFileSync(shimPath, script(nodePath, binaryPath, folder));
  chmodSync(shimPath, 0o755);
  return { pathEntry, binaryPath };
}
