/** KubeVision's envelope: HTTP 200 for everything, and the truth in `code`. */
import * as z from 'zod/mini';
import { codeForStatus, KeysError, loginHint } from '../errors.ts';
import { type Answer, hintFor } from '../http.ts';
import { shaped, unexplained } from './foreign.ts';

const envelope = z.object({
  code: z.int(),
  message: z.catch(z.string(), ''),
  meta: z.catch(z.object({ requestId: z.catch(z.nullish(z.string()), null) }), { requestId: null }),
});

/** The code in the envelope, or `null` when there is no envelope. */
export function codeOf(answer: Answer): number | null {
  return envelope.safeParse(answer.jsonOrNull()).data?.code ?? null;
}

/** What an answer stands for: 0 is success, 40400 not found, as an HTTP status with two more digits. */
export function errorOf(answer: Answer): KeysError | null {
  const found = envelope.safeParse(answer.jsonOrNull()).data;
  if (!found) {
    if (answer.status < 400) return noEnvelope(answer);
    const code = codeForStatus(answer.status);
    return new KeysError(code, unexplained(answer.status), { hint: hintFor(code) });
  }
  const { code: number, message, meta } = found;
  if (number === 0 && answer.status < 400) return null;
  const code = codeForStatus(number === 0 ? answer.status : Math.floor(number / 100));
  const said = message.trim() || 'the service gave no explanation';
  return new KeysError(code, `${said} (code ${number})`, {
    hint: code === 'unauthenticated' ? loginHint : null,
    requestId: meta.requestId,
  });
}

/** Without it nobody knows whether anything was done. Throws what is wrong with an answer that is no JSON. */
function noEnvelope(answer: Answer): KeysError {
  answer.json();
  return answer.nonsense("the service's answer makes no sense: it has no code");
}

/** The `data` of a success. Throws `bad_response`. */
export function dataOf<T>(answer: Answer, shape: z.ZodMiniType<T>): T {
  return shaped(answer, z.extend(envelope, { data: shape })).data;
}
