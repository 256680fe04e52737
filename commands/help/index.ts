/** `keys help [topic]`: the help of a command, or a page about what all commands have in common. */
import { Argument, type Command } from 'commander';
import type { App } from '../../src/app.ts';
import { KeysError } from '../../src/errors.ts';
import { nearest } from '../../src/text.ts';
import { addExamples, completes } from '../options.ts';
import { declared, findSubcommand } from '../register.ts';
import { topics } from './topics.ts';

export function declare(command: Command, app: App): void {
  command
    .addArgument(completes('topics', new Argument('[topic...]', 'a command, or one of the topics')))
    .action((words: string[]) => help(app, command.parent ?? command, words));
  addExamples(command, ['keys help create', 'keys help profile add', 'keys help exit-codes']);
  command.addHelpText('after', () => `\n${topicList()}`);
}

async function help(app: App, program: Command, words: readonly string[]): Promise<void> {
  const [first, ...rest] = words;
  const topic = topics.find(({ name }) => name === first);
  if (topic && rest.length === 0) {
    const { json, words } = await topic.load();
    return app.printer.value(json, () => words);
  }
  let command = program;
  for (const word of words) {
    const found = findSubcommand(command, word);
    if (!found) throw unknownTopic(program, command, word);
    command = await declared(found);
  }
  command.outputHelp();
}

/** The topics as the root help lists them. */
export function topicList(): string {
  const width = Math.max(...topics.map(({ name }) => name.length));
  return `Topics:\n${topics.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`).join('\n')}`;
}

function unknownTopic(program: Command, parent: Command, word: string): KeysError {
  const before = parent === program ? '' : `${parent.name()} `;
  const names = parent
    .createHelp()
    .visibleCommands(parent)
    .map((command) => command.name());
  if (parent === program) names.push(...topics.map(({ name }) => name));
  const near = nearest(word, names);
  return new KeysError('invalid', `there is no help for '${before}${word}'`, {
    hint: near ? `did you mean keys help ${before}${near}?` : 'keys help lists commands and topics',
  });
}
