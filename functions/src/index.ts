/** What is deployed from this repository: the app's paths. */
import { NEVER_MIRROR, PATHS } from './app-paths';
import { createMirror } from './deploy/create-mirror';

Object.assign(exports, createMirror({ paths: PATHS, neverMirror: NEVER_MIRROR }));
