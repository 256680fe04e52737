import { spawnSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseEnv } from 'node:util';
import { parse } from 'dotenv';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { setVariable } from '../../../src/destinations/dotenv.ts';
import { openDestination } from '../../../src/destinations/index.ts';
import { Secret } from '../../../src/secret.ts';
import { destinationContext } from '../../fakes/destination-context.ts';
import { canMount, smallDisk } from '../../fakes/small-disk.ts';
import { temporaryDirectory } from '../../fakes/temporary.ts';

/** Node takes `export` for a part of the name unless exactly one space follows it, and something the equals sign. */
const node = (text: string) =>
  Object.fromEntries(
    Object.entries(parseEnv(text)).map(([name, value]) => [name.replace(/^ *export +/, ''), value]),
  );

/** A piece of a dotenv file: kept, or an assignment of TOKEN whose value is replaced. */
interface Piece {
  readonly before: string;
  readonly value?: string;
  readonly after: string;
}

const quotedValue = fc.constantFrom(
  'bare',
  '"double quoted"',
  "'single # quoted'",
  '`back ticked`',
  '"over\ntwo lines"',
  "'a\nTOKEN=inside\nb'",
  '',
  'a=b=c',
  '"{\\n}"',
);
const newline = fc.constantFrom('\n', '\r\n');
const comment = fc.constantFrom('', ' # note', '\t# TOKEN=x');
const export_ = fc.constantFrom('', 'export ', '  ', ' export  ');

const kept: fc.Arbitrary<Piece> = fc
  .oneof(
    fc.tuple(fc.constantFrom('# TOKEN=old', '', '   ', '# caf\xe9 \xff', '#', 'not an assignment'), newline),
    fc
      .tuple(export_, fc.constantFrom('TOKEN2', 'XTOKEN', 'A', 'token', 'A.B'), quotedValue, comment, newline)
      .map(
        ([prefix, name, value, note, end]) => [`${prefix}${name}=${value}${note}`, end] as [string, string],
      ),
  )
  .map(([before, after]) => ({ before, after }));

const ours: fc.Arbitrary<Piece> = fc
  .tuple(export_, fc.constantFrom('=', ' = ', '= '), quotedValue, comment, newline)
  .map(([prefix, equals, value, note, end]) => ({
    before: `${prefix}TOKEN${value === '' ? equals.trimEnd() : equals}`,
    value,
    after: note + end,
  }));

const file = fc
  .record({
    bom: fc.constantFrom('', '\xEF\xBB\xBF'),
    pieces: fc.array(fc.oneof({ arbitrary: kept, weight: 3 }, { arbitrary: ours, weight: 1 }), {
      maxLength: 8,
    }),
    chop: fc.boolean(),
  })
  .map(({ bom, pieces, chop }) => {
    const last = pieces.at(-1);
    const all =
      chop && last ? [...pieces.slice(0, -1), { ...last, after: last.after.replace(/\r?\n$/, '') }] : pieces;
    return {
      bom,
      pieces: all,
      text: bom + all.map(({ before, value = '', after }) => before + value + after).join(''),
    };
  });

const secretText = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'abcXYZ0189_-.:/@%+=^'), minLength: 1 }),
  fc
    .string({ unit: fc.constantFrom(...'ab1 #$"\\`!&|;<>()*?~{}[]=\n'), minLength: 1 })
    .filter((text) => !text.endsWith('\\')),
  fc.string({ unit: fc.constantFrom(..."ab1 #'&|;<>()*?~{}[]="), minLength: 1 }),
);

const utf8 = (latin1: string) =>
  Buffer.from(latin1, 'latin1')
    .toString('utf8')
    .replace(/^\uFEFF/, '');

describe('setting a variable in a dotenv file', () => {
  test('keeps everything else byte for byte', () => {
    fc.assert(
      fc.property(file, secretText, ({ bom, pieces, text }, value) => {
        const edited = setVariable(text, 'TOKEN', value);
        let rest = edited;
        const take = (part: string) => {
          expect(rest.slice(0, part.length)).toBe(part);
          rest = rest.slice(part.length);
        };
        take(bom);
        let assigned = 0;
        for (const { before, value: old, after } of pieces) {
          take(before);
          if (old !== undefined) {
            const written = ["'", '"', '']
              .map((mark) => mark + value + mark)
              .find((form) => rest.startsWith(form));
            take(written ?? 'the new value');
            assigned += 1;
          }
          take(after);
        }
        if (assigned === 0) expect(rest).toMatch(/^(\r?\n)?TOKEN=/);
        else expect(rest).toBe('');
      }),
      { numRuns: 2_000 },
    );
  });

  test('is refused where the same line exports it, which shells would not do any more', () => {
    for (const text of [
      'TOKEN=old; export TOKEN\n',
      "TOKEN='old'; export TOKEN\n",
      'TOKEN=old ;export\tTOKEN',
    ]) {
      expect(() => setVariable(text, 'TOKEN', 'keys_x')).toThrow(/TOKEN/);
    }
    expect(setVariable('TOKEN=a;exports\n', 'TOKEN', 'keys_x')).toBe('TOKEN=keys_x\n');
  });

  test('is read back exactly by the dotenv package and by Node, which read all else as before', () => {
    fc.assert(
      fc.property(file, secretText, ({ text }, value) => {
        const edited = setVariable(text, 'TOKEN', value);
        const [before, after] = [utf8(text), utf8(edited)];
        expect(parse(after)).toEqual({ ...parse(before), TOKEN: value });
        expect(node(after)).toEqual({ ...node(before), TOKEN: value });
      }),
      { numRuns: 2_000 },
    );
  });

  test('is read back exactly by a shell that sources the file', () => {
    for (const value of fc.sample(secretText, 100)) {
      const edited = setVariable('# mine\nA=1\n', 'TOKEN', value);
      const script = `${edited}printf '%s' "$TOKEN"`;
      expect(spawnSync('sh', ['-c', script]).stdout.toString()).toBe(value);
    }
  });

  test.each([
    ['', 'TOKEN=new\n'],
    ['A=1', 'A=1\nTOKEN=new\n'],
    ['A=1\r\nB=2', 'A=1\r\nB=2\r\nTOKEN=new\r\n'],
    ['TOKEN=old', 'TOKEN=new'],
    ['TOKEN=1\nTOKEN="2"\n', 'TOKEN=new\nTOKEN=new\n'],
    ['TOKEN=\n', 'TOKEN=new\n'],
    ['TOKEN=# note\n', 'TOKEN=new # note\n'],
    ['TOKEN=a#b # note\n', 'TOKEN=new # note\n'],
    ["TOKEN='a\nb' # note\nB=1\n", 'TOKEN=new # note\nB=1\n'],
    ['TOKEN="a\\"b" # note\nB=1\n', 'TOKEN=new # note\nB=1\n'],
    ['\xEF\xBB\xBFTOKEN=old\n', '\xEF\xBB\xBFTOKEN=new\n'],
  ])('%j becomes %j', (before, after) => {
    expect(setVariable(before, 'TOKEN', 'new')).toBe(after);
  });

  test.each([
    ['a value of spaces only, where Node takes the next line for the value', 'A=  \nTOKEN=old\n'],
    ['NUL bytes', 'T\0O\0'],
  ])('is refused in a file with %s', (_what, text) => {
    expect(() => setVariable(text, 'TOKEN', 'new')).toThrow(expect.objectContaining({ code: 'invalid' }));
  });

  test('is refused for a secret that readers would understand differently', () => {
    for (const value of [`a'b"c`, `a'b$c`, 'ends in \\', 'a\rb']) {
      expect(() => setVariable('', 'TOKEN', value)).toThrow(expect.objectContaining({ code: 'invalid' }));
    }
  });
});

async function newFile(text: string, mode = 0o600): Promise<string> {
  const path = join(temporaryDirectory(), '.env');
  await writeFile(path, text);
  await chmod(path, mode);
  return path;
}

test('a mode that lets others read is tightened, and said; a tighter one is kept', async () => {
  for (const [mode, after] of [
    [0o644, 0o600],
    [0o640, 0o600],
    [0o600, 0o600],
    [0o400, 0o400],
  ] as const) {
    const path = await newFile('A=1\n', mode);
    const context = destinationContext();
    const destination = await openDestination(`env-file:${path}#TOKEN`, context);
    await destination.preflight();
    expect((await stat(path)).mode & 0o777).toBe(mode);
    await destination.deliver(new Secret('new'));
    expect((await stat(path)).mode & 0o777).toBe(after);
    await chmod(path, mode);
    await destination.deliver(new Secret('new'));
    expect((await stat(path)).mode & 0o777).toBe(after);
    expect(context.stderrText()).toBe(
      mode === after ? '' : `${path} can be read by others (mode ${mode.toString(8)}); it becomes 600\n`,
    );
  }
});

test('what others wrote between preflight and delivery is kept', async () => {
  const path = await newFile('A=1\n');
  const destination = await openDestination(`env-file:${path}#TOKEN`, destinationContext());
  await destination.preflight();
  await writeFile(path, 'A=2\nB=3\n');
  await destination.deliver(new Secret('new'));
  expect(await readFile(path, 'utf8')).toBe('A=2\nB=3\nTOKEN=new\n');
});

test('what others write while the delivery is under way is kept', async () => {
  const path = await newFile('A=1\n');
  const destination = await openDestination(`env-file:${path}#TOKEN`, destinationContext());
  let written = false;
  const delivery = destination.deliver(new Secret('new'));
  while (!written) {
    await new Promise(setImmediate);
    // The new file is being prepared, so the old one has been read.
    if (readdirSync(dirname(path)).length < 2) continue;
    writeFileSync(path, 'A=2\n');
    written = true;
  }
  await delivery;
  expect(await readFile(path, 'utf8')).toBe('A=2\nTOKEN=new\n');
});

test('a file that others write all the time is given up, with all that they wrote', async () => {
  const path = await newFile('A=1\n');
  const destination = await openDestination(`env-file:${path}#TOKEN`, destinationContext());
  let [writes, isOver] = [0, false];
  // Longer each time: two writes within one tick of a file system's clock are told apart by their length only.
  const line = () => `A=${'.'.repeat(writes)}\n`;
  const delivery = destination.deliver(new Secret('new')).finally(() => {
    isOver = true;
  });
  const writing = (async () => {
    while (!isOver) {
      writes += 1;
      writeFileSync(path, line());
      await new Promise(setImmediate);
    }
  })();
  await expect(delivery).rejects.toThrow('it is being changed all the time');
  await writing;
  expect(await readFile(path, 'utf8')).toBe(line());
  expect(readdirSync(dirname(path))).toEqual(['.env']);
});

test('deliveries to one file at the same time are all kept', async () => {
  const path = await newFile('');
  const { paths } = destinationContext();
  const names = Array.from({ length: 12 }, (_, index) => `TOKEN_${index}`);
  await Promise.all(
    names.map(async (name) => {
      const destination = await openDestination(`env-file:${path}#${name}`, destinationContext({ paths }));
      await destination.preflight();
      await destination.deliver(new Secret(`secret-${name}`));
    }),
  );
  expect(parseEnv(await readFile(path, 'utf8'))).toEqual(
    Object.fromEntries(names.map((name) => [name, `secret-${name}`])),
  );
});

test('bytes that are no UTF-8 survive', async () => {
  const path = await newFile('');
  await writeFile(path, Buffer.from([0x41, 0x3d, 0xff, 0xfe, 0x80, 0x0a]));
  const destination = await openDestination(`env-file:${path}#TOKEN`, destinationContext());
  await destination.deliver(new Secret('schlüssel'));
  expect((await readFile(path)).subarray(0, 6)).toEqual(Buffer.from([0x41, 0x3d, 0xff, 0xfe, 0x80, 0x0a]));
  expect((await destination.readBack())?.reveal()).toBe('schlüssel');
});

test.each([
  'env-file:.env',
  'env-file:#TOKEN',
  'env-file:.env#',
  'env-file:.env#1A',
  'env-file:.env#A-B',
  'env-file:.env#A=B',
])('%s is refused, with how to write it', async (spec) => {
  await expect(openDestination(spec, destinationContext())).rejects.toMatchObject({
    code: 'invalid',
    hint: expect.stringContaining('env-file:PATH#NAME'),
  });
});

test.skipIf(!canMount)(
  'a disk that is full shows before anything is minted (mounting one needs root)',
  async () => {
    const disk = smallDisk(32);
    const path = join(disk.path, '.env');
    await writeFile(path, 'A=1\n');
    const ready = await openDestination(`env-file:${path}#TOKEN`, destinationContext());
    await ready.preflight();
    disk.fill();
    const late = await openDestination(`env-file:${path}#TOKEN`, destinationContext());
    await expect(late.preflight()).rejects.toMatchObject({ code: 'unavailable' });
    await ready.deliver(new Secret('new'));
    expect(await readFile(path, 'utf8')).toContain('TOKEN=new');
  },
);

test('a line of nothing but spaces keeps nobody waiting', () => {
  const spaces = ' '.repeat(200_000);
  expect(setVariable(`A=x${spaces}y\n`, 'A', 'new')).toBe('A=new\n');
  expect(setVariable(`A=x${spaces}#y\n`, 'A', 'new')).toBe(`A=new${spaces}#y\n`);
});

test('a file that could not be read back with the secret in it is refused before anything is minted', async () => {
  const path = join(temporaryDirectory(), '.env');
  await writeFile(path, `A=${'1'.repeat(2 ** 20 - 8)}\n`, { mode: 0o600 });
  const spec = `env-file:${path}#TOKEN`;
  const destination = await openDestination(spec, destinationContext());
  await expect(destination.preflight()).rejects.toMatchObject({ code: 'invalid' });
  await writeFile(path, `A=${'1'.repeat(2 ** 20 - 4_200)}\n`);
  await destination.preflight();
  await destination.deliver(new Secret('keys_x'.repeat(100)));
  const again = await openDestination(spec, destinationContext({ resuming: true }));
  await again.preflight();
  expect((await again.readBack())?.reveal()).toBe('keys_x'.repeat(100));
  await again.abandon();
});

test('where the state directory lets nobody lock the file, that is said before anything is minted', async () => {
  const context = destinationContext();
  const locks = join(context.paths.state, 'locks');
  await writeFile(locks, '');
  const destination = await openDestination(`env-file:${await newFile('A=1\n')}#TOKEN`, context);
  await expect(destination.preflight()).rejects.toMatchObject({ message: expect.stringContaining(locks) });
});
