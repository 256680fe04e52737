/** Death at a chosen step: every call that passes a `Crash` counts, and from the chosen one on all of them fail. */
export class Death extends Error {
  override readonly name = 'Death';
}

export class Crash {
  #step = 0;
  readonly #at: number;
  readonly #when: 'before' | 'after';
  dead = false;

  /** Dies at the `at`-th call, counted from 1, before or after it had its effect. */
  constructor(at: number, when: 'before' | 'after') {
    this.#at = at;
    this.#when = when;
  }

  /** The same object, its methods and those of the objects in it counted. */
  wrap<T extends object>(target: T): T {
    return new Proxy(target, {
      get: (object, name) => {
        const value: unknown = Reflect.get(object, name);
        if (typeof value === 'function')
          return (...args: unknown[]) => this.#call(() => value.apply(object, args));
        return name === 'minting' && value ? this.wrap(value as object) : value;
      },
    });
  }

  async #call(call: () => unknown): Promise<unknown> {
    if (this.dead) throw new Death();
    this.#step += 1;
    const dies = this.#step === this.#at;
    if (dies && this.#when === 'before') this.dead = true;
    if (this.dead) throw new Death();
    const result = await call();
    if (dies) this.dead = true;
    if (this.dead) throw new Death();
    return result;
  }
}
