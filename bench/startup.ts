/** `keys --version` against a Node of the same version that does nothing. Wanted: at most 1.4. */
import { compare } from './measure.ts';

await compare([
  { name: 'node -e 0', argv: ['-e', '0'] },
  { name: 'keys --version', argv: ['bin/keys.js', '--version'] },
  { name: 'keys --help', argv: ['bin/keys.js', '--help'] },
]);
