/**
 * One of several clients of a service, each a process of its own, that verify and change the same keys at once. The parent sends a
 * `Round`; back come the secrets of regenerates as they are learned, and at its end the calls with the times of a clock that
 * all processes of a machine share.
 */
import type { Call, Operation } from '../proofs/history.ts';

export interface NamedSecret {
  readonly key: string;
  readonly name: string;
  readonly secret: string;
}

export interface Round {
  /** Instances of the service; each call takes any of them. */
  readonly urls: readonly string[];
  readonly admin: string;
  readonly secrets: readonly NamedSecret[];
  /** How many calls run at once, and how often each of them verifies. */
  readonly lanes: number;
  readonly verifies: number;
  /** Keys that this client has to revoke on the way. */
  readonly revokes: readonly string[];
}

export type ToClient = { readonly round: Round } | { readonly learned: NamedSecret };

export type FromClient = { readonly learned: NamedSecret } | { readonly history: Operation[] };

type Verb = 'revoke' | 'disable' | 'enable' | 'regenerate';

let known = new Map<string, NamedSecret[]>();
let regenerated = 0;

process.on('message', (message: ToClient) => {
  if ('learned' in message) learn(message.learned);
  else void play(message.round).then((history) => send({ history }));
});

function send(message: FromClient): void {
  process.send?.(message);
}

/** What is said of a key of an earlier round comes too late. */
function learn(secret: NamedSecret): void {
  known.get(secret.key)?.push(secret);
}

async function play(round: Round): Promise<Operation[]> {
  known = Map.groupBy(round.secrets, ({ key }) => key);
  const revokes = round.revokes.map((key) => ({
    key,
    lane: below(round.lanes),
    at: revokeAt(round.verifies),
  }));
  const lanes = Array.from({ length: round.lanes }, (_, lane) =>
    playLane(
      round,
      `${process.pid}.${lane}`,
      revokes.filter((revoke) => revoke.lane === lane),
    ),
  );
  return (await Promise.all(lanes)).flat();
}

async function playLane(
  round: Round,
  client: string,
  revokes: readonly { key: string; at: number }[],
): Promise<Operation[]> {
  const history: Operation[] = [];
  async function timed(key: string, call: () => Promise<Call>): Promise<void> {
    const start = Number(process.hrtime.bigint());
    const made = await call();
    history.push({ ...made, client, key, start, end: Number(process.hrtime.bigint()) });
  }
  async function look(key: string): Promise<void> {
    const secrets = known.get(key) ?? [];
    const secret = (Math.random() < 0.6 ? secrets.at(-1) : undefined) ?? any(secrets);
    await timed(key, () => verify(round, secret));
  }
  /** Between two looks at the same secret: what somebody remembers of the first must not answer the second. */
  async function act(key: string, verb: Verb): Promise<void> {
    const secret = known.get(key)?.at(-1) as NamedSecret;
    await timed(key, () => verify(round, secret));
    await timed(key, () => change(round, key, verb));
    await timed(key, () => verify(round, secret));
  }
  for (let n = 0; n < round.verifies; n++) {
    for (const { key, at } of revokes) if (at === n) await act(key, 'revoke');
    if (Math.random() < 0.1) await act(any([...known.keys()]), any(['disable', 'enable', 'regenerate']));
    await look(any([...known.keys()]));
  }
  return history;
}

async function verify({ urls }: Round, { name, secret }: NamedSecret): Promise<Call> {
  const { status, body } = await post(`${any(urls)}/v1/verify`, {}, { secret });
  if (status !== 200) throw new Error(`verify was answered ${status}: ${JSON.stringify(body)}`);
  return {
    verb: 'verify',
    secret: name,
    answer: body.valid ? 'valid' : (body.reason as 'disabled' | 'unknown'),
  };
}

async function change({ urls, admin }: Round, key: string, verb: Verb): Promise<Call> {
  const url = `${any(urls)}/v1/keys/${key}/${verb}`;
  const { status, body } = await post(url, { authorization: `Bearer ${admin}` }, {});
  if (status === 409) return { verb, answer: 'conflict' };
  if (status !== 200) throw new Error(`${verb} was answered ${status}: ${JSON.stringify(body)}`);
  if (verb !== 'regenerate') return { verb, answer: 'done' };
  const learned = { key, name: `${process.pid}-${++regenerated}`, secret: body.secret as string };
  learn(learned);
  send({ learned });
  return { verb, answer: 'done', secret: learned.name };
}

async function post(url: string, headers: Record<string, string>, body: unknown) {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

function below(end: number): number {
  return Math.floor(Math.random() * end);
}

/** In the second half, so that there is something to take away, and not at the end, so that somebody still asks. */
function revokeAt(verifies: number): number {
  return Math.floor(verifies * (0.4 + Math.random() * 0.4));
}

function any<T>(values: readonly T[]): T {
  return values[below(values.length)] as T;
}
