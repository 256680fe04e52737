/** How much memory a long run takes. */
import { setFlagsFromString } from 'node:v8';

/**
 * The part of the heap for new values stays as small as it is. V8 lets it grow with every value that outlives a moment, to
 * three times 16 MB; a run that prints page after page keeps none of them.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
