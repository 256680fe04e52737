import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import type { Audit, AuditEntry } from '../../../src/audit.ts';
import { linkHash } from '../../../src/audit-chain.ts';
import { type ErrorCode, KeysError } from '../../../src/errors.ts';
import { auditLog, auditOf, headOf, rechained } from '../../fakes/audit-log.ts';
import { listeningService } from '../../fakes/server.ts';
import { fakeService } from '../../fakes/service.ts';
import { collectingSink, type Home, newHome, type Setup } from '../../run.ts';

const log = auditLog(250);

function serving(audit: Audit): Setup {
  return { service: fakeService([], { audit }) };
}

/** The rows that a command printed as JSON. */
async function printed(home: Home, argv: string, setup?: Setup): Promise<AuditEntry[]> {
  return home.json<AuditEntry[]>(argv, setup);
}

describe('the embedded service', () => {
  test('shows what was done, newest first, time first', async () => {
    const home = newHome();
    await home.keys('create demo');
    await home.keys('disable demo');
    const { stdout, code } = await home.keys('audit');
    const lines = stdout.trim().split('\n');
    expect({ code, actions: lines.map((line) => line.split('\t')[3]) }).toEqual({
      code: 0,
      actions: ['disable', 'create', 'user.create'],
    });
    expect(lines[0]).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z\t/);
    const [row] = await printed(home, 'audit --action create');
    expect(row).toMatchObject({ seq: 2, action: 'create', outcome: 'done', agent: null, address: null });
  });

  test('filters by time, key, actor, action and outcome', async () => {
    const home = newHome();
    const day = 86_400_000;
    const now = Date.now();
    await home.keys('create old', { now: now - 10 * day });
    await home.keys('create new', { now });
    const seqs = async (options: string) =>
      (await printed(home, `audit ${options}`, { now })).map(({ seq }) => seq - 1);
    expect(await seqs('--since 7d')).toEqual([2]);
    expect(await seqs('--until 7d')).toEqual([1, 0]);
    expect(await seqs(`--since ${new Date(now - 11 * day).toISOString()} --oldest-first`)).toEqual([0, 1, 2]);
    expect(await seqs('--key new')).toEqual([2]);
    expect(await seqs('--actor nobody')).toEqual([]);
    expect(await seqs('--action revoke')).toEqual([]);
    expect(await seqs('--outcome refused')).toEqual([]);
    expect(await seqs('--limit 1')).toEqual([2]);
    expect((await home.keys('audit --since yesterday')).code).toBe(2);
  });

  test('is checked: exit 0 while it is whole, exit 9 and the row when somebody changed one', async () => {
    const home = newHome();
    for (const name of ['a', 'b', 'c']) await home.keys(`create ${name}`);
    const head = await home.keys('audit checkpoint');
    const file = join(home.path, 'heads.ndjson');
    writeFileSync(file, head.stdout);
    expect(await home.json(`audit --check --checkpoint ${file}`)).toMatchObject({
      ok: true,
      rows: 4,
      checkpoints: 1,
      broken: null,
    });
    const db = new DatabaseSync(join(home.env.KEYS_DATA_DIR ?? '', 'keys.db'));
    db.exec("UPDATE audit_log SET actor = 'somebody' WHERE seq = 2");
    const { code, stdout, stderr } = await home.keys('audit --check -o json');
    expect({ code, broken: JSON.parse(stdout).broken }).toEqual({
      code: 9,
      broken: { seq: 2, problem: 'it is not what was written' },
    });
    expect(stderr).toContain('broken at row 2');
    db.exec(
      'DELETE FROM audit_log WHERE seq > 1; UPDATE audit_head SET seq = 1, hash = (SELECT hash FROM audit_log WHERE seq = 1)',
    );
    db.close();
    expect((await home.keys('audit --check')).code).toBe(0);
    const cut = await home.keys(`audit --checkpoint ${file}`);
    expect(cut).toMatchObject({ code: 9, stdout: '' });
    expect(cut.stderr).toContain('broken at row 2: the rows from here to 4 have been cut off');
  });
});

test('the audit log of a service elsewhere is read, checked and exported by an admin, and by nobody else', async () => {
  const { url, mint, ask } = await listeningService();
  const admin = await mint({ roles: ['admin'] });
  const viewer = await mint({ roles: ['viewer'] });
  await ask('POST /v1/verify', { body: { secret: viewer.secret }, headers: { 'x-request-id': 'r-1' } });
  const home = newHome();
  const env = { KEYS_URL: url, KEYS_DRIVER: 'keys', KEYS_TOKEN: admin.secret };
  const rows = await printed(home, 'audit --action verify', { env });
  expect(rows).toMatchObject([{ target: viewer.id, requestId: 'r-1', outcome: 'done' }]);
  expect(await home.keys('audit --check', { env })).toMatchObject({ code: 0 });
  const { stdout } = await home.keys('audit export', { env });
  const exported = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as AuditEntry);
  expect(exported).toEqual(rechained(exported));
  const refused = await home.keys('audit', { env: { ...env, KEYS_TOKEN: viewer.secret } });
  expect(refused).toMatchObject({ code: 4, stdout: '' });
});

test('a service without an audit log exits 6 before anything is asked', async () => {
  const env = { KEYS_URL: 'http://127.0.0.1:1', KEYS_DRIVER: 'cloudcasa', KEYS_TOKEN: 'x' };
  for (const argv of ['audit', 'audit --check', 'audit checkpoint', 'audit export']) {
    const { code, stderr } = await newHome().keys(argv, { env });
    expect({ code, stderr }).toMatchObject({
      code: 6,
      stderr: expect.stringContaining('cannot show what was done'),
    });
  }
});

describe('the check', () => {
  test('recomputes the chain itself: a service that answers with rows of its own making is found out', async () => {
    const home = newHome();
    const forged = log.map((row) => (row.seq === 77 ? { ...row, actor: 'mallory' } : row));
    expect((await home.keys('audit --check', serving(auditOf(forged)))).stderr).toContain('broken at row 77');
    const checkpoint = JSON.stringify(headOf(log));
    const rehashed = serving(auditOf(rechained(forged, 76)));
    expect((await home.keys('audit --check', rehashed)).code).toBe(0);
    const { code, stderr } = await home.keys('audit --check --checkpoint -', {
      ...rehashed,
      stdin: checkpoint,
    });
    expect({ code, stderr }).toMatchObject({ code: 9, stderr: expect.stringContaining('broken at row 250') });
  });

  test('keeps fields that a newer service tells, for they are in its hashes', async () => {
    const newer = log.slice(0, 3).map((row) => ({ ...row, country: 'NZ' }));
    newer.reduce((before, row) => (row.hash = linkHash(before, row)), '0'.repeat(64));
    expect((await newHome().keys('audit --check', serving(auditOf(newer)))).code).toBe(0);
  });

  test.each([
    ['nothing', ''],
    ['text', 'hello'],
    ['a hash that is cut', '{"seq":1,"hash":"00"}'],
    ['a second line that is cut', `${JSON.stringify(headOf(log))}\n{"seq":`],
  ])('does not take %s for a checkpoint', async (_what, stdin) => {
    const { code, stderr } = await newHome().keys('audit --checkpoint -', {
      ...serving(auditOf(log)),
      stdin,
    });
    expect({ code, stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('standard input holds no checkpoint'),
    });
  });

  test('takes several checkpoints, and no filter', async () => {
    const lines = [10, 20, 250].map((length) => JSON.stringify(headOf(log.slice(0, length)))).join('\n');
    const { stdout } = await newHome().keys('audit --check --checkpoint -', {
      ...serving(auditOf(log)),
      stdin: lines,
    });
    expect(stdout).toBe('250 rows, none of them changed, in agreement with 3 checkpoints\n');
    expect((await newHome().keys('audit --check --since 7d', serving(auditOf(log)))).code).toBe(2);
  });
});

test('an export prints every row with its hash, and one of a broken log exits 9', async () => {
  const { stdout, code, stderr } = await newHome().keys('audit export', serving(auditOf(log)));
  expect(
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual(log);
  expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining('250 rows exported') });
  const broken = serving(auditOf(log.toSpliced(100, 1)));
  expect((await newHome().keys('audit export', broken)).code).toBe(9);
  expect((await newHome().keys('audit export -o csv', broken)).code).toBe(2);
});

test('an exported file is checked without the service', async () => {
  const home = newHome();
  const file = join(home.path, 'audit.ndjson');
  const { stdout } = await home.keys('audit export', serving(auditOf(log)));
  const lines = stdout.trimEnd().split('\n');
  const checked = async (content: readonly string[], stdin = JSON.stringify(headOf(log))) => {
    writeFileSync(file, content.map((line) => `${line}\n`).join(''));
    const { code, stderr } = await home.keys(`audit --from ${file} --checkpoint -`, { stdin });
    return { code, said: stderr.split('\n')[0] };
  };
  expect((await checked(lines)).code).toBe(0);
  expect(await checked(lines.toSpliced(99, 1))).toMatchObject({
    code: 9,
    said: expect.stringContaining('at row 100:'),
  });
  expect(await checked(lines.slice(0, -1))).toMatchObject({
    code: 9,
    said: expect.stringContaining('at row 250:'),
  });
  expect(await checked(lines.with(7, 'x'))).toMatchObject({
    code: 2,
    said: expect.stringContaining('line 8 of'),
  });
  expect((await home.keys('audit --from nowhere')).code).toBe(2);
});

test.each([
  ['table', /^TIME +ACTOR +AGENT/],
  ['csv', /^time,seq,actor,agent,action,target,outcome,address,requestId,details,hash\r?\n/],
  ['yaml', /^- seq: 250\n/],
  ['ndjson', /^\{"seq":250,/],
  ['name', /^250\n249\n/],
])('-o %s', async (format, expected) => {
  const { stdout, code } = await newHome().keys(`audit -o ${format}`, {
    ...serving(auditOf(log)),
    columns: 200,
  });
  expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringMatching(expected) });
});

test('a person sees 100 rows and how to see more; a program sees all', async () => {
  const { stdout, stderr } = await newHome().keys('audit', {
    ...serving(auditOf(log)),
    terminal: true,
    columns: 200,
  });
  expect(stdout.trim().split('\n')).toHaveLength(101);
  expect(stderr).toContain('there are more than these 100 rows');
  const few = await newHome().keys('audit --limit 250', { ...serving(auditOf(log)), terminal: true });
  expect(few.stderr).toBe('');
  expect(await printed(newHome(), 'audit', serving(auditOf(log)))).toHaveLength(250);
});

test('what somebody put into a row cannot reach the terminal as more than text', async () => {
  const evil = '\u001b]0;x\u0007\u202e\r\nroot';
  const rows = rechained([
    { ...(log[0] as AuditEntry), actor: evil, action: evil, outcome: evil, details: { [evil]: evil } },
  ]);
  for (const argv of ['audit', 'audit -o json', 'audit -o csv', 'audit -o yaml', 'audit export']) {
    for (const terminal of [true, false]) {
      const { stdout } = await newHome().keys(`${argv} --no-color`, {
        ...serving(auditOf(rows)),
        terminal,
        columns: 300,
      });
      expect(stdout).toContain('root');
      for (const unsafe of ['\u001b', '\u0007', '\u202e']) expect(stdout).not.toContain(unsafe);
    }
  }
});

/** Collects what is printed, and does something after each write. */
function sinkThen(act: () => void) {
  const sink = collectingSink();
  const { write } = sink;
  sink.write = async (text) => {
    await write(text);
    act();
  };
  return sink;
}

test('--follow shows the last rows, then new ones as they come, until it is interrupted', async () => {
  const rows = log.slice(0, 30);
  const stop = new AbortController();
  const stdout = sinkThen(() => {
    if (rows.length === 30) rows.push(...log.slice(30, 33));
    else stop.abort(new Error('interrupted'));
  });
  const audit = { ...auditOf(rows), list: auditOf(rows).list, head: async () => headOf(rows) };
  const { code } = await newHome().keys('audit --follow --limit 2 -o name', {
    ...serving(audit),
    ...{ stdout, signal: stop.signal },
  });
  expect(code).not.toBe(0);
  expect(stdout.text()).toBe('29\n30\n31\n32\n33\n');
});

test.each<[string, ErrorCode]>([
  ['the service was away', 'unavailable'],
  ['answers that ended in the middle', 'bad_response'],
])('--follow goes on after %s, and misses no row', async (_what, failure) => {
  const rows = log.slice(0, 30);
  const stop = new AbortController();
  const stdout = sinkThen(() => {
    if (rows.length > 30) stop.abort(new Error('interrupted'));
  });
  let asked = 0;
  async function head() {
    asked += 1;
    if (asked === 2 || asked === 3) throw new KeysError(failure, 'cannot read it');
    if (asked === 4) rows.push(...log.slice(30, 33));
    return headOf(rows);
  }
  const { stderr } = await newHome().keys('audit --follow --limit 1 -o name', {
    ...serving({ ...auditOf(rows), head }),
    ...{ stdout, signal: stop.signal },
  });
  expect(stop.signal.aborted).toBe(true);
  expect(stdout.text()).toBe('30\n31\n32\n33\n');
  expect(stderr.match(/cannot read it/g)).toHaveLength(1);
});

test('--follow ends where the log has become shorter, or the credential is no good any more', async () => {
  const rows = log.slice(0, 30);
  let asked = 0;
  const cut = async () => headOf(asked++ === 0 ? rows : log.slice(0, 20));
  const { code, stderr } = await newHome().keys('audit --follow', serving({ ...auditOf(rows), head: cut }));
  expect([code, stderr]).toEqual([9, expect.stringContaining('the log had 30 rows, and has 20')]);
  asked = 0;
  const ended = async () => {
    if (asked++ === 0) return headOf(rows);
    throw new KeysError('unauthenticated', 'this credential is not valid');
  };
  expect((await newHome().keys('audit --follow', serving({ ...auditOf(rows), head: ended }))).code).toBe(4);
});

test('--follow prints what never ends only where that can be read', async () => {
  for (const argv of ['audit --follow -o json', 'audit --follow -o yaml', 'audit --follow --until 1d']) {
    expect((await newHome().keys(argv, serving(auditOf(log)))).code).toBe(2);
  }
});
